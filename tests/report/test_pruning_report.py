"""Tables and the page of a pruning."""

from pathlib import Path
from typing import Any

from lexome.report.pruning import curve_table, pruning_table, write_curve_page


def stage(name: str, nonzero: int, compressed: int, identity: float | None) -> dict[str, Any]:
    return {
        "stage": name, "parameters": 1200, "nonzero": nonzero, "layer_weights": 1000,
        "layer_nonzero": nonzero - 200, "dense_bytes": 4800, "sparse_bytes": 4000,
        "compressed_bytes": compressed, "macs_per_sample": 1234.5, "label_identity": identity,
    }  # fmt: skip


def point(sparsity: float, nonzero: int, identity: float | None) -> dict[str, Any]:
    first = stage("before", 1200, 4500, None if identity is None else 0.9)
    stages = [first, stage("after pruning", nonzero, 4 * nonzero, identity)]
    return {"model": "tiny", "structured": False, "sparsity": sparsity, "stages": stages}


def test_the_table_of_a_pruning() -> None:
    table = pruning_table(point(0.5, 700, 0.8125))
    assert table.caption == "tiny, single weights"
    assert table.rows == (
        ("before", "1,200", "1,200", "100.0%", "4,800", "4,500", "1,234", "90.00%"),
        ("after pruning", "1,200", "700", "50.0%", "4,800", "2,800", "1,234", "81.25%"),
    )
    without = pruning_table({**point(0.5, 700, None), "structured": True})
    assert without.caption == "tiny, whole units"
    assert [row[-1] for row in without.rows] == ["-", "-"]


def test_the_page_of_a_curve(tmp_path: Path) -> None:
    curve = {"model": "tiny", "structured": False, "points": [point(0.5, 700, 0.8), point(0.8, 400, 0.4)]}
    assert [row[0] for row in curve_table(curve).rows] == [
        "before",
        "0.5, after pruning",
        "0.8, after pruning",
    ]
    write_curve_page(tmp_path / "a.html", curve, command="lexome compress prune tiny")
    page = (tmp_path / "a.html").read_text()
    assert page.count("<svg") == 2
    assert "Identity against size" in page
    assert "lexome compress prune tiny" in page
    unjudged = {**curve, "points": [point(0.5, 700, None)]}
    write_curve_page(tmp_path / "b.html", unjudged, command="x")
    assert "<svg" not in (tmp_path / "b.html").read_text()
