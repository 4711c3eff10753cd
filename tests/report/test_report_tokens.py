"""Tables and pages about tokenizers, from plain values."""

import json
from pathlib import Path

import pytest

from lexome.report.tables import plain_text
from lexome.report.tokens import sweep_table, token_tables, write_sweep_page, write_token_page

SPREAD = {"mean": 1.5, "p10": 1.0, "median": 2.0, "p90": 3.0, "max": 7.0}
ONE = {
    "name": "a<b", "kind": "bpe", "vocab_size": 4096, "bases": 30, "tokens": 10, "bases_per_token": 3.0,
    "unknown_tokens": 1, "unknown_rate": 0.1, "vocab_used_rate": 0.5, "token_length_bp": SPREAD,
    "token_length_counts": [0, 3, 7], "orders": {"tokens_different_rate": 0.25},
    "edits": {kind: {"windows": 3, "changed_tokens": SPREAD, "changed_rate": SPREAD | {"mean": 0.0625}}
              for kind in ("substitution", "insertion", "deletion")},
    "leak": {"fully_seen_rate": 0.0, "seen_bases_rate": 0.125},
}  # fmt: skip
FIGURES = {
    "windows": 3, "windows_seen": 9, "window_bp": 500, "made": {"seed": 0},
    "tokenizers": [ONE, ONE | {"name": "c", "kind": "byte", "orders": None}],
}  # fmt: skip
SIZES = {
    "windows": 3, "windows_seen": 9, "made": {"bases": 30},
    "sizes": [
        {"vocab_size": 2**n, "vocab_mean_length_bp": n / 2, "bases_per_token": n / 3, "length_ratio": 3 / n,
         "training_flops": 1e9, "relative_flops": 8 / n, "rarest_merge": None if n == 8 else 100}
        for n in (8, 9)
    ],
}  # fmt: skip


def test_tables() -> None:
    first, second = (plain_text(table).splitlines() for table in token_tables(FIGURES))
    assert first[0] == "Tokens of 3 windows of up to 500 bp, of 9"
    assert first[2].split() == ["a<b", "bpe", "4,096", "3", "2", "7", "10.00%", "50.00%", "25.00%"]
    assert first[3].split()[-1] == "-"
    assert second[2].split() == ["a<b", *["1.5", "(6.25%)"] * 3, "12.50%", "0.00%"]
    rows = plain_text(sweep_table(SIZES)).splitlines()
    assert rows[2].split() == ["256", "4", "2.67", "37.50%", "1.000", "-"]


def test_pages(tmp_path: Path) -> None:
    write_token_page(tmp_path / "t.html", FIGURES, command="lexome lm tokenizer report x")
    text = (tmp_path / "t.html").read_text()
    assert "a&lt;b" in text
    assert "a<b" not in text
    assert text.count("<svg") == 3
    assert "lexome lm tokenizer report x" in text
    write_sweep_page(tmp_path / "s.html", SIZES, command="sweep")
    assert (tmp_path / "s.html").read_text().count("<svg") == 3


def test_figures_are_json() -> None:
    assert json.loads(json.dumps(FIGURES, allow_nan=False)) == FIGURES


def test_one_size_alone_has_a_page(tmp_path: Path) -> None:
    write_sweep_page(tmp_path / "s.html", SIZES | {"sizes": SIZES["sizes"][:1]}, command="")
    assert (tmp_path / "s.html").exists()


@pytest.mark.parametrize("kinds", [1, 6])
def test_few_and_many_tokenizers(kinds: int, tmp_path: Path) -> None:
    figures = FIGURES | {"tokenizers": [ONE | {"name": f"t{i}"} for i in range(kinds)]}
    write_token_page(tmp_path / "t.html", figures, command="")
    assert f"t{kinds - 1}" in (tmp_path / "t.html").read_text()
