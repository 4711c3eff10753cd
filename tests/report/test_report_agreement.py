"""The tables and the page of an agreement."""

import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

from lexome.report.agreement import agreement_tables, write_agreement_page


def pair(a: str, b: str, better: tuple[float | None, float | None], kappa: float | None) -> dict[str, Any]:
    known = None if kappa is None else (kappa - 0.1, kappa + 0.05)
    return {
        "a": a, "b": b, "examples": 40, "both_right": 30, "only_a": 4, "only_b": 1, "both_wrong": 5,
        "same_wrong": 3, "different": 7, "a_better": 5, "b_better": 1, "agreement": 0.875, "kappa": kappa,
        "same_wrong_rate": 0.6, "a_better_rate": better[0], "b_better_rate": better[1],
        "intervals": {"kappa": known},
    }  # fmt: skip


FIGURES: dict[str, Any] = {
    "lexome_version": "1.2", "store": "s.store", "split": "test", "windows": 40, "reads": 4,
    "models": [{"model": "folder/a", "name": "teacher"}, {"model": "folder/b", "name": "student"}],
    "callers": [
        {"name": "teacher", "exact": 0.85, "exact_interval": (0.8, 0.9), "identity": 0.99912, "errors": 5},
        {"name": "student", "exact": 0.775, "exact_interval": (0.7, 0.8), "identity": 0.99812, "errors": 9},
        {"name": "ccs", "exact": 0.5, "exact_interval": None, "identity": 0.99, "errors": 30},
    ],
    "pairs": [
        pair("teacher", "student", (0.7, 0.2), 0.5), pair("teacher", "ccs", (0.9, 0.05), 0.25),
        pair("student", "ccs", (None, None), None),
    ],
    "bootstrap": {"level": 0.95, "resamples": 1000, "seed": 0},
}  # fmt: skip


def test_tables() -> None:
    callers, pairs = agreement_tables(FIGURES)
    assert callers.rows[0] == ("teacher", "85.00%", "80.00–90.00%", "0.999120", "5")
    assert callers.rows[2] == ("ccs", "50.00%", "-", "0.990000", "30")
    assert "40 windows of 4 reads" in callers.caption
    row = dict(zip(pairs.columns, pairs.rows[0], strict=True))
    assert row == {
        "A": "teacher", "B": "student", "both right": "30", "only A": "4", "only B": "1", "both wrong": "5",
        "agree": "87.50%", "kappa": "0.500", "95%": "0.400–0.550", "same wrong": "60.00%", "differ": "7",
        "A better": "70.00%", "B better": "20.00%",
    }  # fmt: skip
    assert pairs.rows[2][7:9] == ("-", "-")
    assert pairs.rows[2][-2:] == ("-", "-")


def test_page(tmp_path: Path) -> None:
    write_agreement_page(tmp_path / "p.html", FIGURES, command="lexome evaluate agreement a b")
    text = (tmp_path / "p.html").read_text("utf-8")
    charts = [f"<svg {part.split('</svg>')[0]}</svg>" for part in text.split("<svg ")[1:]]
    wrong, kappa, better = (
        [title.text for title in ElementTree.fromstring(chart).iter("title")] for chart in charts
    )
    assert wrong[0] == "teacher: 15.00%, 95% interval 10.00–20.00%"
    assert sorted(kappa) == [
        "ccs, teacher: 0.250", "student, teacher: 0.500", "teacher, ccs: 0.250", "teacher, student: 0.500",
    ]  # fmt: skip
    assert sorted(better) == [
        "ccs, teacher: 0.050", "student, teacher: 0.200", "teacher, ccs: 0.900", "teacher, student: 0.700",
    ]  # fmt: skip
    for words in ("lexome evaluate agreement a b", "folder/b", "s.store, test", "over reads, 1000 resamples"):
        assert words in text
