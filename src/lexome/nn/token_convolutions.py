"""Convolutions over the tokens of sequences of several lengths: what stands side by side, and in which order.

Biases by distance are the same to both sides, so attention alone cannot tell left from right.

Legend: N sequences, T tokens of a sequence, P packed tokens of all, D features.
"""

from collections.abc import Iterable, Sequence
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import gelu

from lexome.nn.onednn_linear import rounded
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
        if not ragged.groups:
            return x_PD
        layers = zip(self.kernels, self.norms, strict=True)
        for number, (kernel, norm) in enumerate(cast(Iterable[tuple[nn.Conv1d, nn.LayerNorm]], layers)):
            new_PD = self.dropout(gelu(norm(convolved(kernel, x_PD, ragged))))
            x_PD = x_PD + new_PD if number else new_PD
        return x_PD


def convolved(kernel: nn.Conv1d, x_PD: Float[Tensor, "P D"], ragged: Ragged) -> Float[Tensor, "P D"]:
    """A convolution of each sequence by itself.

    Sequences of several lengths are laid out in one row with zeros between, of one of few lengths: for each
    new shape of its input oneDNN compiles code (see `nn.onednn_linear`).
    """
    if len(ragged.groups) == 1:
        (group,) = ragged.groups
        x_NDT = x_PD.unflatten(0, (group.count, group.length)).transpose(1, 2)
        return kernel(x_NDT).transpose(1, 2).flatten(0, 1)
    gap = kernel.kernel_size[0] // 2
    lengths = [length for group in ragged.groups for length in [group.length] * group.count]
    lengths_N = torch.tensor(lengths, device=x_PD.device)
    sequence_P = torch.arange(len(lengths), device=x_PD.device).repeat_interleave(lengths_N)
    place_P = torch.arange(len(x_PD), device=x_PD.device) + gap * sequence_P
    row = x_PD.new_zeros(rounded(len(x_PD) + gap * len(lengths)), x_PD.shape[1])
    row = row.index_copy(0, place_P, x_PD)
    return kernel(row.T[None])[0].T.index_select(0, place_P)
