"""`lexome compress sensitivity` as it is typed."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lexome.cli.compress_sensitivity import sensitivity

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(
    lexome: Run, small_model: Path, tiny_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Run:
    assert callable(sensitivity)
    monkeypatch.chdir(tmp_path)
    return lambda *options: lexome("compress", "sensitivity", small_model, "--store", tiny_store, *options)


def test_identity_by_bits(run: Run) -> None:
    code, out, err = run("--widths", "2,8", "--chunks", "6", "--json", "a.json", "--report", "a.html")
    assert code == 0, err
    figures = json.loads(Path("a.json").read_text())
    assert [row["bits"] for row in figures["uniform"]] == [2, 8]
    assert len(figures["layers"]) == 10
    assert "12 of 12: scorer.linear, both, 8 bits" in err
    assert "encoder.lstms.0.rnn" in out
    assert "Bits that each layer needs" in Path("a.html").read_text()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--widths", "1,2"), "--widths 1,2: whole numbers from 2 to 16"),
        (("--widths", "a"), "--widths a: whole numbers from 2 to 16"),
        (("--parts", "wights"), "did you mean 'weights'"),
        (("--ranges", "learned"), "needs training"),
    ],
)
def test_wrong_use_is_told_in_a_line(run: Run, options: tuple[str, ...], said: str) -> None:
    code, out, err = run(*options)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err
