"""The encoder of SACall: two convolutions, positions, a transformer.

Source: SACall (Huang 2020) and facts published with its code (`ctc`): convolutions 128 and 256 of width 3 and
stride 2 with batch normalisation and ReLU, six pre-norm layers of 256 features, 8 heads and 1024 hidden
features, dropout 0.1, a last layer normalisation, CTC.

What differs: five symbols instead of six (nothing is padded); sines stand before cosines in the positions;
all chunks of a batch have one length, so that nothing is masked; the feed-forward blocks may be mixtures of
experts or trees (`nn.feed_forward`), and layers may reason in a chain of thought (`nn.chain_of_thought`), as
in section 4.2.2 of the thesis "Towards faster sequence-to-sequence models for basecalling" (2024): with one
convolution and two layers this is its SequenceNetCoTTwostep, with four layers its SACall CoT.

Shapes: N batch, C channels, S samples, T steps, D features.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import nn

from lexome.nn.chain_of_thought import ThoughtConfig, ThoughtLayer
from lexome.nn.conv_stack import AnyConvConfig
from lexome.nn.encoder_layer import NORM_EPS, DecoderLayer, EncoderLayer
from lexome.nn.feed_forward import FeedForwardConfig, feed_forward
from lexome.nn.heads import check_heads
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
        thoughts: the chain of thought of every layer; None: plain layers.
        in_channels: channels of the signal.
        heads: heads that are left in each layer after pruning; None: all of `num_heads`.
    """

    convs: tuple[AnyConvConfig, ...]
    num_heads: int
    feed_forwards: tuple[FeedForwardConfig, ...]
    dropout: float = 0.1
    thoughts: ThoughtConfig | None = None
    in_channels: int = 1
    heads: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        check_frame(self.convs, len(self.feed_forwards), self.num_heads, self.dropout, self.in_channels)
        check_heads(self.heads, len(self.feed_forwards), self.num_heads)


class SACall(nn.Module):
    """Convolutions and transformer layers: signal (N, C, S) -> features (N, T, D), T = S / stride."""

    # Every sum needs its unchanged part: without it the layer behind it is not the same kind of layer.
    skips: tuple[str, ...] = ()

    def __init__(self, config: SACallConfig) -> None:
        super().__init__()
        self.config = config
        self.stem = ConvStem(config.in_channels, config.convs, config.dropout)
        self.stride, self.num_features = self.stem.stride, self.stem.size
        left = config.heads or [None] * len(config.feed_forwards)
        layers = zip(config.feed_forwards, left, strict=True)
        self.layers = nn.Sequential(*(self._layer(one, heads) for one, heads in layers))
        self.norm = nn.LayerNorm(self.num_features, eps=NORM_EPS)
        # The width of the last convolution runs through all sums, so it cannot be cut in one place.
        inside = "feed_forward" if config.thoughts is None else "encoder.feed_forward"
        self.prunable = (
            *(f"stem.convs.{i}" for i in range(len(config.convs) - 1)),
            *(f"layers.{i}.{inside}" for i in range(len(config.feed_forwards))),
        )

    def _layer(self, config: FeedForwardConfig, heads: int | None) -> nn.Module:
        """One layer, with a chain of thought if there is to be one."""
        size, dropout, thoughts = self.num_features, self.config.dropout, self.config.thoughts

        def attention() -> nn.Module:
            return MultiHeadAttention(size, self.config.num_heads, dropout, heads)

        def block() -> nn.Module:
            return feed_forward(size, config, dropout)

        encoder = EncoderLayer(size, attention(), block(), dropout)
        if thoughts is None:
            return encoder
        reader = DecoderLayer(size, attention(), attention(), block(), dropout)
        return ThoughtLayer(size, reader, encoder, thoughts)

    def forward(self, signal_NCS: Float[torch.Tensor, "N C S"]) -> Float[torch.Tensor, "N T D"]:
        """Features of every step."""
        return self.norm(self.layers(self.stem(signal_NCS)))
