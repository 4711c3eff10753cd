"""The charts of an evaluation show the figures they were given."""

import xml.etree.ElementTree as ElementTree
from typing import Any

import numpy as np
import pytest

from lexome.report.page import Figures, Prose
from lexome.report.read_figures import (
    error_figures,
    homopolymer_figures,
    identity_figures,
    quality_figures,
)

FIGURES: dict[str, Any] = {
    "identity_median": 0.9,
    "identity_auc": 0.91,
    "mismatch_rate": 0.04,
    "insertion_rate": 0.02,
    "deletion_rate": 0.05,
    "hp_insertion_rate": 0.01,
    "hp_deletion_rate": 0.08,
    "non_hp_insertion_rate": 0.03,
    "non_hp_deletion_rate": None,
    "intervals": {"mismatch_rate": (0.03, 0.05), "insertion_rate": None},
    "substitutions": [
        {"reference": "A", "called": "G", "count": 30, "reference_bases": 1000},
        {"reference": "T", "called": "C", "count": 0, "reference_bases": 0},
    ],
    "contexts": [
        {"context": "TAG", "reference_bases": 1000, "mismatches": 100, "insertions": 50, "deletions": 25},
        {"context": "CCC", "reference_bases": 1000, "mismatches": 10, "insertions": 5, "deletions": 2},
        {"context": "AAA", "reference_bases": 9, "mismatches": 9, "insertions": 0, "deletions": 0},
        {"context": "GGG", "reference_bases": 0, "mismatches": 0, "insertions": 0, "deletions": 0},
    ],
    "homopolymers": [
        {"base": "A", "length": 3, "runs": 100, "exact": 90, "called_length_mean": 2.9},
        {"base": "A", "length": 4, "runs": 100, "exact": 50, "called_length_mean": 3.5},
        {"base": "C", "length": 9, "runs": 19, "exact": 1, "called_length_mean": 4.0},
    ],
    "q_predicted_vs_empirical": [
        {"q_predicted": 10, "q_empirical": 9.0, "bases": 1000, "errors": 126},
        {"q_predicted": 20, "q_empirical": 18.0, "bases": 4000, "errors": 63},
        {"q_predicted": 30, "q_empirical": 3.0, "bases": 10, "errors": 5},
        {"q_predicted": 40, "q_empirical": None, "bases": 500, "errors": 0},
    ],
}


def texts(svg: str, tag: str = "text") -> list[str]:
    return [one.text or "" for one in ElementTree.fromstring(svg).iter(tag)]


def test_identity_says_how_many_reads_are_below_the_axis() -> None:
    identity = np.concatenate((np.full(200, 0.9), [0.3]))
    shown = identity_figures(FIGURES, identity, np.arange(500, 701)).figures
    assert "(1 below 88% in the first bar)" in shown[0].caption
    assert "(1 below 88% on the lower edge)" in shown[1].caption
    assert "median 90.00%" in texts(shown[0].svg)


def test_error_charts_show_the_rates() -> None:
    kinds, homopolymers, swaps, worst = error_figures(FIGURES).figures
    assert {"mismatch", "4.00%", "2.00%", "5.00%"} <= set(texts(kinds.svg))
    assert "mismatch: 4.00%, 95% interval 3.00–5.00%" in texts(kinds.svg, "title")
    assert {"1.00%", "8.00%", "3.00%", "0.00%"} <= set(texts(homopolymers.svg))
    assert "A to G: 3.00%" in texts(swaps.svg, "title")
    assert len(texts(swaps.svg, "title")) == 1  # a base that never occurred has no rate
    assert texts(worst.svg, "title") == ["TAG: 17.50%", "CCC: 1.70%"]  # AAA was seen too rarely
    assert worst.data is not None
    assert [row[0] for row in worst.data.rows] == ["AAA", "TAG", "CCC"]
    assert worst.data.rows[1] == ("TAG", "1,000", "10.00%", "5.00%", "2.50%")


def test_homopolymer_charts_leave_out_rare_runs() -> None:
    found = homopolymer_figures(FIGURES)
    assert isinstance(found, Figures)
    exact, mean = found.figures
    assert texts(exact.svg, "title") == ["A 3: 90%", "A 4: 50%"]
    assert texts(mean.svg, "title") == ["A 3: 2.9", "A 4: 3.5"]
    assert exact.data is not None
    assert exact.data.rows[2] == ("C", "9", "19", "5.26%", "4.00")
    assert isinstance(homopolymer_figures({"homopolymers": []}), Prose)


def test_quality_chart_leaves_out_what_rests_on_little() -> None:
    identity, mean_q = np.array([0.9, 0.8, np.nan, 0.7]), np.array([12.0, 10.0, 9.0, np.nan])
    found = quality_figures(FIGURES, identity, mean_q)
    assert isinstance(found, Figures)
    curve, kept = found.figures
    assert texts(curve.svg, "title") == ["Q 10: 9", "Q 20: 18"]
    assert curve.data is not None
    assert curve.data.rows[3] == ("40", "-", "500", "0")
    assert "91.00%" in kept.caption


def test_calls_without_qualities_get_a_sentence() -> None:
    found = quality_figures({"q_predicted_vs_empirical": []}, np.array([0.9]), np.array([np.nan]))
    assert isinstance(found, Prose)


@pytest.mark.parametrize("count", [1, 2, 4, 30])
def test_any_number_of_reads_can_be_drawn(count: int) -> None:
    rng = np.random.default_rng(count)
    identity = rng.uniform(0.5, 1.0, count)
    shown = identity_figures(FIGURES, identity, rng.integers(1, 10_000, count)).figures
    assert all(ElementTree.fromstring(figure.svg) is not None for figure in shown)
    found = quality_figures(FIGURES, identity, rng.uniform(5, 20, count))
    assert isinstance(found, Figures)
    assert len(found.figures) == (2 if count > 1 else 1)


def test_perfect_reads_can_be_drawn() -> None:
    assert identity_figures(FIGURES, np.ones(5), np.full(5, 100)).figures
