"""Quantised networks: bits asked for are bits used, saved is run, for every architecture of the registry."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.models.registry_examples import EXAMPLES
from torch import nn

from lexome.checkpoint.build import build_network, take_weights
from lexome.checkpoint.packing import STEP
from lexome.checkpoint.store import Checkpoint, Component, load, save
from lexome.compress.quantize import Quantised, calibrate, quantised
from lexome.compress.quantize_config import QuantizeConfig
from lexome.core.errors import UsageError
from lexome.engine.onnx import OnnxEngine
from lexome.engine.torch import TorchEngine
from lexome.models.costs import example_chunks
from lexome.models.registry import new_network
from lexome.nn.fake_quant import rounded_input

CRF = {"name": "crf", "config": {"state_len": 1}}
SMALL = {
    "convs": [{"size": 6, "kernel": 5, "batch_norm": True}, {"size": 12, "kernel": 9, "stride": 5}],
    "lstms": [{"size": 12, "reverse": True}, {"size": 10, "reverse": False, "kind": "gru"}],
}
CASES = [(name, n) for name, some in EXAMPLES.items() for n in range(len(some))]


def network_of(name: str = "bonito", config: dict[str, Any] | None = None) -> Any:
    torch.manual_seed(1)
    head = {"name": "consensus", "config": {}} if name == "deepconsensus" else CRF
    network = new_network({"name": name, "config": config or SMALL}, head)
    signal = example_chunks(network.encoder, 4, 300 // network.chunk_multiple * network.chunk_multiple)
    network.train()
    network(signal)
    return network.eval(), signal


def made(
    config: QuantizeConfig, name: str = "bonito", architecture: Any = None
) -> tuple[Quantised, torch.Tensor]:
    network, signal = network_of(name, architecture)
    return quantised(network, config, calibrate(network, [signal], 1)), signal


def checkpoint_of(
    model: Quantised, config: QuantizeConfig, name: str = "bonito", architecture: Any = None
) -> Checkpoint:
    return Checkpoint(
        "basecall", Component(name, architecture or SMALL), Component("crf", CRF["config"]), {},
        model.record(config), {"name": "small"}, model.weights(),
    )  # fmt: skip


@pytest.mark.parametrize(("name", "number"), CASES)
def test_every_architecture_can_be_quantised_and_opens_with_the_same_scores(name: str, number: int) -> None:
    architecture, config = EXAMPLES[name][number], QuantizeConfig(bits=(5, 8))
    model, signal = made(config, name, architecture)
    float_scores = model.network(signal).detach()
    with torch.no_grad():
        expected = model.eval()(signal)
    assert not torch.equal(expected, float_scores)
    head = Component("consensus", {}) if name == "deepconsensus" else Component("crf", CRF["config"])
    checkpoint = Checkpoint(
        "basecall", Component(name, architecture), head, {}, model.record(config), {}, model.weights()
    )
    with torch.no_grad():
        found = build_network(checkpoint)(signal)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_the_bits_used_are_those_asked_for(bits: int, tmp_path: Path) -> None:
    config = QuantizeConfig(bits=(bits, 8), ranges="max")
    model, _ = made(config)
    save(tmp_path / "m", checkpoint_of(model, config), "For tests.")
    weights = load(tmp_path / "m").weights
    top = 2 ** (bits - 1) - 1
    steps = [name for name in weights if name.endswith(f".{STEP}")]
    assert len(steps) == 7  # two convolutions, two weights of two recurrent layers, the scorer
    for name in steps:
        weight = weights[name.removesuffix(f".{STEP}")]
        rows = weight.reshape(len(weight), -1)
        assert max(len(np.unique(row)) for row in rows) <= 2 * top + 1
        q = rows / weights[name][:, None]
        assert np.abs(q - np.rint(q)).max() < 1e-4
        assert np.abs(q).max() == pytest.approx(top)  # the largest of each channel
    inputs: list[torch.Tensor] = []
    network: Any = build_network(load(tmp_path / "m"))
    network.encoder.lstms[1].rnn.register_forward_pre_hook(lambda module, args: inputs.append(args[0]))
    with torch.no_grad():
        network(torch.randn(4, 1, 2000))
    assert 100 < len(inputs[0].unique()) <= 256


def test_the_simulation_is_that_of_the_definition() -> None:
    """A network of a convolution and a linear layer, step by step."""
    model, signal = made(QuantizeConfig(bits=(4, 6)))
    inner: Any = model.network
    grids: Any = model.grids[model.names.index("encoder.convs.0.conv")]
    conv, step, zero = (
        inner.encoder.convs[0].conv,
        float(grids.step("input")),
        float(grids.get_buffer("zero")),
    )
    q = np.clip(np.rint(signal.numpy() / np.float32(step) + np.float32(zero)), 0, 63)
    x = ((q - zero) * np.float32(step)).astype(np.float32)
    weights = model.weights()["encoder.convs.0.conv.weight"]
    expected = nn.functional.conv1d(torch.from_numpy(x), torch.from_numpy(weights), conv.bias, padding=2)
    seen: list[torch.Tensor] = []
    handle = conv.register_forward_hook(lambda module, args, output: seen.append(output.detach()))
    model.eval()(signal)
    handle.remove()
    torch.testing.assert_close(seen[0], expected.detach())
    assert torch.equal(
        rounded_input(signal, grids.step("input"), grids.get_buffer("zero"), 6), torch.from_numpy(x)
    )


def test_saved_is_run(tmp_path: Path) -> None:
    """The same scores from the model in training and from its file in torch; almost with onnxruntime."""
    config = QuantizeConfig(bits=(6, 8))
    model, signal = made(config)
    save(tmp_path / "m", checkpoint_of(model, config), "For tests.")
    back = load(tmp_path / "m")
    torch_engine, onnx_engine = TorchEngine(back), OnnxEngine(back)
    with torch.no_grad():
        expected = build_network(back)(signal).numpy()
        np.testing.assert_array_equal(model.eval()(signal).numpy(), expected)
    moves = expected.reshape(*expected.shape[:2], -1, 5)[..., 1:].reshape(*expected.shape[:2], -1)
    np.testing.assert_allclose(torch_engine.scores(signal.numpy()), moves, atol=1e-5)
    found = onnx_engine.scores(signal.numpy())
    assert np.abs(found - moves).max() < 0.05  # a rounding the other way here and there
    assert np.mean(np.abs(found - moves)) < 1e-3
    float_network, _ = network_of()
    with torch.no_grad():
        off = np.abs(float_network(signal).numpy() - expected).mean()
    assert off > 5 * np.mean(np.abs(found - moves))
    assert np.array_equal(onnx_engine.scores(signal.numpy()[:1]), found[:1])


def test_the_file_is_as_small_as_its_bits(tmp_path: Path) -> None:
    sizes = {}
    for bits in (32, 8, 4):
        config = QuantizeConfig(bits=(bits, 32))
        model, _ = made(config)
        save(tmp_path / str(bits), checkpoint_of(model, config), "For tests.")
        sizes[bits] = (tmp_path / str(bits) / "model.safetensors").stat().st_size
    weights = sum(
        w.size
        for n, w in checkpoint_of(*_pair(32)).weights.items()
        if n.endswith(("weight", "l0")) and w.ndim > 1
    )
    assert sizes[8] - sizes[4] == pytest.approx(weights / 2, abs=60)
    assert sizes[32] - sizes[8] < 3 * weights


def _pair(bits: int) -> tuple[Quantised, QuantizeConfig]:
    config = QuantizeConfig(bits=(bits, 32))
    return made(config)[0], config


def test_float_layers_are_left_alone() -> None:
    model, signal = made(QuantizeConfig(bits=(32, 32)))
    with torch.no_grad():
        torch.testing.assert_close(model.eval()(signal), model.network(signal), rtol=0, atol=0)
    assert all(layer["weight_bits"] == 32 for layer in model.record(QuantizeConfig())["layers"].values())


def test_gradients_reach_weights_and_steps_and_the_network_is_left_as_it_was() -> None:
    network, signal = network_of()
    config = QuantizeConfig(bits=(3, 4), ranges="learned")
    model = quantised(network, config, calibrate(network, [signal], 1), learn=True).train()
    before = copy.deepcopy(network.state_dict())
    model(signal).square().mean().backward()
    assert all(torch.equal(before[n], w) for n, w in network.state_dict().items())
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, name
            assert float(parameter.grad.abs().sum()) > 0, name
    assert sum(p.requires_grad for p in model.grids.parameters()) == 7 + 5
    with torch.no_grad():
        assert not torch.equal(network.eval()(signal), model.eval()(signal))


def test_folded_normalisations_keep_their_statistics_in_training() -> None:
    model, signal = made(QuantizeConfig())
    model.train()
    inner: Any = model.network
    norm = inner.encoder.convs[0].norm  # type: ignore[union-attr,index]
    before = norm.running_mean.clone()
    model.network.train()  # as a task leaves it that has judged it
    model(signal + 5)
    assert torch.equal(norm.running_mean, before)
    assert not norm.training
    assert model.network.training


def test_a_quantised_model_gives_its_weights_to_a_new_network() -> None:
    config = QuantizeConfig(bits=(4, 4))
    model, _ = made(config)
    checkpoint, (network, _) = checkpoint_of(model, config), network_of()
    assert take_weights(network, checkpoint)
    assert checkpoint.num_parameters == sum(p.numel() for p in network.parameters())


def test_a_network_without_layers_and_an_empty_calibration_are_refused() -> None:
    network = nn.Sequential(nn.ReLU())
    with pytest.raises(UsageError, match="no layer that can be quantised"):
        quantised(network, QuantizeConfig(), calibrate(network, [torch.zeros(1)], 1))
    with pytest.raises(UsageError, match="nothing to calibrate with"):
        calibrate(network, [], 1)
