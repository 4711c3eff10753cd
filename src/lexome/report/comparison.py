"""The report of `lexome bench compare`: tables and a page, from plain values."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lexome.report.charts import Bar, bars
from lexome.report.page import Facts, Figure, Figures, Prose, Section, write_page
from lexome.report.tables import Table


def comparison_table(figures: Mapping[str, Any]) -> Table:
    """One line per judged store."""
    rows = tuple(
        (
            store, f"{f['first']:.4f}", f"{f['second']:.4f}", f"{f['difference']:+.4f}",
            _interval(f["over_chunks"]), _interval(f["over_seeds"]), str(len(figures["seeds"])),
            "yes" if f["is_clear"] else "no",
        )
        for store, f in figures["stores"].items()
    )  # fmt: skip
    head = (
        "judged on", figures["first"], figures["second"], "difference", "95% over chunks", "95% over seeds",
        "seeds", "clear",
    )  # fmt: skip
    return Table(head, rows, "Label identity, and the paired difference of the first and the second")


def _interval(interval: tuple[float, float] | None) -> str:
    return "-" if interval is None else f"{interval[0]:+.4f} to {interval[1]:+.4f}"


def write_comparison_page(path: Path, figures: Mapping[str, Any], *, command: str) -> None:
    """Writes the page of a comparison.

    Args:
        path: the HTML file.
        figures: what the comparison's JSON holds.
        command: the command line that made it.

    Raises:
        LexomeError: if the file cannot be written.
    """
    drawn = [
        Figure(store, bars({"": [Bar(figures[n], f[n]) for n in ("first", "second")]}, description=store))
        for store, f in figures["stores"].items()
    ]
    sections = [
        Section("", [comparison_table(figures)], lead=_LEAD),
        Section("Label identity", [Figures(tuple(drawn))]),
    ]
    if figures["failures"]:
        sections.append(Section("What failed", [Prose("; ".join(figures["failures"]))]))
    settings = figures["settings"]
    made = {
        "command": command,
        "trained on": ", ".join(settings["stores"]),
        "seeds": f"{len(figures['seeds'])} of {figures['asked_seeds']}",
    }
    sections.append(Section("How this was made", [Facts(made)]))
    write_page(path, "Two ways to train", sections, subtitle=f"{figures['first']} and {figures['second']}")


_LEAD = (
    "The interval over chunks says what other chunks might have said of these networks, the one over seeds "
    "what other trainings might have given. A difference is called clear if neither holds zero; with one "
    "seed there is no interval over seeds, and nothing can be said of the way to train."
)
