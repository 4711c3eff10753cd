"""The page and the table of flagged reads."""

from pathlib import Path
from typing import Any

from lexome.report.noise_flag import flag_table, write_flag_page

FIGURES: dict[str, Any] = {
    "model": "toy", "reads": 3, "bad_reads": 1, "bad_below_identity": 0.875,
    "auroc": {"value": 0.75, "interval": (0.5, 1.0)}, "spearman": {"value": None, "interval": None},
    "identity": [0.8, 0.9, 0.95], "p_noisy": [0.9, 0.2, 0.1],
}  # fmt: skip


def test_the_table() -> None:
    assert flag_table(FIGURES).rows == (
        ("reads with a true identity", "3", ""),
        ("below identity 0.8750", "1", ""),
        ("AUROC of finding them", "0.750", "0.500–1.000"),
        ("Spearman, 1 - identity", "-", ""),
    )


def test_qualities_beside_it() -> None:
    rows = flag_table({**FIGURES, "auroc_mean_q": {"value": 0.5, "interval": None}}).rows
    assert rows[3] == ("AUROC of low mean qualities", "0.500", "")


def test_the_page(tmp_path: Path) -> None:
    write_flag_page(tmp_path / "p.html", FIGURES, command="lexome lm noise flag <x>")
    text = (tmp_path / "p.html").read_text()
    assert "lexome lm noise flag &lt;x&gt;" in text
    assert text.count("h0") == 3  # a point each
    assert "0.750" in text
