"""The encoder of SACall: two convolutions, positions, a transformer.

Source: SACall (Huang 2020) and facts published with its code (`ctc`): convolutions 128 and 256 of width 3 and
stride 2 with batch normalisation and ReLU, six pre-norm layers of 256 features, 8 heads and 1024 hidden
features, dropout 0.1, a last layer normalisation, CTC.

What differs: five symbols instead of six (nothing is padded); sines stand before cosines in the positions;
all chunks of a batch have one length, so that nothing is masked; the feed-forward blocks may be mixtures of
experts or trees (`nn.feed_forward`).

Shapes: N batch, C channels, S samples, T steps, D features.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import nn

from lexome.nn.conv import ConvConfig
from lexome.nn.encoder_layer import NORM_EPS, EncoderLayer
from lexome.nn.feed_forward import FeedForwardConfig, feed_forward
from lexome.nn.multihead import MultiHeadAttention
from lexome.nn.stem import ConvStem, check_frame


@dataclass(frozen=True)
class SACallConfig:
    """Convolutions and transformer layers, each listed from first to last.

    Attributes:
        convs: convolutions; the last one gives the width of the layers.
        num_heads: heads of every attention.
        feed_forwards: the feed-forward block of each layer.
        dropout: part of the features dropped in training.
        in_channels: channels of the signal.
    """

    convs: tuple[ConvConfig, ...]
    num_heads: int
    feed_forwards: tuple[FeedForwardConfig, ...]
    dropout: float = 0.1
    in_channels: int = 1

    def __post_init__(self) -> None:
        check_frame(self.convs, len(self.feed_forwards), self.num_heads, self.dropout, self.in_channels)


class SACall(nn.Module):
    """Convolutions and transformer layers: signal (N, C, S) -> features (N, T, D), T = S / stride."""

    # Every sum needs its unchanged part: without it the layer behind it is not the same kind of layer.
    skips: tuple[str, ...] = ()

    def __init__(self, config: SACallConfig) -> None:
        super().__init__()
        self.config = config
        self.stem = ConvStem(config.in_channels, config.convs, config.dropout)
        self.stride, self.num_features = self.stem.stride, self.stem.size
        size, dropout = self.stem.size, config.dropout
        self.layers = nn.Sequential(
            *(
                EncoderLayer(
                    size,
                    MultiHeadAttention(size, config.num_heads, dropout),
                    feed_forward(size, one, dropout),
                    dropout,
                )
                for one in config.feed_forwards
            )
        )
        self.norm = nn.LayerNorm(size, eps=NORM_EPS)
        # The width of the last convolution runs through all sums, so it cannot be cut in one place.
        self.prunable = (
            *(f"stem.convs.{i}" for i in range(len(config.convs) - 1)),
            *(f"layers.{i}.feed_forward" for i in range(len(config.feed_forwards))),
        )

    def forward(self, signal_NCS: Float[torch.Tensor, "N C S"]) -> Float[torch.Tensor, "N T D"]:
        """Features of every step."""
        return self.norm(self.layers(self.stem(signal_NCS)))
