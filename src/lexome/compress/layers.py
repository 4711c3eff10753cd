"""Whole layers are taken out of stacks of layers that give what they take: as many steps of as many features.

What is left computes what the network computed with the layer passed by. Which goes: the one without which
the scores change least, then the next with that one gone, and so on.

Source: layers dropped from a trained stack (Sajjad 2023). What differs: by the output instead of the layer's
place or its likeness to the one before, and after each layer the others are judged anew.
"""

import copy
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from lexome.checkpoint.build import build_any_network
from lexome.checkpoint.store import STATISTICS, Checkpoint, Component
from lexome.compress.transformer_units import without_full_heads
from lexome.compress.units import architecture_of
from lexome.core.errors import UsageError, nearest
from lexome.models.costs import example_chunks
from lexome.nn.network import Network
from lexome.nn.reversible import ReversibleBlock
from lexome.nn.transformer import TransformerLayer

Forward = Callable[[nn.Module], Tensor]  # a network's scores of some inputs
EXAMPLE_STEPS = 60
NO_LAYERS = "no layers that give what they take, more than one in a row"


@dataclass(frozen=True)
class Stack:
    """A stack of layers in an architecture.

    Attributes:
        modules: their name, without their numbers.
        lists: keys of the configuration that have an entry for each layer.
        count: key that says how many there are; "" if the lists do.
    """

    modules: str
    lists: tuple[str, ...] = ()
    count: str = ""


LAYERS = Stack("layers", ("feed_forwards", "heads"))
STACKS: dict[str, tuple[Stack, ...]] = {
    "bigbird": (LAYERS,),
    "bonito": (Stack("lstms", ("lstms",)),),
    "catcaller": (Stack("layers", ("kernels", "heads")),),
    "deepconsensus": (LAYERS,),
    "dense_base_conv": (Stack("blocks", ("blocks",)), Stack("lstms", ("lstms",))),
    "dnabert2": (Stack("encoder.layer", ("heads",), "num_layers"),),
    "mamba": (Stack("layers", ("layers",)),),
    "parallel_rnn": (Stack("layers", ("layers",)),),
    "quartznet": (Stack("blocks", ("blocks",)),),
    "reformer": (Stack("layers.blocks", ("feed_forwards", "heads")),),
    "s4": (Stack("blocks", ("blocks",)),),
    "sacall": (LAYERS,),
    "transformer": (LAYERS,),
}


def example_scores(network: nn.Module) -> Tensor:
    """What a network makes of a little noise, pile-up or text: the same of every network for these inputs."""
    if isinstance(network, Network):
        return network(example_chunks(network.encoder, 2, EXAMPLE_STEPS * network.chunk_multiple))
    encoder: Any = network.encoder
    generator = torch.Generator().manual_seed(0)
    return network(torch.randint(encoder.config.vocab_size, (2, EXAMPLE_STEPS), generator=generator))


def droppable(checkpoint: Checkpoint) -> tuple[str, ...]:
    """Names of the layers that can be taken out, each by itself.

    Raises:
        UsageError: if there are none.
    """
    network = build_any_network(checkpoint)
    modules = dict(network.named_modules())
    prefix, name = _encoder_of(checkpoint)
    shapes: dict[str, bool] = {}

    def note(layer: str) -> Callable[[nn.Module, Any, Any], None]:
        def hook(module: nn.Module, inputs: Any, output: Any) -> None:
            first = output[0] if isinstance(output, tuple) else output
            shapes[layer] = shapes.get(layer, True) and inputs[0].shape == first.shape

        return hook

    layers = []
    for stack in STACKS.get(name, ()):
        found = list(modules.get(f"{prefix}.{stack.modules}", nn.ModuleList()).children())
        layers += [f"{prefix}.{stack.modules}.{i}" for i in range(len(found))] if len(found) > 1 else []
    handles = [modules[layer].register_forward_hook(note(layer)) for layer in layers]
    with torch.no_grad():
        example_scores(network)
    for handle in handles:
        handle.remove()
    if not any(shapes.values()):
        raise UsageError(f"model {checkpoint.name} ({name}) has {NO_LAYERS}")
    return tuple(layer for layer in layers if shapes.get(layer))


@contextmanager
def passed_by(network: nn.Module, layers: Sequence[str]) -> Iterator[None]:
    """Within the block some layers give what they take."""
    modules = [network.get_submodule(layer) for layer in layers]
    for module in modules:
        # an attribute of its own hides the method of the class
        vars(module)["forward"] = _both if isinstance(module, ReversibleBlock) else _first
    try:
        yield
    finally:
        for module in modules:
            del vars(module)["forward"]


def _first(x: Any, *around: Any) -> Any:
    return x


def _both(first: Any, second: Any) -> Any:
    return first, second


def choose_layers(
    checkpoint: Checkpoint, scores: Forward, *, share: float, count: int | None = None
) -> dict[str, float]:
    """The layers that matter least.

    Args:
        checkpoint: the model.
        scores: what a network gives for the inputs to judge by; called without gradients.
        share: of all weights that may go with them, at most.
        count: of layers; None: as many as the share allows.

    Returns:
        Layer -> the change of the scores (mean square, in parts of their variance) with it and those before
        it gone, in the order in which they go.

    Raises:
        UsageError: if the model has no such layers, or not so many.
    """
    waiting, network = list(droppable(checkpoint)), build_any_network(checkpoint)
    sizes = {layer: _weights_of(checkpoint, layer) for layer in waiting}
    total = checkpoint.num_parameters
    gone: dict[str, float] = {}
    with torch.no_grad():
        whole = scores(network)
        spread = whole.var().clamp(min=torch.finfo(whole.dtype).tiny)
        while len(gone) < (len(waiting) if count is None else count):
            room = share * total - sum(sizes[layer] for layer in gone)
            changes = {}
            for layer in waiting:
                if layer in gone or sizes[layer] > room or not _leaves_one(network, [*gone, layer]):
                    continue
                with passed_by(network, [*gone, layer]):
                    changes[layer] = float((scores(network) - whole).square().mean() / spread)
            if not changes:
                break
            least = min(changes, key=lambda layer: changes[layer])
            gone[least] = changes[least]
    if count is not None and len(gone) < count:
        raise UsageError(f"model {checkpoint.name}: {len(gone)} layers can be taken out, not {count}")
    return gone


def without_layers(checkpoint: Checkpoint, layers: Sequence[str]) -> Checkpoint:
    """The model with some layers gone.

    Args:
        checkpoint: the model.
        layers: names, as from `droppable`.

    Raises:
        UsageError: for a layer that cannot be taken out (with the nearest names), or if none of a stack would
            be left.
    """
    if not layers:
        return checkpoint
    known = droppable(checkpoint)
    for layer in layers:
        if layer not in known:
            raise UsageError(
                f"model {checkpoint.name} has no layer '{layer}' that can be taken out; "
                f"{nearest(layer, known)}"
            )
    network = build_any_network(checkpoint)
    if not _leaves_one(network, layers):
        raise UsageError(f"model {checkpoint.name}: of every stack at least one layer has to stay")
    prefix, name = _encoder_of(checkpoint)
    full = copy.deepcopy(architecture_of(network))
    config = full["architecture"]["config"] if "architecture" in full else full
    _pin_sums(config, network)
    weights = dict(checkpoint.weights)
    for stack in STACKS[name]:
        start = f"{prefix}.{stack.modules}."
        gone = {int(layer.removeprefix(start)) for layer in layers if layer.startswith(start)}
        if not gone:
            continue
        for key in stack.lists:
            if config.get(key) is not None:
                config[key] = [one for i, one in enumerate(config[key]) if i not in gone]
        if stack.count:
            config[stack.count] -= len(gone)
        weights = _renumbered(weights, start, gone)
    architecture = Component(checkpoint.architecture.name, without_full_heads(full))
    made = dataclasses.replace(checkpoint, architecture=architecture, weights=weights)
    build_any_network(made)  # strictly checks every shape
    return made


def _encoder_of(checkpoint: Checkpoint) -> tuple[str, str]:
    """The name of the encoder that has the layers among the network's modules, and of its architecture."""
    architecture = checkpoint.architecture
    if "architecture" in architecture.config:
        return "encoder.encoder", architecture.config["architecture"]["name"]
    return "encoder", architecture.name


def _pin_sums(config: dict[str, Any], network: nn.Module) -> None:
    """Writes down the factors that would follow from the number of layers."""
    for key in ("alpha", "beta"):
        if config.get(f"deepnorm_{key}", 0) is None:
            config[f"deepnorm_{key}"] = next(
                getattr(one, key) for one in network.modules() if isinstance(one, TransformerLayer)
            )


def _leaves_one(network: nn.Module, layers: Sequence[str]) -> bool:
    """Whether every stack keeps a layer."""
    stacks = [layer.rpartition(".")[0] for layer in layers]
    return all(stacks.count(s) < len(list(network.get_submodule(s).children())) for s in set(stacks))


def _weights_of(checkpoint: Checkpoint, layer: str) -> int:
    """The learned numbers of a layer."""
    return sum(
        int(weight.size)
        for name, weight in checkpoint.weights.items()
        if name.startswith(f"{layer}.") and name.split(".")[-1] not in STATISTICS
    )


def _renumbered(weights: Mapping[str, Any], start: str, gone: set[int]) -> dict[str, Any]:
    """The weights without those of some layers of a stack, the numbers of the others closed up."""
    result = {}
    for name, weight in weights.items():
        if name.startswith(start):
            number, _, rest = name.removeprefix(start).partition(".")
            if int(number) in gone:
                continue
            name = f"{start}{int(number) - sum(one < int(number) for one in gone)}.{rest}"
        result[name] = weight
    return result
