"""The charts of a report, as inline SVG (see `axes` for why): plain numbers in, one string out.

A series is coloured by the classes c1 to c4 of the page's style sheet, in the order given.

Shapes: N values.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from jaxtyping import Float

from lexome.report.axes import (
    LEFT,
    PLOT_HEIGHT,
    PLOT_WIDTH,
    TOP,
    WIDTH,
    Axis,
    drawing,
    frame,
    label,
    line,
    nice_range,
    number,
    x_at,
    y_at,
)

_CELL = 4  # pixels of one cell where points are too many to draw one by one
_MOST_POINTS = 3000
_SHADES = 5


@dataclass(frozen=True)
class Series:
    """Points of one colour, in drawing order; `weight` (0 to 1 each) makes markers larger."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    weight: Sequence[float] | None = None
    markers: bool = True


@dataclass(frozen=True)
class Bar:
    """One bar: its name, its value, and its interval if it has one."""

    name: str
    value: float
    interval: tuple[float, float] | None = None


def histogram(
    values: Float[np.ndarray, " N"],
    x: Axis,
    *,
    counted: str,
    bins: int = 50,
    marks: Mapping[str, float] | None = None,
) -> str:
    """A histogram with named vertical marks (a median, say).

    Values outside the axis are counted in its first or last bin, so that the bars add up to N.

    Args:
        values: what is counted.
        x: the horizontal axis.
        counted: what one value is, in the plural ("reads").
        bins: number of bins.
        marks: name -> position of each mark.
    """
    counts, edges = np.histogram(np.clip(values, x.low, x.high), bins=bins, range=(x.low, x.high))
    y = Axis(counted, 0.0, nice_range(0.0, max(1.0, float(counts.max())))[1], "count")
    parts = [frame(x, y)]
    for n, low, high in zip(counts.tolist(), edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        if n:
            left, top = x_at(x, low), y_at(y, n)
            box = f'x="{number(left + 0.5)}" y="{number(top)}" width="{number(x_at(x, high) - left - 1)}"'
            title = f"{x.text(round(low, 6))} to {x.text(round(high, 6))}: {n} {counted}"
            parts.append(
                f'<rect class="c1" {box} height="{number(TOP + PLOT_HEIGHT - top)}">{_title(title)}</rect>'
            )
    for name, value in (marks or {}).items():
        at = x_at(x, value)
        side = "end" if x.place(value) > 0.5 else "start"
        parts.append(line(at, TOP, at, TOP + PLOT_HEIGHT, "mark"))
        parts.append(label(at + (-6 if side == "end" else 6), TOP + 11, name, anchor=side, style="note"))
    return drawing("".join(parts), f"Histogram of {x.label}, {len(values)} {counted}")


def bars(groups: Mapping[str, Sequence[Bar]], *, style: str = "percent", description: str) -> str:
    """Horizontal bars in groups, each with its value written beside it and its interval as a whisker.

    Bars of the same name have the same colour in every group. A group may have an empty name.
    """
    names = list(dict.fromkeys(bar.name for group in groups.values() for bar in group))
    everything = [bar for group in groups.values() for bar in group]
    top_value = max([1e-9, *(max(bar.value, *(bar.interval or (0.0,))) for bar in everything)])
    scale = Axis("", 0.0, top_value * 1.0, style)
    left, right = 150, WIDTH - 76
    parts, y = [], 10.0
    for group, members in groups.items():
        if group:
            parts.append(label(0, y + 12, group, anchor="start", style="name strong"))
            y += 24
        for bar in members:
            colour = names.index(bar.name) % 4 + 1 if len(groups) > 1 else 1
            width = max(1.0, (right - left) * scale.place(bar.value))
            shown = value_text(bar.value, style)
            said = f"{bar.name}: {shown}" + (
                f", 95% interval {interval_text(bar.interval, style)}" if bar.interval else ""
            )
            parts.append(label(left - 10, y + 15, bar.name, anchor="end", style="tick"))
            box = f'x="{left}" y="{number(y)}" width="{number(width)}" height="20" rx="2"'
            parts.append(f'<rect class="c{colour}" {box}>{_title(said)}</rect>')
            end = width
            if bar.interval:
                low, high = ((right - left) * scale.place(v) for v in bar.interval)
                parts.append(line(left + low, y + 10, left + high, y + 10, "whisker"))
                end = max(width, high)
            parts.append(label(left + end + 8, y + 15, shown, anchor="start", style="value"))
            y += 28
        y += 12
    return drawing("".join(parts), description, height=y)


def lines(series: Sequence[Series], x: Axis, y: Axis, *, diagonal: str = "", description: str) -> str:
    """Lines with markers, named at their right end; `diagonal` names a dashed line y = x."""
    parts = [frame(x, y)]
    if diagonal:
        low, high = max(x.low, y.low), min(x.high, y.high)
        parts.append(line(x_at(x, low), y_at(y, low), x_at(x, high), y_at(y, high), "mark"))
        near = low + 0.8 * (high - low)
        parts.append(label(x_at(x, near) - 10, y_at(y, near), diagonal, anchor="end", style="note"))
    for index, one in enumerate(series):
        colour = index % 4 + 1
        places = [(x_at(x, a), y_at(y, b)) for a, b in zip(one.x, one.y, strict=True)]
        path = "L".join(f"{number(a)} {number(b)}" for a, b in places)
        parts.append(f'<path class="l{colour}" d="M{path}"/>' if places else "")
        if one.markers:
            for i, (a, b) in enumerate(places):
                radius = 2.0 + 4.0 * one.weight[i] ** 0.5 if one.weight else 3.0
                title = f"{one.name} {x.text(one.x[i])}: {y.text(float(f'{one.y[i]:.4g}'))}".strip()
                parts.append(
                    f'<circle class="c{colour}" cx="{number(a)}" cy="{number(b)}" r="{number(radius)}">'
                    f"{_title(title)}</circle>"
                )
    parts.append(_legend([one.name for one in series]) if len(series) > 1 else "")
    return drawing("".join(parts), description)


def points(
    x_values: Float[np.ndarray, " N"],
    y_values: Float[np.ndarray, " N"],
    x: Axis,
    y: Axis,
    *,
    description: str,
) -> str:
    """A scatter plot; more than 3000 points become shaded cells, darker where more points fall."""
    across = np.array([x_at(x, v) for v in x_values.tolist()])
    up = np.array([y_at(y, v) for v in y_values.tolist()])
    body = _dots(across, up) if len(across) <= _MOST_POINTS else _cells(across, up)
    return drawing(frame(x, y) + body, description)


def _dots(across: np.ndarray, up: np.ndarray) -> str:
    """All points as one path of zero-length strokes with round ends: ten bytes a point."""
    path = "".join(f"M{number(a)} {number(b)}h0" for a, b in zip(across.tolist(), up.tolist(), strict=True))
    return f'<path class="dots" d="{path}"/>' if path else ""


def _cells(across: np.ndarray, up: np.ndarray) -> str:
    # what lies on the right or lower edge belongs to the last cell
    column = np.minimum((across - LEFT).astype(int), PLOT_WIDTH - 1) // _CELL
    row = np.minimum((up - TOP).astype(int), PLOT_HEIGHT - 1) // _CELL
    key, counts = np.unique(row * WIDTH + column, return_counts=True)
    shade = np.ceil(_SHADES * np.log1p(counts) / np.log1p(counts.max())).astype(int)
    parts = []
    for level in range(1, _SHADES + 1):
        cells = key[shade == level]
        path = "".join(
            f"M{LEFT + _CELL * (k % WIDTH)} {TOP + _CELL * (k // WIDTH)}h{_CELL}v{_CELL}h-{_CELL}z"
            for k in cells.tolist()
        )
        parts.append(f'<path class="c1 s{level}" d="{path}"/>' if path else "")
    return "".join(parts)


def _legend(names: Sequence[str]) -> str:
    parts, at = [], float(LEFT + PLOT_WIDTH)
    for index in reversed(range(len(names))):
        at -= 7.0 * len(names[index]) + 8
        parts.append(label(at, TOP - 8, names[index], anchor="start", style="note"))
        parts.append(f'<circle class="c{index % 4 + 1}" cx="{number(at - 9)}" cy="{TOP - 12}" r="4"/>')
        at -= 26
    return "".join(parts)


def _title(text: str) -> str:
    return f"<title>{escape(text)}</title>"


def value_text(value: float, style: str) -> str:
    """A value for a reader: three or so digits that mean something."""
    if style == "percent":
        return f"{100 * value:.2f}%"
    return f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def interval_text(interval: tuple[float, float] | None, style: str) -> str:
    """An interval for a reader, "89.01–90.46%"; empty without one."""
    if interval is None:
        return ""
    low, high = (value_text(value, style) for value in interval)
    return f"{low.removesuffix('%')}–{high}"
