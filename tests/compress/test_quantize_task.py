"""Quantisation as a method of training: what is trained, what is saved, to the bit after a stop."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from lexome.checkpoint.build import build_network
from lexome.checkpoint.store import load
from lexome.compress.quantize import Quantised
from lexome.compress.quantize_task import QuantizeTask
from lexome.tasks.recipe import Recipe
from lexome.tasks.training import train_recipe
from lexome.train.task import Progress

RecipeOf = Callable[..., Recipe]
NOW = Progress(0, 1, 0)
LEARNED = {"bits": [4, 8], "ranges": "learned", "distill": 0.5}


def task_of(recipe: Recipe) -> QuantizeTask:
    task = recipe.task()
    assert isinstance(task, QuantizeTask)
    return task


def seeded(task: QuantizeTask) -> Quantised:
    torch.manual_seed(1)
    return task.build()


def one_batch(task: QuantizeTask) -> Any:
    return next(task.batches("training", batch_size=4, seed=0, rank=0, world=1, skip=0))


def test_loss_and_metrics_are_those_of_the_quantised_network(recipe_of: RecipeOf) -> None:
    task = task_of(recipe_of(quantize={"bits": [2, 8]}))
    model = seeded(task).eval()
    batch = one_batch(task)
    saved = build_network(task.checkpoint(model, {}))
    with torch.no_grad():
        expected = task.inner.loss(saved, batch, NOW)
        found = task.loss(model, batch, NOW)
        in_float = task.inner.loss(model.network, batch, NOW)
    assert float(found.total) == float(expected.total) != float(in_float.total)
    assert task.evaluate(model, "validation") == task.inner.evaluate(saved, "validation")
    torch.testing.assert_close(task.outputs(model, batch).scores, saved(batch.signal_NCS), rtol=0, atol=0)


def test_distillation_pulls_to_the_scores_of_the_float_network(recipe_of: RecipeOf) -> None:
    task = task_of(recipe_of(quantize={"bits": [3, 8], "distill": 2.0}))
    model, batch = seeded(task), one_batch(task)
    task._float = model.network  # in training the one that it was before
    with torch.no_grad():
        scores, wanted = model(batch.signal_NCS), model.network(batch.signal_NCS)
        own = task.inner.loss(build_network(task.checkpoint(model, {})), batch, NOW)
    losses = task.loss(model, batch, NOW)
    unlike = float((scores - wanted).square().mean())
    assert unlike > 0
    assert losses.parts["distillation"] == pytest.approx(unlike, rel=1e-4)
    assert float(losses.total.detach()) == pytest.approx(float(own.total) + 2 * unlike, rel=1e-4)
    assert losses.parts["loss"] == pytest.approx(float(losses.total.detach()))


def test_steps_are_trained_if_they_are_to_be_learnt(recipe_of: RecipeOf) -> None:
    for ranges, count in (("mse", 0), ("learned", 10)):  # weights: conv 1, lstms 4, scorer 1; inputs: 4
        task = task_of(recipe_of(quantize={"ranges": ranges}))
        model = seeded(task)
        (update,) = task.updates(NOW)
        trained = {id(p) for p in update.parameters(model)}
        assert len(trained & {id(p) for p in model.grids.parameters()}) == count
        frozen = [n for n, p in model.network.named_parameters() if id(p) not in trained]
        assert frozen == ["encoder.convs.0.norm.weight"]


def test_a_training_ends_with_what_it_saved(recipe_of: RecipeOf, tmp_path: Path) -> None:
    recipe = recipe_of(quantize=LEARNED)
    position = train_recipe(recipe, tmp_path / "out", "0")
    model = load(tmp_path / "out" / "model")
    assert model.quantization is not None
    assert model.quantization["ranges"] == "learned"
    top = 7
    weight = model.weights["encoder.lstms.0.rnn.weight_hh_l0"]
    assert max(len(np.unique(row)) for row in weight) <= 2 * top + 1
    metrics = task_of(recipe).inner.evaluate(build_network(model), "validation")
    assert metrics["label_identity_mean"] == position.best_metric
    rows = [json.loads(line) for line in (tmp_path / "out" / "log.jsonl").read_text().splitlines()]
    assert any("distillation" in row for row in rows)


def test_a_stopped_training_goes_on_to_the_bit(recipe_of: RecipeOf, tmp_path: Path) -> None:
    whole = recipe_of(quantize=LEARNED)
    train_recipe(whole, tmp_path / "whole", "0")
    first = dataclasses.replace(whole, loop=dataclasses.replace(whole.loop, steps=8))

    class StopError(Exception):
        pass

    def stop(row: dict[str, Any]) -> None:
        if row["step"] == 5:
            raise StopError

    with pytest.raises(StopError):
        train_recipe(first, tmp_path / "parts", "0", on_log=stop)
    train_recipe(whole, tmp_path / "parts", "0", resume=True)
    one, other = (load_file(tmp_path / name / "training.safetensors") for name in ("whole", "parts"))
    assert one.keys() == other.keys()
    assert any("factors" in name for name in one)
    for name, tensor in one.items():
        np.testing.assert_array_equal(tensor, other[name], err_msg=name)
