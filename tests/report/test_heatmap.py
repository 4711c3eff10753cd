"""Heat maps: every value drawn where it belongs, darker where it is larger, nothing outside the drawing."""

import re
import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexome.report.axes import WIDTH
from lexome.report.heatmap import HeatMap, heat_map


def parsed(drawn: HeatMap) -> ElementTree.Element:
    return ElementTree.fromstring(heat_map(drawn, "a map"))


def number(element: ElementTree.Element, name: str) -> float:
    return float(element.attrib[name])


def test_every_value_is_a_cell_in_its_row_and_column() -> None:
    drawn = HeatMap([[0.0, 0.5, 1.0], [0.25, None, 0.75]], ["up", "low"], ["a", "b", "c <"])
    cells = {c.findtext("title"): c for c in parsed(drawn).iter("rect")}
    assert set(cells) == {
        "up, a: 0.000", "up, b: 0.500", "up, c <: 1.000", "low, a: 0.250", "low, c <: 0.750",
    }  # fmt: skip
    shades = [number(cells[f"{name}"], "fill-opacity") for name in sorted(cells, key=lambda n: n[-5:])]
    assert shades == sorted(shades)
    assert shades[0] < 0.1
    assert shades[-1] == 1.0
    assert number(cells["up, a: 0.000"], "x") == number(cells["low, a: 0.250"], "x")
    assert number(cells["up, a: 0.000"], "x") < number(cells["up, b: 0.500"], "x")
    assert number(cells["up, a: 0.000"], "y") < number(cells["low, a: 0.250"], "y")


def test_values_and_names_are_written() -> None:
    drawn = HeatMap([[0.123, 0.9]], ["row"], ["a", "b"], across="layers of B", down="layers of A")
    root = parsed(drawn)
    assert [t.text for t in root.iter("text")] == [
        "row",
        "0.12",
        "0.90",
        "a",
        "b",
        "layers of B",
        "layers of A",
    ]
    on_dark = [t.text for t in root.iter("text") if "--panel" in t.attrib.get("style", "")]
    assert on_dark == ["0.90"]


def test_what_is_beyond_the_range_has_its_last_shade() -> None:
    cells = list(parsed(HeatMap([[-4.0, 2.0, 9.0]], ["r"], ["a", "b", "c"], 0.0, 4.0)).iter("rect"))
    assert [number(cell, "fill-opacity") for cell in cells] == [0.04, 0.52, 1.0]


def test_where_there_is_no_room_only_the_shade_is_left() -> None:
    root = parsed(HeatMap([[0.5] * 60], ["r"], ["0" if c == 30 else "" for c in range(60)]))
    assert [t.text for t in root.iter("text")] == ["r", "0"]
    assert len(list(root.iter("rect"))) == 60


@given(st.integers(1, 30), st.integers(1, 40), st.text("abcdefgh.", min_size=1, max_size=60), st.booleans())
def test_all_of_it_lies_within_the_drawing(rows: int, columns: int, name: str, named: bool) -> None:
    drawn = HeatMap(
        [[c / columns for c in range(columns)]] * rows, [name] * rows, [name] * columns,
        across="x" if named else "", down="y" if named else "",
    )  # fmt: skip
    root = parsed(drawn)
    width, height = map(float, re.findall(r"[\d.]+", root.attrib["viewBox"])[2:])
    assert width == WIDTH
    cells = list(root.iter("rect"))
    assert len(cells) == rows * columns
    for cell in cells:
        assert 0 <= number(cell, "x") <= number(cell, "x") + number(cell, "width") <= WIDTH
        assert 0 <= number(cell, "y") <= number(cell, "y") + number(cell, "height") <= height
    for text in root.iter("text"):
        assert 0 <= number(text, "x") <= WIDTH
        assert 0 <= number(text, "y") <= height
        assert len(text.text or "") <= 30


def test_it_says_what_it_is() -> None:
    assert parsed(HeatMap([[0.5]], ["r"], ["c"])).attrib["aria-label"] == "a map"


@pytest.mark.parametrize(
    ("values", "rows", "columns", "low", "words"),
    [
        ([[0.1]], ["a", "b"], ["c"], 0.0, "a name for every"),
        ([[0.1, 0.2]], ["a"], ["c"], 0.0, "a name for every"),
        ([], [], ["c"], 0.0, "needs a row"),
        ([[]], ["a"], [], 0.0, "needs a row"),
        ([[0.1]], ["a"], ["c"], 1.0, "a range"),
    ],
)
def test_impossible_maps_are_refused(
    values: list[list[float]], rows: list[str], columns: list[str], low: float, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        HeatMap(values, rows, columns, low)
