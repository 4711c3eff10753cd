"""The tables and the page of an agreement of basecallers."""

import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

from lexome.report.call_agreement import call_agreement_tables, write_call_agreement_page

FIGURES: dict[str, Any] = {
    "lexome_version": "1.2", "store": "s.store", "split": "test", "chunks": 40, "reads": 4,
    "models": [{"model": "folder/a", "name": "fast"}, {"model": "folder/b", "name": "hac"}],
    "callers": [
        {"name": "fast", "identity": 0.885, "identity_interval": (0.88, 0.89)},
        {"name": "hac", "identity": 0.8875, "identity_interval": None},
    ],
    "pairs": [
        {
            "a": "fast", "b": "hac", "examples": 40, "different": 38, "correlation": 0.97,
            "a_better_rate": 0.25, "b_better_rate": 0.5, "between": 0.9711, "between_if_independent": 0.7867,
            "intervals": {"between": (0.96, 0.98)},
        }
    ],
    "bootstrap": {"level": 0.95, "resamples": 1000, "seed": 0},
}  # fmt: skip


def test_tables() -> None:
    callers, pairs = call_agreement_tables(FIGURES)
    assert callers.rows == (("fast", "88.50%", "88.00–89.00%"), ("hac", "88.75%", "-"))
    assert dict(zip(pairs.columns, pairs.rows[0], strict=True)) == {
        "A": "fast", "B": "hac", "differ": "38", "A better": "25.00%", "B better": "50.00%",
        "correlation": "0.970", "A with B": "97.11%", "95%": "96.00–98.00%", "if independent": "78.67%",
    }  # fmt: skip


def test_page(tmp_path: Path) -> None:
    write_call_agreement_page(tmp_path / "p.html", FIGURES, command="lexome evaluate agreement a b")
    text = (tmp_path / "p.html").read_text("utf-8")
    charts = [f"<svg {part.split('</svg>')[0]}</svg>" for part in text.split("<svg ")[1:]]
    correlation, better = (
        [title.text for title in ElementTree.fromstring(chart).iter("title")] for chart in charts
    )
    assert correlation == ["fast, hac: 0.970", "hac, fast: 0.970"]
    assert better == ["fast, hac: 0.250", "hac, fast: 0.500"]
    for words in ("lexome evaluate agreement a b", "folder/b", "if independent: 78.67%", "of 4 reads"):
        assert words in text
