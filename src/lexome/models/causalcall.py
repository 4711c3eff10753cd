"""The encoder of Causalcall: causal dilated convolutions that never look ahead.

Source: Causalcall (Zeng 2020) and facts published with its code: five blocks of two gated convolutions of
256 channels and width 3, dilations 1 to 16, weight normalisation, a linear layer to half the channels, CTC.

What differs: the convolutions are causal as the paper says; the published code pads both sides alike, so that
its network looks ahead. The linear layer to the symbols is the head. Kernels start with length one.

Shapes: N batch, C channels, S samples, T = S steps, D features.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import nn
from torch.nn.functional import leaky_relu

from lexome.nn.tcn import SLOPE, CausalBlock


@dataclass(frozen=True)
class CausalcallConfig:
    """Shape of the network.

    Attributes:
        size: channels of every block.
        dilations: samples from one tap to the next, of each block.
        kernel: taps of every convolution.
        linear: features of the linear layer behind the blocks.
        in_channels: channels of the signal.
        residuals: for each block, whether its input is added to its output; None: to all.
    """

    size: int = 256
    dilations: tuple[int, ...] = (1, 2, 4, 8, 16)
    kernel: int = 3
    linear: int = 128
    in_channels: int = 1
    residuals: tuple[bool, ...] | None = None

    def __post_init__(self) -> None:
        if (
            not self.dilations
            or min(*self.dilations, self.size, self.kernel, self.linear, self.in_channels) < 1
        ):
            raise ValueError(
                "size, kernel, linear, in_channels and the dilations, one at least, must be positive"
            )
        if self.residuals is not None and len(self.residuals) != len(self.dilations):
            raise ValueError("residuals must say yes or no for each of the dilations")

    @property
    def has_residual(self) -> tuple[bool, ...]:
        """What `residuals` stands for."""
        return (True,) * len(self.dilations) if self.residuals is None else self.residuals


class Causalcall(nn.Module):
    """Causal blocks and a linear layer: signal (N, C, S) -> features (N, T, D), T = S.

    Step t depends on the samples up to t only, back to `receptive_field` - 1 samples before it.
    """

    causal = True
    stride = 1

    def __init__(self, config: CausalcallConfig) -> None:
        super().__init__()
        self.config = config
        self.num_features = config.linear
        self.receptive_field = 1 + 2 * (config.kernel - 1) * sum(config.dilations)
        widths = (config.in_channels, *(config.size for _ in config.dilations))
        self.blocks = nn.Sequential(
            *(
                CausalBlock(width, config.size, config.kernel, dilation, residual)
                for width, dilation, residual in zip(
                    widths, config.dilations, config.has_residual, strict=False
                )
            )
        )
        self.linear = nn.Linear(config.size, config.linear)
        # The residuals of all blocks but the first pass unchanged, so that their width runs through.
        self.prunable: tuple[str, ...] = ("linear",)
        self.skips = tuple(f"blocks.{i}.residual" for i, has in enumerate(config.has_residual) if has)

    def config_without(self, skips: Collection[str]) -> CausalcallConfig:
        """The configuration with some of `skips` taken out."""
        left = (has and f"blocks.{i}.residual" not in skips for i, has in enumerate(self.config.has_residual))
        return replace(self.config, residuals=tuple(left))

    def forward(self, signal_NCS: Float[torch.Tensor, "N C S"]) -> Float[torch.Tensor, "N T D"]:
        """Features of every step."""
        return leaky_relu(self.linear(self.blocks(signal_NCS).transpose(1, 2)), SLOPE)
