"""The soft edit distance between a window's columns and a target, as a loss; in plain torch and by numba.

Legend: N windows, T columns, K symbols of a column (0 the gap), L labels of a target, J = T + 1 places
before, between and behind the columns, I = L + 1 places in the target.

Walks, prices and bands are explained in `lexome.dp.kernels.edit_loss`; the functions here are the reference
for the kernel there, which `soft_edit_cost` calls on the CPU; tests hold them equal.

Source: the alignment loss of DeepConsensus (Baid 2022); anti-diagonals as there. Differs: its band changes
the problem (it ends before the window does); this one leaves out cells of the full problem and nothing else.
"""

from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

from lexome.dp.kernels import edit_loss as kernels


def full_band(
    num_columns: int, lengths_N: Int[Tensor, " N"]
) -> tuple[Int[Tensor, "N J"], Int[Tensor, "N J"]]:
    """The band that leaves nothing out."""
    high_NJ = lengths_N[:, None].expand(-1, num_columns + 1).contiguous()
    return torch.zeros_like(high_NJ), high_NJ


def band_along(
    draft_NT: Int[Tensor, "N T"], lengths_N: Int[Tensor, " N"], width: int
) -> tuple[Int[Tensor, "N J"], Int[Tensor, "N J"]]:
    """The band around the path that a draft takes through its window.

    Where the draft has given c of its C bases, the walk is near label c of the target's m; where m is not C,
    the extra labels may come anywhere, so the band reaches from c to c + m - C and `width` to both sides. It
    always holds a whole walk; with a width of L or more it leaves nothing out.

    Args:
        draft_NT: the draft's symbol in every column, 0 the gap.
        lengths_N: labels in each target.
        width: labels to each side.

    Returns:
        First and last label for every place between columns.

    Raises:
        ValueError: if the width is negative.
    """
    if width < 0:
        raise ValueError(f"a band's width is at least 0, not {width}")
    lengths_N = lengths_N.to(draft_NT.device, torch.long)
    given_NJ = torch.nn.functional.pad((draft_NT != 0).long().cumsum(dim=1), (1, 0))
    extra_N1 = lengths_N[:, None] - given_NJ[:, -1:]
    low_NJ = given_NJ + extra_N1.clamp(max=0) - width
    high_NJ = given_NJ + extra_N1.clamp(min=0) + width
    most_N1 = lengths_N[:, None]
    return low_NJ.clamp(min=0).minimum(most_N1), high_NJ.clamp(min=0).minimum(most_N1)


def soft_edit_cost_torch(
    log_probs_NTK: Float[Tensor, "N T K"],
    targets_NL: Int[Tensor, "N L"],
    lengths_N: Int[Tensor, " N"],
    low_NJ: Int[Tensor, "N J"],
    high_NJ: Int[Tensor, "N J"],
    *,
    deletion_cost: float,
    temperature: float,
) -> Float[Tensor, " N"]:
    """The cost by anti-diagonals, differentiable as often as wanted; T + L steps of size N x I.

    Arguments and result are those of `soft_edit_cost`, the band beside them.
    """
    device, (num_windows, num_columns) = log_probs_NTK.device, log_probs_NTK.shape[:2]
    num_labels = targets_NL.shape[1]
    place_I = torch.arange(num_labels + 1, device=device)
    is_label_NL = place_I[:-1] < lengths_N[:, None]
    symbol_NL = torch.where(is_label_NL, targets_NL, 0).long()
    # prices of a label in a column; indexed [n, label, column]
    price_NLT = -log_probs_NTK.gather(2, symbol_NL[:, None].expand(-1, num_columns, -1)).transpose(1, 2)
    gap_NT = -log_probs_NTK[..., 0]
    infinite_N1 = log_probs_NTK.new_full((num_windows, 1), torch.inf)
    nothing_NI = infinite_N1.expand(-1, num_labels + 1)
    cost_NI, before_NI, ends = nothing_NI, nothing_NI, []
    last_N = lengths_N + num_columns
    for diagonal in range(num_columns + num_labels + 1):
        column_I = diagonal - place_I  # j of the cell with label i
        spent_I = (column_I - 1).clamp(0, max(num_columns - 1, 0))
        is_cell_I = (column_I >= 0) & (column_I <= num_columns)
        j_I = column_I.clamp(0, num_columns)
        inside_NI = is_cell_I & (place_I >= low_NJ[:, j_I]) & (place_I <= high_NJ[:, j_I])
        if diagonal == 0:
            new_NI = torch.where(place_I == 0, 0.0, nothing_NI)
        else:
            label_NI = torch.cat([infinite_N1, cost_NI[:, :-1] + deletion_cost], dim=1)
            terms = [label_NI]
            if num_columns:
                both_NL = before_NI[:, :-1] + price_NLT[:, place_I[:-1], spent_I[1:]]
                column_NI = torch.where(column_I > 0, cost_NI + gap_NT[:, spent_I], torch.inf)
                both_NI = torch.cat([infinite_N1, torch.where(column_I[1:] > 0, both_NL, torch.inf)], dim=1)
                terms = [both_NI, column_NI, label_NI]
            new_NI = _soft_min(torch.stack(terms), temperature)
        before_NI, cost_NI = cost_NI, torch.where(inside_NI, new_NI, torch.inf)
        ends.append(cost_NI.gather(1, lengths_N.long()[:, None])[:, 0])
    return torch.stack(ends).gather(0, last_N.long()[None])[0]


def _soft_min(terms: Tensor, temperature: float) -> Tensor:
    """Soft minimum over the first dimension; its gradient stays finite where all are infinite."""
    impossible = torch.isposinf(terms).all(dim=0)
    possible = torch.where(impossible, 0.0, terms)
    if temperature > 0:
        # infinite terms of a sum that is finite have no weight; a plain infinity would give nan behind it
        least = -temperature * torch.logsumexp(-possible / temperature, dim=0)
    else:
        least = possible.amin(dim=0)
    return torch.where(impossible, torch.inf, least)


class _KernelCost(torch.autograd.Function):
    """`soft_edit_cost_torch` by the numba kernel in float64."""

    @staticmethod
    def forward(ctx, log_probs_NTK, targets_NL, lengths_N, low_NJ, high_NJ, deletion_cost, temperature):
        log_probs = log_probs_NTK.detach().numpy().astype(np.float64)
        targets, lengths = targets_NL.numpy().astype(np.int64), lengths_N.numpy()
        low, high = low_NJ.numpy().astype(np.int64), high_NJ.numpy().astype(np.int64)
        gradient, cost = np.empty_like(log_probs), np.empty(len(log_probs))
        for n, log_probs_TK in enumerate(log_probs):
            cost[n] = kernels.soft_edit_cost(
                log_probs_TK, targets[n, : lengths[n]], deletion_cost, temperature, low[n], high[n],
                gradient[n],
            )  # fmt: skip
        ctx.save_for_backward(torch.from_numpy(gradient).to(log_probs_NTK.dtype))
        return torch.from_numpy(cost).to(log_probs_NTK.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx, *grad_outputs):  # pyright: ignore[reportIncompatibleMethodOverride]
        (gradient,) = ctx.saved_tensors
        return gradient * grad_outputs[0][:, None, None], *[None] * 6


def soft_edit_cost(
    log_probs_NTK: Float[Tensor, "N T K"],
    targets_NL: Int[Tensor, "N L"],
    lengths_N: Int[Tensor, " N"],
    *,
    deletion_cost: float = 10.0,
    temperature: float = 0.1,
    band: tuple[Int[Tensor, "N J"], Int[Tensor, "N J"]] | None = None,
    kernel: Literal["auto", "numba", "torch"] = "auto",
) -> Float[Tensor, " N"]:
    """Soft-minimal price of reading each target out of its window.

    Args:
        log_probs_NTK: log-probabilities of the symbols, symbol 0 the gap.
        targets_NL: labels 1 to K - 1 without gaps, padded with anything.
        lengths_N: labels in each target.
        deletion_cost: price of a label that no column gives, nats.
        temperature: how soft the minimum is, nats; 0 for the least price. Where walks are equally good the
            gradient is then that of one of them (numba) or of a mixture (torch).
        band: first and last label that may be read before, between and behind the columns, from `band_along`;
            None: all.
        kernel: "numba" (CPU, one derivative), "torch" (the reference, anywhere) or "auto": numba on a CPU.

    Returns:
        Per window, nats. Infinite, with a gradient of 0, where no walk has a finite price; not a number,
        likewise with a gradient of 0, where a log-probability is none.

    Raises:
        ValueError: if a length, a label, a price or a band makes no sense.
    """
    lengths_N = lengths_N.to(log_probs_NTK.device)
    targets_NL = targets_NL.to(log_probs_NTK.device)
    if not (0 <= deletion_cost < float("inf") and 0 <= temperature < float("inf")):
        raise ValueError("deletion_cost and temperature must be finite and at least 0")
    if len(lengths_N) and (int(lengths_N.min()) < 0 or int(lengths_N.max()) > targets_NL.shape[1]):
        raise ValueError(f"a target's length is below 0 or beyond its row of {targets_NL.shape[1]}")
    # the kernel indexes with these: anything else would read and write outside the probabilities
    is_label_NL = (targets_NL >= 1) & (targets_NL < log_probs_NTK.shape[2])
    is_padding_NL = torch.arange(targets_NL.shape[1], device=targets_NL.device) >= lengths_N[:, None]
    if not bool((is_label_NL | is_padding_NL).all()):
        raise ValueError(f"a target holds something that is no label (1 to {log_probs_NTK.shape[2] - 1})")
    low_NJ, high_NJ = full_band(log_probs_NTK.shape[1], lengths_N) if band is None else band
    low_NJ, high_NJ = low_NJ.to(log_probs_NTK.device), high_NJ.to(log_probs_NTK.device)
    if low_NJ.shape != high_NJ.shape or low_NJ.shape != (len(lengths_N), log_probs_NTK.shape[1] + 1):
        raise ValueError("a band has one place more than the window has columns")
    is_nan_N = log_probs_NTK.isnan().flatten(1).any(dim=1)
    log_probs_NTK = torch.where(is_nan_N[:, None, None], 0.0, log_probs_NTK)
    if kernel == "auto":
        kernel = "numba" if log_probs_NTK.device.type == "cpu" else "torch"
    if kernel == "numba":
        cost_N = _KernelCost.apply(
            log_probs_NTK, targets_NL, lengths_N, low_NJ, high_NJ, deletion_cost, temperature
        )
    else:
        cost_N = soft_edit_cost_torch(
            log_probs_NTK, targets_NL, lengths_N, low_NJ, high_NJ,
            deletion_cost=deletion_cost, temperature=temperature,
        )  # fmt: skip
    return torch.where(is_nan_N, torch.nan, cost_N)
