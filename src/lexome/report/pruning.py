"""Tables and the page of `lexome compress prune`, from plain values."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lexome.report.axes import Axis, nice_range
from lexome.report.page import Figure, Figures, Prose, Section, write_page
from lexome.report.panels import Panel, Points, scatter
from lexome.report.tables import Table

COLUMNS = (
    "", "parameters", "not zero", "of layers", "bytes", "compressed", "MAC/sample", "label identity",
)  # fmt: skip


def pruning_table(figures: Mapping[str, Any]) -> Table:
    """A model before and after pruning, and after training."""
    caption = f"{figures['model']}, {_kind(figures)}"
    return Table(COLUMNS, tuple(_row(one["stage"], one) for one in figures["stages"]), caption)


def curve_table(figures: Mapping[str, Any]) -> Table:
    """A model pruned to several sparsities: before, and the last stage of each."""
    points = figures["points"]
    rows = [_row("before", points[0]["stages"][0])]
    rows += [
        _row(f"{point['sparsity']:g}, {point['stages'][-1]['stage']}", point["stages"][-1])
        for point in points
    ]
    return Table(COLUMNS, tuple(rows), f"{figures['model']}, {_kind(figures)}")


def _kind(figures: Mapping[str, Any]) -> str:
    return "whole units" if figures["structured"] else "single weights"


def _row(name: str, one: Mapping[str, Any]) -> tuple[str, ...]:
    macs, identity = one["macs_per_sample"], one["label_identity"]
    return (
        name,
        f"{one['parameters']:,}",
        f"{one['nonzero']:,}",
        f"{one['layer_nonzero'] / one['layer_weights']:.1%}",
        f"{one['dense_bytes']:,}",
        f"{one['compressed_bytes']:,}",
        "-" if macs is None else f"{macs:,.0f}",
        "-" if identity is None else f"{identity:.2%}",
    )


def write_curve_page(path: Path, figures: Mapping[str, Any], *, command: str) -> None:
    """Writes the page of a sweep: identity against sparsity and against size, and the table.

    Args:
        path: the HTML file.
        figures: what curve.json holds.
        command: how it was made.

    Raises:
        LexomeError: if the file cannot be written.
    """
    blocks = [Figures(tuple(drawn))] if (drawn := _figures(figures)) else []
    text = (
        "The identity is that of the calls of validation chunks with their labels. Compressed: one bit for "
        "every number and the numbers that are not zero, through zlib. The operations of single weights that "
        "are zero are still done."
    )
    sections = [
        Section("Identity against sparsity and size", [*blocks, Prose(text)]),
        Section("Figures", [curve_table(figures)]),
        Section("How this was made", [Prose(command)]),
    ]
    write_page(path, f"Pruning of {figures['model']}", sections, subtitle=_kind(figures))


def _figures(figures: Mapping[str, Any]) -> list[Figure]:
    points = figures["points"]
    if points[0]["stages"][0]["label_identity"] is None:
        return []
    before = points[0]["stages"][0]
    names = list(dict.fromkeys(stage["stage"] for point in points for stage in point["stages"][1:]))
    found = []
    for title, label, of in (
        ("Identity against sparsity", "weights that are gone", "sparsity"),
        ("Identity against size", "compressed bytes", "compressed_bytes"),
    ):
        series = []
        for name in names:
            stages = [(p, s) for p in points for s in p["stages"] if s["stage"] == name]
            across = [_gone(stage, before) if of == "sparsity" else stage[of] for _, stage in stages]
            series.append(Points(name, across, [s["label_identity"] for _, s in stages], is_joined=True))
        start = 0.0 if of == "sparsity" else before[of]
        series.append(Points("before", [start], [before["label_identity"]], ("before",), is_hollow=True))
        across, up = [v for one in series for v in one.x], [v for one in series for v in one.y]
        style = "percent" if of == "sparsity" else "count"
        x = Axis(label, *nice_range(min(across), max(across)), style)
        y = Axis("label identity", *nice_range(min(up), max(up)), "percent")
        found.append(Figure(title, scatter(Panel(title, x, y, series), title)))
    return found


def _gone(stage: Mapping[str, Any], before: Mapping[str, Any]) -> float:
    return 1 - stage["nonzero"] / before["nonzero"]
