"""One network by several implementations of its LSTMs: unfused, scripted, fused, and onnxruntime."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch

from lexome.checkpoint.build import weights_of
from lexome.checkpoint.store import Checkpoint, Component
from lexome.engine.engine import Engine
from lexome.engine.onnx import OnnxEngine
from lexome.engine.torch import TorchEngine
from lexome.models.costs import example_chunks
from lexome.models.named import named_architecture
from lexome.models.registry import new_network
from lexome.nn.costs import counted
from lexome.nn.network import Network
from lexome.tasks.bench.layer_speed import Case, Group, Opened, SpeedRequest, Subject, batch_series
from lexome.tasks.bench.module_cases import SEED
from lexome.tasks.bench.roofline import STATE_LENGTHS
from lexome.tasks.bench.speed import run_of, signal_maker
from lexome.tasks.bench.timing import powers_of_two

WIDTHS, SAMPLES = (96, 384), 2000
# What the thesis calls them, and the named architecture of each.
FUSED, ONNX = "BonitoOptimized", "onnxruntime"
TORCH_KINDS = {
    FUSED: "bonito",
    "Bonito": "bonito_lstm_steps",
    "BonitoJIT": "bonito_lstm_scripted",
}


@dataclass(frozen=True)
class Shape:
    """The network: its width and its recurrent layers (None: Bonito's five)."""

    width: int
    layers: int | None = None


def implementations_subject(
    request: SpeedRequest,
    widths: Sequence[int] = WIDTHS,
    samples: int = SAMPLES,
    layers: int | None = None,
) -> Subject:
    """Section 6.2."""
    sizes, groups = powers_of_two(request.max_batch), []
    for width in widths:
        shape = Shape(width, layers)
        opened: dict[str, Callable[[], Engine]] = {
            name: partial(torch_engine, shape, architecture, request)
            for name, architecture in TORCH_KINDS.items()
        }
        if not request.is_gpu:
            opened[ONNX] = partial(onnx_engine, shape, request)
        series = tuple(
            batch_series(
                name, Case(partial(_open, shape, open_engine, samples), signal_maker(samples), samples), sizes
            )
            for name, open_engine in opened.items()
        )
        groups.append(Group(f"Width {width}", "batch size", "samples", series, FUSED))
    return Subject(
        "Implementations of one network",
        f"Bonito with the same weights on chunks of {samples:,} samples, from signal to scores in lexome's "
        "engines: LSTMs whose steps are single operations (Bonito), the same passed through torch's compiler "
        "of scripts (BonitoJIT), torch's own LSTM (BonitoOptimized), and onnxruntime (CPU "
        "only). Threads share the chunks of a batch, as in basecalling.",
        "section 6.2, figure 6.1",
        tuple(groups),
    )


def same_network(shape: Shape, architecture: str) -> Network:
    """A named kind of Bonito with random weights that are the same for all kinds."""
    head = {"name": "crf", "config": {"state_len": STATE_LENGTHS.get(shape.width, 3)}}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        reference = new_network(named_architecture("bonito", shape.width, shape.layers), head)
    network = new_network(named_architecture(architecture, shape.width, shape.layers), head)
    network.load_state_dict(reference.state_dict())
    return network.eval()


def torch_engine(shape: Shape, architecture: str, request: SpeedRequest) -> TorchEngine:
    """Torch's engine with a kind of Bonito."""
    network = same_network(shape, architecture)
    return TorchEngine(network, device=request.device, threads=request.threads)


def onnx_engine(shape: Shape, request: SpeedRequest) -> OnnxEngine:
    """The engine of onnxruntime with the same network."""
    table = named_architecture("bonito", shape.width, shape.layers)
    checkpoint = Checkpoint(
        "basecall",
        Component("bonito", table["config"]),
        Component("crf", {"state_len": STATE_LENGTHS.get(shape.width, 3)}),
        {},
        None,
        {"name": "speed"},
        weights_of(same_network(shape, "bonito")),
    )
    return OnnxEngine(checkpoint, threads=request.threads)


def _open(shape: Shape, open_engine: Callable[[], Engine], samples: int) -> Opened:
    return Opened(run_of(open_engine(), lambda scores_TK: None), network_macs(shape, samples))


def network_macs(shape: Shape, samples: int) -> int:
    """Multiply-accumulates of one chunk."""
    network = same_network(shape, "bonito")
    return counted(network, example_chunks(network.encoder, 1, samples)).macs
