"""The report of `lexome evaluate agreement`: tables and a page, from plain values."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lexome.report.charts import Bar, bars, interval_text, value_text
from lexome.report.heatmap import HeatMap, heat_map
from lexome.report.page import Card, Cards, Facts, Figure, Figures, Section, write_page
from lexome.report.tables import Table

MEANINGS = (
    ("both right, only A, only B, both wrong", "windows that spell their true bases and nothing else"),
    ("agree", "part of the windows that both have right or both have wrong"),
    ("kappa", "Cohen's: agreement beyond that of two independent callers with these accuracies; at most 1"),
    ("same wrong", "of the windows that both have wrong, the part with the same wrong answer"),
    ("differ", "windows in which the two spell different bases"),
    ("A better, B better", "of those, the part in which one has the higher identity; the rest are equal"),
)
_EXPLAINED = Table(("column", "meaning"), MEANINGS, align="ll")


def agreement_tables(figures: Mapping[str, Any]) -> tuple[Table, Table]:
    """Every caller by itself, and every pair of them."""
    callers = tuple(
        (
            caller["name"],
            value_text(caller["exact"], "percent"),
            interval_text(caller["exact_interval"], "percent") or "-",
            f"{caller['identity']:.6f}",
            str(caller["errors"]),
        )
        for caller in figures["callers"]
    )
    pairs = tuple(
        (
            pair["a"],
            pair["b"],
            *(str(pair[name]) for name in ("both_right", "only_a", "only_b", "both_wrong")),
            percent(pair["agreement"]),
            number(pair["kappa"]),
            _numbers(pair["intervals"]["kappa"]),
            percent(pair["same_wrong_rate"]),
            str(pair["different"]),
            percent(pair["a_better_rate"]),
            percent(pair["b_better_rate"]),
        )
        for pair in figures["pairs"]
    )
    head = (
        "A", "B", "both right", "only A", "only B", "both wrong", "agree", "kappa", "95%", "same wrong",
        "differ", "A better", "B better",
    )  # fmt: skip
    said = f"{figures['windows']} windows of {figures['reads']} reads"
    return (
        Table(("caller", "exact", "95%", "identity", "errors"), callers, f"Each by itself, on {said}"),
        Table(head, pairs, "Pair by pair", "ll" + "r" * (len(head) - 2)),
    )


def percent(value: float | None) -> str:
    """A part for a reader, `-` if it is unknown."""
    return "-" if value is None else value_text(value, "percent")


def number(value: float | None) -> str:
    """A coefficient for a reader, `-` if it is unknown."""
    return "-" if value is None else f"{value:.3f}"


def _numbers(interval: tuple[float, float] | None) -> str:
    return "-" if interval is None else f"{interval[0]:.3f}–{interval[1]:.3f}"


def write_agreement_page(path: Path, figures: Mapping[str, Any], *, command: str) -> None:
    """Writes the page of one comparison.

    Args:
        path: the HTML file.
        figures: what `--json` writes.
        command: the command line that made it.

    Raises:
        LexomeError: if the file cannot be written.
    """
    callers, pairs = agreement_tables(figures)
    sections = [
        Section("", [_cards(figures)]),
        Section("Each by itself", [_alone(figures), callers]),
        Section("Pair by pair", [_together(figures), pairs, _EXPLAINED]),
        Section("How this was made", [Facts(made(figures, command))]),
    ]
    names = ", ".join(model["name"] for model in figures["models"])
    write_page(path, "Right and wrong on the same windows", sections, subtitle=names)


def _cards(figures: Mapping[str, Any]) -> Cards:
    best = max(figures["callers"], key=lambda caller: caller["exact"])
    cards = [Card("Most windows exact", value_text(best["exact"], "percent"), best["name"])]
    pair = figures["pairs"][0]
    if pair["kappa"] is not None:
        interval = _numbers(pair["intervals"]["kappa"])
        cards.append(Card("Kappa of the first two", number(pair["kappa"]), f"95%: {interval}"))
    cards.append(Card("They spell different bases", f"{pair['different']:,}", "windows"))
    cards.append(Card("Compared on", f"{figures['windows']:,}", f"windows of {figures['reads']:,} reads"))
    return Cards(tuple(cards))


def _alone(figures: Mapping[str, Any]) -> Figures:
    drawn = [
        Bar(caller["name"], 1 - caller["exact"], _complement(caller["exact_interval"]))
        for caller in figures["callers"]
    ]
    chart = bars({"": drawn}, description="Part of the windows that each caller has wrong")
    caption = "Windows that do not spell exactly their true bases, with 95% intervals over reads."
    return Figures((Figure("Windows with an error", chart, caption),))


def _complement(interval: tuple[float, float] | None) -> tuple[float, float] | None:
    return None if interval is None else (1 - interval[1], 1 - interval[0])


def _together(figures: Mapping[str, Any]) -> Figures:
    names = [caller["name"] for caller in figures["callers"]]
    values: list[list[float | None]] = [[None] * len(names) for _ in names]
    for pair in figures["pairs"]:
        i, j = names.index(pair["a"]), names.index(pair["b"])
        values[i][j] = values[j][i] = pair["kappa"]
    kappa = Figure(
        "Agreement beyond chance",
        heat_map(HeatMap(values, names, names), "Cohen's kappa of every pair"),
        "Cohen's kappa of being exactly right: 1 if two are right on the same windows, 0 if that is as "
        "independent as chance.",
    )
    return Figures((kappa, better_map(figures)))


def better_map(figures: Mapping[str, Any]) -> Figure:
    """How often each caller is better than each other one where they differ."""
    names = [caller["name"] for caller in figures["callers"]]
    values: list[list[float | None]] = [[None] * len(names) for _ in names]
    for pair in figures["pairs"]:
        i, j = names.index(pair["a"]), names.index(pair["b"])
        values[i][j], values[j][i] = pair["a_better_rate"], pair["b_better_rate"]
    return Figure(
        "Who is better where they differ",
        heat_map(
            HeatMap(values, names, names, across="than this one", down="better"),
            "How often the row is better than the column, where they differ",
        ),
        "Where the two say different things, how often the row's has the higher identity. Both of a pair "
        "well above 0: neither is right wherever the other is.",
    )


def made(figures: Mapping[str, Any], command: str) -> dict[str, str]:
    """How the figures of an agreement were made."""
    bootstrap = figures["bootstrap"]
    return {
        "command": command,
        **{model["name"]: model["model"] for model in figures["models"]},
        "store": f"{figures['store']}, {figures['split']}",
        "lexome": figures["lexome_version"],
        "intervals": f"{100 * bootstrap['level']:g}%, percentile bootstrap over reads, "
        f"{bootstrap['resamples']} resamples, seed {bootstrap['seed']}",
    }
