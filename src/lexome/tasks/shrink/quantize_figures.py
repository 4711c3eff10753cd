"""What quantisation costs and saves: identity, bytes, operations, speed.

Shapes: N chunks, C channels, S samples.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from lexome.checkpoint.build import build_network
from lexome.checkpoint.packing import FLOAT, packed, read_quantization
from lexome.checkpoint.store import Checkpoint
from lexome.dp.kernels.edit import matches_and_edits
from lexome.models.costs import example_chunks, network_costs
from lexome.nn.fake_quant import rounded_layers
from lexome.nn.network import Network
from lexome.tasks.basecall.model import BasecallModel, open_model
from lexome.tasks.basecall.task import SignalBatch
from lexome.train.task import Task

TIMED_BATCHES = 2


@dataclass(frozen=True)
class Measured:
    """A model as it is.

    Attributes:
        identity: label identity on validation chunks, mean, in the engine that calls reads on a CPU.
        weight_bytes: of the tensors in its file.
        macs_per_sample: multiply-accumulates for each sample of signal.
        bit_operations_per_sample: each of these times the bits of both its factors.
        samples_per_cpu_s: of the network alone, in that engine.
    """

    identity: float
    weight_bytes: int
    macs_per_sample: float
    bit_operations_per_sample: float
    samples_per_cpu_s: float


@dataclass(frozen=True)
class Chunks:
    """Labelled chunks: float32[N, S], and the codes of each one's bases."""

    signal_NS: np.ndarray
    labels: list[np.ndarray]


@dataclass(frozen=True)
class LayerBits:
    """A layer: its name, multiply-accumulates of a sample, weights, bits of weights and of what goes in."""

    name: str
    macs_per_sample: float
    weights: int
    weight_bits: int
    activation_bits: int


def validation_chunks(task: Task) -> Chunks:
    """What a basecalling task validates with."""
    signals, labels = [], []
    for batch in task.batches("validation", batch_size=64, seed=0, rank=0, world=1, skip=0):
        assert isinstance(batch, SignalBatch)
        signals.append(batch.signal_NCS[:, 0].numpy())
        pairs = zip(batch.targets_NL.numpy(), batch.lengths_N.tolist(), strict=True)
        labels += [row[:length].astype(np.int64) - 1 for row, length in pairs]
    return Chunks(np.concatenate(signals), labels)


def measure(checkpoints: Sequence[Checkpoint], chunks: Chunks, *, repeats: int = 5) -> list[Measured]:
    """Models on the same chunks; their speeds are taken in turn, so that other work meets all alike."""
    models = [open_model(checkpoint, device="cpu") for checkpoint in checkpoints]
    rates = rates_in_turn([model.engine for model in models], chunks.signal_NS, repeats)
    result = []
    for checkpoint, model, rate in zip(checkpoints, models, rates, strict=True):
        macs, operations = operations_of(checkpoint, chunks.signal_NS.shape[1])
        identity = label_identity(model, chunks)
        result.append(Measured(identity, weight_bytes(checkpoint), macs, operations, rate))
    return result


def label_identity(model: BasecallModel, chunks: Chunks) -> float:
    """Mean of matches per column of the alignment of call and label."""
    multiple = model.engine.chunk_multiple
    signal_NS = chunks.signal_NS[:, : chunks.signal_NS.shape[1] // multiple * multiple]
    found = []
    for n, bases in model.engine.run(enumerate(signal_NS), lambda scores_TK: model.decoder(scores_TK).bases):
        matches, edits = matches_and_edits(bases.astype(np.int64), chunks.labels[n])
        found.append(matches / (matches + edits))
    return float(np.mean(found))


def rates_in_turn(engines: Sequence[Any], signal_NS: np.ndarray, repeats: int) -> list[float]:
    """Samples per CPU-second of networks in their engines (median of repeats), after a warm-up."""
    spent_s: list[list[float]] = [[] for _ in engines]
    for repeat in range(repeats + 1):
        for own_s, engine in zip(spent_s, engines, strict=True):
            length = signal_NS.shape[1] // engine.chunk_multiple * engine.chunk_multiple
            some = signal_NS[: TIMED_BATCHES * engine.batch_size, None, :length]
            batches = [
                np.ascontiguousarray(some[start : start + engine.batch_size])
                for start in range(0, len(some), engine.batch_size)
            ]
            began_s = time.thread_time()
            for batch in batches:
                engine.scores(batch)
            if repeat:
                own_s.append((time.thread_time() - began_s) / some.size)
    return [1 / max(float(np.median(own_s)), 1e-12) for own_s in spent_s]


def weight_bytes(checkpoint: Checkpoint) -> int:
    """Bytes of a model's tensors, steps of grids included, as its file holds them."""
    stored = packed(checkpoint.weights, checkpoint.quantization, f"model {checkpoint.name}")
    return sum(tensor.nbytes for tensor in stored.values())


def operations_of(checkpoint: Checkpoint, samples: int) -> tuple[float, float]:
    """Multiply-accumulates of a sample, and the same with each times the bits of both its factors."""
    costs = network_costs(build_network(checkpoint), samples)
    layers = bits_per_layer(checkpoint, samples)
    others = costs.macs_per_sample - sum(layer.macs_per_sample for layer in layers)
    operations = sum(layer.macs_per_sample * layer.weight_bits * layer.activation_bits for layer in layers)
    return costs.macs_per_sample, operations + others * FLOAT**2


def bits_per_layer(checkpoint: Checkpoint, samples: int) -> list[LayerBits]:
    """The layers that can be quantised, in the order in which they run."""
    network = build_network(checkpoint)
    stated = read_quantization(checkpoint.quantization, f"model {checkpoint.name}")
    result = []
    for name, (macs, weights) in _layer_macs(network, samples).items():
        layer = stated.layer(name) if name in stated.layers else None
        bits = (layer.weight_bits, layer.activation_bits) if layer else (FLOAT, FLOAT)
        result.append(LayerBits(name, macs / samples, weights, *bits))
    return result


def _layer_macs(network: Network, samples: int) -> dict[str, tuple[int, int]]:
    """Multiply-accumulates for one chunk, and weights."""
    layers, modules = rounded_layers(network), dict(network.named_modules())
    found: dict[str, tuple[int, int]] = {}

    def count(name: str) -> Callable[[nn.Module, Any, Any], None]:
        def hook(module: nn.Module, inputs: Any, output: Any) -> None:
            weights = [getattr(module, n) for n in layers[name]]
            size = sum(weight.numel() for weight in weights)
            # a recurrent layer gives (steps, state) and takes as many steps; others make one number a channel
            is_pair = isinstance(output, tuple)
            times = inputs[0].numel() // inputs[0].shape[-1] if is_pair else output.numel() // len(weights[0])
            found[name] = (found.get(name, (0, 0))[0] + size * times, size)

        return hook

    handles = [modules[name].register_forward_hook(count(name)) for name in layers]
    with torch.no_grad():
        network(
            example_chunks(network.encoder, 1, samples // network.chunk_multiple * network.chunk_multiple)
        )
    for handle in handles:
        handle.remove()
    return found


def described(checkpoint: Checkpoint) -> str:
    """How a quantised model runs, in sentences for its card."""
    stated = read_quantization(checkpoint.quantization, f"model {checkpoint.name}")
    if stated.engine == "int8":
        return (
            "LSTMs and linear layers with weights of at most 7 bits and inputs of 8 run in integers with "
            "onnxruntime; the other layers have their weights on a grid and run in float32. With --engine "
            "torch it is simulated in float32, without the rounding of the LSTMs' states."
        )
    return (
        "Simulated: weights and inputs of the layers lie on their grids, the products are float32. The model "
        "is smaller, not faster."
    )
