"""The drawing of layers along a read."""

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

from lexome.report.layer_outputs import layer_outputs_tables, stacked, write_layer_outputs_page

FIGURES: dict[str, Any] = {
    "lexome_version": "1.2", "model": "folder/a", "name": "A <1>", "architecture": "bonito", "parameters": 7,
    "samples_per_step": 5, "read_id": "r1", "read_samples": 4000, "start": 1000, "samples": 20,
    "fitted_reads": 1, "fitted_samples": 3950, "signal": [float(n % 3) for n in range(20)],
    "bases": [["A", 1000], ["G", 1010], ["T", 1011]],
    "layers": [
        {
            "name": "encoder.convs.0", "features": 1, "samples_per_position": 1, "first_sample": 1000,
            "explained": [1.0], "components": [[float(n) for n in range(20)]],
        },
        {
            "name": "scorer", "features": 20, "samples_per_position": 5, "first_sample": 1000,
            "explained": [0.5, 0.25], "components": [[0.0, 1.0, 2.0, 3.0], [0.0, 0.0, 0.0, -3.0]],
        },
    ],
}  # fmt: skip


def test_table() -> None:
    (table,) = layer_outputs_tables(FIGURES)
    assert table.rows[0] == ("convs.0", "1", "1", "100.0%", "", "100.0%")
    assert table.rows[1] == ("scorer", "20", "5", "50.0%", "25.0%", "75.0%")
    assert "3,950 samples of the read" in table.caption


def test_every_component_is_drawn_where_it_stands() -> None:
    root = ElementTree.fromstring(stacked(FIGURES))
    paths = [
        [tuple(map(float, point.split())) for point in (path.get("d") or "")[1:].split("L")]
        for path in root.iter("path")
    ]
    assert [len(path) for path in paths] == [20, 20, 4, 4]
    across = [point[0] for point in paths[2]]
    assert across == [paths[0][n][0] for n in (0, 5, 10, 15)]  # a step every five samples
    assert paths[2][0][1] == paths[3][0][1]  # both begin at 0, on one scale
    assert paths[2][-1][1] < paths[2][0][1] < paths[3][-1][1]  # up is more
    texts = [text.text or "" for text in root.iter("text")]
    assert [text for text in texts if text in ("A", "G", "T")] == ["A", "G", "T"]
    assert "scorer, 75% of the variance" in texts


def test_letters_leave_each_other_room() -> None:
    crowded = {**FIGURES, "samples": 2000, "signal": [0.0, 1.0] * 1000}
    texts = re.findall(r">([ACGT])</text>", stacked(crowded))
    assert texts == ["A"]  # the lines of the others are there
    assert stacked(crowded).count('class="grid"') == 3


def test_page(tmp_path: Path) -> None:
    write_layer_outputs_page(tmp_path / "p.html", FIGURES, command="lexome evaluate layers a")
    text = (tmp_path / "p.html").read_text("utf-8")
    for words in ("A &lt;1&gt;", "lexome evaluate layers a", "r1, 4,000 samples", "Least explained"):
        assert words in text
