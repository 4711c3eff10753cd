"""A transformer of local and global attention, in the frame of SACall.

Source: section 4.2.2 of the thesis "Towards faster sequence-to-sequence models for basecalling" (2024), which
tried the local attention of BigBird (Zaheer 2020) in its transformers.

What differs: the thesis gives neither window nor global places nor its frame, so these are options; without
global places the attention is local alone; BigBird's random pairs are left out (`nn.global_attention`).

Shapes: N batch, C channels, S samples, T steps, M global places, D features.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import nn

from lexome.nn.attention import MAX_REACH
from lexome.nn.conv_stack import AnyConvConfig
from lexome.nn.encoder_layer import NORM_EPS, EncoderLayer
from lexome.nn.feed_forward import FeedForwardConfig, feed_forward
from lexome.nn.global_attention import LocalGlobalAttention
from lexome.nn.heads import check_heads
from lexome.nn.stem import ConvStem, check_frame

INITIAL_STD = 0.02


@dataclass(frozen=True)
class BigBirdConfig:
    """Convolutions and transformer layers, each listed from first to last.

    Attributes:
        convs: convolutions; the last one gives the width of the layers.
        num_heads: heads of every attention.
        window: (left, right): a step sees so many steps before and after it.
        feed_forwards: the feed-forward block of each layer.
        num_global: learned places that see all steps and are seen by all; 0: local attention alone.
        dropout: part of the features dropped in training.
        in_channels: channels of the signal.
        heads: heads that are left in each layer after pruning; None: all of `num_heads`.
    """

    convs: tuple[AnyConvConfig, ...]
    num_heads: int
    window: tuple[int, int]
    feed_forwards: tuple[FeedForwardConfig, ...]
    num_global: int = 0
    dropout: float = 0.1
    in_channels: int = 1
    heads: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        check_frame(self.convs, len(self.feed_forwards), self.num_heads, self.dropout, self.in_channels)
        check_heads(self.heads, len(self.feed_forwards), self.num_heads)
        if not all(0 <= reach <= MAX_REACH for reach in self.window) or self.num_global < 0:
            raise ValueError(f"a window reaches from 0 to {MAX_REACH} steps, and num_global is not negative")


class BigBird(nn.Module):
    """Convolutions and transformer layers: signal (N, C, S) -> features (N, T, D), T = S / stride."""

    # Every sum needs its unchanged part: without it the layer behind it is not the same kind of layer.
    skips: tuple[str, ...] = ()

    def __init__(self, config: BigBirdConfig) -> None:
        super().__init__()
        self.config = config
        self.stem = ConvStem(config.in_channels, config.convs, config.dropout)
        self.stride, self.num_features = self.stem.stride, self.stem.size
        size = self.stem.size
        self.overview = nn.Parameter(torch.empty(config.num_global, size)) if config.num_global else None
        self.layers = nn.Sequential()
        left = config.heads or [None] * len(config.feed_forwards)
        for one, heads in zip(config.feed_forwards, left, strict=True):
            mixer = LocalGlobalAttention(size, config.num_heads, config.window, config.num_global, heads)
            self.layers.append(
                EncoderLayer(size, mixer, feed_forward(size, one, config.dropout), config.dropout)
            )
        self.norm = nn.LayerNorm(size, eps=NORM_EPS)
        # The width of the last convolution runs through all sums, so it cannot be cut in one place.
        self.prunable = (
            *(f"stem.convs.{i}" for i in range(len(config.convs) - 1)),
            *(f"layers.{i}.feed_forward" for i in range(len(config.feed_forwards))),
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new global places."""
        if self.overview is not None:
            nn.init.normal_(self.overview, std=INITIAL_STD)

    def forward(self, signal_NCS: Float[torch.Tensor, "N C S"]) -> Float[torch.Tensor, "N T D"]:
        """Features of every step."""
        x_NTD = self.stem(signal_NCS)
        if self.overview is None:
            return self.norm(self.layers(x_NTD))
        x_NLD = torch.cat([self.overview.expand(x_NTD.shape[0], -1, -1), x_NTD], dim=1)
        return self.norm(self.layers(x_NLD)[:, self.config.num_global :])
