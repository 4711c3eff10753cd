"""What changes every step by itself in a transformer: dense, a mixture of experts, or a tree.

Legend: N batch, T steps, D features.
"""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

from lexome.nn.experts import Experts, ExpertsConfig, FastConfig, FastFeedForward


@dataclass(frozen=True)
class DenseConfig:
    """Two linear layers; `hidden` features between them."""

    hidden: int

    def __post_init__(self) -> None:
        if self.hidden < 1:
            raise ValueError("hidden features of a feed-forward block must be positive")


class DenseFeedForward(nn.Module):
    """Linear, ReLU, dropout, linear, with biases: (N, T, D) -> (N, T, D)."""

    def __init__(self, size: int, config: DenseConfig, dropout: float = 0.0) -> None:
        super().__init__()
        self.into = nn.Linear(size, config.hidden)
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Linear(config.hidden, size)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new weights."""
        for layer in (self.into, self.out):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x_NTD: Float[Tensor, "N T D"]) -> Float[Tensor, "N T D"]:
        """Applies the block."""
        return self.out(self.dropout(self.into(x_NTD).relu()))


FeedForwardConfig = DenseConfig | ExpertsConfig | FastConfig


def feed_forward(size: int, config: FeedForwardConfig, dropout: float = 0.0) -> nn.Module:
    """The block that a configuration describes, (N, T, D) -> (N, T, D); only a dense one has dropout."""
    match config:
        case DenseConfig():
            return DenseFeedForward(size, config, dropout)
        case ExpertsConfig():
            return Experts(size, config)
        case FastConfig():
            return FastFeedForward(size, config)
