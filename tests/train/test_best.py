"""Keeping the best network: its last weights or their average, whichever is better."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from lexome.checkpoint.store import Checkpoint, Component, load
from lexome.train.averaging import WeightAverage
from lexome.train.best import judge
from lexome.train.state import Position
from lexome.train.task import Task


def network(bias: float) -> nn.Module:
    model = nn.Linear(1, 1)
    nn.init.constant_(model.bias, bias)
    return model


@pytest.fixture
def task(make_task) -> Task:
    """The metric is how near the bias is to zero."""

    def evaluate(model: nn.Module, split: str) -> dict[str, float]:
        assert split == "validation"
        return {"distance": abs(float(model.get_parameter("bias").detach())), "other": math.nan}

    def checkpoint(model: nn.Module, provenance: Mapping[str, Any]) -> Checkpoint:
        none = Component("none", {})
        weights = {"bias": model.get_parameter("bias").detach().numpy().copy()}
        return Checkpoint("nearness", none, none, {}, None, dict(provenance), weights)

    return make_task(primary_metric="distance", evaluate=evaluate, checkpoint=checkpoint)


@pytest.mark.parametrize(
    ("last", "averaged", "kept", "weights"),
    [
        (4.0, 1.0, 1.0, "average"),
        (1.0, 4.0, 1.0, "last"),
        (2.0, 2.0, 2.0, "last"),
        (math.inf, 3.0, 3.0, "average"),
    ],
)
def test_the_better_of_the_two_is_kept(
    task: Task, tmp_path: Path, last: float, averaged: float, kept: float, weights: str
) -> None:
    model, average = network(last), WeightAverage(network(averaged), 0.9)
    position = Position(step=7, items=70)
    row = judge(task, model, average, position, tmp_path, {"name": "m"})
    assert row["step"] == 7
    assert row["best"] is True
    assert row["weights"] == weights
    assert {row["validation"]["distance"], row["other"]["distance"]} == {last, averaged}
    assert row["validation"]["distance"] == position.best_metric == kept
    saved = load(tmp_path / "model")
    assert saved.weights["bias"].tolist() == [kept]
    assert saved.provenance["validation"] == {"distance": kept}
    assert saved.provenance["weights"].startswith("moving average" if weights == "average" else "those of")
    assert torch.equal(model.get_parameter("bias"), torch.tensor([last]))


def test_what_is_worse_than_before_is_not_kept(task: Task, tmp_path: Path) -> None:
    position = Position(step=1)
    judge(task, network(1.0), None, position, tmp_path, {"name": "m"})
    row = judge(task, network(3.0), WeightAverage(network(2.0), 0.9), position, tmp_path, {"name": "m"})
    assert row["best"] is False
    assert row["validation"]["distance"] == 2.0
    assert (position.best_metric, position.best_step) == (1.0, 1)
    assert load(tmp_path / "model").weights["bias"].tolist() == [1.0]


def test_without_an_average_the_row_is_as_it_ever_was(task: Task, tmp_path: Path) -> None:
    row = judge(task, network(1.0), None, Position(step=3), tmp_path, {"name": "m"})
    assert list(row) == ["step", "validation", "best"]
    assert "weights" not in load(tmp_path / "model").provenance


def test_nothing_is_kept_of_what_cannot_be_judged(task: Task, tmp_path: Path) -> None:
    row = judge(task, network(math.nan), WeightAverage(network(math.nan), 0.9), Position(), tmp_path, {})
    assert row["best"] is False
    assert not (tmp_path / "model").exists()
