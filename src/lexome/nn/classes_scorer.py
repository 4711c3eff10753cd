"""From features to the scores of classes at every step. Shapes: N batch, T steps, D features, K classes."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import nn


@dataclass(frozen=True)
class ClassesScorerConfig:
    """`classes`: how many there are, two or more."""

    classes: int

    def __post_init__(self) -> None:
        if self.classes < 2:
            raise ValueError(f"classes must be at least 2, is {self.classes}")


class ClassesScorer(nn.Module):
    """A linear layer to the classes: (N, T, D) -> (N, T, K), logits. Every step has a class of its own."""

    def __init__(self, in_features: int, config: ClassesScorerConfig) -> None:
        super().__init__()
        self.config = config
        self.num_outputs = config.classes
        self.linear = nn.Linear(in_features, config.classes)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new weights."""
        nn.init.xavier_normal_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, features_NTD: Float[torch.Tensor, "N T D"]) -> Float[torch.Tensor, "N T K"]:
        """Scores (logits) of all classes at every step."""
        return self.linear(features_NTD)
