"""A small convolutional network for sequences: the baseline that a language model has to beat.

Legend: N sequences, T tokens, D features, S segments.

Source: own, after DeepBind (Alipanahi 2015): convolutions find motifs wherever they are; the head's "max"
pooling keeps the best place of each. With several segments it is kept of each stretch of the sequence, for
what depends on the place, such as promoters.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.functional import gelu


@dataclass(frozen=True)
class SequenceCnnConfig:
    """Shape of the network.

    Attributes:
        vocab_size: tokens of the vocabulary; single nucleotides make sense.
        size: features D.
        widths: tokens that the kernel of each convolution covers, odd numbers.
        segments: stretches of the sequence whose features stay apart.
        dropout: part of the features dropped in training behind every convolution.
        pad_id: the token that fills batches.
    """

    vocab_size: int = 10
    size: int = 64
    widths: tuple[int, ...] = (11, 7)
    segments: int = 1
    dropout: float = 0.1
    pad_id: int = 3

    def __post_init__(self) -> None:
        if min(self.vocab_size, self.size, self.segments) < 1 or not self.widths:
            raise ValueError("sizes must be positive, and one convolution is needed")
        if any(width < 1 or width % 2 == 0 for width in self.widths):
            raise ValueError("widths must be odd numbers")
        if not 0 <= self.dropout < 1 or not 0 <= self.pad_id < self.vocab_size:
            raise ValueError("dropout must be at least 0 and below 1, and pad_id a token of the vocabulary")


class SequenceCnn(nn.Module):
    """Embedding and convolutions: tokens (N, T) -> features (N, T, S * D), 0 in other segments."""

    pooler = None

    def __init__(self, config: SequenceCnnConfig) -> None:
        super().__init__()
        self.config = config
        self.num_features = config.size * config.segments
        self.embedding = nn.Embedding(config.vocab_size, config.size)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(config.size, config.size, width, padding=width // 2) for width in config.widths
        )
        self.norms = nn.ModuleList(nn.LayerNorm(config.size) for _ in config.widths)
        self.dropout = nn.Dropout(config.dropout)

    @property
    def token_vectors(self) -> Tensor:
        """The vectors (V, D) of the vocabulary."""
        return self.embedding.weight

    def forward(
        self, tokens_NT: Int[Tensor, "N T"], visible_NT: Bool[Tensor, "N T"] | None = None
    ) -> Float[Tensor, "N T _"]:
        """Features of every token; zeros go into the convolutions at padding."""
        if visible_NT is None:
            visible_NT = torch.ones_like(tokens_NT, dtype=torch.bool)
        x_NTD = self.embedding(tokens_NT)
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            x_NTD = torch.where(visible_NT[..., None], x_NTD, 0.0)
            x_NTD = self.dropout(gelu(norm(convolution(x_NTD.transpose(1, 2)).transpose(1, 2))))
        if self.config.segments == 1:
            return x_NTD
        return self._apart(x_NTD, visible_NT)

    def _apart(self, x_NTD: Tensor, visible_NT: Tensor) -> Tensor:
        """Spreads features over as many places as there are segments; what a token is not in is 0.

        GELU is never far below 0, so that pooling by "max" finds each segment's own highest features.
        """
        place_NT = visible_NT.cumsum(1) - 1
        lengths_N1 = visible_NT.sum(1, keepdim=True).clamp(min=1)
        segment_NT = (place_NT * self.config.segments // lengths_N1).clamp(0, self.config.segments - 1)
        is_in_NTS = torch.nn.functional.one_hot(segment_NT, self.config.segments).to(x_NTD.dtype)
        return (is_in_NTS[..., None] * x_NTD[..., None, :]).flatten(2)
