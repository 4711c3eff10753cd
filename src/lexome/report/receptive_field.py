"""The report of `lexome evaluate receptive-field`: tables and a page with curves, from plain values."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lexome.report.axes import Axis
from lexome.report.charts import Series, lines
from lexome.report.page import Card, Cards, Facts, Figure, Figures, Prose, Section, write_page
from lexome.report.panels import Panel, Points
from lexome.report.picture import write_png
from lexome.report.similarity import layer_name
from lexome.report.tables import Table

FLOOR = 1e-4  # of the largest mass: the lower end of the curves
ZOOM = 32  # positions to either side, in the curves of single layers
MOST_POINTS = 600
NEAR, MOST_SERIES, MOST_MARKERS = 12, 4, 50  # of a picture
CUT_OFF = 0.01  # of the mass at the edge: more than that says that the window is too short


def receptive_field_tables(figures: Mapping[str, Any]) -> tuple[Table, Table]:
    """What the scores depend on at every layer's input, and what every layer itself looks at."""
    name = figures["name"]
    return (
        _table(figures["layers"], "scores", f"Gradients of the scores of {name}, by input"),
        _table(
            [layer for layer in figures["layers"] if layer["own"] is not None], "own",
            "Gradients of each layer's own output with respect to its input",
        ),
    )  # fmt: skip


def _table(layers: Sequence[Mapping[str, Any]], key: str, caption: str) -> Table:
    head = (
        "input of", "samples", "above 10%", "above 1%", "50% of mass", "90%", "99%", "before", "after",
        "at edge", "50% untrained",
    )  # fmt: skip
    rows = []
    for layer in layers:
        field, untrained = layer[key], layer[f"untrained_{key}"]
        if field is None:
            rows.append((_shown(layer), str(layer["samples_per_position"]), *["-"] * (len(head) - 2)))
            continue
        rows.append(
            (
                _shown(layer),
                str(layer["samples_per_position"]),
                *(_span(one) for one in field["above"]),
                *(_width(one) for one in field["spans"]),
                f"{100 * field['before']:.0f}%",
                f"{100 * field['after']:.0f}%",
                f"{100 * field['at_edge']:.1f}%",
                "-" if untrained is None else str(untrained["spans"][0]["width"]),
            )
        )
    return Table(head, tuple(rows), caption)


def _shown(layer: Mapping[str, Any]) -> str:
    return layer_name(layer["input_of"])


def _span(one: Mapping[str, Any]) -> str:
    return f"{one['first']:+d} to {one['last']:+d}"


def _width(one: Mapping[str, Any]) -> str:
    interval = one["width_interval"]
    return str(one["width"]) + (f" ({interval[0]:.0f}–{interval[1]:.0f})" if interval else "")


def write_receptive_field_page(path: Path, figures: Mapping[str, Any], *, command: str) -> None:
    """Writes the page of one network.

    Args:
        path: the HTML file.
        figures: what `--json` writes.
        command: the command line that made it.

    Raises:
        LexomeError: if the file cannot be written.
    """
    of_scores, own = receptive_field_tables(figures)
    sections = [
        Section("", [_cards(figures)]),
        Section("What the scores depend on", [_overview(figures), of_scores], lead=_LEAD),
        Section("What each layer looks at", [_own_curves(figures), own], lead=_OWN),
        Section("How this was made", [*_warning(figures), Facts(_made(figures, command))]),
    ]
    write_page(path, "How far a network looks", sections, subtitle=figures["name"])


_LEAD = (
    "The length of the gradient of one step's scores with respect to what lies so many positions before "
    "(below 0) or behind the step, averaged over steps, reads and random directions in the space of the "
    "scores. Spans of the mass are the shortest runs of positions that hold so much of it; they grow with "
    "the window where the curve has a long tail. 'Above 10%' of the largest does not. Intervals (95%) are "
    "from resampling reads."
)
_OWN = (
    "The same of each layer by itself: its output at one step with respect to its own input, in its own "
    "positions. Untrained: the same network with the weights that training begins with."
)


def _cards(figures: Mapping[str, Any]) -> Cards:
    field = figures["layers"][0]["scores"]
    cards = [
        Card("Half of the mass within", f"{field['spans'][0]['width']:,}", "samples of the signal"),
        Card("Above 10% of the largest", _span(field["above"][0]), "samples from the step"),
        Card("Above 1%", _span(field["above"][1]), "samples from the step"),
        Card("At the edge", f"{100 * field['at_edge']:.1f}%", "of the mass in the outer tenth of the window"),
        Card("Steps looked at", f"{figures['windows']:,}", f"of {figures['reads']:,} reads"),
    ]
    return Cards(tuple(cards))


def _overview(figures: Mapping[str, Any]) -> Figures:
    signal = figures["layers"][0]
    far, near = figures["window_samples"] // 2, 20 * figures["samples_per_step"]
    drawn = [
        _curves(signal, "profile", min(reach, far), title, "samples from the step")
        for title, reach in (("Signal, near the step", near), ("Signal, the whole window", far))
    ]
    return Figures(tuple(drawn))


def _own_curves(figures: Mapping[str, Any]) -> Figures:
    drawn = []
    for layer in figures["layers"]:
        if layer["own"] is None or layer["own"]["reached"][0] == layer["own"]["reached"][1]:
            continue  # what looks at one position has no curve
        unit = "samples" if layer["samples_per_position"] == 1 else "positions"
        drawn.append(_curves(layer, "own_profile", ZOOM, _shown(layer), f"{unit} from the step"))
    return Figures(tuple(drawn))


def _curves(layer: Mapping[str, Any], key: str, reach: int, title: str, unit: str) -> Figure:
    """Trained and untrained mass by offset, up to `reach` to either side."""
    first = layer["first_offset"]
    reach = min(reach, -first)
    series = []
    for name, profile in (("trained", layer[key]), ("untrained", layer[f"untrained_{key}"])):
        if profile is not None:
            inside = profile[-first - reach : -first + reach + 1]
            size = -(-len(inside) // MOST_POINTS)
            x, y = _drawn(*binned(list(range(-reach, -reach + len(inside))), inside, size))
            series.append(Series(name, x, y, markers=False))
    chart = lines(
        series, Axis(unit, -reach, reach), Axis("gradient, largest = 1", FLOOR, 1.0, log=True),
        description=f"{title}: gradient by distance from the step",
    )  # fmt: skip
    return Figure(title, chart)


def binned(x: Sequence[float], y: Sequence[float], size: int) -> tuple[list[float], list[float]]:
    """Means of so many neighbouring points, so that a curve of many thousand stays small."""
    groups = [slice(start, start + size) for start in range(0, len(x), size)]
    return [_mean(x[group]) for group in groups], [_mean(y[group]) for group in groups]


def _drawn(x: Sequence[float], y: Sequence[float]) -> tuple[Sequence[float], list[float]]:
    """Without the ends that are below the chart; within, what is below it lies on its floor."""
    above = [i for i, value in enumerate(y) if value >= FLOOR]
    kept = slice(above[0], above[-1] + 1) if above else slice(0, 0)
    return x[kept], [max(value, FLOOR) for value in y[kept]]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def receptive_field_panels(figures: Mapping[str, Any]) -> tuple[Panel, Panel]:
    """For a picture: the scores by sample of the signal, and up to four recurrent or other wide layers.

    Of the layers those that look farthest by "above 1%", in the order in which they run.
    """
    near = 20 * figures["samples_per_step"]
    wide = sorted(
        (layer for layer in figures["layers"] if layer["own"] is not None),
        key=lambda layer: _reach(layer) * layer["samples_per_position"],
        reverse=True,
    )[:MOST_SERIES]
    own = [_points(layer, "own_profile", NEAR, _shown(layer)) for layer in figures["layers"] if layer in wide]
    signal = figures["layers"][0]
    named = (("trained", "profile"), ("untrained", "untrained_profile"))
    both = [_points(signal, key, near, name) for name, key in named]
    y = Axis("gradient, largest = 1", FLOOR, 1.0, log=True)
    return (
        Panel("What the scores depend on", Axis("samples from the step", -near, near), y, both),
        Panel("What layers look at", Axis("positions from the step", -NEAR, NEAR), y, own),
    )


def _reach(layer: Mapping[str, Any]) -> int:
    above = layer["own"]["above"][-1]
    return max(-above["first"], above["last"])


def _points(layer: Mapping[str, Any], key: str, reach: int, name: str) -> Points:
    first = layer["first_offset"]
    inside = layer[key][max(0, -first - reach) : -first + reach + 1]
    x = [max(first, -reach) + n for n in range(len(inside))]
    size = -(-len(x) // MOST_MARKERS)
    x, y = _drawn(*binned(x, inside, size))
    return Points(name, x, y, is_joined=True)


def write_receptive_field_png(path: Path, figures: Mapping[str, Any]) -> None:
    """Writes the curves as a PNG.

    Raises:
        UsageError: if matplotlib is not installed.
        LexomeError: if the file cannot be written.
    """
    write_png(path, receptive_field_panels(figures), title=f"How far {figures['name']} looks")


def _warning(figures: Mapping[str, Any]) -> list[Prose]:
    said = []
    if figures["layers"][0]["scores"]["at_edge"] > CUT_OFF:
        said.append(
            "More than 1% of the mass lies in the outermost tenth of the window: the gradients reach beyond "
            "it, and the widths that hold 90% and 99% of the mass would be larger in a longer one (--reach)."
        )
    if figures["left_out"]:
        said.append(f"Left out, as they have no steps or no gradient: {', '.join(figures['left_out'])}.")
    return [Prose(text) for text in said]


def _made(figures: Mapping[str, Any], command: str) -> dict[str, str]:
    return {
        "command": command,
        "model": figures["model"],
        "reads": f"{figures['reads']}, another {figures['reads_too_short']} too short",
        "window": f"{figures['window_samples']} samples, the step in the middle",
        "seed": str(figures["seed"]),
        "lexome": figures["lexome_version"],
    }
