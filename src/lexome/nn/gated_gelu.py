"""The feed-forward block of MosaicBERT. Shapes: P tokens, D features."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import gelu

ROWS = 512


class GatedGelu(nn.Module):
    """A gated hidden layer without biases, then a linear one: (..., D) -> (..., D).

    The first half of `gated_layers` goes through GELU and is multiplied with the second. The layers have the
    names that they have in MosaicBERT, so that published weights and adapters fit.

    Args:
        size: features D.
        hidden: width of either half.
        dropout: part of the hidden features that is dropped in training.
        bias: whether the linear layer has one; T5's has none.

    Source: GLU variants (Shazeer 2020), as in MosaicBERT (Portes 2023) and T5 1.1, which takes the tanh
    approximation of GELU.
    """

    def __init__(self, size: int, hidden: int, dropout: float = 0.0, *, bias: bool = True) -> None:
        super().__init__()
        self.gated_layers = nn.Linear(size, 2 * hidden, bias=False)
        self.wo = nn.Linear(hidden, size, bias=bias)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x_PD: Float[Tensor, "... D"]) -> Float[Tensor, "... D"]:
        """Applies the block; without gradients to a few rows at a time, whose hidden features fit a cache."""
        if torch.is_grad_enabled() or x_PD.shape[0] <= ROWS:
            return self._rows(x_PD)
        return torch.cat([self._rows(rows) for rows in x_PD.split(ROWS)])

    def _rows(self, x_PD: Tensor) -> Tensor:
        gates, values = self.gated_layers(x_PD).chunk(2, dim=-1)
        return self.wo(self.dropout(gelu(gates) * values))
