"""Checks of a corrector on simulated ZMWs."""

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest

from lexome.checkpoint.store import Checkpoint, load
from lexome.tasks.correct import check
from lexome.tasks.correct.check import check_corrector


def test_a_model_that_knows_nothing_is_sound_but_no_good(
    random_corrector_model: Checkpoint, graph_cache: Path
) -> None:
    lines = {line.check: line for line in check_corrector(random_corrector_model)}
    assert lines["files"].result == lines["weights"].result == lines["engines"].result == "pass"
    assert "6 passes, 100 columns, without qualities" in lines["input"].finding
    assert "windows per CPU-second" in lines["speed"].finding
    assert lines["truth"].result == "warn"
    again = {line.check: line for line in check_corrector(random_corrector_model)}
    assert again["truth"] == lines["truth"]
    assert again["engines"] == lines["engines"]


@pytest.mark.parametrize("name", ["hifi_student", "hifi_teacher"])
def test_bundled_models_leave_fewer_errors_than_the_reads_and_the_vote(name: str, graph_cache: Path) -> None:
    lines = {line.check: line for line in check_corrector(load(name))}
    assert all(line.result in ("pass", "info") for line in lines.values())
    own, ccs, vote = map(int, re.findall(r"\b\d+\b", lines["truth"].finding))
    assert own < 0.8 * ccs
    assert own < vote


def test_engines_that_disagree_are_seen(
    random_corrector_model: Checkpoint, graph_cache: Path, monkeypatch
) -> None:
    real = check.build_network

    def other(model: Checkpoint):
        weights = {name: weight * np.float32(1.01) for name, weight in model.weights.items()}
        return real(dataclasses.replace(model, weights=weights))

    monkeypatch.setattr(check, "build_network", other)
    lines = {line.check: line for line in check_corrector(random_corrector_model)}
    assert lines["engines"].result == "FAIL"


def test_what_cannot_be_built_or_is_no_number_ends_the_check(
    random_corrector_model: Checkpoint, graph_cache: Path
) -> None:
    name = "encoder.norm.weight"
    missing = {n: w for n, w in random_corrector_model.weights.items() if n != name}
    (line,) = check_corrector(dataclasses.replace(random_corrector_model, weights=missing))
    assert (line.check, line.result) == ("files", "FAIL")
    weights = {**random_corrector_model.weights, name: np.full(16, np.nan, np.float32)}
    lines = check_corrector(dataclasses.replace(random_corrector_model, weights=weights))
    assert [line.check for line in lines] == ["files", "weights", "input"]
    assert lines[1].result == "FAIL"
