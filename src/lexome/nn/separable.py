"""Blocks of time-channel separable convolutions.

Shapes: N batch, C channels in, S samples (or steps) in, T steps out, D channels out.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lexome.nn.conv import Activation, activate

# as in QuartzNet; the small variances of a quiet channel are not blown up
NORM_EPS = 1e-3


@dataclass(frozen=True)
class SeparableConfig:
    """One block.

    Attributes:
        size: channels out.
        kernel: width of every convolution along time, odd.
        repeat: convolutions of the block.
        stride: samples per step of the first convolution.
        dilation: samples from one input of a kernel to the next.
        separable: every convolution is one along time, within groups of channels, then one across channels;
            otherwise it is an ordinary one.
        groups_of: channels that a convolution along time mixes with one another; 1: each channel stays by
            itself ("depthwise"). It divides the channels in.
        residual: the input of the block, through a convolution of width one, is added before the last
            activation.
    """

    size: int
    kernel: int
    repeat: int = 1
    stride: int = 1
    dilation: int = 1
    separable: bool = True
    residual: bool = False
    groups_of: int = 1

    def __post_init__(self) -> None:
        if min(self.size, self.kernel, self.repeat, self.stride, self.dilation, self.groups_of) < 1:
            raise ValueError(
                "size, kernel, repeat, stride, dilation and groups_of of a block must be positive"
            )
        if self.groups_of > 1 and not self.separable:
            raise ValueError("groups_of is for separable blocks; other convolutions mix all channels")
        if self.kernel % 2 == 0:
            raise ValueError(f"the kernel of a block must be odd, not {self.kernel}: it has a middle")
        if self.residual and self.stride > 1:
            raise ValueError("a block with a residual connection has a stride of one")


class SeparableConv(nn.Module):
    """One convolution and its batch normalisation: (N, C, S) -> (N, size, T), no bias before the latter.

    T = ceil(S / stride).
    """

    def __init__(self, in_channels: int, config: SeparableConfig, stride: int) -> None:
        super().__init__()
        padding = config.kernel // 2 * config.dilation
        groups = in_channels // config.groups_of if config.separable else 1
        along_time = in_channels if config.separable else config.size
        self.along_time = nn.Conv1d(
            in_channels, along_time, config.kernel, stride, padding, config.dilation, groups, bias=False
        )
        self.across_channels = (
            nn.Conv1d(in_channels, config.size, 1, bias=False) if config.separable else nn.Identity()
        )
        self.norm = nn.BatchNorm1d(config.size, eps=NORM_EPS)

    def forward(self, x_NCS: Float[Tensor, "N C S"]) -> Float[Tensor, "N D T"]:
        """Applies both convolutions and the normalisation."""
        return self.norm(self.across_channels(self.along_time(x_NCS)))


class SeparableBlock(nn.Module):
    """Convolutions with activation and dropout after each, the residual joining before the last activation.

    Args:
        in_channels: C.
        config: the block.
        activation: name of the activation.
        dropout: part of the features dropped in training.
    """

    def __init__(
        self, in_channels: int, config: SeparableConfig, activation: Activation, dropout: float
    ) -> None:
        super().__init__()
        self.config = config
        self.activation: Activation = activation
        self.dropout = nn.Dropout(dropout)
        self.convs = nn.ModuleList()
        for i in range(config.repeat):
            width = in_channels if i == 0 else config.size
            self.convs.append(SeparableConv(width, config, config.stride if i == 0 else 1))
        self.residual = None
        if config.residual:
            self.residual = SeparableConv(in_channels, SeparableConfig(config.size, 1, separable=False), 1)

    def forward(self, x_NCS: Float[Tensor, "N C S"]) -> Float[Tensor, "N D T"]:
        """Applies the block."""
        y: torch.Tensor = x_NCS
        for i, conv in enumerate(self.convs):
            y = conv(y)
            if i == len(self.convs) - 1 and self.residual is not None:
                y = y + self.residual(x_NCS)
            y = self.dropout(activate(y, self.activation))
        return y
