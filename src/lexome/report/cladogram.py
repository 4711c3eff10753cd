"""A tree as a circular cladogram: root in the middle, tips on one circle, branches coloured by groups.

Legend: M nodes.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from lexome.report.axes import WIDTH, drawing, label, number

_MARGIN, _ROW = 8.0, 18.0


@dataclass(frozen=True)
class Layout:
    """Where nodes are: angle in radians (clockwise from the top) and radius from 0 (root) to 1 (tips)."""

    angle_M: Float[np.ndarray, " M"]
    radius_M: Float[np.ndarray, " M"]


def layout(parents: Sequence[int]) -> Layout:
    """Places the nodes of a tree; small clades go first within a node.

    Args:
        parents: of every node, before it; -1 for the root, node 0.
    """
    count = len(parents)
    below: list[list[int]] = [[] for _ in range(count)]
    height_M, size = np.zeros(count), [1] * count
    for node in range(count - 1, 0, -1):
        parent = parents[node]
        below[parent].append(node)
        size[parent] += size[node]
        height_M[parent] = max(height_M[parent], height_M[node] + 1)
    angle_M, tips = np.zeros(count), []
    open_ = [0]
    while open_:
        node = open_.pop()
        if not below[node]:
            tips.append(node)
        open_ += sorted(below[node], key=lambda one: (-size[one], one))
    angle_M[tips] = np.arange(len(tips)) * 2 * math.pi / max(len(tips), 1)
    for node in range(count - 1, -1, -1):
        if below[node]:
            angles = angle_M[below[node]]
            angle_M[node] = (angles.min() + angles.max()) / 2
    return Layout(angle_M, 1.0 - height_M / max(height_M[0], 1.0))


def cladogram(
    parents: Sequence[int],
    groups: Sequence[str],
    colours: Mapping[str, str],
    *,
    dots: Sequence[bool] = (),
    description: str,
) -> str:
    """Draws a tree.

    Args:
        parents: of every node, before it; -1 for the root, node 0.
        groups: of the branch above every node; "" for grey.
        colours: group -> class of colour, c1 to c4 of the style sheet, in the order of the legend.
        dots: nodes that get a dot in their branch's colour; empty: none.
        description: read aloud by a screen reader.

    Returns:
        An inline SVG.
    """
    places, middle = layout(parents), WIDTH / 2
    outer = middle - _MARGIN
    paths: dict[str, list[str]] = {"": [], **{group: [] for group in colours}}
    marks: dict[str, list[str]] = {group: [] for group in colours}

    def at(radius: float, angle: float) -> str:
        x, y = middle + outer * radius * math.sin(angle), middle - outer * radius * math.cos(angle)
        return f"{number(x)} {number(y)}"

    for node, parent in enumerate(parents):
        if parent < 0:
            continue
        inner, angle, group = float(places.radius_M[parent]), float(places.angle_M[node]), groups[node]
        start = float(places.angle_M[parent])
        sweep, reach = int(angle > start), number(outer * inner)
        arc = f"A{reach} {reach} 0 {int(abs(angle - start) > math.pi)} {sweep} {at(inner, angle)}"
        end = at(float(places.radius_M[node]), angle)
        paths[group].append(f"M{at(inner, start)}{arc}L{end}")
        if dots and dots[node] and group in marks:
            marks[group].append(f"M{end}h0")
    parts = [_path("".join(paths.pop("")), "var(--rule)", 0.5)]
    parts += [_path("".join(path), f"var(--{colours[group]})", 1.4) for group, path in paths.items()]
    parts += [_path("".join(path), f"var(--{colours[group]})", 4.0) for group, path in marks.items()]
    y = float(WIDTH)
    for group, colour in colours.items():
        y += _ROW
        parts.append(f'<circle class="{colour}" cx="14" cy="{number(y - 4)}" r="5"/>')
        parts.append(label(26, y, f"{group}: {sum(one == group for one in groups)}", anchor="start"))
    return drawing("".join(parts), description, height=y + _MARGIN)


def _path(data: str, colour: str, width: float) -> str:
    style = f"fill:none;stroke:{colour};stroke-width:{width:g};stroke-linecap:round"
    return f'<path style="{style}" d="{data}"/>' if data else ""
