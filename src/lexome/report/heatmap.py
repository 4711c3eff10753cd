"""A table of numbers as shaded cells, inline SVG (see `axes` for why): the larger, the darker.

Cells have the first colour of the page's style sheet, more or less of it, so one drawing serves light and
dark; every cell says its value when pointed at, and shows it where there is room.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from lexome.report.axes import WIDTH, drawing, label, number

_LETTER = 6.6  # pixels of one letter, on average
_RIGHT = 8.0
_SIDE = 20.0  # of the text along the rows
_LEFT = (40.0, 190.0)  # least and most room for the names of the rows
_ROW = (18.0, 34.0)  # least and most height of a row
_DARK = 0.7  # on a darker cell the page's background is what can be read


@dataclass(frozen=True)
class HeatMap:
    """What is drawn.

    Attributes:
        values: one list per row; None: an empty cell.
        rows: names of the rows, from top to bottom.
        columns: names of the columns; an empty one is not written.
        low: value of the lightest shade; what is below looks the same.
        high: value of the darkest.
        digits: behind the point, in the cells.
        across: what the columns are, written below them.
        down: what the rows are, written beside them.
    """

    values: Sequence[Sequence[float | None]]
    rows: Sequence[str]
    columns: Sequence[str]
    low: float = 0.0
    high: float = 1.0
    digits: int = 2
    across: str = ""
    down: str = ""

    def __post_init__(self) -> None:
        if len(self.values) != len(self.rows) or any(len(row) != len(self.columns) for row in self.values):
            raise ValueError("a heat map needs a name for every row and column")
        if not self.rows or not self.columns or not self.low < self.high:
            raise ValueError("a heat map needs a row, a column and a range")

    def shade(self, value: float) -> float:
        """0 for the lightest, 1 for the darkest."""
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))


def heat_map(drawn: HeatMap, description: str) -> str:
    """Draws a heat map.

    Args:
        drawn: the values and their names.
        description: is read aloud by a screen reader.
    """
    side = _SIDE if drawn.down else 0.0
    longest_row = _LETTER * max(len(name) for name in drawn.rows)
    left = side + min(_LEFT[1], max(_LEFT[0], longest_row + 12))
    width = (WIDTH - left - _RIGHT) / len(drawn.columns)
    height = min(_ROW[1], max(_ROW[0], width))
    shown = max(
        (len(f"{value:.{drawn.digits}f}") for row in drawn.values for value in row if value is not None),
        default=0,
    )
    has_room = width > _LETTER * shown + 4
    parts = []
    for r, (row, values) in enumerate(zip(drawn.rows, drawn.values, strict=True)):
        top = 4 + r * height
        parts.append(label(left - 8, top + height / 2 + 4, _cut(row), anchor="end"))
        for c, (column, value) in enumerate(zip(drawn.columns, values, strict=True)):
            if value is not None:
                name = f"{row}, {column}" if column else row
                parts.append(_cell(drawn, value, (left + c * width, top, width, height), name, has_room))
    below = 4 + height * len(drawn.rows)
    names, below = _column_names(drawn.columns, left, width, below)
    parts.append(names)
    if drawn.across:
        below += 20
        parts.append(label((left + WIDTH - _RIGHT) / 2, below, drawn.across, style="name"))
    if drawn.down:
        parts.append(label(12, 4 + height * len(drawn.rows) / 2, drawn.down, style="name", turn=True))
    return drawing("".join(parts), description, height=below + 6)


def _cell(
    drawn: HeatMap, value: float, box: tuple[float, float, float, float], name: str, has_room: bool
) -> str:
    x, y, width, height = box
    shade = drawn.shade(value)
    text = f"{value:.{drawn.digits}f}"
    place = (
        f'x="{number(x)}" y="{number(y)}" width="{number(width - 1)}" height="{number(height - 1)}" '
        f'fill-opacity="{0.04 + 0.96 * shade:.2f}"'
    )
    said = escape(f"{name}: {value:.{drawn.digits + 1}f}")
    parts = [f'<rect class="c1" {place}><title>{said}</title></rect>']
    if has_room:
        # the style sheet's colour of text is for light cells
        colour = ' style="fill:var(--panel)"' if shade > _DARK else ""
        at = f'x="{number(x + width / 2)}" y="{number(y + height / 2 + 4)}"'
        parts.append(
            f'<text class="value" pointer-events="none"{colour} text-anchor="middle" {at}>{text}</text>'
        )
    return "".join(parts)


def _column_names(names: Sequence[str], left: float, width: float, below: float) -> tuple[str, float]:
    """The names under the columns, upright where they do not fit, and where the next text may begin."""
    middle = [left + (c + 0.5) * width for c in range(len(names))]
    longest = _LETTER * max(len(_cut(name)) for name in names)
    numbered = sum(1 for name in names if name) < len(names)  # only some are written: ticks
    if longest + 6 < width or numbered:
        texts = [label(x, below + 15, name) for x, name in zip(middle, names, strict=True) if name]
        return "".join(texts), below + 18
    texts = [
        label(x + 4, below + 6, _cut(name), anchor="end", turn=True)
        for x, name in zip(middle, names, strict=True)
    ]
    return "".join(texts), below + 8 + longest


def _cut(name: str) -> str:
    """A name that fits the room there is at most; the cells say it in full."""
    most = int((_LEFT[1] - 12) / _LETTER)
    return name if len(name) <= most else f"…{name[1 - most :]}"
