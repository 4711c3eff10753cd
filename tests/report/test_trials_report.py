"""The page of an experiment."""

from pathlib import Path
from typing import Any

from lexome.report.trials import ordering_text, ranked, trials_table, write_trials_page


def row(name: str, identity: float | None, width: int = 64, thesis: float | None = None) -> dict[str, Any]:
    figures = {} if identity is None else {
        store: {"identity": identity, "low": identity - 0.01, "high": identity + 0.01, "loss": 0.5}
        for store in ("validation", "others")
    }  # fmt: skip
    return {
        "labels": {"architecture": name, "width": width}, "parameters": 1234, "seeds": [0,
        1] if figures else [],
        "failures": [] if figures else ["seed 0: the <loss> was not finite"], "figures": figures,
        "thesis": None if thesis is None else {"what": "validation accuracy", "value": thesis},
    }  # fmt: skip


def experiment(*rows: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "what": "a test", "place": "table 0", "columns": ["architecture", "width"], "rows": list(rows),
        "missing": [], "ordering": None,
        "settings": {
            "stores": ["real"], "tests": ["others"], "chunks": 10_000, "minutes": 0.0, "batch_size": 8,
            "lr": 0.004, "judged_chunks": 2000,
        },
        **more,
    }  # fmt: skip


def test_the_best_of_every_width_comes_first_and_failures_last() -> None:
    rows = [row("a", 0.7), row("b", None), row("c", 0.8), row("d", 0.9, 128)]
    assert [r["labels"]["architecture"] for r in ranked(rows)] == ["c", "a", "b", "d"]


def test_table() -> None:
    table = trials_table(experiment(row("a", 0.7, thesis=0.871), row("b", None)))
    assert table.columns == (
        "architecture", "width", "parameters", "seeds", "validation", "others", "loss", "thesis"
    )  # fmt: skip
    assert table.rows[0] == (
        "a", "64", "1,234", "2", "0.7000 (0.690-0.710)", "0.7000 (0.690-0.710)", "0.500", "0.871"
    )  # fmt: skip
    assert table.rows[1][-4:] == ("-", "-", "failed", "-")
    assert "thesis" not in trials_table(experiment(row("a", 0.7))).columns


def test_page(tmp_path: Path) -> None:
    ordering = {"pairs": 3, "agree": [1], "unclear": [1], "disagree": [
        {"first": {"architecture": "a_b", "width": 64, "head": "ctc"}, "second": {"architecture": "c",
        "width": 64}}
    ]}  # fmt: skip
    text = ordering_text(ordering)
    assert text.startswith("Of 3 pairs")
    assert "a b 64 and c 64" in text
    figures = experiment(row("a", 0.7), row("b", None), missing=["c-seed0"], ordering=ordering)
    write_trials_page(tmp_path / "page.html", figures, command="lexome bench variants <x>")
    page = (tmp_path / "page.html").read_text()
    for part in (
        "table 0",
        "the &lt;loss&gt; was not finite",
        "c-seed0",
        "width 64",
        "&lt;x&gt;",
        "10,000 chunks",
    ):
        assert part in page


def test_curves_over_kernels(tmp_path: Path) -> None:
    rows = []
    for filters in (4, 16):
        for kernel in (9, 1, 33):
            one = row("-", 0.4 + kernel / 100)
            one["labels"] = {"filters": filters, "kernel": kernel}
            rows.append(one)
    figures = experiment(*rows, columns=["filters", "kernel"])
    write_trials_page(tmp_path / "page.html", figures, command="x")
    page = (tmp_path / "page.html").read_text()
    assert "kernel, samples" in page
    assert page.count('class="l1"') == page.count('class="l2"') == 2  # a line per number of filters and store
