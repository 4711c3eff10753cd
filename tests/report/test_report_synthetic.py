"""Table, page and picture of an experiment on synthetic tasks."""

import copy
from pathlib import Path
from typing import Any

import pytest

from lexome.report.synthetic import (
    synthetic_panel,
    synthetic_table,
    write_synthetic_page,
    write_synthetic_png,
)

FIGURES: dict[str, Any] = {
    "lexome_version": "1.2", "kind": "borders", "metric": "border_f1", "baseline": 0.34,
    "majority_accuracy": 0.89, "judged_samples": 57600,
    "settings": {"seeds": 2, "steps": 50, "batch_size": 16, "width": 24, "source": {"samples": 600}},
    "points": [
        {
            "receptive_field": field, "kernels": [field // 2 + 1, field // 2 + 1], "parameters": 1000 * field,
            "mean": mean, "least": mean - 0.01, "most": mean + 0.02, "accuracy": 0.9, "seconds": 5.4,
        }
        for field, mean in ((5, 0.5), (21, 0.8))
    ],
    "knee": {"below": [5, 0.5], "from": [21, 0.8]},
    "trainings": [{}, {}, {}, {}],
}  # fmt: skip


def test_table() -> None:
    table = synthetic_table(FIGURES)
    assert table.rows[0] == ("5", "3 + 3", "5,000", "0.500", "0.490–0.520", "0.900", "5")
    assert table.rows[-1][0] == "as many borders at even distances"
    assert table.rows[-1][3:6] == ("0.340", "", "0.890")
    assert "57,600 test samples" in table.caption


def test_the_curve_stands_beside_its_baseline() -> None:
    panel = synthetic_panel(FIGURES)
    curve, flat = panel.series
    assert (list(curve.x), list(curve.y)) == ([5.0, 21.0], [0.5, 0.8])
    assert curve.intervals[1] == (pytest.approx(0.79), pytest.approx(0.82))
    assert (list(flat.x), list(flat.y)) == ([5.0, 21.0], [0.34, 0.34])
    assert (panel.y.low, panel.y.high) == (0.0, 1.0)


@pytest.mark.parametrize("kind", ["borders", "bases", "oscillator"])
def test_page(tmp_path: Path, kind: str) -> None:
    figures = {**copy.deepcopy(FIGURES), "kind": kind}
    write_synthetic_page(tmp_path / "p.html", figures, command="lexome bench synthetic x")
    text = (tmp_path / "p.html").read_text("utf-8")
    for words in ("0.500 → 0.800", "lexome bench synthetic x", "2 of 50 steps of 16 signals", "<svg "):
        assert words in text
    assert ("The thesis found this so easy" in text) == (kind == "oscillator")
    figures["knee"] = None
    write_synthetic_page(tmp_path / "p.html", figures, command="c")
    assert "→" not in (tmp_path / "p.html").read_text("utf-8")


def test_picture(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    write_synthetic_png(tmp_path / "p.png", FIGURES)
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
