"""The page and the picture of `lexome bench speed`, one form for all subjects, from plain values."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from lexome.report.layer_speed_figures import (
    all_figures,
    baseline_text,
    derived_tables,
    group_table,
    left_out_table,
    speed_panels,
)
from lexome.report.page import Block, Card, Cards, Facts, Figure, Figures, Prose, Section, write_page
from lexome.report.panels import scatter
from lexome.report.picture import write_png
from lexome.report.tables import Table

BUSY_BELOW = 0.9  # a run in one thread that gets less of its core was disturbed


def speed_tables(figures: Mapping[str, Any]) -> list[Table]:
    """What is printed: the rates of all groups that are drawn, and what the subject derives from them."""
    groups = [group_table(group) for group in figures["groups"] if group["shown"]]
    left_out = left_out_table(figures["groups"])
    return [*groups, *derived_tables(figures), *([left_out] if left_out.rows else [])]


def write_speed_page(path: Path, figures: Mapping[str, Any], *, command: str) -> None:
    """Writes the page of a subject.

    Args:
        path: the HTML file.
        figures: what `<subject>.json` holds.
        command: how it was made.

    Raises:
        LexomeError: if the file cannot be written.
    """
    panels = [
        Figure(panel.title, scatter(panel, f"{panel.title}: {panel.y.label} by {panel.x.label}"))
        for panel in speed_panels(figures)
    ]
    left_out = left_out_table(figures["groups"])
    sections = [
        Section("", [*_cards(figures), Prose(figures["about"]), *_busy(figures)]),
        Section("Plots", [Figures(tuple(panels))] if panels else [], "Medians; both axes on a log scale."),
        *([Section("Derived", tables)] if (tables := derived_tables(figures)) else []),
        *(_group_section(group) for group in figures["groups"]),
        *([Section("Left out", [left_out])] if left_out.rows else []),
        Section("How this was measured", [Prose(_protocol(figures))]),
        Section("On what", [Facts(figures["machine"], mono=False)]),
        Section("How this was made", [Facts({"command": command, "lexome": figures["lexome_version"]})]),
    ]
    write_page(path, figures["title"], sections, subtitle=figures["source"])


def write_speed_png(path: Path, figures: Mapping[str, Any]) -> None:
    """Writes the plots of a subject as a picture; see `write_speed_page`."""
    # every line has its name at its end already
    panels = [
        replace(panel, series=[replace(one, name="") if any(one.labels) else one for one in panel.series])
        for panel in speed_panels(figures)
    ]
    write_png(path, panels)


def _cards(figures: Mapping[str, Any]) -> list[Block]:
    roof = figures.get("roof")
    if roof is None or roof["ridge_flop_per_byte"] is None:
        return []
    return [
        Cards(
            (
                Card("Best product", f"{roof['peak_gflop_per_s']:.3g}", "GFLOP per second, float32"),
                Card("Bandwidth", f"{1e-9 * roof['bytes_per_s']:.3g}", "GB per second, read and written"),
                Card("Ridge", f"{roof['ridge_flop_per_byte']:.3g}", "FLOP per byte"),
            )
        )
    ]


def _group_section(group: Mapping[str, Any]) -> Section:
    told = f"Ratios are to {baseline_text(group)}; above 1 is faster." + (
        f" {group['note']}" if group["note"] else ""
    )
    return Section(group["title"], [all_figures(group)], told)


def _busy(figures: Mapping[str, Any]) -> list[Block]:
    """A warning if runs of one thread did not get their core."""
    share = busy_share(figures)
    if share is None or share >= BUSY_BELOW:
        return []
    return [
        Prose(
            f"The machine did other work: of the core that a run was given it had {share:.0%}, in the median "
            "over all points. Ratios per CPU-second are the fairer figures here."
        )
    ]


def busy_share(figures: Mapping[str, Any]) -> float | None:
    """The part of one core that runs got, in the median over all points; None with more threads or a GPU."""
    points = [p for group in figures["groups"] for one in group["series"] for p in one["points"]]
    shares = sorted(p["cores"] for p in points if p["cores"] is not None)
    if figures["protocol"]["threads"] != 1 or not shares:
        return None
    return min(1.0, shares[len(shares) // 2])


def _protocol(figures: Mapping[str, Any]) -> str:
    protocol = figures["protocol"]
    timing, threads = protocol["timing"], protocol["threads"]
    return (
        f"On {protocol['device']}, {threads} {'thread' if threads == 1 else 'threads'}, float32 throughout. "
        f"After {timing['warm_ups']} warm-ups every point is repeated at least {timing['min_repeats']} times "
        f"and for {timing['min_s']:g} s; the median counts. A point that would take more than "
        f"{timing['max_s']:g} s, or more memory than half of what was free, is left out. Ratios per "
        "CPU-second divide by the time of the processor, of all threads together, which other work on the "
        "machine disturbs less."
    )
