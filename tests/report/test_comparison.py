"""The page of a comparison."""

from pathlib import Path

from lexome.report.comparison import comparison_table, write_comparison_page

FIGURES = {
    "first": "bonito-64-crf", "second": "gru<64>", "seeds": [0, 1], "asked_seeds": 3,
    "failures": ["b: not finite"],
    "settings": {"stores": ["real"], "tests": []},
    "stores": {
        "validation": {
            "first": 0.8, "second": 0.79, "difference": 0.01, "by_seed": [0.012, 0.008],
            "over_chunks": (0.005, 0.015), "over_seeds": (-0.015, 0.035), "is_clear": False, "chunks": 10,
        },
        "others": {
            "first": 0.8, "second": 0.7, "difference": 0.1, "by_seed": [0.1], "over_chunks": (0.09, 0.11),
            "over_seeds": None, "is_clear": True, "chunks": 10,
        },
    },
}  # fmt: skip


def test_table() -> None:
    first, second = comparison_table(FIGURES).rows
    assert first == (
        "validation", "0.8000", "0.7900", "+0.0100", "+0.0050 to +0.0150", "-0.0150 to +0.0350", "2", "no"
    )  # fmt: skip
    assert second[5:] == ("-", "2", "yes")


def test_page(tmp_path: Path) -> None:
    write_comparison_page(tmp_path / "page.html", FIGURES, command="lexome bench compare a b")
    page = (tmp_path / "page.html").read_text()
    for part in ("gru&lt;64&gt;", "b: not finite", "2 of 3", "+0.0050 to +0.0150"):
        assert part in page
