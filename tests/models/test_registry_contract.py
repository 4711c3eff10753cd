"""What every registered encoder promises, for all small configurations of `registry_examples`."""

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lexome.checkpoint.build import build_network, weights_of
from lexome.checkpoint.store import Checkpoint, Component, load, save
from lexome.engine.onnx import OnnxEngine
from lexome.models.registry import ENCODERS, new_network
from lexome.nn.initialise import scale_to_data
from lexome.nn.network import Network

_examples = runpy.run_path(str(Path(__file__).with_name("registry_examples.py")))
EXAMPLES, NO_ONNX, example_input = (_examples[name] for name in ("EXAMPLES", "NO_ONNX", "example_input"))
CASES = [(name, i) for name, configs in sorted(EXAMPLES.items()) for i in range(len(configs))]
every_example = pytest.mark.parametrize(("name", "number"), CASES)
STEPS = 24


def network_of(name: str, number: int) -> Network:
    """A network whose weights, biases and statistics are random, so that what is ignored shows."""
    torch.manual_seed(0)
    config = EXAMPLES[name][number]
    network = new_network({"name": name, "config": config}, head_of(name))
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.dim() < 2:  # biases and gates, which may start at nothing
                parameter.add_(0.3 * torch.randn_like(parameter))
        for key, buffer in network.named_buffers():
            if key.endswith("running_mean"):
                buffer.normal_(0, 0.1)
            if key.endswith("running_var"):
                buffer.uniform_(0.5, 1.5)
    return network.eval()


def head_of(name: str) -> dict[str, Any]:
    return {"name": "consensus" if name == "deepconsensus" else "ctc", "config": {}}


def checkpoint_of(name: str, number: int, network: Network) -> Checkpoint:
    return Checkpoint(
        "basecall", Component(name, EXAMPLES[name][number]), Component(**head_of(name)), {}, None,
        {"name": "example"}, weights_of(network),
    )  # fmt: skip


def inputs(network: Network, name: str, batch: int, steps: int = STEPS, seed: int = 0) -> torch.Tensor:
    """Chunks of about so many steps, of a length that the network takes."""
    samples = -(-steps * network.stride // network.chunk_multiple) * network.chunk_multiple
    return example_input(name, batch, samples, seed)


def test_every_encoder_has_examples() -> None:
    assert set(EXAMPLES) == set(ENCODERS)
    assert all(EXAMPLES.values())
    assert set(NO_ONNX) <= set(CASES), "NO_ONNX names examples that do not exist"


@every_example
def test_output_length_and_names(name: str, number: int) -> None:
    network = network_of(name, number)
    encoder = network.encoder
    assert network.chunk_multiple % network.stride == 0
    for multiples in (7, 12):
        samples = multiples * network.chunk_multiple
        with torch.no_grad():
            features = encoder(example_input(name, 2, samples))
        assert features.shape == (2, samples // network.stride, encoder.num_features)
    modules = dict(network.named_modules())
    assert all(key in modules for key in (*network.prunable, *network.skips))


@every_example
def test_every_weight_gets_a_finite_gradient(name: str, number: int) -> None:
    network = network_of(name, number).train()
    scores = network(inputs(network, name, 3))
    weights = torch.randn(scores.shape, generator=torch.Generator().manual_seed(1))
    (scores * weights).sum().backward()
    for key, parameter in network.named_parameters():
        assert parameter.grad is not None, f"{key} takes no part"
        assert parameter.grad.isfinite().all(), key
    assert any(float(p.grad.abs().max()) > 0 for p in network.encoder.parameters() if p.grad is not None)


@every_example
def test_scaling_to_data_keeps_the_scores_finite(name: str, number: int) -> None:
    if name == "deepconsensus":
        pytest.skip("scaled by its own initialisation, never to data")
    network = network_of(name, number)
    scale_to_data(network, inputs(network, name, 8))
    with torch.no_grad():
        scores = network(inputs(network, name, 4, 60, seed=1))
    assert scores.isfinite().all()
    assert 1e-3 < float(scores.std()) < 1e3


@every_example
@torch.no_grad()
def test_saved_and_loaded_it_gives_the_same_bits(name: str, number: int, tmp_path: Path) -> None:
    network = network_of(name, number)
    save(tmp_path / "model", checkpoint_of(name, number, network), "An example.")
    loaded = build_network(load(tmp_path / "model"))
    x = inputs(network, name, 3)
    assert torch.equal(network(x), loaded(x))


@every_example
@torch.no_grad()
def test_a_batch_gives_what_its_items_give_alone(name: str, number: int) -> None:
    network = network_of(name, number)
    x = inputs(network, name, 4)
    together = network(x)
    alone = torch.cat([network(one) for one in x.split(1)])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)
    assert float((together[0] - together[1]).abs().max()) > 1e-4, "the input does not matter"


@every_example
@torch.no_grad()
def test_it_looks_ahead_exactly_if_it_does_not_say_that_it_is_causal(name: str, number: int) -> None:
    """Causal: step t depends on no sample at or behind (t + 1) * stride."""
    network = network_of(name, number)
    stride = network.stride
    x = inputs(network, name, 2)
    there = x.shape[-1] // network.chunk_multiple // 2 * network.chunk_multiple // stride
    changed = x.clone()
    changed[..., there * stride :] = inputs(network, name, 2, seed=5)[..., there * stride :]
    before, after = network.encoder(x), network.encoder(changed)
    looks_ahead = float((before[:, :there] - after[:, :there]).abs().max()) > 1e-6
    assert float((before[:, there:] - after[:, there:]).abs().max()) > 1e-4
    assert looks_ahead != bool(getattr(network.encoder, "causal", False))


@every_example
@torch.no_grad()
def test_onnxruntime_gives_what_torch_gives(
    name: str, number: int, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if (name, number) in NO_ONNX:
        request.applymarker(pytest.mark.xfail(strict=True, reason=NO_ONNX[name, number]))
    network = network_of(name, number)
    checkpoint = checkpoint_of(name, number, network)
    engine = OnnxEngine(checkpoint, cache=tmp_path)
    # another length than the one that is traced, shorter and longer, and batches of another size
    for batch, steps in ((1, 36), (3, 260)):
        x = inputs(network, name, batch, steps, seed=2)
        np.testing.assert_allclose(engine.scores(x.numpy()), network(x).numpy(), rtol=1e-3, atol=2e-5)
