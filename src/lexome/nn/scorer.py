"""From features to CRF transition scores.

Shapes: N batch, T steps, D features, S = 4**state_len states, K = S * 5 scores (S * 4 in the short form).
"""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import nn

MAX_STATE_LEN = 6


@dataclass(frozen=True)
class CrfScorerConfig:
    """The scores of a CRF over the last `state_len` bases.

    Attributes:
        state_len: bases in a state (3, 4 and 5 in the published fast, hac and sup models).
        blank_score: the fixed score of staying; None means that it is learned.
        bias: whether the linear layer has a bias.
        activation: follows the linear layer.
        scale: factor after the activation.
        clamp: bounds (low, high) of all scores, the fixed one included; None for no bounds.
    """

    state_len: int
    blank_score: float | None = 2.0
    bias: bool = True
    activation: Literal["tanh", "none"] = "tanh"
    scale: float = 5.0
    clamp: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.state_len <= MAX_STATE_LEN:
            raise ValueError(f"state_len must be from 1 to {MAX_STATE_LEN}, not {self.state_len}")
        if self.clamp is not None and self.clamp[0] >= self.clamp[1]:
            raise ValueError("clamp needs its lower bound first")

    @property
    def num_states(self) -> int:
        """States of the CRF."""
        return 4**self.state_len

    @property
    def stay_score(self) -> float | None:
        """The fixed score of staying, clamped as the scores are; None if it is learned."""
        if self.blank_score is None or self.clamp is None:
            return self.blank_score
        return min(max(self.blank_score, self.clamp[0]), self.clamp[1])


class CrfScorer(nn.Module):
    """A linear layer to the transition scores of a CRF: (N, T, D) -> (N, T, S * 5).

    For every destination state there are five entries: [0] stay, [1..4] move in, indexed by the base dropped
    from the source state; the layout of bonito's scores. With `expand_blanks = False` and a fixed stay score
    the four move scores stand alone, (N, T, S * 4), and `config.stay_score` is to be carried beside them: an
    engine writes a fifth less that way.
    """

    def __init__(self, in_features: int, config: CrfScorerConfig) -> None:
        super().__init__()
        self.config = config
        self.expand_blanks = True
        per_state = 5 if config.blank_score is None else 4
        self.linear = nn.Linear(in_features, config.num_states * per_state, bias=config.bias)
        self.reset_parameters()

    @property
    def num_outputs(self) -> int:
        """Scores per step in the present mode."""
        per_state = 5 if self.expand_blanks or self.config.stay_score is None else 4
        return self.config.num_states * per_state

    def reset_parameters(self) -> None:
        """Draws new weights."""
        nn.init.xavier_normal_(self.linear.weight)
        if self.linear.bias is not None:
            nn.init.zeros_(self.linear.bias)

    def forward(self, features_NTD: Float[torch.Tensor, "N T D"]) -> Float[torch.Tensor, "N T K"]:
        """Scores of all transitions at every step."""
        scores = self.linear(features_NTD)
        if self.config.activation == "tanh":
            scores = torch.tanh(scores)
        if self.config.scale != 1.0:
            scores = scores * self.config.scale
        if self.config.clamp is not None:
            scores = scores.clamp(*self.config.clamp)
        if self.config.stay_score is None or not self.expand_blanks:
            return scores
        moves = scores.unflatten(-1, (self.config.num_states, 4))
        return nn.functional.pad(moves, (1, 0), value=self.config.stay_score).flatten(-2)
