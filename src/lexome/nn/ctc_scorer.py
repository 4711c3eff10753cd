"""From features to the scores of connectionist temporal classification.

Shapes: N batch, T steps, D features, K = 5 symbols: the blank, then A, C, G, T.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import nn

NUM_SYMBOLS = 5


@dataclass(frozen=True)
class CtcScorerConfig:
    """`bias`: whether the linear layer has a bias."""

    bias: bool = True


class CtcScorer(nn.Module):
    """A linear layer to the symbols: (N, T, D) -> (N, T, 5), the blank first.

    The scores are logits, not log-probabilities: loss and decoder subtract the log-sum of a step themselves.
    """

    num_outputs = NUM_SYMBOLS

    def __init__(self, in_features: int, config: CtcScorerConfig) -> None:
        super().__init__()
        self.config = config
        self.linear = nn.Linear(in_features, NUM_SYMBOLS, bias=config.bias)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new weights."""
        nn.init.xavier_normal_(self.linear.weight)
        if self.linear.bias is not None:
            nn.init.zeros_(self.linear.bias)

    def forward(self, features_NTD: Float[torch.Tensor, "N T D"]) -> Float[torch.Tensor, "N T 5"]:
        """Scores (logits) of all symbols at every step."""
        return self.linear(features_NTD)
