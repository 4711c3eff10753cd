"""`lexome compress prune`: what is typed reaches the pruning, tables, errors in one line."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lexome.checkpoint.store import load

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(lexome: Run, small_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: lexome("compress", "prune", str(small_model), *arguments)


def test_once_without_chunks(run: Run) -> None:
    code, out, err = run("-o", "out", "--sparsity", "0.5")
    assert code == 0, err
    assert "no --store" in err
    lines = out.splitlines()
    assert lines[0] == "small, single weights"
    assert [line.split("  ")[0] for line in lines[2:]] == ["before", "after pruning"]
    assert " 50.0% " in lines[3]
    assert load("out/model").name == "small_pruned"


def test_units_with_a_training(run: Run, tiny_store: Path) -> None:
    options = ("--structured", "--sparsity", "0.3", "--multiple", "4", "--scope", "layer", "--steps", "2")
    code, out, err = run("-o", "out", "--store", str(tiny_store), *options, "--threads", "1")
    assert code == 0, err
    assert "after training" in out
    assert "step 2: validation" in err
    config = load("out/model").architecture.config
    assert {layer["size"] % 4 for layer in (*config["convs"], *config["lstms"])} == {0}
    assert json.loads(Path("out/prune.json").read_text())["scope"] == "layer"


def test_a_curve(run: Run) -> None:
    code, out, err = run("-o", "out", "--sparsity", "0.5,0.9")
    assert code == 0, err
    assert "0.9, after pruning" in out
    assert Path("out/curve.html").read_text().startswith("<!DOCTYPE html>")
    assert Path("out/curve.json").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--sparsity", "1.5"), "--sparsity 1.5"),
        (("--steps", "3", "--minutes", "1"), "give one of them"),
        (("--structured", "--width", "encoder.lstms.0=99"), "has 24 units"),
        (("--structured", "--width", "encoder.lstms.9=3"), "encoder.lstms."),
        (("--structured", "--width", "a=3", "--sparsity", "0.5,0.6"), "--width and --drop leave nothing"),
        (("--structured", "--drop", "encoder.lstms.7"), "encoder.lstms."),
        (("--structured", "--kinds", "head"), "unknown kind 'head'"),
        (
            ("--structured", "--kinds", "heads", "--sparsity", "0.1"),
            "it has: units, layers",
        ),
        (("--kinds", "units"), "--structured"),
    ],
)
def test_errors_are_one_line_and_leave_nothing(run: Run, options: tuple[str, ...], words: str) -> None:
    code, out, err = run("-o", "out", *options)
    assert (code, out) == (2, "")
    assert words in err
    assert len(err.splitlines()) == 1
    assert not Path("out").exists()
