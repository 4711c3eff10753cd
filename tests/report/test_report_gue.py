"""Tables and page of benchmarks, from plain values."""

from pathlib import Path
from typing import Any

from lexome.report.gue import footnotes, gue_tables, write_gue_page
from lexome.report.gue_sets import sets_table
from lexome.report.tables import Table, plain_text

NAMES = ("majority", "kmer", "cnn", "scratch:byte", "a<b")


def _score(value: float | None, spread: float | None = 0.05) -> dict[str, Any]:
    is_known = value is not None and spread is not None
    return {"value": value, "interval": (value - spread, value + spread) if is_known else None}


def _row(name: str, group: str, *, is_published: bool, leaked: int = 0, without: str = "") -> dict[str, Any]:
    scores = {one: _score(0.1 * i - 0.1) for i, one in enumerate(NAMES) if one != without}
    differences = {
        base: {one: _score(0.1 * i - 0.2) for i, one in enumerate(NAMES) if one not in (base, without)}
        for base in ("kmer", "cnn")
    }
    return {
        "name": name, "group": group, "suite": "GUE", "metric": "mcc",
        "published": 66.0 if is_published else None,
        "protocol": {"text": "whole" if is_published else "half", "published": is_published},
        "sizes": {"tested": 328}, "note": "of the same promoters",
        "leakage": {"same": leaked, "reverse": 0, "lines": [f"{leaked} leaked"]},
        "scores": scores, "differences": differences,
    }  # fmt: skip


def _average(label: str, sets: int, published: float | None, without: str = "") -> dict[str, Any]:
    known = {one: _score(None if one == without else 0.5) for one in NAMES}
    return {
        "label": label, "title": f"title of {label}", "sets": sets, "macro": known,
        "micro": {one: known[one]["value"] for one in NAMES}, "published": published,
        "differences": {base: {one: known[one] for one in NAMES if one != base} for base in ("kmer", "cnn")},
    }  # fmt: skip


RANKS = {
    "sets": 2, "first": 1, "second": 0,
    "wins": {"kmer": {"sets": 2, "wins": 1, "clear_wins": 0, "clear_losses": 1},
             "cnn": {"sets": 0, "wins": 0, "clear_wins": 0, "clear_losses": 0}},
}  # fmt: skip
COSTS = {
    "results": 2, "cpu_s": 90.0, "parameters": [74882, 75000, 76034], "bases_per_token": [1.0, 1.25, 1.5],
    "relative_flops": None,
}  # fmt: skip
FIGURES: dict[str, Any] = {
    "contenders": list(NAMES),
    "sets": [
        _row("tf/0", "TF-H", is_published=True, leaked=2),
        _row("tf/1", "TF-H", is_published=False, without="cnn"),
        _row("prom", "PD", is_published=True),
    ],
    "averages": [
        _average("TF-H", 2, None, "cnn"), _average("PD", 1, 66.0), _average("published protocol", 2, 66.0),
        _average("all", 3, None, "cnn"),
    ],
    "ranks": dict.fromkeys(NAMES, RANKS),
    "costs": dict.fromkeys(NAMES, COSTS),
    "settings": {"a<b": {"architecture": [1], "epochs": [3.0, 5.0], "seed": [0, 1], "lr": [0.1]}, "kmer": {}},
}  # fmt: skip


def _lines(table: Table) -> list[list[str]]:
    return [line.split() for line in plain_text(table).splitlines()]


def test_tables_by_group() -> None:
    tables = gue_tables(FIGURES)
    assert [table.caption.split(":")[0] for table in tables] == [
        "TF-H", "PD", "Averages, percent; macro", "Contenders",
        "Difference to k-mer regression, percent points",
        "Difference to the CNN, percent points", "Footnotes",
    ]  # fmt: skip
    assert tables[0].caption == "TF-H: title of TF-H"
    assert tables[0].columns == (
        "set", "figure", "tested", "majority", "k-mer regression", "CNN", "scratch:byte", "a<b",
        "DNABERT-2, published",
    )  # fmt: skip
    whole, half = tables[0].rows
    assert whole[:3] == ("tf/0 [a]", "mcc", "328")
    assert whole[3:6] == ("-10.0 (-15.0 to -5.0)", "0.0 (-5.0 to 5.0)", "10.0 (5.0 to 15.0)")
    assert whole[-1] == "66.00"
    assert half[0] == "tf/1 [b]"
    assert (half[5], half[-1]) == ("-", "-")  # not run; not to be compared with what was published


def test_averages() -> None:
    rows = gue_tables(FIGURES)[2].rows
    assert [row[0] for row in rows] == [
        "TF-H, macro", "PD, macro", "published protocol, macro", "published protocol, micro", "all, macro",
        "all, micro",
    ]  # fmt: skip
    assert rows[0][2:5] == ("50.0 (45.0 to 55.0)", "50.0 (45.0 to 55.0)", "-")
    assert [row[-1] for row in rows] == ["-", "66.00", "66.00", "-", "-", "-"]
    assert rows[5][2:5] == ("50.0", "50.0", "-")


def test_contenders() -> None:
    row = gue_tables(FIGURES)[3].rows[2]
    assert row == ("CNN", "74,882 to 76,034", "-", "1.25", "1.5", "2", "1 | 0", "1 of 2 (0)", "-", "-")


def test_differences() -> None:
    to_kmer, to_cnn = gue_tables(FIGURES)[4:6]
    assert to_kmer.columns == ("set", "CNN", "scratch:byte", "a<b")
    assert to_kmer.rows[0] == (
        "tf/0", "+0.0 (-5.0 to +5.0)", "+10.0 (+5.0 to +15.0)", "+20.0 (+15.0 to +25.0)"
    )  # fmt: skip
    assert to_kmer.rows[1][1] == "-"
    assert [row[0] for row in to_cnn.rows] == [
        "tf/0", "tf/1", "prom", "TF-H, average", "PD, average", "published protocol, average", "all, average"
    ]  # fmt: skip


def test_footnotes() -> None:
    rows = dict(footnotes(FIGURES).rows)
    assert rows["[a]"] == "whole"
    assert rows["[b]"] == "half; not the published protocol"
    assert rows["tf/0"] == "2 leaked"
    assert "tf/1" not in rows
    assert rows["tf/0, tf/1, prom"] == "of the same promoters"
    assert rows["a<b"] == "not made in the same way everywhere: epochs 3.0 and 5.0"


def test_without_baselines() -> None:
    """No table of differences to nothing."""
    bare = {"kmer": {}, "cnn": {}}
    sets = [{**row, "differences": bare, "scores": {"a<b": _score(0.5)}} for row in FIGURES["sets"]]
    averages = [{**row, "differences": bare} for row in FIGURES["averages"]]
    tables = gue_tables({**FIGURES, "contenders": ["a<b"], "sets": sets, "averages": averages})
    assert not [table for table in tables if table.caption.startswith("Difference")]


def test_page(tmp_path: Path) -> None:
    write_gue_page(tmp_path / "g.html", FIGURES, command="lexome lm gue table out")
    text = (tmp_path / "g.html").read_text()
    assert text.count("<svg") == 2
    assert "a&lt;b" in text
    assert "a<b" not in text
    assert "lexome lm gue table out" in text
    assert "epochs 3.0, 5.0" in text
    assert ">-10.00%</text>" in text  # what is drawn at 0 keeps its number
    assert "title of PD" in text


def test_sets() -> None:
    one = {
        "name": "tf/0", "group": "TF-H", "length_bp": 101, "num_classes": 2, "metric": "mcc",
        "sizes": [32378, None, 1000], "published": 71.99, "files": ["train", "test"],
        "protocol": "what is done",
    }  # fmt: skip
    nothing = {**one, "files": [], "protocol": None, "published": None, "length_bp": None}
    lines = _lines(sets_table([one, nothing]))
    assert lines[2] == "tf/0 TF-H 101 2 mcc 32378 / - / 1000 71.99 train test what is done".split()
    assert lines[3] == "tf/0 TF-H - 2 mcc 32378 / - / 1000 - - -".split()
