"""The report of `lexome evaluate layers`: a table, and a page with the layers one under the other."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lexome.report.axes import WIDTH, Axis, drawing, label, line, nice_range, number
from lexome.report.page import Card, Cards, Facts, Figure, Figures, Section, write_page
from lexome.report.similarity import layer_name
from lexome.report.tables import Table

LEFT, RIGHT = 10, 8
BASES_HEIGHT, ROW, GAP = 26, 58, 22
LETTER = 8.0  # pixels of a base
STROKE = 1.3


def layer_outputs_tables(figures: Mapping[str, Any]) -> tuple[Table]:
    """How much of what each layer gives its first components hold."""
    count = max(len(layer["explained"]) for layer in figures["layers"])
    rows = []
    for layer in figures["layers"]:
        parts = [f"{100 * part:.1f}%" for part in layer["explained"]]
        rows.append(
            (
                layer_name(layer["name"]),
                str(layer["features"]),
                f"{layer['samples_per_position']:g}",
                *parts,
                *[""] * (count - len(parts)),
                f"{100 * sum(layer['explained']):.1f}%",
            )
        )
    head = ("layer", "features", "samples", *(f"component {n}" for n in range(1, count + 1)), "together")
    caption = (
        f"Variance of the outputs of {figures['name']} along their principal components, {_fitted(figures)}"
    )
    return (Table(head, tuple(rows), caption),)


def _fitted(figures: Mapping[str, Any]) -> str:
    reads = "the read" if figures["fitted_reads"] == 1 else f"{figures['fitted_reads']} reads"
    return f"fitted on {figures['fitted_samples']:,} samples of {reads}"


def write_layer_outputs_page(path: Path, figures: Mapping[str, Any], *, command: str) -> None:
    """Writes the page of one stretch.

    Args:
        path: the HTML file.
        figures: what `--json` writes.
        command: the command line that made it.

    Raises:
        LexomeError: if the file cannot be written.
    """
    caption = (
        "From above: the called bases at the steps that call them, the normalised signal, and of each layer "
        f"the coordinates on its first principal components ({_fitted(figures)}), every row with a scale of "
        "its own. Components of different layers have nothing to do with each other."
    )
    picture = Figure("Layer by layer", stacked(figures), caption)
    sections = [
        Section("", [_cards(figures)]),
        Section("Along the read", [Figures((picture,))]),
        Section("Explained variance", [layer_outputs_tables(figures)[0]]),
        Section("How this was made", [Facts(_made(figures, command))]),
    ]
    write_page(path, "What the layers make of a read", sections, subtitle=figures["name"])


def stacked(figures: Mapping[str, Any]) -> str:
    """The drawing: bases, signal and layers over one axis of samples."""
    x = Axis("sample of the read", figures["start"], figures["start"] + figures["samples"])
    rows = [("signal", [_points(figures["signal"], figures["start"], 1.0)])]
    for layer in figures["layers"]:
        step, first = layer["samples_per_position"], layer["first_sample"]
        name = f"{layer_name(layer['name'])}, {100 * sum(layer['explained']):.0f}% of the variance"
        rows.append((name, [_points(values, first, step) for values in layer["components"]]))
    bottom = BASES_HEIGHT + len(rows) * (ROW + GAP)
    parts = [_bases(figures, x, bottom)]
    for n, (name, curves) in enumerate(rows):
        parts.append(_row(name, curves, x, BASES_HEIGHT + n * (ROW + GAP)))
    parts.append(line(LEFT, bottom, WIDTH - RIGHT, bottom, "axis"))
    for value in x.ticks():
        parts.append(line(_across(x, value), bottom, _across(x, value), bottom + 4, "axis"))
        parts.append(label(_across(x, value), bottom + 18, f"{value:g}"))
    parts.append(label(WIDTH / 2, bottom + 36, x.label, style="name"))
    return drawing("".join(parts), "Signal, outputs of the layers and called bases", height=bottom + 44)


Points = Sequence[tuple[float, float]]


def _points(values: Sequence[float], first: float, step: float) -> Points:
    return [(first + n * step, value) for n, value in enumerate(values)]


def _across(x: Axis, value: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * x.place(value)


def _bases(figures: Mapping[str, Any], x: Axis, bottom: float) -> str:
    """A line at every call, and the letter above it where there is room."""
    parts, free = [], float("-inf")
    for base, sample in figures["bases"]:
        at = _across(x, sample)
        parts.append(line(at, BASES_HEIGHT - 8, at, bottom, "grid"))
        if at >= free:
            parts.append(label(at, BASES_HEIGHT - 11, base, style="value"))
            free = at + LETTER
    return "".join(parts)


def _row(name: str, curves: Sequence[Points], x: Axis, top: float) -> str:
    values = [value for curve in curves for _, value in curve]
    y = Axis("", *nice_range(min(values), max(values)))
    parts = [label(LEFT, top + 12, name, anchor="start", style="note")]
    for n, curve in enumerate(curves):
        places = (
            f"{number(_across(x, at))} {number(top + GAP - 4 + ROW * (1 - y.place(value)))}"
            for at, value in curve
        )
        parts.append(f'<path class="l{n % 4 + 1}" style="stroke-width:{STROKE}" d="M{"L".join(places)}"/>')
    return "".join(parts)


def _cards(figures: Mapping[str, Any]) -> Cards:
    together = {layer["name"]: sum(layer["explained"]) for layer in figures["layers"]}
    least = min(together, key=lambda name: together[name])
    cards = [
        Card("Stretch", f"{figures['samples']:,}", f"samples from sample {figures['start']:,} on"),
        Card("Called there", str(len(figures["bases"])), "bases"),
        Card("Layers", str(len(figures["layers"]))),
        Card("Least explained", f"{100 * together[least]:.0f}%", layer_name(least)),
    ]
    return Cards(tuple(cards))


def _made(figures: Mapping[str, Any], command: str) -> dict[str, str]:
    return {
        "command": command,
        "model": figures["model"],
        "read": f"{figures['read_id']}, {figures['read_samples']:,} samples",
        "components": _fitted(figures),
        "lexome": figures["lexome_version"],
    }
