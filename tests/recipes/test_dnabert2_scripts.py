"""The small scripts beside the recipes of language models."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from lexome.io.fastx import read_reference

RECIPES = Path(__file__).parents[2] / "recipes" / "dnabert2"


def test_the_simulated_genomes_are_the_same_every_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = (RECIPES / "simulated_genomes.py").read_text("utf-8").replace("1_000_000", "2_000")
    for name in ("a", "b"):
        monkeypatch.setattr(sys, "argv", ["simulated_genomes.py", str(tmp_path / name)])
        exec(compile(source, "simulated_genomes.py", "exec"), {"__name__": "__main__"})
    genomes = read_reference(tmp_path / "a")
    assert genomes == read_reference(tmp_path / "b")
    assert [len(sequence) for sequence in genomes.values()] == [2000] * 4
    assert len(set(genomes.values())) == 4


def test_the_loss_curve_is_drawn(load_file: Callable[[Path], ModuleType], tmp_path: Path) -> None:
    rows = [{"step": 10 * n, "loss": 2.0 - 0.1 * n} for n in range(1, 6)]
    rows += [{"step": 50, "validation": {"loss": 1.6, "frequency_loss": 1.9}}]
    rows += [{"step": 0, "warning": "text"}]
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    load_file(RECIPES / "loss_curve.py").main(tmp_path / "log.jsonl", tmp_path / "loss.svg")
    drawing = (tmp_path / "loss.svg").read_text()
    assert drawing.startswith("<svg")
    assert "frequencies alone" in drawing
