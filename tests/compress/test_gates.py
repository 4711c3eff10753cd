"""Gates of LSTM units: their distribution, what they multiply, their price, and the cut network."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from lexome.checkpoint.build import build_network
from lexome.checkpoint.store import load
from lexome.compress.gates import GatedLstm, GatesConfig, GateTask
from lexome.core.errors import UsageError
from lexome.tasks.recipe import Recipe
from lexome.tasks.training import train_recipe
from lexome.train.task import Progress, Task

Make = Callable[..., Recipe]
BOUND = GatesConfig().bound
LSTMS = [{"size": 6, "reverse": True}, {"size": 5, "reverse": False}]
CONVS = [{"size": 4, "kernel": 5, "stride": 5}]
SMALL = {"architecture": {"name": "bonito", "config": {"convs": CONVS, "lstms": LSTMS}}}


def gated_task(recipe_of: Make, **config: Any) -> GateTask:
    task = recipe_of(gates=config, **SMALL).task()
    assert isinstance(task, GateTask)
    return task


def gated_lstm(seed: int = 0) -> GatedLstm:
    torch.manual_seed(seed)
    return GatedLstm(nn.LSTM(3, 5, batch_first=True), 1.0, BOUND)


def slow_lstm(rnn: nn.LSTM, gate: np.ndarray, x_TC: np.ndarray) -> np.ndarray:
    """Every gate, row and column by itself; of the activations the output gate's is multiplied."""
    w, u, b, c = (p.detach().numpy().astype(float) for _, p in rnn.named_parameters())
    size = len(gate)
    h, cell, outputs = np.zeros(size), np.zeros(size), []
    for x in x_TC:
        sums = np.zeros(4 * size)
        for row in range(4 * size):
            s = gate[row % size]
            sums[row] = s * (w[row] @ x) + s * b[row] + s * c[row]
            sums[row] += sum(s * u[row, column] * gate[column] * h[column] for column in range(size))
        i, f, o = (1 / (1 + np.exp(-sums[k * size : (k + 1) * size])) for k in (0, 1, 3))
        cell = f * cell + i * np.tanh(sums[2 * size : 3 * size])
        h = gate * o * np.tanh(cell)
        outputs.append(h)
    return np.array(outputs)


def test_what_a_gate_multiplies(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = gated_lstm()
    gate = np.array([0.0, 1.0, 0.3, 0.8, 0.55])
    monkeypatch.setattr(layer, "sample", lambda: torch.tensor(gate, dtype=torch.float32))
    x = torch.randn(2, 7, 3)
    found = layer(x)[0].detach().numpy()
    for n in range(2):
        np.testing.assert_allclose(found[n], slow_lstm(layer.rnn, gate, x[n].numpy()), atol=1e-6)
    assert (found[:, :, 0] == 0).all()


def test_gates_are_hard_concrete() -> None:
    layer = gated_lstm()
    with torch.no_grad():
        layer.log_alpha.copy_(torch.tensor([-3.0, -1.0, 0.0, 1.0, 3.0]))
    torch.manual_seed(0)
    drawn = torch.stack([layer.sample() for _ in range(20000)]).detach().numpy()
    assert drawn.min() == 0
    assert drawn.max() == 1
    for unit, alpha in enumerate(layer.log_alpha.tolist()):
        # P(s <= v) for 0 <= v < 1, from u <= sigmoid(beta * logit((v - gamma) / (zeta - gamma)) - alpha)
        for value in (0.0, 0.25, 0.75):
            place = (value + 0.1) / 1.2
            u = 1 / (1 + math.exp(-(2 / 3 * math.log(place / (1 - place)) - alpha)))
            assert (drawn[:, unit] <= value).mean() == pytest.approx(u, abs=0.012)
    assert float(layer.expected_open().detach()) == pytest.approx((drawn > 0).mean(axis=0).sum(), abs=0.03)
    assert 0.9 < float(gated_lstm().log_alpha.detach().mean()) < 1.1


def test_the_threshold_is_that_of_the_gate_without_noise() -> None:
    layer = gated_lstm()
    with torch.no_grad():
        layer.log_alpha.copy_(torch.tensor([-2.0, -0.70, -0.69, 0.0, 2.0]))
    stretched = torch.sigmoid(layer.log_alpha) * 1.2 - 0.1
    assert layer.open_units().tolist() == (stretched >= 0.3).tolist() == [False, False, True, True, True]
    with torch.no_grad():
        layer.log_alpha.copy_(torch.tensor([-9.0, -8.0, -7.0, -8.5, -9.0]))
    assert layer.open_units().tolist() == [False, False, True, False, False]


def test_the_price_steps_up(recipe_of: Make) -> None:
    task = gated_task(recipe_of, penalty=0.25, late_penalty=2.0, delay_steps=3)
    assert isinstance(task, Task)
    torch.manual_seed(0)
    model = task.build()
    gated = [m for m in model.modules() if isinstance(m, GatedLstm)]
    assert len(gated) == 2
    expected = sum(float(one.expected_open().detach()) for one in gated)
    batch = next(task.batches("training", batch_size=4, seed=0, rank=0, world=1, skip=0))
    for step, price in ((0, 0.25), (2, 0.25), (3, 2.0), (7, 2.0)):
        torch.manual_seed(1)
        own = float(task.inner.loss(model, batch, Progress(step, 8, 0)).total.detach())
        torch.manual_seed(1)
        losses = task.loss(model, batch, Progress(step, 8, 0))
        assert float(losses.total.detach()) == pytest.approx(own + price * expected, rel=1e-5)
        assert losses.parts["loss"] == pytest.approx(float(losses.total.detach()))
        assert losses.parts["open_units"] == pytest.approx(expected / 11)


def outputs(network: nn.Module, x: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return network.eval()(x)


@pytest.mark.parametrize("max_open", [1.0, 0.5, 0.01])
def test_the_cut_network_is_the_gated_one(recipe_of: Make, max_open: float) -> None:
    task = gated_task(recipe_of, max_open=max_open)
    torch.manual_seed(0)
    model = task.build()
    alphas = [m.log_alpha for m in model.modules() if isinstance(m, GatedLstm)]
    with torch.no_grad():
        for alpha in alphas:
            alpha.copy_(torch.randn(alpha.shape))
    metrics, saved = task.evaluate(model, "validation"), task.checkpoint(model, {})
    sizes = [lstm["size"] for lstm in saved.architecture.config["lstms"]]
    joined = torch.cat([alpha.detach() for alpha in alphas])
    natural = [max(1, int((alpha >= BOUND).sum())) for alpha in alphas]
    if max_open == 1:
        assert sizes == natural != [6, 5]
    elif max_open == 0.5:
        assert sum(sizes) == min(sum(natural), round(0.5 * 11))
    else:
        assert sizes == [1, 1]
    assert metrics["open_units"] == saved.provenance["gates"]["open_units"] == sum(sizes) / len(joined)
    network = build_network(saved)
    x = torch.randn(2, 1, 100)
    torch.testing.assert_close(outputs(network, x), outputs(model, x), rtol=1e-5, atol=1e-6)
    judged = task.inner.evaluate(network, "validation")
    assert judged["label_identity_mean"] == metrics["label_identity_mean"]
    assert any(isinstance(m, GatedLstm) for m in model.modules())  # training goes on with gates


def test_a_high_price_closes_gates_and_a_resumed_training_has_the_same_bits(
    recipe_of: Make, tmp_path: Path
) -> None:
    gates = {"penalty": 0.0, "late_penalty": 3.0, "delay_steps": 3, "max_open": 0.8}
    optim = {"optim": {"lr": 1.0, "warmup_steps": 1, "clip": 1e9}}
    recipe = recipe_of(gates=gates, task=optim, loop={"steps": 12, "validate_every": 6}, **SMALL)
    train_recipe(recipe, tmp_path / "whole", "0")

    class StoppedError(Exception):
        pass

    def stop(row: dict[str, Any]) -> None:
        if row["step"] == 8:
            raise StoppedError

    with pytest.raises(StoppedError):
        train_recipe(recipe, tmp_path / "parts", "0", on_log=stop)
    rows: list[dict[str, Any]] = []
    train_recipe(recipe, tmp_path / "parts", "0", resume=True, on_log=rows.append)
    whole, parts = (load(tmp_path / name / "model") for name in ("whole", "parts"))
    assert whole.architecture.config == parts.architecture.config
    for name, weight in whole.weights.items():
        np.testing.assert_array_equal(weight, parts.weights[name])
    steps = [row["open_units"] for row in rows if "open_units" in row]
    assert steps[-1] < 0.6 < 0.8  # it began with 0.94 of them open


def test_a_teacher_goes_along(recipe_of: Make, tmp_path: Path) -> None:
    train_recipe(recipe_of(loop={"steps": 2}, **SMALL), tmp_path / "teacher", "0")
    distill = {"teacher": str(tmp_path / "teacher/model"), "stop_fraction": 1.0}
    recipe = recipe_of(gates={"max_open": 0.5}, distill=distill, **SMALL)
    train_recipe(recipe, tmp_path / "out", "0")
    made = load(tmp_path / "out/model")
    assert {"gates", "distill"} <= made.provenance.keys()
    assert sum(lstm["size"] for lstm in made.architecture.config["lstms"]) <= 6


def test_a_network_without_lstms_is_refused(recipe_of: Make) -> None:
    config = {"convs": CONVS, "lstms": [{"size": 6, "reverse": True, "kind": "gru"}]}
    recipe = recipe_of(gates={}, architecture={"name": "bonito", "config": config})
    with pytest.raises(UsageError, match="gates are for LSTM layers"):
        recipe.task().build()


@pytest.mark.parametrize(
    "wrong", [{"penalty": -1.0}, {"threshold": 1.0}, {"max_open": 0.0}, {"delay_steps": -1}]
)
def test_settings_that_mean_nothing(recipe_of: Make, wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=next(iter(wrong))):
        gated_task(recipe_of, **wrong)


def test_two_methods_in_one_recipe_are_refused(recipe_of: Make) -> None:
    with pytest.raises(UsageError, match=r"\[prune\] and \[gates\]"):
        recipe_of(gates={}, prune={}, **SMALL).task()
