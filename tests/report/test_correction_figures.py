"""The charts of corrected reads: their bars and points are the figures."""

import re
from typing import Any

import pytest

from lexome.report.correction_figures import error_figures, quality_figures, yield_figures
from lexome.report.page import Figures, Prose

KINDS = ("mismatches", "insertions", "deletions")


def one_set(factor: int) -> dict[str, Any]:
    numbers = {
        f"{where}_{kind}": factor * (i + 1) for i, kind in enumerate(KINDS) for where in ("hp", "non_hp")
    }
    numbers["non_hp_deletions"] = 0
    yields = {f"{what}_q{level}": factor * level for what in ("reads", "bases") for level in (20, 30, 40)}
    rows = [
        {
            "q_predicted": q,
            "q_empirical": None if q == 40 else q - 3.0,
            "bases": 50 * q,
            "errors": 1,
            "reads": 1,
        }
        for q in (1, 10, 20, 40)
    ]
    return {
        "truth_bases": 1000, **numbers, **yields,
        "q_predicted_vs_empirical": rows, "read_q_predicted_vs_empirical": rows,
    }  # fmt: skip


def widths(svg: str) -> list[tuple[str, float]]:
    bars = re.findall(r'<rect class="([^"]+)" x="[\d.]+" y="[\d.]+" width="([\d.]+)" height="24"', svg)
    return [(style, float(width)) for style, width in bars]


def test_stacked_bars_are_as_long_as_their_rates() -> None:
    shown = error_figures({"corrected": one_set(1), "ccs": one_set(2)})
    assert isinstance(shown, Figures)
    (figure,) = shown.figures
    bars = widths(figure.svg)
    assert [style for style, _ in bars[:5]] == ["c1", "c1 s2", "c2", "c2 s2", "c3"]
    lengths = [width for _, width in bars]
    unit = lengths[0]
    # 1 1 2 2 3 and twice that; the part that is 0 is not drawn; a tenth of a pixel is lost in rounding
    assert lengths == pytest.approx([unit * n for n in (1, 1, 2, 2, 3, 2, 2, 4, 4, 6)], abs=0.6)
    assert "9 per kb" in figure.svg
    assert "18 per kb" in figure.svg
    assert figure.data is not None
    assert figure.data.rows[0] == ("corrected", "mismatches", "homopolymer", "1", "1.0000")
    assert len(figure.data.rows) == 12


def test_nothing_to_draw_is_said_so() -> None:
    nothing = one_set(1) | {
        "truth_bases": 0,
        "q_predicted_vs_empirical": [],
        "read_q_predicted_vs_empirical": [],
    }
    assert isinstance(error_figures({"corrected": nothing}), Prose)
    assert isinstance(quality_figures({"corrected": nothing}), Prose)


def test_yields_are_parts_of_all_true_bases() -> None:
    (figure,) = yield_figures({"corrected": one_set(1), "ccs": one_set(2)}, 400, 20.0).figures
    for value in ("5.00%", "7.50%", "10.00%", "15.00%", "20.00%"):
        assert value in figure.svg
    assert figure.data is not None
    assert figure.data.rows[1] == ("corrected", "Q30", "30", "30", "7.50%")


def test_quality_curves_leave_out_what_is_not_known() -> None:
    shown = quality_figures({"corrected": one_set(1), "ccs": one_set(2)})
    assert isinstance(shown, Figures)
    bases, reads = shown.figures
    # of Q1 there are too few bases, of Q40 no error; each set also has a dot in the legend
    assert bases.svg.count("<circle") == 2 * 2 + 2
    assert reads.svg.count("<circle") == 2 * 3 + 2
    assert "corrected 20: 17" in bases.svg
    assert "corrected 22.5: 17" in reads.svg
