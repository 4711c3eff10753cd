"""Tests of `lexome.report.cladogram`."""

import math
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexome.report.cladogram import cladogram, layout

TREE = [-1, 0, 0, 1, 1, 1, 2]  # tips 3, 4, 5 below 1; 6 below 2


def test_tips_share_the_circle_evenly_and_nodes_stand_amid_their_children() -> None:
    places = layout(TREE)
    assert places.radius_M.tolist() == [0, 0.5, 0.5, 1, 1, 1, 1]
    assert sorted(places.angle_M[[3, 4, 5, 6]]) == pytest.approx([0, math.pi / 2, math.pi, 3 * math.pi / 2])
    assert places.angle_M[1] == pytest.approx(np.mean([places.angle_M[3:6].min(), places.angle_M[3:6].max()]))
    assert places.angle_M[2] == places.angle_M[6] == 0  # the smaller clade first


@given(st.lists(st.integers(0, 1000), max_size=30))
def test_clades_are_side_by_side(drawn: list[int]) -> None:
    parents = [-1, *(one % (i + 1) for i, one in enumerate(drawn))]
    places = layout(parents)
    tips = sorted(set(range(len(parents))) - set(parents))
    order = sorted(tips, key=lambda tip: places.angle_M[tip])
    assert len(set(places.angle_M[tips].tolist())) == len(tips)
    below: dict[int, list[int]] = {node: [] for node in range(len(parents))}
    for tip in tips:
        node = tip
        while node >= 0:
            below[node].append(order.index(tip))
            node = parents[node]
    for inside in below.values():
        assert max(inside) - min(inside) == len(inside) - 1
    for node, parent in enumerate(parents):
        assert parent < 0 or places.radius_M[parent] < places.radius_M[node]


def test_branches_are_coloured_and_counted() -> None:
    groups = ["", "right", "wrong", "right", "", "", "wrong"]
    dots = [False, False, False, True, True, False, True]
    svg = cladogram(TREE, groups, {"right": "c3", "wrong": "c2"}, dots=dots, description="a <tree>")
    root = ElementTree.fromstring(svg)
    paths = [path.attrib for path in root.iter("path")]
    branches = {path["style"].split(";")[1]: path["d"].count("M") for path in paths[:3]}
    assert branches == {"stroke:var(--rule)": 2, "stroke:var(--c3)": 2, "stroke:var(--c2)": 2}
    assert [path["d"].count("M") for path in paths[3:]] == [1, 1]
    assert [text.text for text in root.iter("text")] == ["right: 2", "wrong: 2"]
    assert root.attrib["aria-label"] == "a <tree>"
    numbers = [float(x) for path in paths for x in re.findall(r"[ML](-?[\d.]+) ", path["d"])]
    assert min(numbers) >= 0
    assert max(numbers) <= 520


def test_arcs_go_the_short_way_round_or_the_long_one() -> None:
    """A node lies between its children, so an arc from it never passes the far side unless it must."""
    parents = [-1, *[0] * 8]
    svg = cladogram(parents, [""] * 9, {}, description="star")
    assert "A0 0" in svg  # all arcs of a star's root have no radius
    assert cladogram([-1], [""], {}, description="one node")
