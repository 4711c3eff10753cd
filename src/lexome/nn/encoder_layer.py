"""Layers of a transformer whose normalisation stands before each part, of whatever parts.

Legend: N batch, T steps, M memories, D features.
"""

from jaxtyping import Float
from torch import Tensor, nn

NORM_EPS = 1e-6


class EncoderLayer(nn.Module):
    """x = x + mixer(norm(x)), then x = x + feed_forward(norm(x)): (N, T, D) -> (N, T, D).

    Source: Vaswani 2017 in the pre-norm form of tensor2tensor, which SACall and CATCaller use.

    Args:
        size: features D.
        mixer: lets steps see each other (an attention): (N, T, D) -> (N, T, D).
        feed_forward: changes every step by itself.
        dropout: part of what the mixer gives that is dropped in training.
    """

    def __init__(self, size: int, mixer: nn.Module, feed_forward: nn.Module, dropout: float = 0.0) -> None:
        super().__init__()
        self.mixer_norm = nn.LayerNorm(size, eps=NORM_EPS)
        self.mixer = mixer
        self.dropout = nn.Dropout(dropout)
        self.feed_forward_norm = nn.LayerNorm(size, eps=NORM_EPS)
        self.feed_forward = feed_forward

    def forward(self, x_NTD: Float[Tensor, "N T D"]) -> Float[Tensor, "N T D"]:
        """Applies the layer."""
        x = x_NTD + self.dropout(self.mixer(self.mixer_norm(x_NTD)))
        return x + self.feed_forward(self.feed_forward_norm(x))


class DecoderLayer(nn.Module):
    """An encoder layer with an attention to a memory between its two parts.

    Args:
        size: features D.
        mixer: as of `EncoderLayer`.
        reader: lets steps see the memory: (N, T, D), (N, M, D) -> (N, T, D).
        feed_forward: as of `EncoderLayer`.
        dropout: part of what mixer and reader give that is dropped in training.
    """

    def __init__(
        self, size: int, mixer: nn.Module, reader: nn.Module, feed_forward: nn.Module, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.mixer_norm = nn.LayerNorm(size, eps=NORM_EPS)
        self.mixer = mixer
        self.dropout = nn.Dropout(dropout)
        self.reader_norm = nn.LayerNorm(size, eps=NORM_EPS)
        self.reader = reader
        self.feed_forward_norm = nn.LayerNorm(size, eps=NORM_EPS)
        self.feed_forward = feed_forward

    def forward(
        self, x_NTD: Float[Tensor, "N T D"], memory_NMD: Float[Tensor, "N M D"]
    ) -> Float[Tensor, "N T D"]:
        """Applies the layer."""
        x = x_NTD + self.dropout(self.mixer(self.mixer_norm(x_NTD)))
        x = x + self.dropout(self.reader(self.reader_norm(x), memory_NMD))
        return x + self.feed_forward(self.feed_forward_norm(x))
