"""The report of `lexome evaluate reads`: a text table and a page, both from the figures' plain values."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from lexome.report.charts import interval_text, value_text
from lexome.report.meanings import MEANING
from lexome.report.page import Card, Cards, Facts, Prose, Section, write_page
from lexome.report.read_figures import (
    error_figures,
    homopolymer_figures,
    identity_figures,
    quality_figures,
)
from lexome.report.tables import Table

_HEAD = ("calls", "reference", "lexome_version", "aligner", "bootstrap")
_LEAD = (
    "Identity is matches / alignment columns of a read's best primary alignment. Details: docs/metrics.md."
)
_LISTS = ("intervals", "q_predicted_vs_empirical", "homopolymers", "substitutions", "contexts")


def reads_table(figures: Mapping[str, Any]) -> Table:
    """The figures as a table: name, value and 95% interval, rounded; names as in docs/metrics.md."""
    rows = []
    for name, value in figures.items():
        if name in _HEAD or name in _LISTS:
            continue
        interval = figures["intervals"].get(name)
        ends = ("", "") if interval is None else (rounded(interval[0]), rounded(interval[1]))
        rows.append((name, rounded(value), *ends))
    return Table(("figure", "value", "95% low", "95% high"), tuple(rows))


def rounded(value: float | None) -> str:
    """A figure as the table shows it: counts whole, fractions with four decimals, `-` for unknown."""
    if value is None:
        return "-"
    if isinstance(value, int):
        return str(value)
    return f"{value:.4f}" if abs(value) <= 1 else f"{value:.2f}"


def write_reads_page(
    path: Path,
    figures: Mapping[str, Any],
    *,
    identity: Float[np.ndarray, " N"],
    length_bp: Int[np.ndarray, " N"],
    mean_q: Float[np.ndarray, " N"],
    command: str,
) -> None:
    """Writes the page of one evaluation.

    Args:
        path: the HTML file.
        figures: what `--json` writes (`FileEvaluation.to_json`).
        identity: identity of each read, NaN where unmapped.
        length_bp: length of each read.
        mean_q: mean predicted quality of each read, NaN without qualities.
        command: the command line that made it.

    Raises:
        LexomeError: if the file cannot be written.
    """
    names = Path(figures["calls"]).name, Path(figures["reference"]).name
    sections = reads_sections(figures, identity=identity, length_bp=length_bp, mean_q=mean_q, command=command)
    write_page(path, "How well these reads were called", sections, subtitle=f"{names[0]}, against {names[1]}")


def reads_sections(
    figures: Mapping[str, Any],
    *,
    identity: Float[np.ndarray, " N"],
    length_bp: Int[np.ndarray, " N"],
    mean_q: Float[np.ndarray, " N"],
    command: str,
) -> list[Section]:
    """The sections of that page, for a report that holds more than the evaluation; see `write_reads_page`."""
    sections = [Section("", [_cards(figures)])]
    mapped = ~np.isnan(identity)
    if mapped.any():
        right, wrong = rounded(figures["q_mean_correct"]), rounded(figures["q_mean_wrong"])
        means = f"Right bases carry a mean Q of {right}, wrong ones of {wrong}." if right != "-" else ""
        sections += [
            Section(
                "Identity",
                [identity_figures(figures, identity[mapped], length_bp[mapped])],
                lead="How much of each read's alignment is right.",
            ),
            Section(
                "Errors",
                [error_figures(figures)],
                lead="What went wrong, seen in the direction in which the strand was read." + _gaps(figures),
            ),
            Section(
                "Homopolymers",
                [homopolymer_figures(figures)],
                lead="Runs of equal bases in the reference; from three bases on, a run is a homopolymer.",
            ),
            Section("Predicted quality", [quality_figures(figures, identity, mean_q)], lead=means),
        ]
    else:
        sections.append(
            Section("No read aligned", [Prose("Is this the reference that these reads come from?")])
        )
    sections.append(Section("All figures", [_explained(reads_table(figures))], lead=_LEAD))
    sections.append(Section("How this was made", [Facts(_made(figures, command))]))
    return sections


def _gaps(figures: Mapping[str, Any]) -> str:
    columns = figures["long_gap_columns"]
    if not columns:
        return ""
    part = value_text(columns / figures["alignment_columns"], "percent")
    return (
        f" {figures['long_gaps']:,} gaps of 50 or more bases ({part} of all columns) may be differences "
        "between sample and reference: they count in identity and rates, but not in the charts of "
        "substitutions, 3-mers, run lengths and quality."
    )


def _explained(table: Table) -> Table:
    """The table with a column that says what each figure is."""
    rows = tuple((*row, MEANING[row[0]]) for row in table.rows)
    return Table((*table.columns, "meaning"), rows, align="lrrrl")


def _made(figures: Mapping[str, Any], command: str) -> dict[str, str]:
    bootstrap = figures["bootstrap"]
    intervals = (
        f"{100 * bootstrap['level']:g}%, percentile bootstrap over reads, "
        f"{bootstrap['resamples']} resamples, seed {bootstrap['seed']}"
    )
    return {
        "command": command,
        "calls": figures["calls"],
        "reference": figures["reference"],
        "lexome": figures["lexome_version"],
        "aligner": figures["aligner"],
        "intervals": intervals,
    }


def _percent(figures: Mapping[str, Any], name: str) -> str:
    return "none" if figures[name] is None else value_text(figures[name], "percent")


def _interval(figures: Mapping[str, Any], name: str) -> str:
    text = interval_text(figures["intervals"].get(name), "percent")
    return f"95%: {text}" if text else "no interval"


def _cards(figures: Mapping[str, Any]) -> Cards:
    low, high = figures["identity_p10"], figures["identity_p90"]
    most = "none" if low is None else f"{100 * low:.1f}–{100 * high:.1f}%"
    aligned = (
        "none" if not figures["bases"] else value_text(figures["mapped_bases"] / figures["bases"], "percent")
    )
    all_reads = "identity_mean_all_reads"
    return Cards(
        (
            Card(
                "Median identity", _percent(figures, "identity_median"), _interval(figures, "identity_median")
            ),
            Card("Mean, unmapped as 0", _percent(figures, all_reads), _interval(figures, all_reads)),
            Card("Middle 80% of reads", most, "10th to 90th percentile"),
            Card(
                "Reads mapped",
                _percent(figures, "mapped_fraction"),
                f"{figures['mapped']:,} of {figures['reads']:,}",
            ),
            Card("Bases aligned", aligned, f"of {figures['bases']:,} called"),
            Card("Median coverage", _percent(figures, "coverage_median"), "of a read, by alignment"),
        )
    )
