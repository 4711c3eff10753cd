"""A page stands on its own: valid, escaped, the same bytes every time, and it loads nothing."""

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from lexome.report.axes import Axis
from lexome.report.charts import histogram
from lexome.report.page import Card, Cards, Facts, Figure, Figures, Prose, Section, page, write_page
from lexome.report.tables import Table

CHART = histogram(np.array([0.1, 0.5]), Axis("x", 0.0, 1.0), counted="reads")
SECTIONS = [
    Section("", [Cards((Card("Median", "90%", "95%: 89–91%"), Card("Reads", "48")))]),
    Section(
        "Charts & <more>",
        [
            Figures(
                (Figure("One", CHART, "caption", Table(("a", "b"), (("x", "1"),))), Figure("Two", CHART))
            ),
            Prose("a <script>alert(1)</script> in a text"),
            Table(("figure", "value"), (("<i>", "1"),), caption="all"),
            Facts({"command": "lexome evaluate reads 'a b.bam'", "file": "<x>"}),
            Facts({"note": "plain"}, mono=False),
        ],
        lead="what & why",
    ),
]
VOID = {"meta", "br", "line", "circle", "rect", "path", "img", "link"}


class Outline(HTMLParser):
    """Collects tags and attributes, and checks that every tag is closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def outline(text: str) -> Outline:
    parser = Outline()
    parser.feed(text)
    parser.close()
    assert not parser.open
    return parser


@pytest.fixture(scope="module")
def text() -> str:
    return page("A <title>", SECTIONS, subtitle="of a & b")


def test_a_page_loads_nothing(text: str) -> None:
    found = outline(text)
    assert not re.search(r"https?:|//\w|@import|url\(", text)
    assert not {"script", "link", "img", "iframe", "object", "embed", "base", "form"} & set(found.tags)
    assert not [
        name for name, _ in found.attributes if name in ("src", "href", "srcset") or name.startswith("on")
    ]
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'") in found.attributes


def test_everything_given_is_on_it_and_escaped(text: str) -> None:
    found = outline(text)
    words = " ".join(found.words)
    for expected in (
        "A <title>",
        "of a & b",
        "Charts & <more>",
        "what & why",
        "95%: 89–91%",
        "caption",
        "plain",
    ):
        assert expected in words, expected
    assert "a <script>alert(1)</script> in a text" in words
    assert "lexome evaluate reads 'a b.bam'" in words
    assert found.tags.count("svg") == 2
    assert found.tags.count("details") == 1
    assert found.tags.count("table") == 2
    assert found.tags.count("h2") == 1  # a section without a title has no heading


def test_it_is_made_for_light_and_dark_and_small_screens(text: str) -> None:
    assert "prefers-color-scheme: dark" in text
    assert "color-scheme: light dark" in text
    assert ("name", "viewport") in outline(text).attributes


def test_every_colour_of_the_light_page_has_one_in_the_dark(text: str) -> None:
    light, dark = (set(re.findall(r"(--[\w]+):", block)) for block in re.findall(r":root \{([^}]*)\}", text))
    assert light == dark
    assert {"--c1", "--c2", "--c3", "--c4", "--ink", "--page"} <= light


def test_a_file_is_the_page_and_always_the_same(tmp_path: Path, text: str) -> None:
    write_page(tmp_path / "report.html", "A <title>", SECTIONS, subtitle="of a & b")
    assert (tmp_path / "report.html").read_text("utf-8") == text
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]
