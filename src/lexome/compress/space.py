"""The networks that a search may find, as data: blocks of convolutions in stages of choices.

Every choice is a slot with options: how wide a stage is, which operator a layer has (or none: the layer is
left out), and how many bits. A choice for every slot is the plain configuration of `models.quartznet`.

Source: RUBICON's QABAS: a fixed first convolution, stages of layers over kernels and bits, identity as layer
removal. What differs: widths are searched too, bits are a choice of their own beside the operator, and any
number of stages is data instead of code.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import Any, Literal

from lexome.compress.costs import FLOAT_BITS, Operation
from lexome.core.config import to_dict
from lexome.models.quartznet import QuartzNetConfig
from lexome.nn.conv import Activation
from lexome.nn.fake_quant import LEAST_BITS, MOST_BITS
from lexome.nn.separable import SeparableConfig

Bits = tuple[int, int]  # of weights and of what goes into a layer; 32 is float
Choices = Mapping[str, int]  # option of every slot
MAX_OPERATIONS = 5000
NONE = "none"  # the operator of a layer that is left out


@dataclass(frozen=True)
class Slot:
    """A choice that is to be made.

    Attributes:
        name: of the choice.
        options: what can be chosen, in words.
    """

    name: str
    options: tuple[str, ...]


@dataclass(frozen=True)
class Kind:
    """What convolutions an operator is made of; see `nn.separable.SeparableConfig`."""

    repeat: int = 1
    dilation: int = 1
    separable: bool = True
    residual: bool = False
    groups_of: int = 1


@dataclass(frozen=True)
class Stage:
    """Layers of one width.

    Attributes:
        channels: widths to choose from.
        kernels: of the operators to choose from; every kernel with every kind.
        kinds: what the operators are made of.
        layers: at most; every one but the first may be left out.
        bits: (weights, inputs) to choose from, for each layer; 2 to 16, or 32 for float.
        stride: of the first layer.
    """

    channels: tuple[int, ...]
    kernels: tuple[int, ...]
    kinds: tuple[Kind, ...] = (Kind(),)
    layers: int = 1
    bits: tuple[Bits, ...] = ((FLOAT_BITS, FLOAT_BITS),)
    stride: int = 1

    def __post_init__(self) -> None:
        if not self.channels or not self.kernels or not self.kinds or not self.bits or self.layers < 1:
            raise ValueError("a stage needs channels, kernels, kinds and bits to choose from, and a layer")
        for name in ("channels", "kernels", "kinds", "bits"):
            if len(set(getattr(self, name))) < len(getattr(self, name)):
                raise ValueError(f"one of the {name} of a stage is there twice")
        for bits in (one for pair in self.bits for one in pair):
            if bits != FLOAT_BITS and not LEAST_BITS <= bits <= MOST_BITS:
                raise ValueError(f"{bits} bits: {LEAST_BITS} to {MOST_BITS} can be had, or 32 for float")

    def operators(self) -> Iterator[SeparableConfig]:
        """Every kernel with every kind, as blocks of the widest width."""
        for kind in self.kinds:
            for kernel in self.kernels:
                yield SeparableConfig(max(self.channels), kernel, **vars(kind))


@dataclass(frozen=True)
class Layer:
    """One layer with its choices.

    Attributes:
        name: begins the names of its own slots.
        into: slot of the width that goes in; empty: the signal.
        out: slot of its own width.
        operators: blocks to choose from, of the widest width; None: left out.
        bits: to choose from.
        samples_per_step: of what goes in.
    """

    name: str
    into: str
    out: str
    operators: tuple[SeparableConfig | None, ...]
    bits: tuple[Bits, ...]
    samples_per_step: int

    @property
    def operator_slot(self) -> str:
        """Name of the choice of its operator."""
        return f"{self.name}.operator"

    @property
    def bits_slot(self) -> str:
        """Name of the choice of its bits."""
        return f"{self.name}.bits"


@dataclass(frozen=True)
class ConvolutionSpace:
    """Fixed blocks, stages of choices, fixed blocks: the table [space] of a file, kind "convolutions".

    Attributes:
        stages: from first to last.
        stem: fixed blocks before them.
        tail: fixed blocks behind them; one at least if the last stage may have several widths.
        activation: follows every convolution.
        dropout: in training.
    """

    stages: tuple[Stage, ...]
    stem: tuple[SeparableConfig, ...] = ()
    tail: tuple[SeparableConfig, ...] = ()
    activation: Activation = "swish"
    dropout: float = 0.05
    kind: Literal["convolutions"] = "convolutions"

    def __post_init__(self) -> None:
        if not self.stages:
            raise ValueError("at least one stage is needed")
        if len(self.stages[-1].channels) > 1 and not self.tail:
            raise ValueError("behind a last stage of several widths a block of the tail is needed")
        count = 0
        for layer in self.layers:
            widths_in = self.widths[layer.into] if layer.into else (1,)
            widths = self.widths[layer.out]
            pairs = len(widths) if layer.into == layer.out else len(widths_in) * len(widths)
            count += pairs * len(layer.operators) * len(layer.bits)
            for operator in layer.operators:
                if operator is not None and operator.separable:
                    _check_groups(layer, operator, (*widths_in, *(widths if operator.repeat > 1 else ())))
        if count > MAX_OPERATIONS:
            raise ValueError(f"{count:,} operations to choose from; at most {MAX_OPERATIONS:,} make sense")

    @cached_property
    def widths(self) -> dict[str, tuple[int, ...]]:
        """Slots of widths with their widths."""
        stem = {f"stem{i}.channels": (block.size,) for i, block in enumerate(self.stem)}
        stages = {f"stage{i}.channels": stage.channels for i, stage in enumerate(self.stages)}
        return {**stem, **stages, **{f"tail{i}.channels": (block.size,) for i, block in enumerate(self.tail)}}

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """All layers, from first to last."""
        made: list[Layer] = []
        floats = ((FLOAT_BITS, FLOAT_BITS),)

        def add(name: str, out: str, operators: tuple[SeparableConfig | None, ...], bits: Any) -> None:
            into = made[-1].out if made else ""
            stride = prod(layer.operators[0].stride for layer in made if layer.operators[0])
            made.append(Layer(name, into, out, operators, bits, stride))

        for i, block in enumerate(self.stem):
            add(f"stem{i}", f"stem{i}.channels", (block,), floats)
        for i, stage in enumerate(self.stages):
            for number in range(stage.layers):
                operators: tuple[SeparableConfig | None, ...] = tuple(
                    replace(one, stride=stage.stride if number == 0 else 1) for one in stage.operators()
                )
                kept = operators if number == 0 else (*operators, None)
                add(f"stage{i}.layer{number}", f"stage{i}.channels", kept, stage.bits)
        for i, block in enumerate(self.tail):
            add(f"tail{i}", f"tail{i}.channels", (block,), floats)
        return tuple(made)

    @cached_property
    def slots(self) -> tuple[Slot, ...]:
        """All choices, those of one option too."""
        widths = [Slot(name, tuple(map(str, options))) for name, options in self.widths.items()]
        own = [
            slot
            for layer in self.layers
            for slot in (
                Slot(layer.operator_slot, tuple(map(described, layer.operators))),
                Slot(layer.bits_slot, tuple(f"{w}/{a}" for w, a in layer.bits)),
            )
        ]
        return (*widths, *own)

    @property
    def stride(self) -> int:
        """Samples per step of all networks."""
        return prod(layer.operators[0].stride for layer in self.layers if layer.operators[0])

    def blocks(self, choices: Choices) -> Iterator[tuple[Layer, SeparableConfig, Bits]]:
        """The layers that are there, with their block and bits."""
        for layer in self.layers:
            operator = layer.operators[choices[layer.operator_slot]]
            if operator is not None:
                size = self.widths[layer.out][choices[layer.out]]
                yield layer, replace(operator, size=size), layer.bits[choices[layer.bits_slot]]

    def architecture(self, choices: Choices) -> dict[str, Any]:
        """The chosen network as the table [architecture] of a recipe."""
        blocks = tuple(block for _, block, _ in self.blocks(choices))
        config = to_dict(QuartzNetConfig(blocks, self.activation, self.dropout))
        return {"name": "quartznet", "config": config}

    def bits(self, choices: Choices) -> dict[str, Bits]:
        """The bits of the chosen network's blocks by their module names, without those that are float."""
        named = {f"encoder.blocks.{i}.*": bits for i, (_, _, bits) in enumerate(self.blocks(choices))}
        return {name: bits for name, bits in named.items() if bits != (FLOAT_BITS, FLOAT_BITS)}

    def operation(
        self, layer: Layer, width_in: int, width: int, operator: int, bits: int
    ) -> Operation | None:
        """What an option of a layer is; None if the layer is left out."""
        block = layer.operators[operator]
        if block is None:
            return None
        block = replace(block, size=width)
        weight_bits, input_bits = layer.bits[bits]
        key = (
            f"{described(block)} {width_in}->{width} {self.activation} at {layer.samples_per_step} "
            f"bits {weight_bits}/{input_bits}"
        )
        config = to_dict(QuartzNetConfig((block,), self.activation, 0.0, width_in))
        return Operation(key, "quartznet", config, width_in, layer.samples_per_step, weight_bits)

    def operations(self) -> dict[str, Operation]:
        """All that a network of this space may be made of, by key."""
        found: dict[str, Operation] = {}
        for layer in self.layers:
            for width_in, width in self.width_pairs(layer):
                for operator in range(len(layer.operators)):
                    for bits in range(len(layer.bits)):
                        one = self.operation(layer, width_in, width, operator, bits)
                        if one is not None:
                            found[one.key] = one
        return found

    def width_pairs(self, layer: Layer) -> list[tuple[int, int]]:
        """The widths in and out that a layer may have together."""
        widths = self.widths[layer.out]
        if layer.into == layer.out:
            return [(width, width) for width in widths]
        return [(w_in, w) for w_in in (self.widths[layer.into] if layer.into else (1,)) for w in widths]


def described(block: SeparableConfig | None) -> str:
    """A block in words, without its width.

    >>> described(SeparableConfig(16, 9, repeat=2, groups_of=8))
    'separable k9 x2 groups of 8'
    """
    if block is None:
        return NONE
    words = [f"{'separable' if block.separable else 'convolution'} k{block.kernel}"]
    words += [f"x{block.repeat}"] * (block.repeat > 1) + [f"stride {block.stride}"] * (block.stride > 1)
    words += [f"dilation {block.dilation}"] * (block.dilation > 1)
    words += [f"groups of {block.groups_of}"] * (block.groups_of > 1) + ["residual"] * block.residual
    return " ".join(words)


def _check_groups(layer: Layer, operator: SeparableConfig, widths: tuple[int, ...]) -> None:
    for width in widths:
        if width % operator.groups_of:
            raise ValueError(f"{layer.name}: groups_of {operator.groups_of} does not divide {width} channels")
