"""Where the names of points go in a plot, so that they can be read: beside their point, not over another."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

STEPS = 12  # line heights that a name may be moved up or down to find room
_NAME, _POINT, _OUTSIDE, _FAR = 10.0, 3.0, 20.0, 0.05  # how bad it is to cover one, to stick out, to be away


@dataclass(frozen=True)
class Box:
    """A rectangle in a drawing; y grows downwards."""

    left: float
    top: float
    right: float
    bottom: float

    def overlap(self, other: "Box") -> float:
        """The area that two boxes share."""
        across = min(self.right, other.right) - max(self.left, other.left)
        down = min(self.bottom, other.bottom) - max(self.top, other.top)
        return across * down if across > 0 and down > 0 else 0.0

    @property
    def area(self) -> float:
        """Width times height."""
        return (self.right - self.left) * (self.bottom - self.top)


@dataclass(frozen=True)
class Placed:
    """A name's place: its box, and whether that is so far off that a line should lead to its point."""

    box: Box
    is_far: bool


def place_labels(
    points: Sequence[tuple[float, float]],
    sizes: Sequence[tuple[float, float]],
    frame: Box,
    *,
    avoid: Sequence[Box] = (),
    radius: float = 5.0,
) -> list[Placed]:
    """Finds a place for the name of every point, one after the other.

    The nearest place is taken that covers neither a name that stands already nor a point; if there is none,
    the one that covers least.

    Args:
        points: (x, y) of each.
        sizes: (width, height) of its name; a name without width is not drawn and takes no room.
        frame: what the names should stay inside of.
        avoid: what else they should not cover, such as lines; points matter more.
        radius: of the points.

    Returns:
        One place per point.
    """
    dots = [Box(x - radius, y - radius, x + radius, y + radius) for x, y in points]
    placed: list[Placed] = []
    for (x, y), size in zip(points, sizes, strict=True):
        names = [one.box for one in placed if one.box.area]

        def badness(place: Placed, at: float = y, names: Sequence[Box] = names) -> float:
            box = place.box
            covered = _NAME * sum(map(box.overlap, names)) + _POINT * sum(map(box.overlap, dots))
            outside = _OUTSIDE * (box.area - box.overlap(frame))
            away = _FAR * abs((box.top + box.bottom) / 2 - at)
            return covered + outside + sum(map(box.overlap, avoid)) + away

        placed.append(min(_places(x, y, size, radius), key=badness))
    return placed


def _places(x: float, y: float, size: tuple[float, float], radius: float) -> Iterator[Placed]:
    """Right, left, above, below, then further up and down on either side; the better ones first."""
    width, height = size
    gap = radius + 3
    lefts = (x + gap, x - gap - width)
    for left in lefts:
        yield Placed(Box(left, y - height / 2, left + width, y + height / 2), False)
    for top in (y - gap - height, y + gap):
        yield Placed(Box(x - width / 2, top, x + width / 2, top + height), False)
    for step in range(1, STEPS + 1):
        for middle in (y - step * height, y + step * height):
            for left in lefts:
                box = Box(left, middle - height / 2, left + width, middle + height / 2)
                yield Placed(box, step > 1)
