"""Tables and page of `lexome compress auto`: every number stands where it belongs."""

from pathlib import Path
from typing import Any

import pytest

from lexome.report.compress_auto import auto_tables, candidates_table, report_table, write_auto_page


def speed(ratio: float) -> dict[str, Any]:
    return {
        "samples_per_cpu_s": 1e6 * ratio, "samples_per_s": 2e6 * ratio, "speedup_cpu": ratio,
        "speedup_cpu_range": [ratio, ratio], "speedup": ratio + 0.1,
    }  # fmt: skip


def accuracy(identity: float | None) -> dict[str, Any]:
    return {"reads": 50, "mapped": 49, "identity_mean": identity, "identity_median": identity}


def candidate(name: str, identity: float | None, loss: dict[str, Any], ratio: float, **bounds: bool) -> dict:
    return {
        "name": name, "what": f"what {name} is", "parameters": 1234, "weight_bytes": 5678,
        "macs_per_sample": 910.4, **accuracy(identity), "loss": loss, "training": None, "speed": speed(ratio),
        **bounds,
    }  # fmt: skip


@pytest.fixture
def figures() -> dict[str, Any]:
    loss = {"mean": 0.0021, "interval": [-0.0003, 0.0056], "reads": 49, "unmapped": 1}
    gone = {"mean": 0.85, "interval": None, "reads": 49, "unmapped": 49}
    return {
        "lexome_version": "0", "machine": {"processor": "some"},
        "bounds": {"target_speedup": 2.0, "max_identity_loss": 0.005}, "training": "made at once",
        "reads": {"choosing": 50, "reporting": 48, "left_out_as_trained_on": 0, "aligner": "mappy"},
        "model": {
            "name": "big", "parameters": 9999, "weight_bytes": 88888, "macs_per_sample": 7777.0,
            **accuracy(0.85), "speed": speed(1.0),
        },
        "candidates": [
            candidate("int8", 0.8479, loss, 1.5, within_loss=True, fast_enough=False),
            candidate("prune-80", None, gone, 3.25, within_loss=False, fast_enough=True),
        ],
        "not_tried": [{"name": "student", "reason": "no <store>"}],
        "chosen": "int8", "lines": ["TARGET NOT REACHED: a line", "on the reads & so on"],
        "report": {
            "model": {**accuracy(0.86), "speed": speed(1.0)},
            "chosen": {**accuracy(0.8555), "speed": speed(1.4)}, "loss": {**loss, "mean": 0.0045},
        },
    }  # fmt: skip


def test_every_candidate_has_its_row(figures: dict[str, Any]) -> None:
    table = candidates_table(figures)
    rows = {row[0]: dict(zip(table.columns, row, strict=True)) for row in table.rows}
    assert list(rows) == ["big", "int8", "prune-80"]
    assert rows["int8"] == {
        "candidate": "int8", "identity": "0.8479", "loss": "0.0021", "95% interval": "-0.0003 to 0.0056",
        "unmapped": "1", "CPU speed-up": "1.50", "clock": "1.60", "parameters": "1,234", "bytes": "5,678",
        "MAC/sample": "910", "bounds": "loss met, chosen",
    }  # fmt: skip
    assert rows["prune-80"]["identity"] == rows["prune-80"]["95% interval"] == "-"
    assert rows["prune-80"]["bounds"] == "speed-up met"
    assert rows["big"]["bytes"] == "88,888"
    assert table.caption == "50 reads that choose"


def test_the_other_reads_have_their_table(figures: dict[str, Any]) -> None:
    table = report_table(figures)
    assert [row[:3] for row in table.rows] == [("big", "0.8600", "-"), ("int8", "0.8555", "0.0045")]
    assert table.rows[1][5:] == ("1.40", "1.50")
    assert table.caption.startswith("48 other reads")
    assert len(auto_tables(figures)) == 3
    without = {**figures, "report": None, "chosen": None, "not_tried": []}
    assert len(auto_tables(without)) == 1


def test_the_page(figures: dict[str, Any], tmp_path: Path) -> None:
    write_auto_page(tmp_path / "auto.html", figures, command="lexome compress auto big")
    text = (tmp_path / "auto.html").read_text()
    assert "no &lt;store&gt;" in text
    assert "On the reads &amp; so on." in text
    assert "1.40x" in text
    assert "what int8 is" in text
    assert "<svg" in text
    nothing = {
        **figures, "report": None, "chosen": None, "lines": ["no candidate"], "not_tried": [],
        "candidates": figures["candidates"][1:],
    }  # fmt: skip
    write_auto_page(tmp_path / "none.html", nothing, command="x")
    assert "No candidate." in (tmp_path / "none.html").read_text()
