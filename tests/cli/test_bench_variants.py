"""`lexome bench variants` and `lexome bench compare`, as typed."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lexome.cli.bench_variants import settings_of

Run = Callable[..., tuple[int, str, str]]
SMALL = ("--chunks", 16, "--batch-size", 8, "--judged-chunks", 4)


def test_experiments_are_listed(lexome: Run) -> None:
    code, out, _ = lexome("bench", "variants", "--list")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()[1:]] == [
        "architectures", "ablations", "thoughts", "kan", "heads", "experts", "mixer", "locality",
        "distillation",
    ]  # fmt: skip


def test_an_experiment_in_parts(lexome: Run, tiny_store: Path, tmp_path: Path) -> None:
    asked = (
        "bench", "variants", "mixer", "--store", tiny_store, "--test", f"others={tiny_store}", "--width", 8,
        "--only", "1", "--only", "3", "-o", tmp_path / "out", *SMALL,
    )  # fmt: skip
    code, out, err = lexome(*asked, "--shard", "1/2")
    assert code == 0
    assert "mixer-1-8-seed0: identity validation 0." in err
    assert "1 of 2 trainings are not finished; the same command goes on" in err
    code, out, err = lexome(*asked)
    assert code == 0
    assert "not finished" not in err
    assert len(out.splitlines()) == 4
    figures = json.loads((tmp_path / "out" / "mixer.json").read_text())
    assert [row["labels"]["mixer"] for row in figures["rows"]] == ["1", "3"]
    assert "ParallelRNN" in (tmp_path / "out" / "mixer.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "name an experiment; --list shows them"),
        (("mixr", "--store", "x"), "did you mean 'mixer'"),
        (("mixer",), "name a store to train on with --store"),
        (("mixer", "--store", "x", "--test", "kp"), "--test kp: expected NAME=STORE"),
        (("mixer", "--store", "x", "--shard", "3/2"), "needs 1 <= I <= N"),
        (("distillation", "--store", "x"), "needs a --teacher"),
    ],
)
def test_wrong_use(lexome: Run, arguments: tuple[str, ...], message: str, tmp_path: Path) -> None:
    code, _, err = lexome("bench", "variants", *arguments, "-o", tmp_path / "out")
    assert code == 2
    assert message in err
    assert len(err.splitlines()) == 1


def test_settings() -> None:
    found = settings_of([Path("a")], ["K. p=b/c=d"], 100, 10, 1e-3, 5)
    assert found.tests == {"K. p": Path("b/c=d")}
