"""Figures of an evaluation in files: each only if it is asked for."""

import json
from pathlib import Path

import numpy as np
import pytest

from lexome.evaluate.reads import FileEvaluation, evaluate_file
from lexome.simulate.genome import random_genome
from lexome.tasks.evaluation import write_evaluation


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory: pytest.TempPathFactory) -> FileEvaluation:
    folder = tmp_path_factory.mktemp("evaluation")
    genome = random_genome(6000, 1)
    starts = np.arange(0, 5000, 1000)
    (folder / "ref.fa").write_text(f">g\n{genome}\n")
    (folder / "calls.fa").write_text("".join(f">r{s}\n{genome[s : s + 900]}\n" for s in starts))
    return evaluate_file(folder / "calls.fa", folder / "ref.fa")


def test_what_is_asked_for_is_written(evaluation: FileEvaluation, tmp_path: Path) -> None:
    write_evaluation(
        evaluation, "lexome this & that", json_file=tmp_path / "a.json", page=tmp_path / "a.html"
    )
    assert json.loads((tmp_path / "a.json").read_text()) == json.loads(json.dumps(evaluation.to_json()))
    assert "lexome this &amp; that" in (tmp_path / "a.html").read_text()


def test_what_is_not_asked_for_is_not_written(evaluation: FileEvaluation, tmp_path: Path) -> None:
    write_evaluation(evaluation, "x")
    assert not list(tmp_path.iterdir())
    write_evaluation(evaluation, "x", json_file=tmp_path / "a.json")
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
