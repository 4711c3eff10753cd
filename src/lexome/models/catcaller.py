"""The encoder of CATCaller: two convolutions, positions, a lite transformer with dynamic convolutions.

Source: CATCaller (Lv 2020) and facts published with its code: convolutions 256 and 512 of width 3 and stride
2, six layers in which one half of the 512 features passes an attention (4 heads), the other one a dynamic
convolution (4 heads, kernels 3, 7, 15, 31, 31, 31), feed-forward blocks of 512, a last normalisation, CTC.
The halves are those of the lite transformer (Wu 2020).

What differs: dynamic convolutions in plain torch instead of CUDA; one dropout everywhere (the published
feed-forward blocks have 0.15); sines stand before cosines in the positions.

Shapes: N batch, C channels, S samples, T steps, D features.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import nn

from lexome.nn.conv_stack import AnyConvConfig
from lexome.nn.dynamic_conv import DynamicConv
from lexome.nn.encoder_layer import NORM_EPS, EncoderLayer
from lexome.nn.feed_forward import FeedForwardConfig, feed_forward
from lexome.nn.heads import check_heads
from lexome.nn.multihead import MultiHeadAttention
from lexome.nn.stem import ConvStem, check_frame


@dataclass(frozen=True)
class CATCallerConfig:
    """Convolutions and lite transformer layers, each listed from first to last.

    Attributes:
        convs: convolutions; the last one gives the width of the layers.
        num_heads: heads of every attention, and of every dynamic convolution.
        kernels: taps of the dynamic convolution of each layer, odd.
        feed_forward: the feed-forward block of every layer.
        dropout: part of the features dropped in training, and of the taps.
        in_channels: channels of the signal.
        heads: heads that are left in each layer after pruning; None: all of `num_heads`.
    """

    convs: tuple[AnyConvConfig, ...]
    num_heads: int
    kernels: tuple[int, ...]
    feed_forward: FeedForwardConfig
    dropout: float = 0.1
    in_channels: int = 1
    heads: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        check_frame(self.convs, len(self.kernels), self.num_heads, self.dropout, self.in_channels)
        check_heads(self.heads, len(self.kernels), self.num_heads)
        if any(kernel < 1 or kernel % 2 == 0 for kernel in self.kernels):
            raise ValueError("the kernels of dynamic convolutions must be odd")


class Halves(nn.Module):
    """The first half of the features passes one module, the second half another: (N, T, D) -> (N, T, D)."""

    def __init__(self, first: nn.Module, second: nn.Module) -> None:
        super().__init__()
        self.first = first
        self.second = second

    def forward(self, x_NTD: Float[torch.Tensor, "N T D"]) -> Float[torch.Tensor, "N T D"]:
        """Applies both."""
        first, second = x_NTD.chunk(2, dim=-1)
        return torch.cat([self.first(first), self.second(second)], dim=-1)


class CATCaller(nn.Module):
    """Convolutions and lite transformer layers: signal (N, C, S) -> features (N, T, D), T = S / stride."""

    # Every sum needs its unchanged part: without it the layer behind it is not the same kind of layer.
    skips: tuple[str, ...] = ()

    def __init__(self, config: CATCallerConfig) -> None:
        super().__init__()
        self.config = config
        self.stem = ConvStem(config.in_channels, config.convs, config.dropout)
        self.stride, self.num_features = self.stem.stride, self.stem.size
        size, heads, dropout = self.stem.size, config.num_heads, config.dropout
        self.layers = nn.Sequential()
        left = config.heads or [None] * len(config.kernels)
        for kernel, of_attention in zip(config.kernels, left, strict=True):
            mixer = Halves(
                MultiHeadAttention(size // 2, heads, dropout, of_attention),
                DynamicConv(size // 2, heads, kernel, dropout),
            )
            self.layers.append(
                EncoderLayer(size, mixer, feed_forward(size, config.feed_forward, dropout), dropout)
            )
        self.norm = nn.LayerNorm(size, eps=NORM_EPS)
        # The width of the last convolution runs through all sums, so it cannot be cut in one place.
        self.prunable = (
            *(f"stem.convs.{i}" for i in range(len(config.convs) - 1)),
            *(f"layers.{i}.feed_forward" for i in range(len(config.kernels))),
        )

    def forward(self, signal_NCS: Float[torch.Tensor, "N C S"]) -> Float[torch.Tensor, "N T D"]:
        """Features of every step."""
        return self.norm(self.layers(self.stem(signal_NCS)))
