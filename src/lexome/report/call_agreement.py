"""The report of `lexome evaluate agreement` for basecallers: tables and a page, from plain values."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lexome.report.agreement import better_map, made, number, percent
from lexome.report.charts import interval_text, value_text
from lexome.report.heatmap import HeatMap, heat_map
from lexome.report.page import Card, Cards, Facts, Figure, Figures, Section, write_page
from lexome.report.tables import Table

_EXPLAINED = Table(
    ("column", "meaning"),
    (
        ("differ", "chunks in which the two call different bases"),
        ("A better, B better", "of those, the part in which one has the higher identity; the rest are equal"),
        ("correlation", "Pearson's, of the two identities of every chunk"),
        ("A with B", "mean identity of the one's call with the other's"),
        ("if independent", "about what that would be if the two erred independently of each other"),
    ),
    align="ll",
)


def call_agreement_tables(figures: Mapping[str, Any]) -> tuple[Table, Table]:
    """Every basecaller by itself, and every pair of them."""
    callers = tuple(
        (
            caller["name"],
            value_text(caller["identity"], "percent"),
            interval_text(caller["identity_interval"], "percent") or "-",
        )
        for caller in figures["callers"]
    )
    pairs = tuple(
        (
            pair["a"],
            pair["b"],
            str(pair["different"]),
            percent(pair["a_better_rate"]),
            percent(pair["b_better_rate"]),
            number(pair["correlation"]),
            percent(pair["between"]),
            interval_text(pair["intervals"]["between"], "percent") or "-",
            percent(pair["between_if_independent"]),
        )
        for pair in figures["pairs"]
    )
    head = (
        "A", "B", "differ", "A better", "B better", "correlation", "A with B", "95%", "if independent",
    )  # fmt: skip
    said = f"{figures['chunks']} chunks of {figures['reads']} reads"
    return (
        Table(("caller", "identity", "95%"), callers, f"Each by itself, on {said}"),
        Table(head, pairs, "Pair by pair", "ll" + "r" * (len(head) - 2)),
    )


def write_call_agreement_page(path: Path, figures: Mapping[str, Any], *, command: str) -> None:
    """Writes the page of one comparison.

    Args:
        path: the HTML file.
        figures: what `--json` writes.
        command: the command line that made it.

    Raises:
        LexomeError: if the file cannot be written.
    """
    callers, pairs = call_agreement_tables(figures)
    best = max(figures["callers"], key=lambda caller: caller["identity"])
    pair = figures["pairs"][0]
    cards = (
        Card("Highest mean identity", value_text(best["identity"], "percent"), best["name"]),
        Card(
            "The first two with each other",
            percent(pair["between"]),
            f"if independent: {percent(pair['between_if_independent'])}",
        ),
        Card("Compared on", f"{figures['chunks']:,}", f"chunks of {figures['reads']:,} reads"),
    )
    sections = [
        Section("", [Cards(cards)]),
        Section("Each by itself", [callers]),
        Section("Pair by pair", [_maps(figures), pairs, _EXPLAINED]),
        Section("How this was made", [Facts(made(figures, command))]),
    ]
    names = ", ".join(model["name"] for model in figures["models"])
    write_page(path, "Good and bad on the same chunks", sections, subtitle=names)


def _maps(figures: Mapping[str, Any]) -> Figures:
    names = [caller["name"] for caller in figures["callers"]]
    values: list[list[float | None]] = [[None] * len(names) for _ in names]
    for pair in figures["pairs"]:
        i, j = names.index(pair["a"]), names.index(pair["b"])
        values[i][j] = values[j][i] = pair["correlation"]
    correlation = Figure(
        "Correlation of identities",
        heat_map(HeatMap(values, names, names), "Correlation of the identities of every pair"),
        "1 if two are good and bad on the same chunks to the same degree.",
    )
    return Figures((correlation, better_map(figures)))
