"""What every registered encoder promises, and how that is tried out.

A promise is a function of a case that gives a line about what it found, and raises `BrokenPromiseError` if it
is not kept. The networks have random biases, gates and statistics, so that what is ignored shows.
"""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lexome.checkpoint.build import build_network, weights_of
from lexome.checkpoint.store import Checkpoint, Component, load, save
from lexome.core.errors import LexomeError
from lexome.engine.onnx import OnnxEngine
from lexome.models.costs import example_chunks
from lexome.models.registry import new_network
from lexome.nn.initialise import scale_to_data
from lexome.nn.network import Network
from lexome.nn.reach import shaken
from lexome.tasks.checking import CheckLine

STEPS = 24


class BrokenPromiseError(LexomeError):
    """An encoder does not do what all of them promise."""


@dataclass(frozen=True)
class Case:
    """An encoder under test: its [architecture] and [head] tables."""

    architecture: Mapping[str, Any]
    head: Mapping[str, Any]

    def network(self) -> Network:
        """The network, the same every time, in evaluation mode."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            network = new_network(self.architecture, self.head)
        made = shaken(network)
        assert isinstance(made, Network)
        return made

    def inputs(self, network: Network, batch: int, steps: int = STEPS, seed: int = 0) -> Tensor:
        """Chunks of about so many steps, of a length that the network takes."""
        samples = -(-steps * network.stride // network.chunk_multiple) * network.chunk_multiple
        return example_chunks(network.encoder, batch, samples, seed)

    def checkpoint(self, network: Network) -> Checkpoint:
        """The network as a checkpoint."""
        architecture, head = (Component(t["name"], dict(t["config"])) for t in (self.architecture, self.head))
        return Checkpoint(
            "basecall", architecture, head, {}, None, {"name": "example"}, weights_of(network)
        )  # fmt: skip


def output_length(case: Case) -> str:
    """T = S / stride for every whole number of chunks' multiples, and the names it tells are modules."""
    network = case.network()
    encoder = network.encoder
    _keep(network.chunk_multiple % network.stride == 0, "chunk_multiple is no multiple of the stride")
    for multiples in (7, 12):
        samples = multiples * network.chunk_multiple
        with torch.no_grad():
            shape = tuple(encoder(example_chunks(encoder, 2, samples)).shape)
        expected = (2, samples // network.stride, encoder.num_features)
        _keep(shape == expected, f"{samples} samples give features {shape}, not {expected}")
    modules = dict(network.named_modules())
    missing = [name for name in (*network.prunable, *network.skips) if name not in modules]
    _keep(not missing, f"prunable or skips name no module: {', '.join(missing)}")
    return f"a step every {network.stride} samples"


def gradients(case: Case) -> str:
    """In training every weight gets a gradient, all are finite, and some of them are not zero."""
    network = case.network().train()
    scores = network(case.inputs(network, 3))
    weights = torch.randn(scores.shape, generator=torch.Generator().manual_seed(1))
    (scores * weights).sum().backward()
    for name, parameter in network.named_parameters():
        _keep(parameter.grad is not None, f"{name} takes no part")
        assert parameter.grad is not None
        _keep(bool(parameter.grad.isfinite().all()), f"the gradient of {name} is not finite")
    moves = any(float(p.grad.abs().max()) > 0 for p in network.encoder.parameters() if p.grad is not None)
    _keep(moves, "all gradients of the encoder are zero")
    return f"of {len(list(network.parameters()))} tensors"


@torch.no_grad()
def scaling(case: Case) -> str:
    """Scaled to data, scores are finite and neither tiny nor huge."""
    if case.head["name"] == "consensus":
        return "- (scaled by its own initialisation, never to data)"
    network = case.network()
    scale_to_data(network, case.inputs(network, 8))
    scores = network(case.inputs(network, 4, 60, seed=1))
    _keep(bool(scores.isfinite().all()), "scores are not finite")
    spread = float(scores.std())
    _keep(1e-3 < spread < 1e3, f"scores have a standard deviation of {spread:g}")
    return f"scores spread by {spread:.2g}"


@torch.no_grad()
def saving(case: Case) -> str:
    """Saved and loaded it gives the same bits."""
    network = case.network()
    with tempfile.TemporaryDirectory() as folder:
        save(Path(folder) / "model", case.checkpoint(network), "An example.")
        loaded = build_network(load(Path(folder) / "model"))
    x = case.inputs(network, 3)
    _keep(torch.equal(network(x), loaded(x)), "the loaded network gives other scores")
    return "equal to the last bit"


@torch.no_grad()
def batches(case: Case) -> str:
    """A batch gives what its items give alone, and items differ."""
    network = case.network()
    x = case.inputs(network, 4)
    together = network(x)
    alone = torch.cat([network(one) for one in x.split(1)])
    difference = float((together - alone).abs().max())
    _keep(torch.allclose(together, alone, rtol=1e-4, atol=1e-5), f"scores differ by {difference:.2g}")
    _keep(float((together[0] - together[1]).abs().max()) > 1e-4, "the input does not matter")
    return f"scores differ by {difference:.1g}"


@torch.no_grad()
def causality(case: Case) -> str:
    """It looks ahead exactly if it does not say that it is causal.

    Causal: step t depends on no sample at or behind (t + 1) * stride.
    """
    network = case.network()
    stride = network.stride
    x = case.inputs(network, 2)
    there = x.shape[-1] // network.chunk_multiple // 2 * network.chunk_multiple // stride
    changed = x.clone()
    changed[..., there * stride :] = case.inputs(network, 2, seed=5)[..., there * stride :]
    before, after = network.encoder(x), network.encoder(changed)
    looks_ahead = float((before[:, :there] - after[:, :there]).abs().max()) > 1e-6
    _keep(float((before[:, there:] - after[:, there:]).abs().max()) > 1e-4, "what is changed has no effect")
    says = bool(getattr(network.encoder, "causal", False))
    _keep(looks_ahead != says, f"it looks ahead: {looks_ahead}, but causal is {says}")
    return "causal" if says else "looks ahead"


@torch.no_grad()
def onnx(case: Case) -> str:
    """Onnxruntime gives what torch gives, for other lengths and batches than the one that is traced."""
    network = case.network()
    largest = 0.0
    with tempfile.TemporaryDirectory() as cache:
        engine = OnnxEngine(case.checkpoint(network), cache=Path(cache))
        for batch, steps in ((1, 36), (3, 260)):
            x = case.inputs(network, batch, steps, seed=2)
            ours, theirs = network(x).numpy(), engine.scores(x.numpy())
            alike = ours.shape == theirs.shape and np.allclose(theirs, ours, rtol=1e-3, atol=2e-5)
            _keep(alike, f"scores of {x.shape[-1]} samples differ")
            largest = max(largest, float(np.abs(ours - theirs).max()))
    return f"scores differ by {largest:.1g}"


PROMISES: dict[str, Callable[[Case], str]] = {
    "output length": output_length,
    "gradients": gradients,
    "scaling to data": scaling,
    "save and load": saving,
    "batches": batches,
    "causality": causality,
    "onnxruntime": onnx,
}


def contract_lines(case: Case) -> list[CheckLine]:
    """Tries all promises out; one line each, whatever happens inside of the encoder."""
    return [_line(name, promise, case) for name, promise in PROMISES.items()]


def _line(name: str, promise: Callable[[Case], str], case: Case) -> CheckLine:
    try:
        finding = promise(case)
    except BrokenPromiseError as error:
        return CheckLine(name, "FAIL", str(error))
    except LexomeError as error:  # refused in words: torch engine only, one channel only
        return CheckLine(name, "warn" if promise is onnx else "FAIL", str(error))
    except Exception as error:  # whatever foreign code raises is the finding
        return CheckLine(name, "FAIL", f"{type(error).__name__}: {error}".splitlines()[0])
    return CheckLine(name, "info" if finding.startswith("- ") else "pass", finding.removeprefix("- "))


def _keep(kept: bool, finding: str) -> None:
    if not kept:
        raise BrokenPromiseError(finding)
