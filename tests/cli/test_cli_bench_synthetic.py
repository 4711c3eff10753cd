"""`lexome bench synthetic` as it is typed."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

Call = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize(
    ("task", "kind"), [(["oscillator"], "oscillator"), (["segmentation", "--labels", "bases"], "bases")]
)
def test_an_experiment_and_once_more(lexome: Call, tmp_path: Path, task: list[str], kind: str) -> None:
    pytest.importorskip("matplotlib")
    command = ["bench", "synthetic", *task, "--receptive-fields", "3,21", "--steps", 1, "--seeds", 1]
    code, out, _ = lexome(*command, "-o", tmp_path / "runs")
    assert code == 0
    assert "11 + 11" in out
    figures = json.loads((tmp_path / "runs" / "results.json").read_text())
    assert figures["kind"] == kind
    assert [point["receptive_field"] for point in figures["points"]] == [3, 21]
    assert "Receptive field and accuracy" in (tmp_path / "runs" / "report.html").read_text("utf-8")
    assert (tmp_path / "runs" / "report.png").read_bytes().startswith(b"\x89PNG")
    assert lexome(*command, "-o", tmp_path / "runs")[:2] == (0, out)


@pytest.mark.parametrize(("fields", "said"), [("5,x", "whole numbers"), ("4", "must be odd")])
def test_receptive_fields_that_cannot_be(lexome: Call, tmp_path: Path, fields: str, said: str) -> None:
    code, out, err = lexome(
        "bench", "synthetic", "oscillator", "--receptive-fields", fields, "-o", tmp_path / "r"
    )
    assert (code, out) == (2, "")
    assert said in err
    assert not (tmp_path / "r").exists()
