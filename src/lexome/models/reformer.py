"""The Reformer as an encoder of signal: LSH attention in reversible layers, in the frame of SACall.

Source: section 2.2.2 of the thesis "Towards faster sequence-to-sequence models for basecalling" (2024), after
the Reformer (Kitaev 2020).

What differs: the thesis does not give its configuration, so it is open; see `nn.lsh_attention` for the
attention; no dropout, which reversible layers would have to repeat exactly; the two halves of the reversible
layers are averaged at the end.

Shapes: N batch, C channels, S samples, T steps, D features.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import nn

from lexome.nn.conv_stack import AnyConvConfig
from lexome.nn.encoder_layer import NORM_EPS
from lexome.nn.feed_forward import FeedForwardConfig, feed_forward
from lexome.nn.heads import check_heads
from lexome.nn.lsh_attention import LshAttention, LshConfig
from lexome.nn.reversible import ReversibleBlock, ReversibleStack
from lexome.nn.stem import ConvStem, check_frame


@dataclass(frozen=True)
class ReformerConfig:
    """Convolutions and reversible layers, each listed from first to last.

    Attributes:
        convs: convolutions; the last one gives the width of the layers.
        num_heads: heads of every attention.
        feed_forwards: the feed-forward block of each layer.
        lsh: groups, buckets and rounds of the attention.
        recompute: compute activations again for the gradients instead of keeping them.
        in_channels: channels of the signal.
        heads: heads that are left in each layer after pruning; None: all of `num_heads`.
    """

    convs: tuple[AnyConvConfig, ...]
    num_heads: int
    feed_forwards: tuple[FeedForwardConfig, ...]
    lsh: LshConfig = LshConfig()
    recompute: bool = True
    in_channels: int = 1
    heads: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        check_frame(self.convs, len(self.feed_forwards), self.num_heads, 0.0, self.in_channels)
        check_heads(self.heads, len(self.feed_forwards), self.num_heads)


class Reformer(nn.Module):
    """Convolutions and reversible layers: signal (N, C, S) -> features (N, T, D), T = S / stride."""

    # Every sum needs its unchanged part: without it a layer could not be run backwards.
    skips: tuple[str, ...] = ()

    def __init__(self, config: ReformerConfig) -> None:
        super().__init__()
        self.config = config
        self.stem = ConvStem(config.in_channels, config.convs)
        self.stride, self.num_features = self.stem.stride, self.stem.size
        size = self.stem.size
        left = config.heads or [None] * len(config.feed_forwards)
        blocks = [
            ReversibleBlock(
                nn.Sequential(
                    nn.LayerNorm(size, eps=NORM_EPS), LshAttention(size, config.num_heads, config.lsh, heads)
                ),
                nn.Sequential(nn.LayerNorm(size, eps=NORM_EPS), feed_forward(size, one)),
            )
            for one, heads in zip(config.feed_forwards, left, strict=True)
        ]
        self.layers = ReversibleStack(blocks, recompute=config.recompute)
        self.norm = nn.LayerNorm(size, eps=NORM_EPS)
        # The width of the last convolution runs through all sums, so it cannot be cut in one place.
        self.prunable = (
            *(f"stem.convs.{i}" for i in range(len(config.convs) - 1)),
            *(f"layers.blocks.{i}.g.1" for i in range(len(blocks))),
        )

    def forward(self, signal_NCS: Float[torch.Tensor, "N C S"]) -> Float[torch.Tensor, "N T D"]:
        """Features of every step."""
        return self.norm(self.layers(self.stem(signal_NCS)))
