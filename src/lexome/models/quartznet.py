"""The encoder of Bonito-CTC: QuartzNet's blocks of separable convolutions.

Source: QuartzNet (Kriman 2020) and the facts published with bonito up to version 0.2 (`bonito.ctc`, its
configurations of DNA models 1 and 2). The sequence of layers and their shapes are the same.

What differs: batch first, (N, T, D) out; the convolution to the five symbols is the CTC head's linear layer,
or any other head; weights start as torch makes them, and the batch normalisations set their scale.

Shapes: N batch, C channels, S samples, T steps, D features.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from math import prod

import torch
from jaxtyping import Float
from torch import nn

from lexome.nn.conv import Activation
from lexome.nn.separable import SeparableBlock, SeparableConfig


@dataclass(frozen=True)
class QuartzNetConfig:
    """Blocks from first to last.

    Attributes:
        blocks: the blocks; C1, B1 to B5, C2 and C3 in the published networks.
        activation: follows every convolution.
        dropout: part of the features dropped behind each, in training.
        in_channels: channels of the signal.
    """

    blocks: tuple[SeparableConfig, ...]
    activation: Activation = "swish"
    dropout: float = 0.05
    in_channels: int = 1

    def __post_init__(self) -> None:
        if not self.blocks or self.in_channels < 1:
            raise ValueError("at least one block is needed, and in_channels must be positive")
        if not 0 <= self.dropout < 1:
            raise ValueError("dropout must be at least 0 and below 1")
        width = self.in_channels
        for i, block in enumerate(self.blocks):
            for channels in (width, block.size)[: block.repeat]:
                if channels % block.groups_of:
                    raise ValueError(
                        f"block {i}: groups_of {block.groups_of} does not divide {channels} channels"
                    )
            width = block.size


class QuartzNet(nn.Module):
    """Blocks of separable convolutions: signal (N, C, S) -> features (N, T, D), T = ceil(S / stride)."""

    def __init__(self, config: QuartzNetConfig) -> None:
        super().__init__()
        self.config = config
        self.stride = prod(block.stride for block in config.blocks)
        width = config.in_channels
        self.blocks = nn.Sequential()
        for block in config.blocks:
            self.blocks.append(SeparableBlock(width, block, config.activation, config.dropout))
            width = block.size
        self.num_features = width
        # Every residual passes a convolution of its own, so all widths can be cut and all residuals removed.
        self.prunable = tuple(f"blocks.{i}" for i in range(len(config.blocks)))
        self.skips = tuple(f"blocks.{i}.residual" for i, block in enumerate(config.blocks) if block.residual)

    def config_without(self, skips: Collection[str]) -> QuartzNetConfig:
        """The configuration with some of `skips` taken out."""
        blocks = (
            replace(block, residual=block.residual and f"blocks.{i}.residual" not in skips)
            for i, block in enumerate(self.config.blocks)
        )
        return replace(self.config, blocks=tuple(blocks))

    def forward(self, signal_NCS: Float[torch.Tensor, "N C S"]) -> Float[torch.Tensor, "N T D"]:
        """Features of every step."""
        return self.blocks(signal_NCS).transpose(1, 2)
