"""Which layers of a network are looked at, and what they give for every position.

Shapes: N items, T positions (columns, steps), D features.
"""

from collections.abc import Sequence
from fnmatch import fnmatchcase

import numpy as np
from torch import Tensor, nn

from lexome.core.errors import UsageError, nearest
from lexome.nn.conv import ConvBlock
from lexome.nn.network import Network

CHANNELS_SECOND = (ConvBlock, nn.Conv1d, nn.BatchNorm1d)  # they give (N, D, T), all others (N, T, D)


def layers_of(network: Network) -> tuple[str, ...]:
    """The layers of a network by the names of their modules: parts of its encoder, then its scorer.

    A part that is a list or sequence of modules stands for its members; empty ones and `Identity` are none.
    """
    names: list[str] = []
    for name, part in network.encoder.named_children():
        members = part.named_children() if isinstance(part, nn.ModuleList | nn.Sequential) else [("", part)]
        names += [
            f"encoder.{name}.{member}".rstrip(".")
            for member, module in members
            if not isinstance(module, nn.Identity)
        ]
    return (*names, "scorer")


def chosen_layers(network: Network, patterns: Sequence[str], model: str) -> tuple[str, ...]:
    """The modules of a network that patterns name; without patterns its layers.

    Args:
        network: whose modules.
        patterns: dotted names; `*` and `?` stand for anything within one part of a name
            ("encoder.layers.*.attention").
        model: the network's name in an error.

    Raises:
        UsageError: for a pattern that names nothing.
    """
    if not patterns:
        return layers_of(network)
    modules = [name for name, _ in network.named_modules() if name]
    chosen: list[str] = []
    for pattern in patterns:
        found = [name for name in modules if _is_named(name, pattern)]
        if not found:
            hint = nearest(pattern, layers_of(network))
            raise UsageError(f"model {model} has no module '{pattern}'; {hint}")
        chosen += [name for name in found if name not in chosen]
    return tuple(chosen)


def _is_named(name: str, pattern: str) -> bool:
    parts, wanted = name.split("."), pattern.split(".")
    return len(parts) == len(wanted) and all(map(fnmatchcase, parts, wanted))


def positions_of(
    network: Network, name: str, output: object, read_columns_NT: np.ndarray | None
) -> np.ndarray:
    """What a module gave, one row of features per position: float64[positions, D].

    Args:
        network: whose module.
        name: of the module.
        output: what it returned.
        read_columns_NT: positions that count, where the output has these positions; None: all.

    Raises:
        UsageError: if that is no tensor with items, positions and features.
    """
    if not isinstance(output, Tensor) or output.ndim != 3:
        raise UsageError(f"module {name} gives no features of positions; choose others with --taps")
    if isinstance(network.get_submodule(name), CHANNELS_SECOND):
        output = output.transpose(1, 2)
    values_NTD = output.detach().double().cpu().numpy()
    if read_columns_NT is not None and read_columns_NT.shape == values_NTD.shape[:2]:
        return values_NTD[read_columns_NT]
    return values_NTD.reshape(-1, values_NTD.shape[2])
