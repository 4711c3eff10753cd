"""What goes into the layers of a network and comes out of them, step by step, whatever the architecture.

Legend: N items, S samples, T steps of a layer, D features.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from lexome.nn.network import Network

LENGTHS = (20, 30)  # of the trial, in steps that a chunk is a multiple of
MIN_TRIAL_SAMPLES = 600


@dataclass
class Passed:
    """What went through the layers in one run: the input of their first call, the output of their last."""

    inputs: dict[str, Tensor] = field(default_factory=dict)
    outputs: dict[str, Tensor] = field(default_factory=dict)


@contextmanager
def passing(network: nn.Module, names: Sequence[str]) -> Iterator[Passed]:
    """Keeps what goes through the named modules while the block runs; of tensors only."""
    passed = Passed()
    modules = dict(network.named_modules())

    def keep(name: str) -> Callable[[nn.Module, tuple[object, ...], object], None]:
        def hook(module: nn.Module, inputs: tuple[object, ...], output: object) -> None:
            if inputs and isinstance(inputs[0], Tensor):
                passed.inputs.setdefault(name, inputs[0])
            if isinstance(output, Tensor):
                passed.outputs[name] = output

        return hook

    handles = [modules[name].register_forward_hook(keep(name)) for name in names]
    try:
        yield passed
    finally:
        for handle in handles:
            handle.remove()


@dataclass(frozen=True)
class LayerAxes:
    """Which axis of a layer's input and of its output is time; None: there is no such axis."""

    into: int | None
    out: int | None


def layer_axes(network: Network, names: Sequence[str], channels: int = 1) -> dict[str, LayerAxes]:
    """Finds which axis is time by running a network on two lengths and looking which one changes.

    So it needs to know nothing of the kinds of layers: convolutions have time last, recurrent layers second.

    Args:
        network: takes (N, C, S) signal.
        names: of its modules.
        channels: C.

    Returns:
        Axes by name; without the modules that do not run.
    """
    multiple = network.chunk_multiple
    times = -(-MIN_TRIAL_SAMPLES // (LENGTHS[0] * multiple))
    device = next(network.parameters()).device
    shapes: list[tuple[dict[str, torch.Size], dict[str, torch.Size]]] = []
    for length in LENGTHS:
        signal_NCS = torch.zeros(1, channels, length * multiple * times, device=device)
        with passing(network, names) as passed, torch.no_grad():
            network(signal_NCS)
        shapes.append(
            ({n: t.shape for n, t in passed.inputs.items()}, {n: t.shape for n, t in passed.outputs.items()})
        )
    (short_in, short_out), (long_in, long_out) = shapes
    return {
        name: LayerAxes(_changed(short_in, long_in, name), _changed(short_out, long_out, name))
        for name in names
        if name in short_in or name in short_out
    }


def _changed(short: dict[str, torch.Size], long: dict[str, torch.Size], name: str) -> int | None:
    """The one axis that is longer for a longer signal."""
    if name not in short or len(short[name]) != 3 or len(long[name]) != 3:
        return None
    changed = [axis for axis in (1, 2) if short[name][axis] != long[name][axis]]
    return changed[0] if len(changed) == 1 and short[name][0] == long[name][0] else None


def by_step(values: Tensor, axis: int) -> Tensor:
    """A layer's input or output with time second: (N, T, D)."""
    return values if axis == 1 else values.transpose(1, 2)
