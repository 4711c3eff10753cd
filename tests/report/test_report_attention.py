"""The table and the page of an attention analysis."""

import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

from lexome.report.attention import attention_table, layer_names, write_attention_page


def head(distance: float, mass: list[float], edge: float | None = 0.25) -> dict[str, Any]:
    return {
        "distance": distance, "offset": -0.5, "entropy_nats": 0.7, "near": 0.125, "edge": edge, "mass": mass,
        "intervals": {"distance": (distance - 1, distance + 1)},
    }  # fmt: skip


def figures(offsets: int = 1) -> dict[str, Any]:
    span = list(range(-offsets, offsets + 1))
    mass = [1 / len(span)] * len(span)
    layers = [
        {
            "module": f"encoder.layers.{i}.attention.inner", "offsets": span,
            "heads": [head(3.0 + i, mass), head(2.0, mass)], "even": head(6.0, mass, None),
        }
        for i in range(2)
    ]  # fmt: skip
    return {
        "lexome_version": "1.2", "store": "s.store", "split": "validation", "windows": 64, "reads": 4,
        "model": {"model": "folder/a", "name": "teacher"}, "unit": "columns", "layers": layers,
        "bootstrap": {"level": 0.95, "resamples": 1000, "seed": 0},
    }  # fmt: skip


def charts(path: Path) -> list[list[str | None]]:
    parts = path.read_text("utf-8").split("<svg ")[1:]
    roots = [ElementTree.fromstring(f"<svg {part.split('</svg>')[0]}</svg>") for part in parts]
    return [[title.text for title in root.iter("title")] for root in roots]


def test_names_of_layers() -> None:
    both = [{"module": f"encoder.layers.{i}.attention.inner"} for i in (0, 1)]
    assert layer_names(both) == ["layers.0", "layers.1"]
    assert layer_names([{"module": "encoder.layers.0"}, {"module": "other.0"}]) == ["layers", "other"]


def test_table() -> None:
    rows = attention_table(figures()).rows
    assert len(rows) == 6
    assert rows[0] == ("layers.0", "1", "3.00", "2.00–4.00", "-0.50", "0.70", "12.50%", "25.00%")
    assert rows[5] == ("layers.1", "even", "6.00", "", "-0.50", "0.70", "12.50%", "-")


def test_page(tmp_path: Path) -> None:
    write_attention_page(tmp_path / "p.html", figures(), command="lexome evaluate attention a")
    distance, entropy, offsets = charts(tmp_path / "p.html")
    assert distance == [
        "layers.0, 1: 3.000", "layers.0, 2: 2.000", "layers.0, even: 6.000", "layers.1, 1: 4.000",
        "layers.1, 2: 2.000", "layers.1, even: 6.000",
    ]  # fmt: skip
    assert len(entropy) == 6
    assert len(offsets) == 4 * 3
    assert offsets[0] == "layers.0, 1, -1: 0.3333"
    text = (tmp_path / "p.html").read_text("utf-8")
    for words in ("lexome evaluate attention a", "folder/a", "2.75", "spread evenly: 6.00", "of 4 reads"):
        assert words in text


def test_many_offsets_share_cells_and_nothing_is_lost(tmp_path: Path) -> None:
    write_attention_page(tmp_path / "p.html", figures(128), command="c")
    cells = charts(tmp_path / "p.html")[2]
    assert len(cells) == 4 * 43  # 257 offsets, six in a cell
    values = [float((cell or "").rpartition(": ")[2]) for cell in cells[:43]]
    assert abs(sum(values) - 1) < 0.005
    assert "6 offsets in a cell" in (tmp_path / "p.html").read_text("utf-8")


def test_layers_that_see_other_offsets_are_drawn_apart(tmp_path: Path) -> None:
    mixed = figures(1)
    mixed["layers"][1] = figures(2)["layers"][1]
    write_attention_page(tmp_path / "p.html", mixed, command="c")
    assert [len(cells) for cells in charts(tmp_path / "p.html")[2:]] == [6, 10]
