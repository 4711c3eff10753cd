"""Plots of named points."""

import xml.etree.ElementTree as ElementTree
from itertools import pairwise

import pytest

from lexome.report.axes import Axis, x_at, y_at
from lexome.report.labels import Box
from lexome.report.panels import Panel, Points, beads, scatter

X, Y = Axis("speed", 1e4, 1e7, "count", log=True), Axis("identity", 0.8, 1.0, "percent")
FRONT = Points(
    "front", [1e5, 1e6], [0.95, 0.9], ["slow & good", "fast"], [(0.94, 0.96), None], is_joined=True
)
OTHERS = Points("others", [2e5], [0.85], ["<third>"], is_hollow=True)


def parsed(panel: Panel) -> ElementTree.Element:
    return ElementTree.fromstring(scatter(panel, "a <plot>"))


def test_points_stand_where_they_belong() -> None:
    drawn = parsed(Panel("t", X, Y, [FRONT, OTHERS]))
    circles = drawn.findall("circle")
    assert [circle.get("class") for circle in circles] == ["c1", "c1", "l2"]
    for circle, x, y in zip(circles, [1e5, 1e6, 2e5], [0.95, 0.9, 0.85], strict=True):
        assert float(circle.get("cx", "")) == pytest.approx(x_at(X, x), abs=0.06)
        assert float(circle.get("cy", "")) == pytest.approx(y_at(Y, y), abs=0.06)
    titles = [title.text for title in drawn.iter("title")]
    assert titles == ["slow & good: 100k, 95%", "fast: 1M, 90%", "<third>: 200k, 85%"]
    (path,) = drawn.findall("path")
    assert path.get("class") == "l1"
    assert path.get("d", "").count("L") == 1
    (bar,) = [one for one in drawn.findall("line") if one.get("class") == "whisker"]
    assert float(bar.get("y2", "")) - float(bar.get("y1", "")) == pytest.approx(
        y_at(Y, 0.94) - y_at(Y, 0.96), abs=0.11
    )
    names = [text.text for text in drawn.findall("text") if text.get("class") == "note"]
    assert names == ["slow & good", "fast", "<third>"]
    assert drawn.get("aria-label") == "a <plot>"


def test_points_without_names() -> None:
    drawn = parsed(Panel("t", X, Y, [Points("line", [1e5, 1e6], [0.9, 0.95], ["", "end"])]))
    assert [text.text for text in drawn.findall("text") if text.get("class") == "note"] == ["end"]
    assert next(drawn.iter("title")).text == "line: 100k, 90%"
    assert not drawn.findall("path")


def test_a_far_name_has_a_line_to_its_point() -> None:
    many = Points("m", [1e6] * 9, [0.9] * 9, [f"a name of a model, {i}" for i in range(9)])
    drawn = parsed(Panel("t", X, Y, [many]))
    at = f"{x_at(X, 1e6):.1f}".removesuffix(".0")
    assert [one for one in drawn.findall("line") if one.get("class") == "axis" and one.get("x1") == at]


@pytest.mark.parametrize(
    "wrong",
    [{"y": [0.9]}, {"labels": ["one"]}, {"intervals": [None, None, None]}, {"x": []}],
)
def test_lengths_must_fit(wrong: dict[str, list]) -> None:
    with pytest.raises(ValueError, match="series 's': . values for . points"):
        Points("s", **{"x": [1.0, 2.0], "y": [0.9, 0.8], **wrong})


def test_beads_cover_a_line() -> None:
    boxes = list(beads((0.0, 0.0), (30.0, 40.0)))
    assert boxes[0] == Box(-3, -3, 3, 3)
    assert boxes[-1] == Box(27, 37, 33, 43)
    assert all(a.overlap(b) >= 0 and b.left - a.left <= 6 and b.top - a.top <= 6 for a, b in pairwise(boxes))
    assert list(beads((1.0, 1.0), (1.0, 1.0))) == [Box(-2, -2, 4, 4)] * 2
