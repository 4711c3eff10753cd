"""What a unit of a network is made of: tensors, places in them, and where the configuration counts it."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from torch import nn

Key = tuple[str | int, ...]
Kind = Literal["units", "ffn", "heads"]


@dataclass(frozen=True)
class Part:
    """Where a layer's units are in a tensor.

    Attributes:
        name: of the tensor.
        axis: along which they lie.
        blocks: stretches of all units, one after the other.
        each: places in a row that belong to one unit, in every stretch.
        is_learned: False for numbers that were drawn once and say nothing about what a unit matters.
    """

    name: str
    axis: int = 0
    blocks: int = 1
    each: int = 1
    is_learned: bool = True


@dataclass(frozen=True)
class Units:
    """The units of one layer.

    Attributes:
        layer: name of its module.
        width: how many there are, U.
        key: where the configuration of the architecture says so; layers with the same key have one width.
        made: the tensors whose zeros take a unit out of the network.
        used: the other tensors that have places of a unit.
        kind: "units" of convolutions, recurrent and linear layers, "ffn" the hidden features of feed-forward
            blocks, "heads" of attentions.
        each: features of a unit: those of a head.
        is_numbered: the configuration has the units' numbers there, not how many they are.
    """

    layer: str
    width: int
    key: Key
    made: tuple[Part, ...]
    used: tuple[Part, ...]
    kind: Kind = "units"
    each: int = 1
    is_numbered: bool = False


@dataclass(frozen=True)
class Found:
    """The layers whose units can be taken out, and why those of the others cannot."""

    units: tuple[Units, ...]
    refused: dict[str, str] = field(default_factory=dict)


def places_of(part: Part, units: np.ndarray, width: int) -> np.ndarray:
    """Where some of `width` units are along a tensor's axis, stretch by stretch."""
    starts = units + width * np.arange(part.blocks)[:, None]
    return (starts[..., None] * part.each + np.arange(part.each)).ravel()


def tensors_of(name: str, layer: nn.Module, blocks: int = 1) -> list[Part]:
    """All tensors of a layer but counts of batches, each with the units along its first axis."""
    return [Part(f"{name}.{one}", 0, blocks) for one, tensor in layer.state_dict().items() if tensor.ndim]
