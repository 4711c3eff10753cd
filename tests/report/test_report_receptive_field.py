"""Tables, page and picture of a receptive field."""

import copy
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

from lexome.report.receptive_field import (
    binned,
    receptive_field_panels,
    receptive_field_tables,
    write_receptive_field_page,
    write_receptive_field_png,
)


def field(width: int, edge: float = 0.0) -> dict[str, Any]:
    half = width // 2
    return {
        "spans": [
            {"share": share, "first": -half, "last": half, "width": width, "width_interval": [2.0, 7.0]}
            for share in (0.5, 0.9, 0.99)
        ],
        "above": [
            {"level": 0.1, "first": -half, "last": half}, {"level": 0.01, "first": -half - 1, "last": half},
        ],
        "at_edge": edge, "reached": [-half, half], "before": 0.25, "after": 0.5, "distance": 1.5,
    }  # fmt: skip


def layer(name: str, width: int, own: int | None, samples: int = 1) -> dict[str, Any]:
    profile = [0.0] * 10 + [0.5, 1.0, 0.001] + [0.0] * 7
    return {
        "input_of": name, "samples_per_position": samples, "scores": field(width),
        "own": None if own is None else field(own),
        "untrained_scores": field(9), "untrained_own": None if own is None else field(11),
        "first_offset": -10, "profile": profile, "own_profile": None if own is None else profile,
        "untrained_profile": profile[::-1], "untrained_own_profile": None if own is None else profile,
    }  # fmt: skip


FIGURES: dict[str, Any] = {
    "lexome_version": "1.2", "model": "folder/a", "name": "A <1>", "architecture": "bonito", "parameters": 7,
    "samples_per_step": 5, "reads": 3, "reads_too_short": 2, "windows": 48, "window_samples": 20, "seed": 0,
    "layers": [
        layer("signal", 7, None), layer("encoder.convs.0", 7, 5), layer("encoder.lstms.0", 5, 3, 5),
        layer("scorer", 1, 1, 5),
    ],
    "left_out": [],
}  # fmt: skip


def test_tables() -> None:
    scores, own = receptive_field_tables(FIGURES)
    assert [row[0] for row in scores.rows] == ["signal", "convs.0", "lstms.0", "scorer"]
    assert scores.rows[0][1:6] == ("1", "-3 to +3", "-4 to +3", "7 (2–7)", "7 (2–7)")
    assert scores.rows[0][7:] == ("25%", "50%", "0.0%", "9")
    assert [row[0] for row in own.rows] == ["convs.0", "lstms.0", "scorer"]
    assert own.rows[1][-1] == "11"
    without = copy.deepcopy(FIGURES)
    without["layers"][1]["scores"] = None
    assert receptive_field_tables(without)[0].rows[1][2:] == ("-",) * 9


def test_page(tmp_path: Path) -> None:
    write_receptive_field_page(tmp_path / "p.html", FIGURES, command="lexome evaluate receptive-field a")
    text = (tmp_path / "p.html").read_text("utf-8")
    charts = [part.split("</svg>")[0] + "</svg>" for part in text.split("<svg ")[1:]]
    assert len(charts) == 4  # the signal twice, two layers that look at more than one position
    paths = [len(list(ElementTree.fromstring("<svg " + chart).iter("path"))) for chart in charts]
    assert paths == [2, 2, 2, 2]
    for words in ("A &lt;1&gt;", "lexome evaluate receptive-field a", "48", "3, another 2 too short"):
        assert words in text
    assert "outermost tenth of the window:" not in text


def test_the_page_warns_of_a_window_that_is_too_short(tmp_path: Path) -> None:
    figures = copy.deepcopy(FIGURES)
    figures["layers"][0]["scores"]["at_edge"] = 0.04
    figures["left_out"] = ["encoder.thing"]
    write_receptive_field_page(tmp_path / "p.html", figures, command="c")
    text = (tmp_path / "p.html").read_text("utf-8")
    assert "outermost tenth of the window:" in text
    assert "Left out, as they have no steps or no gradient: encoder.thing." in text


def test_curves_are_means_of_neighbours() -> None:
    assert binned([0, 1, 2, 3, 4], [1.0, 3.0, 5.0, 7.0, 9.0], 2) == ([0.5, 2.5, 4.0], [2.0, 6.0, 9.0])


def test_picture(tmp_path: Path) -> None:
    scores, own = receptive_field_panels(FIGURES)
    assert [one.name for one in scores.series] == ["trained", "untrained"]
    # only what is above the floor, from the first to the last
    assert (list(scores.series[0].x), list(scores.series[0].y)) == ([0.0, 1.0, 2.0], [0.5, 1.0, 0.001])
    assert [one.name for one in own.series] == ["convs.0", "lstms.0", "scorer"]
    pytest.importorskip("matplotlib")
    write_receptive_field_png(tmp_path / "p.png", FIGURES)
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
