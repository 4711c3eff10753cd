"""The page and the picture of a frontier."""

import copy
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

from lexome.report.frontier import busy_share, write_frontier_page, write_frontier_png

MODULE = Path(__file__).with_name("test_report_frontier_figures.py")


@pytest.fixture
def figures(load_file: Any) -> dict[str, Any]:
    return copy.deepcopy(load_file(MODULE).FIGURES)


def page_of(figures: dict[str, Any], folder: Path) -> str:
    write_frontier_page(folder / "p.html", figures)
    return (folder / "p.html").read_text("utf-8")


def charts_in(text: str) -> list[ElementTree.Element]:
    return [
        ElementTree.fromstring(f"<svg {part.split('</svg>')[0]}</svg>") for part in text.split("<svg ")[1:]
    ]


def test_page(figures: dict[str, Any], tmp_path: Path) -> None:
    text = page_of(figures, tmp_path)
    best, fixed, sweep = charts_in(text)
    assert [t.text for t in best.iter("title")] == ["slow <a>: 100k, 90%", "fast: 1M, 85%", "bad: 200k, 80%"]
    assert [t.text for t in fixed.iter("title")] == ["slow <a>: 90k, 90%", "fast: 1.4M, 85%"]
    assert [t.text for t in sweep.iter("text") if t.get("class") == "note"] == ["slow <a>", "fast", "bad"]
    assert len(sweep.findall("path")) == 3
    for words in (
        "slow &lt;a&gt;", "lexome bench frontier a b", "Some CPU", "the first 12 reads of a.pod5", "ref.fa",
        "of 3 models", "in batches of 1, 2, 4, ... up to 256 chunks, and of 512; in one thread",
        "bad was not measured at batch size 512: it would take about 300 s (limit: 120).",
        "runs/fast (bonito)", "per CPU-s", "2.34 ms", "95%, from 1000 resamples",
    ):  # fmt: skip
        assert words in text, words
    assert "other work" not in text
    assert "largest batch size" not in text


def test_what_a_reader_must_know(figures: dict[str, Any], tmp_path: Path) -> None:
    slow, fast, bad = figures["models"]
    slow["speed"]["best"]["cpu_s"] = 0.5 * slow["speed"]["best"]["wall_s"]
    fast["speed"]["best"] = fast["speed"]["fixed"]
    bad["accuracy"]["reads"] |= {"identity_median": None, "identity_median_interval": None, "mapped": 0}
    figures["commands"] = ["one", "two"]
    figures["data"]["reads"]["max_reads"] = None
    figures["data"]["store"] = {"store": "kept", "split": "validation", "chunks": 64}
    for one in figures["models"]:
        one["accuracy"]["chunks"] = {
            "chunks": 64, "reads": 5, "identity_mean": 0.7, "identity_mean_interval": None,
        }  # fmt: skip
    text = page_of(figures, tmp_path)
    for words in (
        "had only 50% of a core", "fast was fastest at the largest batch size tried",
        "bad is in no plot: none of its reads was found on the reference.", "command 2",
        "all reads of a.pod5", "at most 64 validation chunks of kept",
    ):  # fmt: skip
        assert words in text, words


def test_the_part_of_a_core(figures: dict[str, Any]) -> None:
    assert busy_share(figures) == pytest.approx(1 / 1.05)
    figures["machine"]["threads"] = "2"
    assert busy_share(figures) == pytest.approx(0.5 / 1.05)
    figures["models"][1]["speed"]["best"] |= {"batch_size": 1, "cpu_s": 0.01, "wall_s": 0.1}
    assert busy_share(figures) == pytest.approx(0.1)
    for model in figures["models"]:
        model["speed"]["best"]["cpu_s"] = None
    assert busy_share(figures) is None


def test_a_page_without_any_timing(figures: dict[str, Any], tmp_path: Path) -> None:
    for model in figures["models"]:
        model["speed"] |= {"best": None, "fixed": None, "with_decoding": None, "sweep": []}
    text = page_of(figures, tmp_path)
    assert "<svg" not in text
    assert "No batch size could be measured." in text


def test_picture(figures: dict[str, Any], tmp_path: Path) -> None:
    write_frontier_png(tmp_path / "p.png", figures)
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
