"""`lexome lm attention` as it is typed."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lexome.simulate.genome import random_genome

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(
    lexome: Run, random_language_model: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Run:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.fa").write_text("".join(f">s{i}\n{random_genome(20 + i, i)}\n" for i in range(12)))
    (tmp_path / "model").symlink_to(random_language_model("3mer-nonoverlapping"))
    return lambda *arguments: lexome("lm", "attention", *arguments)


def test_maps_and_page(run: Run, tmp_path: Path) -> None:
    code, out, err = run(
        "model", "x.fa", "--name", "s3", "--name", "s5", "--layer", "-1", "--head", 2,
        "--json", "a.json", "--report", "a.html",
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert out.splitlines()[1].split() == ["layer", "head", "distance", "entropy"]
    assert len(out.splitlines()) == 2 + 2 * 4
    figures = json.loads((tmp_path / "a.json").read_text())
    assert [one["name"] for one in figures["sequences"]] == ["s3", "s5"]
    (drawn,) = figures["sequences"][0]["maps"]
    assert (drawn["layer"], drawn["head"]) == (2, 2)
    assert all(sum(row) == pytest.approx(1, abs=1e-4) for row in drawn["weights"])
    assert "lm attention model x.fa" in (tmp_path / "a.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("x.fa",), 2, "more than 10 sequences; choose some with --name"),
        (("x.fa", "--name", "z"), 2, "x.fa: holds no sequence 'z'"),
        (("x.fa", "--name", "s0", "--max-tokens", "9"), 2, "'s0' has 10 tokens"),
        (("x.fa", "--name", "s0", "--head", "5"), 2, "--head 5: there are 1 to 4"),
        (("empty.fa",), 1, "empty.fa: holds no sequence"),
        (("heads.fa",), 1, "the sequence 'a' is empty"),
        (("x.fa", "--name", "s0", "--report", "no/a.html"), 2, "does not exist"),
    ],
)
def test_wrong_use(run: Run, tmp_path: Path, arguments: tuple[str, ...], code: int, words: str) -> None:
    (tmp_path / "empty.fa").write_text("")
    (tmp_path / "heads.fa").write_text(">a\n")
    got, out, err = run("model", *arguments)
    assert words in err
    assert (got, out) == (code, "")
    assert err.count("\n") == 1
