"""Charts: well-formed, every value drawn, nothing outside the drawing."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from lexome.report.axes import HEIGHT, LEFT, PLOT_HEIGHT, PLOT_WIDTH, TOP, WIDTH, Axis
from lexome.report.charts import Bar, Series, bars, histogram, interval_text, lines, points, value_text

X = Axis("identity", 0.0, 1.0, "percent")
Y = Axis("share", 0.0, 10.0)


def parsed(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)


def test_a_histogram_counts_every_value_once() -> None:
    values = np.concatenate((np.linspace(0.05, 0.95, 91), [-3.0, 7.0]))
    root = parsed(histogram(values, X, counted="reads", bins=10, marks={"median <b>": 0.5}))
    titles = [title.text or "" for title in root.iter("title")]
    assert sum(int(re.findall(r": (\d+) reads", title)[0]) for title in titles) == 93
    assert any(text.text == "median <b>" for text in root.iter("text"))
    for bar in root.iter("rect"):
        bottom = float(bar.attrib["y"]) + float(bar.attrib["height"])
        assert bottom == pytest.approx(TOP + PLOT_HEIGHT, abs=0.2)
        assert float(bar.attrib["y"]) >= TOP


def test_bars_are_as_long_as_their_values() -> None:
    root = parsed(
        bars(
            {"": [Bar("mismatch", 0.04, (0.03, 0.05)), Bar("insertion", 0.02), Bar("nothing", 0.0)]},
            description="errors",
        )
    )
    widths = [float(bar.attrib["width"]) for bar in root.iter("rect")]
    assert widths[0] == pytest.approx(2 * widths[1], abs=0.2)
    assert widths[2] <= 1
    words = [text.text for text in root.iter("text")]
    assert {"mismatch", "4.00%", "2.00%", "0.00%"} <= set(words)
    assert len([one for one in root.iter("line") if one.attrib["class"] == "whisker"]) == 1
    assert "mismatch: 4.00%, 95% interval 3.00–5.00%" in [title.text for title in root.iter("title")]


def test_groups_of_bars_share_colours_by_name() -> None:
    group = [Bar("in", 0.1), Bar("out", 0.2)]
    root = parsed(bars({"Insertions": group, "Deletions": group}, description="both"))
    assert [bar.attrib["class"] for bar in root.iter("rect")] == ["c1", "c2", "c1", "c2"]


def test_bars_of_nothing_are_an_empty_drawing() -> None:
    assert not list(parsed(bars({"": []}, description="none")).iter("rect"))


def test_lines_mark_every_point_and_name_every_series() -> None:
    series = [
        Series("A", [0.0, 0.5, 1.0], [1.0, 2.0, 3.0]),
        Series("C", [0.2], [5.0], weight=[0.25]),
        Series("G", [], []),
        Series("T", [0.1, 0.3], [4.0, 4.0], markers=False),
    ]
    root = parsed(lines(series, X, Y, description="lines"))
    colours = [circle.attrib["class"] for circle in root.iter("circle")]
    assert colours.count("c1") == 3 + 1  # with the one in the legend
    assert [colours.count(c) for c in ("c2", "c3", "c4")] == [2, 1, 1]
    assert {"A", "C", "G", "T"} <= {text.text for text in root.iter("text")}
    assert len([p for p in root.iter("path") if p.attrib["class"].startswith("l")]) == 3
    assert float(next(c for c in root.iter("circle") if c.attrib["class"] == "c2").attrib["r"]) == 4.0


def test_a_diagonal_runs_where_x_is_y() -> None:
    square = Axis("q", 0.0, 40.0)
    root = parsed(lines([Series("Q", [10.0], [10.0])], square, square, diagonal="as said", description="q"))
    (mark,) = [one for one in root.iter("line") if one.attrib["class"] == "mark"]
    ends = [float(mark.attrib[name]) for name in ("x1", "y1", "x2", "y2")]
    assert ends == [LEFT, TOP + PLOT_HEIGHT, LEFT + PLOT_WIDTH, TOP]
    assert "as said" in [text.text for text in root.iter("text")]


@pytest.mark.parametrize("count", [0, 1, 3000, 3001, 20_000])
def test_points_lie_in_the_plot_however_many_they_are(count: int) -> None:
    rng = np.random.default_rng(0)
    x_values, y_values = rng.uniform(-0.2, 1.2, count), rng.uniform(-1, 11, count)
    svg = points(x_values, y_values, X, Y, description="cloud")
    root = parsed(svg)
    paths = list(root.iter("path"))
    places = [pair.split() for path in paths for pair in re.findall(r"M([\d.]+ [\d.]+)", path.attrib["d"])]
    assert len(places) == count if count <= 3000 else 100 < len(places) < count
    for x, y in places:
        assert LEFT - 0.1 <= float(x) <= LEFT + PLOT_WIDTH + 0.1
        assert TOP - 0.1 <= float(y) <= TOP + PLOT_HEIGHT + 0.1
    corners = [] if count <= 3000 else [(float(x) + 4, float(y) + 4) for x, y in places]
    assert all(x <= LEFT + PLOT_WIDTH + 4 and y <= TOP + PLOT_HEIGHT + 3.9 for x, y in corners)
    assert len(svg) < 150_000


def test_a_drawing_has_one_size() -> None:
    root = parsed(points(np.array([0.5]), np.array([5.0]), X, Y, description="one <point>"))
    assert root.attrib["viewBox"] == f"0 0 {WIDTH} {HEIGHT}"
    assert root.attrib["aria-label"] == "one <point>"


@pytest.mark.parametrize(
    ("value", "style", "text"),
    [(0.90148, "percent", "90.15%"), (1234567.0, "number", "1,234,567"), (12.345, "number", "12.3")],
)
def test_values_as_text(value: float, style: str, text: str) -> None:
    assert value_text(value, style) == text


def test_intervals_as_text() -> None:
    assert interval_text((0.8901, 0.9046), "percent") == "89.01–90.46%"
    assert interval_text(None, "percent") == ""
