"""A network for a read: an encoder and a scorer. Shapes: N batch, C channels, S samples, T steps."""

from typing import Protocol

import torch
from jaxtyping import Float, Num
from torch import nn


class Encoder(Protocol):
    """What every architecture offers: (N, C, S) signal -> (N, T, D) features.

    One that makes several steps at once also names `chunk_multiple`: what the length of a chunk, in samples,
    must be a multiple of. One with `skips`, names of modules whose output is added to that of the layers they
    pass by, has a method `config_without(skips)` too: its configuration with some of them taken out.
    """

    stride: int
    num_features: int
    skips: tuple[str, ...]
    prunable: tuple[str, ...]

    def __call__(self, signal_NCS: torch.Tensor) -> torch.Tensor: ...  # noqa: D102


class Network(nn.Module):
    """An encoder with a scorer on top: (N, C, S) signal -> (N, T, K) scores.

    Args:
        encoder: a module with the attributes of `Encoder`.
        scorer: a module (N, T, D) -> (N, T, K) with `num_outputs`.
    """

    def __init__(self, encoder: nn.Module, scorer: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.scorer = scorer

    @property
    def stride(self) -> int:
        """Samples per step."""
        return int(self.encoder.stride)  # type: ignore[arg-type]

    @property
    def chunk_multiple(self) -> int:
        """Samples that the length of a chunk must be a multiple of, so that T = S / stride."""
        return int(getattr(self.encoder, "chunk_multiple", self.stride))

    @property
    def num_outputs(self) -> int:
        """Scores per step."""
        return int(self.scorer.num_outputs)  # type: ignore[arg-type]

    @property
    def skips(self) -> tuple[str, ...]:
        """Names of the skip connections, from this module on."""
        return tuple(f"encoder.{name}" for name in self.encoder.skips)  # type: ignore[union-attr]

    @property
    def prunable(self) -> tuple[str, ...]:
        """Names of the layers whose width may be cut, from this module on."""
        return tuple(f"encoder.{name}" for name in self.encoder.prunable)  # type: ignore[union-attr]

    def forward(self, signal_NCS: Num[torch.Tensor, "N C S"]) -> Float[torch.Tensor, "N T K"]:
        """Scores of a batch of signals."""
        return self.scorer(self.encoder(signal_NCS))
