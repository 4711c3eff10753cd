"""Convolution blocks in a row. Shapes: N batch, C channels, S samples in, T steps, D features out."""

from collections.abc import Sequence
from math import prod
from typing import Protocol, runtime_checkable

from torch import nn

from lexome.nn.conv import ConvBlock, ConvConfig
from lexome.nn.kan import KanConv, KanConvConfig

AnyConvConfig = ConvConfig | KanConvConfig


def conv_block(in_channels: int, config: AnyConvConfig) -> ConvBlock | KanConv:
    """The block that a configuration describes, (N, C, S) -> (N, size, T)."""
    return (
        KanConv(in_channels, config) if isinstance(config, KanConvConfig) else ConvBlock(in_channels, config)
    )


def conv_stack(in_channels: int, convs: Sequence[AnyConvConfig]) -> nn.Sequential:
    """Convolution blocks from first to last: (N, C, S) -> (N, D, T), D the size of the last one.

    Args:
        in_channels: channels C of the signal.
        convs: at least one block.
    """
    stack, width = nn.Sequential(), in_channels
    for conv in convs:
        stack.append(conv_block(width, conv))
        width = conv.size
    return stack


@runtime_checkable  # so that it can be checked under the tests' type hook
class Sized(Protocol):
    """A configuration of something whose features in and out are as many."""

    @property
    def size(self) -> int:
        """Features."""
        ...


def check_one_width(
    convs: Sequence[AnyConvConfig], parts: Sequence[Sized], in_channels: int, noun: str
) -> None:
    """Checks an encoder of convolutions and parts that all have the last convolution's size.

    Raises:
        ValueError: if something is missing, or has another size; `noun` is what a part is called.
    """
    if not convs or not parts:
        raise ValueError(f"at least one convolution and one {noun} are needed")
    if in_channels < 1:
        raise ValueError("in_channels must be positive")
    if any(part.size != convs[-1].size for part in parts):
        raise ValueError(f"all {noun}s must have the size of the last convolution")


def stack_stride(convs: Sequence[AnyConvConfig]) -> int:
    """Samples per step behind all blocks."""
    return prod(conv.stride for conv in convs)


def stack_is_causal(convs: Sequence[AnyConvConfig]) -> bool:
    """Whether step t needs no sample at or behind (t + 1) * stride: what a live signal has then."""
    last = 0  # the last sample that step 0 needs
    for conv in reversed(convs):
        padding = conv.kernel // 2 if conv.padding is None else conv.padding
        last = last * conv.stride - padding + conv.kernel - 1
    return last < stack_stride(convs)
