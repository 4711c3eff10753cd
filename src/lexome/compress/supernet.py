"""A network that holds all networks of a search space: shared widths, one operator of every layer at a time.

Every layer has its operators at the widest width; a narrower one is the first channels, all others set to
zero. Bits round the weights and the inputs of an operator (`nn.fake_quant`); a range is that of the batch.

Shapes: N batch, C channels, S samples (or steps), T steps, D features.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lexome.compress.paths import ArchitectureParameters, Part, Parts
from lexome.compress.space import Bits, Choices, ConvolutionSpace, Layer
from lexome.models.registry import new_network
from lexome.nn.conv import activate
from lexome.nn.fake_quant import FLOAT, input_grid, largest, rounded_input, rounded_weight
from lexome.nn.network import Network
from lexome.nn.separable import SeparableBlock, SeparableConv

LEAST_STEP = 1e-12


class SuperEncoder(nn.Module):
    """All networks of a space: signal (N, C, S) -> features (N, T, D), along the path that is being followed.

    With none followed it is the likeliest network.
    """

    prunable: tuple[str, ...] = ()
    skips: tuple[str, ...] = ()

    def __init__(self, space: ConvolutionSpace) -> None:
        super().__init__()
        self.space, self.stride = space, space.stride
        self.architecture = ArchitectureParameters(space.slots)
        self.operators = nn.ModuleList()
        for layer in space.layers:
            width_in = max(space.widths[layer.into]) if layer.into else 1
            self.operators.append(
                nn.ModuleList(
                    nn.Identity()
                    if one is None
                    else SeparableBlock(width_in, one, space.activation, space.dropout)
                    for one in layer.operators
                )
            )
        self.num_features = max(space.widths[space.layers[-1].out])
        self._parts: Parts | None = None

    @contextmanager
    def following(self, parts: Parts) -> Iterator[None]:
        """Runs these parts within the block."""
        before, self._parts = self._parts, parts
        try:
            yield
        finally:
            self._parts = before

    def forward(self, signal_NCS: Float[Tensor, "N C S"]) -> Float[Tensor, "N T D"]:
        """Features of every step."""
        parts = self._parts
        if parts is None:
            parts = self.architecture.only(self.architecture.likeliest())
        x: Tensor = signal_NCS
        for layer, operators in zip(self.space.layers, self.operators, strict=True):
            assert isinstance(operators, nn.ModuleList)
            mask = self._mask(layer, parts[layer.out], x)
            bits = [(layer.bits[part.option], part.gate) for part in parts[layer.bits_slot]]
            found = []
            for part in parts[layer.operator_slot]:
                one = operators[part.option]
                y = run_block(one, x, mask, bits) if isinstance(one, SeparableBlock) else x
                found.append((y, part.gate))
            x = _mixed(found)
        return x.transpose(1, 2)

    def _mask(self, layer: Layer, parts: Sequence[Part], x: Tensor) -> Tensor | None:
        """Ones for the channels of a width, zeros for all others; None if there is one width only."""
        widths = self.space.widths[layer.out]
        if len(widths) == 1:
            return None
        number = torch.arange(max(widths), device=x.device)
        return _mixed([((number < widths[part.option]).to(x.dtype)[:, None], part.gate) for part in parts])


def run_block(
    block: SeparableBlock,
    x_NCS: Float[Tensor, "N C S"],
    mask: Tensor | None,
    bits: Sequence[tuple[Bits, Tensor | None]],
) -> Float[Tensor, "N D T"]:
    """A block of which a part of the channels is used, its convolutions on grids of few bits.

    Args:
        block: of the widest width.
        x_NCS: what goes in.
        mask: (D, 1), multiplies the channels; None: all are used.
        bits: of weights and inputs, with their gates.
    """
    if mask is None and all(one == (FLOAT, FLOAT) for one, _ in bits):
        return block(x_NCS)

    def run(conv: SeparableConv, x: Tensor) -> Tensor:
        for part in (conv.along_time, conv.across_channels):
            if isinstance(part, nn.Conv1d):
                x = _rounded_conv(part, x, bits)
        x = conv.norm(x)
        return x if mask is None else x * mask

    y: Tensor = x_NCS
    for i, conv in enumerate(block.convs):
        assert isinstance(conv, SeparableConv)
        y = run(conv, y)
        if i == len(block.convs) - 1 and block.residual is not None:
            y = y + run(block.residual, x_NCS)
        y = block.dropout(activate(y, block.activation))  # all activations leave zero as it is
    return y


def _rounded_conv(conv: nn.Conv1d, x: Tensor, bits: Sequence[tuple[Bits, Tensor | None]]) -> Tensor:
    inputs = _mixed([(_rounded_input(x, of_inputs), gate) for (_, of_inputs), gate in bits])
    weight = _mixed([(_rounded_weight(conv.weight, of_weights), gate) for (of_weights, _), gate in bits])
    return nn.functional.conv1d(
        inputs, weight, None, conv.stride, conv.padding, conv.dilation, conv.groups
    )  # fmt: skip


def _rounded_input(x: Tensor, bits: int) -> Tensor:
    if bits == FLOAT:
        return x
    step, zero = input_grid(float(x.detach().min()), float(x.detach().max()), bits)
    return rounded_input(x, x.new_tensor(step), x.new_tensor(zero), bits)


def _rounded_weight(weight: Tensor, bits: int) -> Tensor:
    if bits == FLOAT:
        return weight
    step_C = weight.detach().abs().amax((1, 2)) / largest(bits)
    return rounded_weight(weight, step_C.clamp_min(LEAST_STEP), bits)


def _mixed(parts: Sequence[tuple[Tensor, Tensor | None]]) -> Tensor:
    """The sum of tensors times their gates; one without a gate is alone."""
    total = None
    for value, gate in parts:
        term = value if gate is None else value * gate
        total = term if total is None else total + term
    assert total is not None
    return total


def derived_network(network: Network, choices: Choices, head: Mapping[str, Any]) -> Network:
    """The network of some choices by itself, with the weights that it has within a super-network.

    Args:
        network: a `SuperEncoder` with a scorer.
        choices: an option of every slot.
        head: the table [head] of the recipe that the scorer is of.

    Returns:
        A network of `models.quartznet` with the same outputs (where bits are chosen: with float ones).
    """
    encoder = network.encoder
    assert isinstance(encoder, SuperEncoder)
    made = new_network(encoder.space.architecture(choices), head)
    state = {f"scorer.{name}": tensor for name, tensor in network.scorer.state_dict().items()}
    number = 0
    for layer, operators in zip(encoder.space.layers, encoder.operators, strict=True):
        assert isinstance(operators, nn.ModuleList)
        operator = operators[choices[layer.operator_slot]]
        if isinstance(operator, SeparableBlock):
            state |= {f"encoder.blocks.{number}.{n}": t for n, t in operator.state_dict().items()}
            number += 1
    wanted = made.state_dict()
    made.load_state_dict({name: t[tuple(map(slice, wanted[name].shape))] for name, t in state.items()})
    return made.train(network.training)
