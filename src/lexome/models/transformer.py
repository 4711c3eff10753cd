"""The encoder of ONT's transformer basecallers: strided convolutions, windowed attention, upsampling.

Source: facts published with bonito and dorado (`bonito.transformer`, sup of version 5). The sequence of
layers and their shapes are the same, so their weights can be used.

What differs: chunks of any length (the published ones end at 2048 steps), attention in blocks on every
device, float32 throughout; the weights of the convolutions start orthogonal and are to be scaled to data
(`nn.initialise`).

Shapes: N batch, C channels, S samples, T steps, D features.
"""

from dataclasses import dataclass
from math import prod

import torch
from jaxtyping import Float
from torch import nn

from lexome.nn.attention import AttentionConfig, surroundings
from lexome.nn.conv import ConvBlock, ConvConfig
from lexome.nn.heads import check_heads
from lexome.nn.transformer import LinearUpsample, TransformerLayer, deepnorm_alpha, deepnorm_beta


@dataclass(frozen=True)
class TransformerConfig:
    """Convolutions and transformer layers, each listed from first to last.

    Attributes:
        convs: convolutions; the last one gives the width of the layers.
        attention: heads and window of every layer.
        feed_forwards: width of the feed-forward block of each layer.
        upsample: steps made of every step of the transformer; one: no such layer.
        deepnorm_alpha: factor of the unchanged part in the layers' sums; None: DeepNorm's for this depth.
        deepnorm_beta: gain of the layers' initial weights; None: likewise.
        in_channels: channels of the signal.
        heads: heads that are left in each layer after pruning; None: all of `attention`.
    """

    convs: tuple[ConvConfig, ...]
    attention: AttentionConfig
    feed_forwards: tuple[int, ...]
    upsample: int = 1
    deepnorm_alpha: float | None = None
    deepnorm_beta: float | None = None
    in_channels: int = 1
    heads: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if not self.convs or not self.feed_forwards:
            raise ValueError("at least one convolution and one layer (feed_forwards) are needed")
        if self.in_channels < 1 or min(self.feed_forwards) < 1 or self.upsample < 1:
            raise ValueError("in_channels, feed_forwards and upsample must be positive")
        if self.size % (2 * self.attention.num_heads):
            raise ValueError(
                f"the {self.size} features do not divide into {self.attention.num_heads} heads of even size"
            )
        check_heads(self.heads, len(self.feed_forwards), self.attention.num_heads)
        if self.conv_stride % self.upsample:
            raise ValueError(f"upsample {self.upsample} does not divide the stride {self.conv_stride}")

    @property
    def size(self) -> int:
        """Features of every step."""
        return self.convs[-1].size

    @property
    def conv_stride(self) -> int:
        """Samples per step of the transformer layers."""
        return prod(conv.stride for conv in self.convs)


class Transformer(nn.Module):
    """Convolutions, transformer layers, upsampling: signal (N, C, S) -> features (N, T, D).

    T = S / stride if `chunk_multiple`, the stride before the upsampling, divides S.
    """

    # Every sum needs its unchanged part: without it the layer behind it is not the same kind of layer.
    skips: tuple[str, ...] = ()

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.config = config
        self.chunk_multiple = config.conv_stride
        self.stride = config.conv_stride // config.upsample
        self.num_features = config.size
        width = config.in_channels
        self.convs = nn.Sequential()
        for conv in config.convs:
            self.convs.append(ConvBlock(width, conv))
            width = conv.size
        depth = len(config.feed_forwards)
        alpha = deepnorm_alpha(depth) if config.deepnorm_alpha is None else config.deepnorm_alpha
        beta = deepnorm_beta(depth) if config.deepnorm_beta is None else config.deepnorm_beta
        self.layers = nn.ModuleList(
            TransformerLayer(width, config.attention, hidden, alpha=alpha, beta=beta, heads=heads)
            for hidden, heads in zip(config.feed_forwards, config.heads or [None] * depth, strict=True)
        )
        self.upsample = nn.Identity() if config.upsample == 1 else LinearUpsample(width, config.upsample)
        # The width of the last convolution runs through all sums, so it cannot be cut in one place.
        self.prunable = (
            *(f"convs.{i}" for i in range(len(config.convs) - 1)),
            *(f"layers.{i}.feed_forward" for i in range(depth)),
        )

    def forward(self, signal_NCS: Float[torch.Tensor, "N C S"]) -> Float[torch.Tensor, "N T D"]:
        """Features of every step."""
        x_NTD = self.convs(signal_NCS).transpose(1, 2)
        attention = self.config.attention
        around = surroundings(
            x_NTD.shape[1], self.config.size // attention.num_heads, attention, x_NTD.device
        )
        for layer in self.layers:
            x_NTD = layer(x_NTD, around)
        return self.upsample(x_NTD)
