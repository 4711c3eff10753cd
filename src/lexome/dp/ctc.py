"""Connectionist temporal classification in plain torch, any device and number type, and the loss.

Legend: N batch, T time steps, K symbols of a time step (0 the blank), L target length, P = 2 L + 1 positions.

Every function here is the reference for the numba kernel of the same job in `lexome.dp.kernels.ctc`, which
`ctc_loss` calls on the CPU; tests hold them equal. Paths, spelling and the lattice of a target are explained
there.

Source: Graves et al., 2006. Differs from `torch.nn.functional.ctc_loss`: batch first; the gradient is that by
the log-probabilities as they are given (torch's holds only behind a log_softmax, where both are the same); a
target that does not fit gives an infinite loss and no gradient, where torch gives nan or hides it.
"""

from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

from lexome.dp.kernels import ctc as kernels


def lattice(
    targets_NL: Int[Tensor, "N L"], lengths_N: Int[Tensor, " N"]
) -> tuple[Int[Tensor, "N P"], Bool[Tensor, "N P"]]:
    """Symbol of every position (blanks behind an item's end), and whether a path may jump to it."""
    is_padding_NL = torch.arange(targets_NL.shape[1], device=targets_NL.device) >= lengths_N[:, None]
    symbol_NP = targets_NL.new_zeros(len(targets_NL), 2 * targets_NL.shape[1] + 1, dtype=torch.long)
    symbol_NP[:, 1::2] = torch.where(is_padding_NL, 0, targets_NL)
    can_jump_NP = torch.zeros_like(symbol_NP, dtype=torch.bool)
    can_jump_NP[:, 2:] = (symbol_NP[:, 2:] != 0) & (symbol_NP[:, 2:] != symbol_NP[:, :-2])
    return symbol_NP, can_jump_NP


def target_log_sum(
    log_probs_NTK: Float[Tensor, "N T K"], targets_NL: Int[Tensor, "N L"], lengths_N: Int[Tensor, " N"]
) -> Float[Tensor, " N"]:
    """Log-sum over the paths that spell each target, differentiable; O(T) steps of size N x P.

    Args:
        log_probs_NTK: log-probabilities, or any log-weights.
        targets_NL: labels 1 to K - 1, padded with anything.
        lengths_N: labels in each target.

    Returns:
        Per item, nats; -inf where no path spells the target.
    """
    targets_NL, lengths_N = targets_NL.to(log_probs_NTK.device), lengths_N.to(log_probs_NTK.device)
    symbol_NP, can_jump_NP = lattice(targets_NL, lengths_N)
    alpha_NP = log_probs_NTK.new_full(symbol_NP.shape, -torch.inf)
    alpha_NP[:, 0] = 0  # before the first step a path stands as if in the first blank
    for t in range(log_probs_NTK.shape[1]):
        on_NP = _shift(alpha_NP, 1)
        jump_NP = torch.where(can_jump_NP, _shift(alpha_NP, 2), -torch.inf)
        alpha_NP = _log_sum(torch.stack([alpha_NP, on_NP, jump_NP])) + log_probs_NTK[:, t].gather(
            1, symbol_NP
        )
    last_N2 = 2 * lengths_N.long()[:, None] - torch.tensor([0, 1], device=alpha_NP.device)
    ends_N2 = alpha_NP.gather(1, last_N2.clamp(min=0))
    return _log_sum(torch.where(last_N2 >= 0, ends_N2, -torch.inf).T)


def _shift(alpha_NP: Tensor, count: int) -> Tensor:
    return torch.nn.functional.pad(alpha_NP, (count, 0), value=-torch.inf)[:, : alpha_NP.shape[1]]


def _log_sum(terms: Tensor) -> Tensor:
    """`logsumexp` over the first dimension, but its gradient stays finite where all are -inf."""
    impossible = torch.isneginf(terms).all(dim=0)
    return torch.where(impossible, -torch.inf, torch.where(impossible, 0.0, terms).logsumexp(dim=0))


def occupancy(
    log_probs_NTK: Float[Tensor, "N T K"], targets_NL: Int[Tensor, "N L"], lengths_N: Int[Tensor, " N"]
) -> Float[Tensor, "N T K"]:
    """Probability of every symbol at every step, given that the path spells the target.

    Rows sum to 1 (all 0 for a target that no path spells); the gradient of `target_log_sum`.
    """
    if log_probs_NTK.shape[1] == 0:
        return torch.zeros_like(log_probs_NTK)
    with torch.enable_grad():
        leaf = log_probs_NTK.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(target_log_sum(leaf, targets_NL, lengths_N).sum(), leaf)
    return gradient


def best_alignment(
    log_probs_TK: Float[Tensor, "T K"], target_L: Int[Tensor, " L"]
) -> tuple[float, Int[Tensor, " T"]]:
    """Best path among those that spell one target.

    Returns:
        Its log-probability and its lattice position at each step; -inf and zeros if there is none.
    """
    symbol_P, can_jump_P = (x[0] for x in lattice(target_L[None], torch.tensor([len(target_L)])))
    best_P = log_probs_TK.new_full(symbol_P.shape, -torch.inf)
    best_P[0] = 0
    choices = []
    for log_probs_K in log_probs_TK:
        jump_P = torch.where(can_jump_P, _shift(best_P[None], 2)[0], -torch.inf)
        best_P, choice_P = torch.stack([best_P, _shift(best_P[None], 1)[0], jump_P]).max(dim=0)
        best_P = best_P + log_probs_K[symbol_P]
        choices.append(choice_P)
    position = len(symbol_P) - 1
    if len(target_L) and best_P[position - 1] >= best_P[position]:
        position -= 1
    score = float(best_P[position])
    positions_T = torch.zeros(len(log_probs_TK), dtype=torch.long)
    if score > -torch.inf:
        for t in range(len(log_probs_TK) - 1, -1, -1):
            positions_T[t] = position
            position -= int(choices[t][position])
    return score, positions_T


def best_path(log_probs_NTK: Float[Tensor, "N T K"]) -> Int[Tensor, "N T"]:
    """The likeliest symbol of every step, which together are the best path of all."""
    return log_probs_NTK.argmax(dim=-1)


def spelled(path_T: Int[Tensor, " T"]) -> np.ndarray:
    """Labels (uint8[L]) that a path of symbols spells: equal neighbours joined, blanks dropped."""
    symbols_T = path_T.cpu().numpy()
    is_new_T = np.diff(symbols_T, prepend=0) != 0
    return symbols_T[is_new_T & (symbols_T != 0)].astype(np.uint8)


class _KernelLogSum(torch.autograd.Function):
    """`target_log_sum` by the numba kernels in float64."""

    @staticmethod
    def forward(ctx, log_probs_NTK: Tensor, targets_NL: Tensor, lengths_N: Tensor) -> Tensor:
        log_probs = log_probs_NTK.detach().numpy().astype(np.float64)
        targets, lengths = targets_NL.numpy().astype(np.int64), lengths_N.numpy()
        gradient, log_sum = np.zeros_like(log_probs), np.empty(len(log_probs))
        for n, log_probs_TK in enumerate(log_probs):
            target_L = targets[n, : lengths[n]]
            posterior_TP = np.empty((len(log_probs_TK), 2 * len(target_L) + 1))
            log_sum[n] = kernels.target_posteriors(log_probs_TK, target_L, posterior_TP)
            kernels.add_occupancy(posterior_TP, target_L, 1.0, gradient[n])
        ctx.save_for_backward(torch.from_numpy(gradient).to(log_probs_NTK.dtype))
        return torch.from_numpy(log_sum).to(log_probs_NTK.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx, *grad_outputs):  # pyright: ignore[reportIncompatibleMethodOverride]
        (gradient,) = ctx.saved_tensors
        return gradient * grad_outputs[0][:, None, None], None, None


def _native_loss(log_probs_NTK: Tensor, targets_NL: Tensor, lengths_N: Tensor) -> Tensor:
    """The loss of torch itself, with no gradient (instead of nan) where it is infinite."""

    def loss(log_probs: Tensor, zero_infinity: bool) -> Tensor:
        steps_N = torch.full_like(lengths_N, log_probs.shape[1])
        targets = targets_NL.to(log_probs.device)
        return torch.nn.functional.ctc_loss(
            log_probs.transpose(0, 1),
            targets,
            steps_N,
            lengths_N,
            reduction="none",
            zero_infinity=zero_infinity,
        )

    # zeroed, an infinite loss cannot be told from a certain target
    with torch.no_grad():
        is_infinite_N = torch.isposinf(loss(log_probs_NTK, zero_infinity=False))
    return torch.where(is_infinite_N, torch.inf, loss(log_probs_NTK, zero_infinity=True))


def ctc_loss(
    log_probs_NTK: Float[Tensor, "N T K"],
    targets_NL: Int[Tensor, "N L"],
    lengths_N: Int[Tensor, " N"],
    kernel: Literal["auto", "numba", "torch", "native"] = "auto",
) -> Float[Tensor, " N"]:
    """Negative log-probability of each target, in nats.

    Args:
        log_probs_NTK: log-probabilities (log_softmax of the network's scores), symbol 0 the blank.
        targets_NL: labels 1 to K - 1 (bases A 1, C 2, G 3, T 4), padded with anything.
        lengths_N: labels in each target; 0 is the target without labels, spelled by blanks alone.
        kernel: "numba" (CPU), "torch" (the reference, anywhere), "native" (torch's own loss, anywhere; its
            gradient is right only behind a log_softmax of finite scores) or "auto": numba on a CPU, native on
            other devices.

    Returns:
        - log-sum over the target's paths. Infinite, with a gradient of 0, where no path spells the target: it
        has more labels, with a blank between each two equal neighbours, than there are steps, or a symbol it
        needs has the log-probability -inf.

    Raises:
        ValueError: if a length is below 0 or beyond the row, or a target holds anything but 1 to K - 1.
    """
    if int(lengths_N.min()) < 0 or int(lengths_N.max()) > targets_NL.shape[1]:
        raise ValueError(f"a target's length is below 0 or beyond its row of {targets_NL.shape[1]}")
    # the kernels index with these: anything else would read and write outside the scores
    is_label_NL = (targets_NL >= 1) & (targets_NL < log_probs_NTK.shape[2])
    is_padding_NL = torch.arange(targets_NL.shape[1], device=targets_NL.device) >= lengths_N[:, None]
    if not bool((is_label_NL | is_padding_NL).all()):
        raise ValueError(f"a target holds something that is no label (1 to {log_probs_NTK.shape[2] - 1})")
    if kernel == "auto":
        kernel = "numba" if log_probs_NTK.device.type == "cpu" else "native"
    if kernel == "numba":
        return -_KernelLogSum.apply(log_probs_NTK, targets_NL.cpu(), lengths_N.cpu())
    if kernel == "native":
        return _native_loss(log_probs_NTK, targets_NL, lengths_N)
    return -target_log_sum(log_probs_NTK, targets_NL, lengths_N)
