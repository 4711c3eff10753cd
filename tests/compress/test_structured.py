"""Units are taken out: the smaller network gives what the masked one gives, and the least units go."""

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lexome.checkpoint.build import build_any_network, build_network, weights_of
from lexome.checkpoint.store import Checkpoint, Component, load, save
from lexome.compress.structured import (
    choose,
    count_parameters,
    cut,
    cuttable,
    importance_by_norm,
    importance_by_taylor,
    keep_widths,
    masked,
    strongest,
)
from lexome.compress.units import units_of
from lexome.core.errors import UsageError
from lexome.models.costs import example_chunks
from lexome.models.registry import new_language_network, new_network
from lexome.tasks.basecall.task import BasecallTask
from lexome.tasks.recipe import Recipe
from lexome.train.task import Progress

EXAMPLES: dict[str, list[dict[str, Any]]] = runpy.run_path(
    str(Path(__file__).parents[1] / "models" / "registry_examples.py")
)["EXAMPLES"]
CASES = [(name, number) for name, examples in EXAMPLES.items() for number in range(len(examples))]
LANGUAGE = {
    "name": "dnabert2",
    "config": {"vocab_size": 11, "size": 8, "num_layers": 2, "num_heads": 2, "hidden": 6},
}
MASKED_LM = {"name": "masked_lm", "config": {"vocab_size": 11}}


def shaken(network: torch.nn.Module, seed: int) -> dict[str, np.ndarray]:
    """Weights none of which is zero or one, statistics of normalisations included."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.2)
        for name, buffer in network.named_buffers():
            if name.endswith(("running_mean", "running_var")):
                buffer.add_(torch.rand(buffer.shape, generator=generator) * 0.3)
    return weights_of(network)


def model_of(name: str, config: dict[str, Any], seed: int = 0) -> Checkpoint:
    torch.manual_seed(seed)
    network = new_network({"name": name, "config": config}, {"name": "ctc", "config": {}})
    weights = shaken(network, seed)
    return Checkpoint(
        "basecall", Component(name, config), Component("ctc", {}), {}, None, {"name": "m"}, weights
    )


def basecaller(*sizes: int, conv: int = 6, kind: str = "lstm", seed: int = 0) -> Checkpoint:
    convs = [{"size": conv, "kernel": 5, "stride": 5, "batch_norm": True}]
    lstms = [{"size": size, "reverse": i % 2 == 0, "kind": kind} for i, size in enumerate(sizes)]
    return model_of("bonito", {"convs": convs, "lstms": lstms}, seed)


def some(units: Any, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Any units of each layer; the same number of those that share a width."""
    widths: dict[Any, int] = {}
    for one in units:
        widths.setdefault(one.key, int(rng.integers(1, one.width + 1)))
    return {one.layer: np.sort(rng.choice(one.width, widths[one.key], replace=False)) for one in units}


@pytest.mark.parametrize(("name", "number"), CASES)
def test_the_smaller_network_gives_what_the_masked_one_gives(name: str, number: int) -> None:
    model = model_of(name, EXAMPLES[name][number])
    units = units_of(build_network(model)).units
    if not units:
        with pytest.raises(UsageError, match="no layer whose units can be taken out"):
            cuttable(model)
        return
    keep = {one.layer: np.arange(1, one.width) for one in units}  # the first goes: rows of all gates move
    smaller, zeroed = cut(model, units, keep), masked(model, units, keep)
    network = build_network(model)
    x = example_chunks(network.encoder, 2, 24 * network.chunk_multiple)
    with torch.no_grad():
        whole, wanted, found = (build_network(one)(x) for one in (model, zeroed, smaller))
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)
    assert float((whole - wanted).abs().max()) > 1e-3  # the units did something
    assert sum(w.size for w in smaller.weights.values()) < sum(w.size for w in model.weights.values())
    assert zeroed.weights.keys() == model.weights.keys() == smaller.weights.keys()


@pytest.mark.parametrize("kind", ["lstm", "gru", "elman", "lstm_steps", "lstm_scripted", "parallel_lstm"])
@pytest.mark.parametrize("seed", [0, 1])
def test_any_units_of_every_cell(kind: str, seed: int) -> None:
    model = basecaller(7, 5, 6, kind=kind, seed=seed)
    units = cuttable(model)
    assert len(units) == 4
    keep = some(units, np.random.default_rng(seed))
    x = torch.randn(2, 1, 100)
    with torch.no_grad():
        found, wanted = (
            build_network(one)(x) for one in (cut(model, units, keep), masked(model, units, keep))
        )
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)


def test_a_language_model_loses_hidden_features() -> None:
    torch.manual_seed(0)
    network = new_language_network(LANGUAGE, MASKED_LM)
    parts = (Component(one["name"], one["config"]) for one in (LANGUAGE, MASKED_LM))
    model = Checkpoint("language", *parts, {}, None, {}, shaken(network, 0))
    units = cuttable(model)
    keep = some(units, np.random.default_rng(1))
    tokens = torch.arange(10)[None] % 7 + 4
    with torch.no_grad():
        found, wanted = (
            build_any_network(one)(tokens, torch.ones_like(tokens, dtype=torch.bool))
            for one in (cut(model, units, keep), masked(model, units, keep))
        )
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)


def test_a_masked_unit_gives_zero_at_every_step() -> None:
    model = basecaller(7, 5)
    units = cuttable(model)
    network = build_network(masked(model, units, some(units, np.random.default_rng(3))))
    keep = some(units, np.random.default_rng(3))
    given: dict[str, torch.Tensor] = {}
    for one in units:
        layer = network.get_submodule(one.layer)
        layer.register_forward_hook(lambda m, i, o, name=one.layer: given.update({name: o}))
    with torch.no_grad():
        network(torch.randn(2, 1, 100))
    for one in units:
        outputs = given[one.layer].transpose(1, 2) if "lstms" in one.layer else given[one.layer]
        used = outputs.abs().amax(dim=(0, 2)).numpy() > 0
        np.testing.assert_array_equal(np.flatnonzero(used), keep[one.layer])


def test_the_norm_of_everything_a_unit_touches() -> None:
    model = basecaller(3, 4)
    found = importance_by_norm(model.weights, cuttable(model))
    w = {name.removeprefix("encoder."): weight.astype(float) for name, weight in model.weights.items()}
    for unit in range(3):
        total = 0.0
        for gate in range(4):
            row = gate * 3 + unit
            for name in ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"):
                total += np.square(w[f"lstms.0.rnn.{name}"][row]).sum()
        total += np.square(w["lstms.0.rnn.weight_hh_l0"][:, unit]).sum()
        total += np.square(w["lstms.1.rnn.weight_ih_l0"][:, unit]).sum()
        assert found["encoder.lstms.0"][unit] == pytest.approx(np.sqrt(total))
    for unit in range(6):
        names = ("convs.0.conv.weight", "convs.0.conv.bias", "convs.0.norm.weight", "convs.0.norm.bias")
        total = sum(np.square(w[name][unit]).sum() for name in names)
        total += np.square(w["lstms.0.rnn.weight_ih_l0"][:, unit]).sum()
        assert found["encoder.convs.0"][unit] == pytest.approx(np.sqrt(total))


def test_taylor_is_the_derivative_by_a_factor_of_all_that_makes_a_unit(
    recipe_of: Callable[..., Recipe],
) -> None:
    """The loss with a unit's tensors times 1 + e, less that with 1 - e, over 2 e."""
    task = recipe_of().task()
    assert isinstance(task, BasecallTask)
    torch.manual_seed(0)
    network = task.build().double().eval()
    units = cuttable(task.checkpoint(network, {}))
    batches = []
    for skip in range(2):
        one = next(task.batches("training", batch_size=4, seed=0, rank=0, world=1, skip=skip))
        batches.append(type(one)(one.signal_NCS.double(), one.targets_NL, one.lengths_N))
    network.train()
    found = importance_by_taylor(task, network, units, batches)
    assert network.training
    assert all(parameter.grad is None for parameter in network.parameters())
    network.eval()
    parameters = dict(network.named_parameters())
    layer = next(one for one in units if one.layer == "encoder.lstms.0")
    wanted = np.zeros(layer.width)
    for unit in range(layer.width):
        for batch in batches:
            losses = []
            for factor in (1 + 1e-4, 1 - 1e-4):
                own = {part.name: parameters[part.name].detach().clone() for part in layer.made}
                with torch.no_grad():
                    for part in layer.made:
                        for block in range(part.blocks):
                            parameters[part.name][block * layer.width + unit] *= factor
                    losses.append(float(task.loss(network, batch, Progress(0, 1, 0)).total.detach()))
                    for name, weight in own.items():
                        parameters[name].copy_(weight)
            wanted[unit] += abs(losses[0] - losses[1]) / 2e-4
    # the losses are single precision
    np.testing.assert_allclose(found["encoder.lstms.0"], wanted, rtol=0.02, atol=2e-3)


@pytest.mark.parametrize("scope", ["global", "layer"])
@pytest.mark.parametrize("sparsity", [0.1, 0.5, 0.8])
def test_enough_goes_and_no_more_than_needed(scope: Any, sparsity: float) -> None:
    model = basecaller(24, 16)
    units = cuttable(model)
    importance = importance_by_norm(model.weights, units)
    keep = choose(model, units, importance, sparsity, scope)
    left = cut(model, units, keep).num_parameters
    assert count_parameters(model, units, keep) == left
    assert left <= (1 - sparsity) * model.num_parameters
    assert left > (1 - sparsity) * model.num_parameters - 0.1 * model.num_parameters
    for one in units:
        scores = importance[one.layer]
        gone = np.setdiff1d(np.arange(one.width), keep[one.layer])
        assert len(gone) == 0 or scores[gone].max() <= scores[keep[one.layer]].min()
    shares = [len(keep[one.layer]) / one.width for one in units]
    if scope == "layer":
        assert max(shares) - min(shares) < 0.15


def test_sparsity_zero_changes_nothing() -> None:
    model = basecaller(5, 4)
    units = cuttable(model)
    same = cut(model, units, choose(model, units, importance_by_norm(model.weights, units), 0.0))
    for name, weight in model.weights.items():
        np.testing.assert_array_equal(same.weights[name], weight)


def test_a_layer_that_matters_little_loses_more() -> None:
    model = basecaller(8, 8)
    units = cuttable(model)
    importance = {one.layer: np.ones(one.width) for one in units}
    importance["encoder.lstms.1"][:6] = 0.01
    keep = choose(model, units, importance, 0.3, "global")
    assert len(keep["encoder.lstms.1"]) < len(keep["encoder.lstms.0"])
    assert {6, 7} <= set(keep["encoder.lstms.1"].tolist())


@pytest.mark.parametrize("scope", ["global", "layer"])
def test_widths_are_multiples(scope: Any) -> None:
    model = basecaller(24, 16, conv=6)
    units = cuttable(model)
    keep = choose(model, units, importance_by_norm(model.weights, units), 0.5, scope, multiple=8)
    widths = {layer: len(stay) for layer, stay in keep.items()}
    assert widths["encoder.convs.0"] == 6  # fewer than eight to begin with
    assert {widths["encoder.lstms.0"] % 8, widths["encoder.lstms.1"] % 8} == {0}
    assert sum(widths.values()) < 46


def test_a_sparsity_that_no_widths_give_is_one_line() -> None:
    model = basecaller(5, 4)
    units = cuttable(model)
    with pytest.raises(UsageError, match=r"sparsity of 0.999 cannot be reached: .* 0\.\d+ of the weights"):
        choose(model, units, importance_by_norm(model.weights, units), 0.999)


def test_layers_that_share_a_width_get_one() -> None:
    example = {**EXAMPLES["catcaller"][0], "kernels": [3, 5, 7]}
    model = model_of("catcaller", example)
    units = cuttable(model)
    keep = choose(model, units, importance_by_norm(model.weights, units), 0.2)
    widths = {len(keep[one.layer]) for one in units if one.key == ("feed_forward", "hidden")}
    assert len(widths) == 1
    cut(model, units, keep)


@pytest.mark.parametrize(
    ("widths", "words"),
    [
        ({"encoder.lstms.0": 9}, "has 8 units"),
        ({"encoder.lstms.0": 0}, "not to 0"),
        ({"encoder.lstm.0": 4}, "encoder.lstms.0"),
        ({"encoder.lstms.1": 4}, "cannot be cut: .*normalisation"),
    ],
)
def test_a_width_that_no_layer_supports_is_one_line(widths: dict[str, int], words: str) -> None:
    convs = [{"size": 4, "kernel": 5, "stride": 5}]
    lstms = [{"size": 8, "reverse": True}, {"size": 8, "reverse": False, "layer_norm": True}]
    model = model_of("bonito", {"convs": convs, "lstms": lstms})
    units = cuttable(model)
    with pytest.raises(UsageError, match=words) as error:
        keep_widths(model, units, importance_by_norm(model.weights, units), widths)
    assert "\n" not in str(error.value)


def test_given_widths() -> None:
    model = basecaller(8, 8)
    units = cuttable(model)
    importance = importance_by_norm(model.weights, units)
    keep = keep_widths(model, units, importance, {"encoder.lstms.0": 3})
    assert {layer: len(stay) for layer, stay in keep.items()} == {
        "encoder.convs.0": 6, "encoder.lstms.0": 3, "encoder.lstms.1": 8,
    }  # fmt: skip
    best = np.sort(np.argsort(importance["encoder.lstms.0"])[-3:])
    np.testing.assert_array_equal(keep["encoder.lstms.0"], best)
    config = cut(model, units, keep).architecture.config
    assert [lstm["size"] for lstm in config["lstms"]] == [3, 8]
    shared = model_of("catcaller", {**EXAMPLES["catcaller"][0]})
    units = cuttable(shared)
    importance = importance_by_norm(shared.weights, units)
    both = {"encoder.layers.0.feed_forward": 4, "encoder.layers.1.feed_forward": 5}
    with pytest.raises(UsageError, match="shares its width"):
        keep_widths(shared, units, importance, both)


def test_of_equal_units_the_first_stay() -> None:
    np.testing.assert_array_equal(strongest(np.array([1.0, 2, 1, 2, 1]), 3), [0, 1, 3])


def test_a_smaller_network_is_an_ordinary_model(tmp_path: Path) -> None:
    model = basecaller(6, 5)
    units = cuttable(model)
    smaller = cut(model, units, some(units, np.random.default_rng(2)))
    save(tmp_path / "small", smaller, "cut")
    back = build_network(load(tmp_path / "small"))
    x = torch.randn(1, 1, 50)
    with torch.no_grad():
        torch.testing.assert_close(back(x), build_network(smaller)(x), rtol=0, atol=0)
