"""Self-attention of a short window within a band, and the learned gate of every sum (ReZero).

Legend: N windows, T columns, D features, H heads, E = D / H features of a head.
"""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from lexome.nn.heads import shape_of_heads

TIMESCALES = (1.0, 1e4)


def sinusoids(num_columns: int | Tensor, size: int, device: torch.device) -> Float[Tensor, "T D"]:
    """Positions as sines (first half of the features) and cosines (second half).

    Timescales rise geometrically from 1 to 10000, both included.

    Source: Vaswani 2017, in the form of tensor2tensor.
    """
    half = size // 2
    step = math.log(TIMESCALES[1] / TIMESCALES[0]) / max(half - 1, 1)
    rate_F = TIMESCALES[0] * torch.exp(torch.arange(half, dtype=torch.float64, device=device) * -step)
    column_T = torch.arange(num_columns, device=device)  # pyright: ignore[reportCallIssue, reportArgumentType]
    angle_TF = column_T.double()[:, None] * rate_F
    return torch.cat([angle_TF.sin(), angle_TF.cos()], dim=1).float()


def band_mask(num_columns: int | Tensor, band: int, device: torch.device) -> Bool[Tensor, "T T"]:
    """Which columns see each other: those at most `band` apart."""
    column_T = torch.arange(num_columns, device=device)  # pyright: ignore[reportCallIssue, reportArgumentType]
    return (column_T - column_T[:, None]).abs() <= band


class BandedSelfAttention(nn.Module):
    """Attention of every column to those around it: (N, T, D) -> (N, T, D); no layer has a bias.

    Queries, keys and values come from one product. All pairs of columns are computed and those outside the
    band masked: windows are short, and blocks of a band of 25 columns measured slower than 100 x 100 pairs.

    Args:
        size: features D.
        num_heads: heads; they share the features evenly.
        dropout: part of the attention that is dropped in training.
        left: heads that are there; None: all.
    """

    def __init__(self, size: int, num_heads: int, dropout: float = 0.0, left: int | None = None) -> None:
        super().__init__()
        self.num_heads, self.head_size = shape_of_heads(size, num_heads, left)
        self.dropout = dropout
        self.qkv = nn.Linear(size, 3 * self.num_heads * self.head_size, bias=False)
        self.out = nn.Linear(self.num_heads * self.head_size, size, bias=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new weights."""
        for weight in (*self.qkv.weight.data.chunk(3), self.out.weight):
            nn.init.xavier_uniform_(weight)

    def _heads(self, x_NTD: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values (N, H, T, E)."""
        split = self.qkv(x_NTD).unflatten(-1, (3, self.num_heads, self.head_size))
        q, k, v = split.transpose(1, 3).unbind(2)
        return q, k, v

    def forward(
        self, x_NTD: Float[Tensor, "N T D"], visible_TT: Bool[Tensor, "T T"]
    ) -> Float[Tensor, "N T D"]:
        """Applies the attention; `visible_TT` as from `band_mask`."""
        q, k, v = self._heads(x_NTD)
        dropout = self.dropout if self.training else 0.0
        seen = scaled_dot_product_attention(q, k, v, visible_TT, dropout_p=dropout)
        return self.out(seen.transpose(1, 2).flatten(2))

    def weights(
        self, x_NTD: Float[Tensor, "N T D"], visible_TT: Bool[Tensor, "T T"]
    ) -> Float[Tensor, "N H T T"]:
        """How much each column (third axis) looks at each (last axis), for analysis; rows sum to 1."""
        q, k, _ = self._heads(x_NTD)
        scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
        return scores.masked_fill(~visible_TT, -torch.inf).softmax(-1)


class FeedForward(nn.Module):
    """Two linear layers with biases and a ReLU between them: (N, T, D) -> (N, T, D)."""

    def __init__(self, size: int, hidden: int) -> None:
        super().__init__()
        self.into = nn.Linear(size, hidden)
        self.out = nn.Linear(hidden, size)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new weights."""
        for layer in (self.into, self.out):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x_NTD: Float[Tensor, "N T D"]) -> Float[Tensor, "N T D"]:
        """Applies the layers."""
        return self.out(self.into(x_NTD).relu())


class Gated(nn.Module):
    """x + gate * inner(x), with one learned number that starts at zero (ReZero, Bachlechner 2020).

    The gate's gradient is all that a fresh layer gets; `inner` learns once the gate has opened.
    """

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner
        self.gate = nn.Parameter(torch.zeros(()))

    def reset_parameters(self) -> None:
        """Closes the gate."""
        nn.init.zeros_(self.gate)

    def forward(self, x_NTD: Float[Tensor, "N T D"], *around: Tensor) -> Float[Tensor, "N T D"]:
        """Applies the sum; what else `inner` takes is passed on."""
        return x_NTD + self.gate * self.inner(x_NTD, *around)
