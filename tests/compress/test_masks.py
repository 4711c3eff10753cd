"""Single weights become zeros: which ones, when, that they stay zeros, and that a resumed training agrees."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from lexome.checkpoint.build import build_network
from lexome.checkpoint.store import load
from lexome.compress.masks import (
    Masked,
    PruneConfig,
    PruneTask,
    Scope,
    innermost,
    magnitude_masks,
    sparsity_at,
    weights_to_prune,
)
from lexome.core.errors import UsageError
from lexome.nn.network import Network
from lexome.tasks.recipe import Recipe
from lexome.tasks.training import train_recipe
from lexome.train.task import Progress, Task

Make = Callable[..., Recipe]


def pruned_task(recipe_of: Make, **config: Any) -> PruneTask:
    task = recipe_of(prune=config).task()
    assert isinstance(task, PruneTask)
    return task


def slow_masks(weights: Mapping[str, np.ndarray], sparsity: float, scope: Scope) -> dict[str, np.ndarray]:
    """Takes the smallest away one by one; of equal ones the first."""
    groups = [list(weights)] if scope == "global" else [[name] for name in weights]
    masks = {name: np.ones(weight.shape, bool) for name, weight in weights.items()}
    for names in groups:
        places = [(name, place) for name in names for place in np.ndindex(weights[name].shape)]
        for _ in range(round(sparsity * len(places))):
            left = [(abs(weights[n][p]), i) for i, (n, p) in enumerate(places) if masks[n][p]]
            name, place = places[min(left)[1]]
            masks[name][place] = False
    return masks


@given(st.integers(0, 99), st.sampled_from([0.0, 0.1, 0.5, 0.73, 0.99]), st.sampled_from(["global", "layer"]))
def test_the_smallest_go(seed: int, sparsity: float, scope: Scope) -> None:
    rng = np.random.default_rng(seed)
    weights = {"a": rng.integers(-3, 4, (3, 4)) / 2, "b": rng.normal(0, 3, (2, 2, 3))}
    found = magnitude_masks({n: torch.tensor(w) for n, w in weights.items()}, sparsity, scope)
    for name, mask in slow_masks(weights, sparsity, scope).items():
        np.testing.assert_array_equal(found[name].numpy(), mask)


def test_the_schedule_is_the_published_one() -> None:
    config = PruneConfig(sparsity=0.8, begin_fraction=0.2, end_fraction=0.7)
    assert [sparsity_at(fraction, config) for fraction in (0.0, 0.19, 0.7, 0.9, 1.0)] == [0, 0, 0.8, 0.8, 0.8]
    # s_f + (s_i - s_f) (1 - (t - t0) / (n dt))^3
    assert sparsity_at(0.45, config) == pytest.approx(0.8 + (0 - 0.8) * (1 - 0.25 / 0.5) ** 3)
    assert sparsity_at(0.5, PruneConfig(sparsity=0.8, begin_fraction=0.5, end_fraction=0.5)) == 0.8


@pytest.mark.parametrize(
    "wrong",
    [{"sparsity": 1.0}, {"sparsity": -0.1}, {"begin_fraction": 0.6}, {"end_fraction": 1.1}, {"every": 0}],
)
def test_settings_that_mean_nothing(recipe_of: Make, wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=next(iter(wrong))):
        pruned_task(recipe_of, **wrong)


def test_only_weights_of_layers(recipe_of: Make) -> None:
    network = recipe_of().task().build()
    assert list(weights_to_prune(network)) == [
        "encoder.convs.0.conv.weight",
        "encoder.lstms.0.rnn.weight_ih_l0", "encoder.lstms.0.rnn.weight_hh_l0",
        "encoder.lstms.1.rnn.weight_ih_l0", "encoder.lstms.1.rnn.weight_hh_l0",
        "scorer.linear.weight",
    ]  # fmt: skip


def test_weights_shared_with_an_embedding_stay() -> None:
    both = nn.ModuleDict(
        {"vectors": nn.Embedding(5, 3), "scores": nn.Linear(3, 5), "norm": nn.LayerNorm([2, 2])}
    )
    assert list(weights_to_prune(both)) == ["scores.weight"]
    both["scores"].weight = both["vectors"].weight  # pyright: ignore[reportArgumentType]
    assert weights_to_prune(both) == {}


def test_nothing_to_prune(recipe_of: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    task = pruned_task(recipe_of)
    monkeypatch.setattr(task.inner, "build", lambda: nn.BatchNorm1d(3))
    with pytest.raises(UsageError, match="no weights of convolutions"):
        task.build()


def zeros(network: nn.Module) -> dict[str, np.ndarray]:
    return {name: (w.detach() == 0).numpy() for name, w in weights_to_prune(network).items()}


def test_what_is_gone_stays_gone_and_gets_no_gradient(recipe_of: Make) -> None:
    task = pruned_task(recipe_of, sparsity=0.6, end_fraction=0.5, every=1)
    torch.manual_seed(0)
    model = task.build()
    assert isinstance(task, Task)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.05)
    batches = task.batches("training", batch_size=4, seed=0, rank=0, world=1, skip=0)
    before = zeros(model.inner)
    reached = []
    for step in range(8):
        optimizer.zero_grad()
        losses = task.loss(model, next(batches), Progress(step, 8, 0))
        losses.total.backward()
        now = zeros(model.inner)
        for name, weight in weights_to_prune(model.inner).items():
            assert (now[name] | ~before[name]).all()
            assert weight.grad is not None
            assert (weight.grad.numpy()[now[name]] == 0).all()
        reached.append(losses.parts["sparsity"])
        before = now
        optimizer.step()
    wanted = [sparsity_at(step / 8, task.config) for step in range(8)]
    assert reached == pytest.approx(wanted, abs=0.01)
    assert reached[0] == 0 < reached[1] < reached[2] < reached[4] == reached[7]


def test_pruning_waits_for_its_step(recipe_of: Make) -> None:
    task = pruned_task(recipe_of, sparsity=0.6, end_fraction=0.9, every=3)
    model = task.build()
    batch = next(task.batches("training", batch_size=4, seed=0, rank=0, world=1, skip=0))
    found = [task.loss(model, batch, Progress(step, 8, 0)).parts["sparsity"] for step in range(8)]
    assert found[0] == found[1] == found[2] == 0 < found[3] == found[5] < found[6] == found[7]


def test_validation_and_checkpoint_have_the_final_sparsity_from_the_start(recipe_of: Make) -> None:
    task = pruned_task(recipe_of, sparsity=0.7)
    torch.manual_seed(0)
    model = task.build()
    own = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    metrics, saved = task.evaluate(model, "validation"), task.checkpoint(model, {"name": "x"})
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, own[name])
    network = build_network(saved)
    gone = np.concatenate([mask.ravel() for mask in zeros(network).values()])
    assert gone.sum() == round(0.7 * gone.size)
    assert metrics["sparsity"] == saved.provenance["prune"]["sparsity"] == gone.mean()
    judged = task.inner.evaluate(network, "validation")
    assert {**judged, "sparsity": gone.mean()} == metrics
    assert not any(key.startswith(("inner", "masks")) for key in saved.weights)


@pytest.mark.parametrize("average", [0.0, 0.9])
def test_a_resumed_training_has_the_same_bits(recipe_of: Make, tmp_path: Path, average: float) -> None:
    prune = {"sparsity": 0.6, "every": 2}
    recipe = recipe_of(prune=prune, loop={"average_decay": average})
    train_recipe(recipe, tmp_path / "whole", "0")

    class StoppedError(Exception):
        pass

    def stop(row: dict[str, Any]) -> None:
        if row["step"] == 5:
            raise StoppedError

    with pytest.raises(StoppedError):
        train_recipe(recipe, tmp_path / "parts", "0", on_log=stop)
    train_recipe(recipe, tmp_path / "parts", "0", resume=True)
    whole, parts = (load(tmp_path / name / "model") for name in ("whole", "parts"))
    assert whole.provenance == parts.provenance
    for name, weight in whole.weights.items():
        np.testing.assert_array_equal(weight, parts.weights[name])
    logs = [
        [json.loads(line) for line in (tmp_path / name / "log.jsonl").read_text().splitlines()]
        for name in ("whole", "parts")
    ]
    assert [r.get("loss") for r in logs[0]] == [r.get("loss") for r in logs[1]]
    assert logs[0][-2]["sparsity"] == pytest.approx(0.6, abs=0.01)
    gone = np.concatenate([mask.ravel() for mask in zeros(build_network(parts)).values()])
    assert gone.sum() == round(0.6 * gone.size)


def test_a_teacher_goes_along_and_its_map_is_not_pruned(recipe_of: Make, tmp_path: Path) -> None:
    plain = recipe_of(loop={"steps": 2, "validate_every": 2})
    train_recipe(plain, tmp_path / "teacher", "0")
    distill = {"teacher": str(tmp_path / "teacher/model"), "stop_fraction": 1.0}
    recipe = recipe_of(prune={"sparsity": 0.5}, distill=distill)
    task = recipe.task()
    assert isinstance(task, PruneTask)
    model = task.build()
    assert isinstance(model, Masked)
    assert all(name.startswith("student.") for name in model.keys)
    assert isinstance(innermost(task, model), Network)
    train_recipe(recipe, tmp_path / "out", "0")
    made = load(tmp_path / "out/model")
    assert {"prune", "distill"} <= made.provenance.keys()
    gone = np.concatenate([mask.ravel() for mask in zeros(build_network(made)).values()])
    assert gone.mean() == pytest.approx(0.5, abs=0.01)
