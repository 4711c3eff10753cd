"""Plots of named points and lines, for a page (`scatter`) and for a picture (`picture.write_png`)."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from lexome.report.axes import (
    LEFT,
    PLOT_HEIGHT,
    PLOT_WIDTH,
    TOP,
    Axis,
    drawing,
    frame,
    label,
    line,
    number,
    x_at,
    y_at,
)
from lexome.report.labels import Box, place_labels

LETTER, LINE = 6.4, 14.0  # width of a letter and height of a line of the page's small text, pixels
_RADIUS = 4.5
_BEAD = 3.0  # half the width of the squares by which lines are avoided


@dataclass(frozen=True)
class Points:
    """Points of one colour, in drawing order.

    Attributes:
        name: of the series; may be empty.
        x: of every point; the same number of `y`.
        y: likewise.
        labels: a name for every point, or none at all.
        intervals: (low, high) in y of every point, None where there is none; or none at all.
        is_joined: they are joined by a line.
        is_hollow: they are rings.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    labels: Sequence[str] = ()
    intervals: Sequence[tuple[float, float] | None] = ()
    is_joined: bool = False
    is_hollow: bool = False

    def __post_init__(self) -> None:
        for what in (self.y, self.labels or self.x, self.intervals or self.x):
            if len(what) != len(self.x):
                raise ValueError(f"series '{self.name}': {len(what)} values for {len(self.x)} points")

    def label_of(self, number: int) -> str:
        """The name of a point, empty without one."""
        return self.labels[number] if self.labels else ""

    def interval_of(self, number: int) -> tuple[float, float] | None:
        """The interval of a point."""
        return self.intervals[number] if self.intervals else None


@dataclass(frozen=True)
class Panel:
    """One plot: a title, two axes and its series, coloured in their order."""

    title: str
    x: Axis
    y: Axis
    series: Sequence[Points]


def scatter(panel: Panel, description: str) -> str:
    """A panel as inline SVG, in the style of the reports; its title is left to the page."""
    x, y = panel.x, panel.y
    parts, dots, names = [frame(x, y)], [], []
    places: list[tuple[float, float]] = []
    avoid: list[Box] = []
    for index, one in enumerate(panel.series):
        colour = index % 4 + 1
        at = [(x_at(x, a), y_at(y, b)) for a, b in zip(one.x, one.y, strict=True)]
        if one.is_joined and len(at) > 1:
            path = "L".join(f"{number(a)} {number(b)}" for a, b in at)
            parts.append(f'<path class="l{colour}" d="M{path}"/>')
            avoid += [box for ends in zip(at, at[1:], strict=False) for box in beads(*ends)]
        for i, (across, up) in enumerate(at):
            if interval := one.interval_of(i):
                low, high = (y_at(y, value) for value in interval)
                parts.append(line(across, high, across, low, "whisker"))
                avoid.append(Box(across - 1, high, across + 1, low))
            dots.append(_dot(one, i, across, up, colour, panel))
        places += at
        names += [one.label_of(i) for i in range(len(at))]
    sizes = [(LETTER * len(name), LINE if name else 0.0) for name in names]
    inside = Box(LEFT, TOP, LEFT + PLOT_WIDTH, TOP + PLOT_HEIGHT)
    found = place_labels(places, sizes, inside, avoid=avoid, radius=_RADIUS)
    for name, (across, up), place in zip(names, places, found, strict=True):
        if not name:
            continue
        box, middle = place.box, (place.box.top + place.box.bottom) / 2
        if place.is_far:
            near = box.left if box.left > across else box.right
            parts.append(line(across, up, near, middle, "axis"))
        parts.append(label(box.left, middle + 4, name, anchor="start", style="note"))
    return drawing("".join(parts + dots), description)


def _dot(one: Points, i: int, across: float, up: float, colour: int, panel: Panel) -> str:
    style = "l" if one.is_hollow else "c"
    said = f"{panel.x.text(float(f'{one.x[i]:.3g}'))}, {panel.y.text(float(f'{one.y[i]:.4g}'))}"
    title = f"{one.label_of(i) or one.name}: {said}"
    place = f'cx="{number(across)}" cy="{number(up)}" r="{number(_RADIUS)}"'
    return f'<circle class="{style}{colour}" {place}><title>{escape(title)}</title></circle>'


def beads(start: tuple[float, float], end: tuple[float, float]) -> Iterator[Box]:
    """Small boxes along a line, for what should not cover it."""
    length = math.dist(start, end)
    steps = max(1, round(length / (2 * _BEAD)))
    for step in range(steps + 1):
        x, y = (a + (b - a) * step / steps for a, b in zip(start, end, strict=True))
        yield Box(x - _BEAD, y - _BEAD, x + _BEAD, y + _BEAD)
