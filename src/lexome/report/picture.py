"""Panels as a PNG, for papers and slides; drawn by matplotlib, which is an extra and loaded only here."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lexome.core.errors import LexomeError, UsageError
from lexome.io.partial import partial_of
from lexome.report.axes import Axis
from lexome.report.labels import Box, place_labels
from lexome.report.panels import Panel, Points, beads

COLOURS = ("#1f6f8b", "#d1762b", "#5b8c3e", "#8a4f9e")  # c1 to c4 of the pages, on light ground
INK, SOFT, FAINT = "#1c2126", "#5c6670", "#e4e5e1"
PANEL_INCHES = (6.0, 4.2)
DPI = 200
_POINTS = 72.0  # typographic points per inch, in which names are placed
_RADIUS = 3.5


def check_can_draw() -> None:
    """Says before long work that there could be no picture of it.

    Raises:
        UsageError: if matplotlib is not installed.
    """
    if find_spec("matplotlib") is None:
        raise UsageError("a PNG needs matplotlib, which is not installed; pip install lexome[figures]")


def write_png(path: Path, panels: Sequence[Panel], *, title: str = "", dpi: int = DPI) -> None:
    """Writes panels side by side; the same ones give the same bytes with the same matplotlib.

    Args:
        path: the PNG file; written whole or not at all.
        panels: one or more.
        title: above all of them.
        dpi: pixels per inch; a panel is 6 inches wide and 4.2 high.

    Raises:
        UsageError: if matplotlib is not installed.
        LexomeError: if the file cannot be written.
    """
    check_can_draw()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    width, height = PANEL_INCHES[0] * len(panels), PANEL_INCHES[1] + (0.35 if title else 0.0)
    figure = Figure(figsize=(width, height), dpi=dpi)
    canvas = FigureCanvasAgg(figure)
    for number, panel in enumerate(panels):
        left, bottom = PANEL_INCHES[0] * number + 0.8, 0.65
        place = (left / width, bottom / height, (PANEL_INCHES[0] - 1.05) / width, 3.1 / height)
        _draw(figure.add_axes(place), panel, canvas.get_renderer())
    if title:
        figure.suptitle(title, x=0.8 / width, ha="left", color=INK, fontsize=13, parse_math=False)
    partial = partial_of(path)
    try:
        figure.savefig(partial, format="png", metadata={"Software": None})
        partial.replace(path)
    except OSError as error:
        raise LexomeError(f"{path}: cannot be written ({error.strerror or error})") from error


def _draw(axes: Any, panel: Panel, renderer: Any) -> None:
    """Draws a panel into a matplotlib axes."""
    axes.set_title(panel.title, loc="left", fontsize=11, color=INK, parse_math=False)
    for side, axis in ((axes.xaxis, panel.x), (axes.yaxis, panel.y)):
        _set_axis(side, axis)
    axes.set_xlim(panel.x.low, panel.x.high)
    axes.set_ylim(panel.y.low, panel.y.high)
    axes.grid(axis="y", color=FAINT, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(colors=SOFT, labelsize=9)
    axes.tick_params(axis="y", length=0)  # the grid lines say it
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(SOFT)
    for index, one in enumerate(panel.series):
        _draw_series(axes, one, COLOURS[index % len(COLOURS)])
    _draw_names(axes, panel, renderer)
    if sum(bool(one.name) for one in panel.series) > 1:
        legend = axes.legend(loc="best", fontsize=8, frameon=False, labelcolor=INK)
        for text in legend.get_texts():
            text.set_parse_math(False)


def _set_axis(side: Any, axis: Axis) -> None:
    from matplotlib.ticker import NullLocator

    side.axes.set(**{f"{side.axis_name}scale": "log" if axis.log else "linear"})
    side.set_minor_locator(NullLocator())
    ticks = axis.ticks()
    side.set_ticks(ticks, [axis.text(value) for value in ticks])
    side.set_label_text(axis.label, fontsize=10, color=SOFT, parse_math=False)


def _draw_series(axes: Any, one: Points, colour: str) -> None:
    for i, x in enumerate(one.x):
        if interval := one.interval_of(i):
            axes.plot([x, x], interval, color=INK, linewidth=1.0, zorder=2)
    axes.plot(
        one.x,
        one.y,
        marker="o",
        markersize=2 * _RADIUS,
        markerfacecolor="none" if one.is_hollow else colour,
        markeredgecolor=colour,
        markeredgewidth=1.4,
        color=colour,
        linestyle="-" if one.is_joined else "none",
        linewidth=1.4,
        label=one.name or "_",
        zorder=3,
    )


def _draw_names(axes: Any, panel: Panel, renderer: Any) -> None:
    """Writes the names of points where they cover nothing; all in typographic points, y downwards."""
    scale = _POINTS / axes.figure.dpi
    extent = axes.get_window_extent()
    width, height = extent.width * scale, extent.height * scale
    texts, places, avoid = [], [], []
    for one in panel.series:
        at = [
            (width * panel.x.place(x), height * (1 - panel.y.place(y)))
            for x, y in zip(one.x, one.y, strict=True)
        ]
        if one.is_joined:
            avoid += [box for ends in zip(at, at[1:], strict=False) for box in beads(*ends)]
        for i, (x, y) in enumerate(at):
            if interval := one.interval_of(i):
                low, high = (height * (1 - panel.y.place(value)) for value in interval)
                avoid.append(Box(x - 1, high, x + 1, low))
            places.append((x, y))
            texts.append(axes.text(0, 0, one.label_of(i), fontsize=8.5, color=INK, parse_math=False))
    sizes = [_size(text, renderer, scale) for text in texts]
    found = place_labels(places, sizes, Box(0, 0, width, height), avoid=avoid, radius=_RADIUS)
    for text, (x, y), place in zip(texts, places, found, strict=True):
        box, middle = place.box, (place.box.top + place.box.bottom) / 2
        text.set(transform=axes.transAxes, position=(box.left / width, 1 - middle / height), va="center")
        if place.is_far:
            near = box.left if box.left > x else box.right
            ends = [x / width, near / width], [1 - y / height, 1 - middle / height]
            axes.plot(*ends, transform=axes.transAxes, color=SOFT, linewidth=0.6, zorder=1)


def _size(text: Any, renderer: Any, scale: float) -> tuple[float, float]:
    if not text.get_text():
        return 0.0, 0.0
    extent = text.get_window_extent(renderer)
    return extent.width * scale, extent.height * scale
