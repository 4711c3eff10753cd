"""`lexome compress low-rank`: what is told and written, training, resuming, errors in one line."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lexome.checkpoint.build import build_network
from lexome.checkpoint.store import load, save
from lexome.core.config import from_dict, to_dict
from lexome.features.signal import SignalConfig
from lexome.tasks.shrink import low_rank as module

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(lexome: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: lexome("compress", "low-rank", *arguments)


def test_a_table_and_a_model(run: Run, small_model: Path) -> None:
    code, out, err = run(small_model, "--rank", 8, "-o", "out")
    assert code == 0, err
    rows = [line.split("\t") for line in out.splitlines()]
    assert rows[:3] == [
        ["layer", "outputs", "inputs", "rank", "energy"],
        ["encoder.lstms.0", "96", "24", "8", rows[1][4]], ["encoder.lstms.1", "96", "24", "8", rows[2][4]],
    ]  # fmt: skip
    assert all(0.3 < float(row[4]) < 1 for row in rows[1:4])
    made, base = load("out/model"), load(small_model)
    assert rows[-2] == ["parameters", str(base.num_parameters), str(made.num_parameters)]
    assert rows[-1][0] == "products_per_sample"
    assert made.num_parameters < base.num_parameters
    assert made.name == "small_low_rank"
    assert made.provenance["low_rank"]["from"] == "small"
    assert build_network(made).stride == 5
    assert err == "lexome: out/model\n"


def test_training_after_it_is_kept_if_it_helps(
    run: Run, small_model: Path, tiny_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = load(small_model)
    signal = to_dict(from_dict(SignalConfig, base.features, "test"))  # every default spelt out
    save(Path("base"), replace(base, features=signal), "A random network for tests.")
    options = ("base", "--rank", 6, "--store", tiny_store, "--steps", 12, "--lr", "0.01")
    train = module.train_recipe

    def pulled(*args: object, **options: object) -> None:
        train(*args, **options)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module, "train_recipe", pulled)
        code, _, err = run(*options, "-o", "out")
        assert code == 130, err
    code, _, err = run(*options, "-o", "out")
    assert code == 2
    assert "out holds a model or a training already" in err
    code, out, err = run(*options, "-o", "out", "--resume")
    assert code == 0, err
    told = {row[0]: row[1:] for row in (line.split("\t") for line in out.splitlines())}
    assert told["label_identity_factorised"][0] == told["label_identity_trained"][0]
    factorised, trained = (float(told[f"label_identity_{what}"][1]) for what in ("factorised", "trained"))
    made = load("out/model")
    if trained >= factorised:
        assert made.provenance["distill"]["teacher"] == "small"
    else:
        assert "the training was of no use" in err
        assert "distill" not in made.provenance
    assert made.provenance["low_rank"]["from"] == "small"
    assert load("out/start").name == "small_low_rank"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "either a rank or an energy"),
        (("--rank", 3, "--energy", "0.5"), "either a rank or an energy"),
        (("--energy", "2"), "an energy above 0 and at most 1"),
        (("--rank", 999), "no layer gets smaller by a rank of 999"),
        (("--rank", 2, "--steps", 5), "name chunks to train on: --store"),
        (("--rank", 2, "--store", "nowhere"), "nowhere"),
    ],
)
def test_errors_are_one_line_and_leave_nothing(
    run: Run, small_model: Path, arguments: tuple, words: str
) -> None:
    code, out, err = run(small_model, "-o", "x", *arguments)
    assert (code in (1, 2), out) == (True, ""), err
    assert len(err.splitlines()) == 1, err
    assert words in err
    assert not Path("x").exists()
