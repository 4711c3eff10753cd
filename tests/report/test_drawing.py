"""Charts as files."""

from xml.etree import ElementTree

import pytest

from lexome.report.axes import Axis
from lexome.report.charts import Series, lines
from lexome.report.drawing import as_file


def test_a_chart_becomes_a_whole_svg_file() -> None:
    chart = lines(
        [Series("a & b", [1.0, 2.0], [0.8, 0.9])], Axis("x", 1, 2), Axis("y", 0.5, 1), description="<d>"
    )
    root = ElementTree.fromstring(as_file(chart, 300))
    space = "{http://www.w3.org/2000/svg}"
    assert root.tag == space + "svg"
    assert root.get("width") == "300"
    assert root.get("aria-label") == "<d>"
    assert ".c1" in (root.findtext(space + "style") or "")
    assert len(root.findall(f".//{space}circle")) == 2


def test_only_charts_become_files() -> None:
    with pytest.raises(ValueError, match="inline SVG"):
        as_file("<p>")
