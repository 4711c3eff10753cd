"""Tests of `lexome.report.mutations`."""

from pathlib import Path

from lexome.report.mutations import Foretold, counts_tables, mutation_tables, write_mutation_page
from lexome.report.tables import plain_text


def figure(value: float | None, *interval: float) -> dict:
    """A value with its interval."""
    return {"value": value, "interval": list(interval) or None}


def part(top1: float | None) -> dict:
    """The figures of a predictor on some pairs."""
    return {
        "top1": figure(top1, 0.5, 0.75), "top5": figure(top1), "mean_distance": figure(0.625, 0.5, 1.0),
        "median_distance": figure(0.5, 0.0, 1.0),
    }  # fmt: skip


FIGURES = {
    "file": "pairs.tsv", "split": "test", "lexome_version": "1.0", "pairs": {"all": 1234, "changed": 0},
    "parents": {"all": 7, "changed": 0},
    "systems": [
        {"name": "copy the parent", "kind": "baseline", "all": part(0.625), "changed": part(None)},
        {"name": "runs/<mine>", "kind": "model", "all": part(0.75), "changed": part(None)},
    ],
}  # fmt: skip


def test_tables_have_a_row_for_every_predictor() -> None:
    everything, changed = mutation_tables(FIGURES)
    assert everything.caption == "All pairs: 1234 of 7 different parents"
    assert everything.rows[0] == (
        "copy the parent", "baseline", "62.5% (50.0-75.0)", "62.5%", "0.62 (0.50-1.00)", "0.5 (0-1)",
    )  # fmt: skip
    assert changed.rows[1][2] == "-"


def test_the_page_has_numbers_and_trees(tmp_path: Path) -> None:
    tree = Foretold("runs/<mine>", [-1, 0, 0], ["", "right", "wrong"], [False, False, True])
    write_mutation_page(tmp_path / "page.html", FIGURES, [tree], command="lexome lm mutate evaluate")
    text = (tmp_path / "page.html").read_text()
    assert "Top-1 of runs/&lt;mine&gt;" in text
    assert "75.0%" in text
    assert "copy: 62.5% (50.0-75.0)" in text
    assert "wrong: 1" in text
    assert text.count("<svg") == 1
    write_mutation_page(tmp_path / "plain.html", FIGURES, command="lexome")
    assert "<svg" not in (tmp_path / "plain.html").read_text()


def test_counts() -> None:
    one = {"pairs": 2000, "changed": 3, "different_parents": 4, "different_sequences": 5}
    sets = {"all": {**one, "spectrum": {"A>G": 3, "C>T": 1}}, "test": {**one, "spectrum": {}}}
    tables = counts_tables({"sets": sets})
    assert tables[0].rows == (("all", "2,000", "3", "4", "5"), ("test", "2,000", "3", "4", "5"))
    assert tables[1].rows == (("A>G", "3", "75.0%"), ("C>T", "1", "25.0%"))
    assert "substitution" in plain_text(tables[1])
