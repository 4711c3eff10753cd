"""Axes of the charts: where a value stands, which ticks to draw, and the frame around a plot.

Charts are inline SVG written here, not by a plotting library: a page of them weighs some tens of kilobytes
and can be mailed, where an embedded plotly.js alone takes over four megabytes. Colours come from the page's
style sheet through classes, so one drawing serves light and dark.
"""

import math
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 520, 300
LEFT, RIGHT, TOP, BOTTOM = 62, 16, 22, 46
PLOT_WIDTH, PLOT_HEIGHT = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM


@dataclass(frozen=True)
class Axis:
    """One axis: its label, its range, and how its numbers are written.

    `style` is `number`, `percent` (0.9 is written 90%) or `count` (12000 is written 12k). A `log` axis needs
    `low` above 0.
    """

    label: str
    low: float
    high: float
    style: str = "number"
    log: bool = False

    def __post_init__(self) -> None:
        if not self.low < self.high or (self.log and self.low <= 0):
            raise ValueError(f"axis '{self.label}' cannot run from {self.low} to {self.high}")

    def place(self, value: float) -> float:
        """Where a value stands: 0 at the low end, 1 at the high end; beyond them it is clamped."""
        low, high = self.low, self.high
        if self.log:
            value, low, high = math.log10(max(value, self.low)), math.log10(low), math.log10(high)
        return min(1.0, max(0.0, (value - low) / (high - low)))

    def ticks(self) -> list[float]:
        """Round values inside the range, about five."""
        if self.log:
            decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            steps = (1,) if math.log10(self.high / self.low) > 3 else (1, 2, 5)
            values = [step * 10.0**decade for decade in decades for step in steps]
        else:
            step = nice_step((self.high - self.low) / 5)
            first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
            values = [round(i * step, 12) for i in range(first, last + 1)]
        slack = 1e-9 * (self.high - self.low)
        return [value for value in values if self.low - slack <= value <= self.high + slack]

    def text(self, value: float) -> str:
        """A value as this axis writes it."""
        if self.style == "percent":
            return f"{round(100 * value, 6):g}%"
        if self.style == "count":
            for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
                if abs(value) >= size:
                    return f"{value / size:g}{letter}"
        return f"{value:g}"


def nice_step(size: float) -> float:
    """The round number (1, 2 or 5 times a power of ten) nearest above `size`."""
    power = 10.0 ** math.floor(math.log10(size))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= size * (1 - 1e-9))


def nice_range(low: float, high: float) -> tuple[float, float]:
    """Widens a range to round ends; a range of no width gets one."""
    if high - low <= 1e-9 * max(abs(low), abs(high), 1.0):
        low, high = low - max(abs(low), 1.0) * 0.05, high + max(abs(high), 1.0) * 0.05
    step = nice_step((high - low) / 5)
    return round(math.floor(low / step + 1e-9) * step, 12), round(math.ceil(high / step - 1e-9) * step, 12)


def number(value: float) -> str:
    """A coordinate, as short as a tenth of a pixel allows."""
    return f"{value:.1f}".removesuffix(".0")


def x_at(axis: Axis, value: float) -> float:
    """Horizontal position of a value in the drawing."""
    return LEFT + PLOT_WIDTH * axis.place(value)


def y_at(axis: Axis, value: float) -> float:
    """Vertical position of a value in the drawing (up is more)."""
    return TOP + PLOT_HEIGHT * (1.0 - axis.place(value))


def label(
    x: float, y: float, text: str, *, anchor: str = "middle", style: str = "tick", turn: bool = False
) -> str:
    """A piece of text in a drawing; `turn` sets it upright along the vertical axis."""
    rotate = f' transform="rotate(-90 {number(x)} {number(y)})"' if turn else ""
    place = f'x="{number(x)}" y="{number(y)}" text-anchor="{anchor}"{rotate}'
    return f'<text class="{style}" {place}>{escape(text)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, style: str) -> str:
    """A straight line in a drawing."""
    ends = " ".join(
        f'{name}="{number(value)}"' for name, value in (("x1", x1), ("y1", y1), ("x2", x2), ("y2", y2))
    )
    return f'<line class="{style}" {ends}/>'


def frame(x: Axis, y: Axis, *, x_ticks: bool = True) -> str:
    """Grid lines, tick labels and axis labels of a plot."""
    right, bottom = LEFT + PLOT_WIDTH, TOP + PLOT_HEIGHT
    parts = []
    for value in y.ticks():
        at = y_at(y, value)
        parts.append(line(LEFT, at, right, at, "grid"))
        parts.append(label(LEFT - 8, at + 4, y.text(value), anchor="end"))
    if x_ticks:
        for value in x.ticks():
            at = x_at(x, value)
            parts.append(line(at, bottom, at, bottom + 4, "axis"))
            parts.append(label(at, bottom + 18, x.text(value)))
    parts.append(line(LEFT, bottom, right, bottom, "axis"))
    parts.append(label(LEFT + PLOT_WIDTH / 2, HEIGHT - 8, x.label, style="name"))
    parts.append(label(14, TOP + PLOT_HEIGHT / 2, y.label, style="name", turn=True))
    return "".join(parts)


def drawing(body: str, description: str, height: float = HEIGHT) -> str:
    """Wraps the parts of a chart into one inline SVG; `description` is read aloud by a screen reader."""
    view = f'viewBox="0 0 {WIDTH} {number(height)}"'
    return f'<svg class="chart" {view} role="img" aria-label="{escape(description)}">{body}</svg>'
