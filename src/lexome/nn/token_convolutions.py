"""Convolutions over the tokens of sequences of several lengths: what stands side by side, and in which order.

Biases by distance are the same to both sides, so attention alone cannot tell left from right.

Legend: N sequences, T tokens of a sequence, P packed tokens of all, D features.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import gelu

from lexome.nn.ragged import Ragged


class TokenConvolutions(nn.Module):
    """Convolutions one behind the other, each with a norm and GELU: packed tokens (P, D) -> (P, D).

    The second and further ones add to what comes in. Zeros are beyond the ends of a sequence.

    Args:
        size: features D.
        widths: tokens that the kernel of each covers, odd numbers.
        norm_eps: added to variances.
        dropout: part of what each gives that is dropped in training.
    """

    def __init__(self, size: int, widths: Sequence[int], norm_eps: float, dropout: float) -> None:
        super().__init__()
        self.kernels = nn.ModuleList(nn.Conv1d(size, size, width, padding=width // 2) for width in widths)
        self.norms = nn.ModuleList(nn.LayerNorm(size, eps=norm_eps) for _ in widths)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x_PD: Float[Tensor, "P D"], ragged: Ragged) -> Float[Tensor, "P D"]:
        """Applies them."""
        for number, (kernel, norm) in enumerate(zip(self.kernels, self.norms, strict=True)):
            parts = [
                kernel(x_PD[g.start : g.stop].unflatten(0, (g.count, g.length)).transpose(1, 2))
                .transpose(1, 2)
                .flatten(0, 1)
                for g in ragged.groups
            ]
            if not parts:
                return x_PD
            new_PD = self.dropout(gelu(norm(parts[0] if len(parts) == 1 else torch.cat(parts))))
            x_PD = x_PD + new_PD if number else new_PD
        return x_PD
