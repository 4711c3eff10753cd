"""The tables and the page of a comparison of layers."""

import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

from lexome.report.similarity import layer_name, similarity_tables, write_similarity_page

FIGURES: dict[str, Any] = {
    "lexome_version": "1.2", "store": "s.store", "split": "validation", "chunks": 1234,
    "model_a": {"model": "folder/a", "name": "A <1>", "layers": ["encoder.convs.0", "scorer"]},
    "model_b": {
        "model": "folder/b", "name": "B", "layers": ["encoder.convs.0", "encoder.lstms.0", "scorer"],
    },
    "cka": [[0.9876, None, None], [None, 0.25, 0.75]],
    "cka_biased": [[0.99, None, None], [None, 0.3, 0.8]],
    "cka_untrained": [[0.5, None, None], [None, 0.125, 0.0625]],
    "positions": [[5000, 0, 0], [0, 1000, 1000]],
}  # fmt: skip


def test_names_of_layers() -> None:
    assert [layer_name(n) for n in ("encoder.layers.3", "scorer")] == ["layers.3", "scorer"]


def test_tables() -> None:
    trained, untrained, matches = similarity_tables(FIGURES)
    assert trained.columns == ("layer", "convs.0", "lstms.0", "scorer")
    assert trained.rows == (("convs.0", "0.988", "-", "-"), ("scorer", "-", "0.250", "0.750"))
    assert untrained.rows[1] == ("scorer", "-", "0.125", "0.062")
    assert matches.rows == (("convs.0", "convs.0", "0.988", "0.500"), ("scorer", "scorer", "0.750", "0.062"))
    assert "A <1> (rows) and B (columns)" in trained.caption


def test_a_layer_that_was_compared_with_none() -> None:
    figures = FIGURES | {"cka": [[None] * 3, [None, 0.25, 0.75]]}
    assert similarity_tables(figures)[2].rows[0] == ("convs.0", "-", "-", "-")


def test_page(tmp_path: Path) -> None:
    write_similarity_page(tmp_path / "p.html", FIGURES, command="lexome evaluate similarity a b")
    text = (tmp_path / "p.html").read_text("utf-8")
    charts = [part.split("</svg>")[0] + "</svg>" for part in text.split("<svg ")[1:]]
    assert len(charts) == 2
    roots = [ElementTree.fromstring("<svg " + chart) for chart in charts]
    assert [len(list(root.iter("rect"))) for root in roots] == [3, 3]
    titles = [title.text for root in roots for title in root.iter("title")]
    assert titles[0] == "convs.0, convs.0: 0.988"
    assert titles[-1] == "scorer, scorer: 0.062"
    for words in ("A &lt;1&gt;", "0.869", "lexome evaluate similarity a b", "s.store, validation", "1,234"):
        assert words in text
