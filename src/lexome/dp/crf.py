"""Linear-chain CRF over k-mer states in plain torch, any device and number type, and the differentiable loss.

Legend: N batch, T time steps, S = 4**k states, K = 5 S entries of a time step, L target length.

Every function here is the reference for the numba kernel of the same job in `lexome.dp.kernels.crf`, which
`crf_loss` calls on the CPU, and for `lexome.dp.crf_scan`, which it calls on a GPU; tests hold them equal.

Scores: per destination state [stay, move j=0..3], j the base that drops out (see the kernels' docstring).
Start and end states are free: alpha_0 = 0, beta_T = 0.

Source: bonito's CRF (scores layout, loss on k-mer lattice). Differs: batch first; no normalisation of the
scores by logZ / T, the loss is logZ - log-sum over the target's paths directly, which is the same number.
"""

from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

from lexome.dp.crf_scan import max_spread, scan_loss
from lexome.dp.kernels import crf as kernels

# the kernels work on exp(score - maximum): k + 1 steps of the widest spread must stay inside float64's range
MAX_SPREAD_F64 = 600.0


def source_states(state_len: int, device: torch.device | str = "cpu") -> Int[Tensor, "S 5"]:
    """Where each edge comes from: column 0 the state itself, column 1 + j the state that loses base j."""
    num_states = 4**state_len
    states = torch.arange(num_states, device=device)
    moves = states[:, None] // 4 + torch.arange(4, device=device) * (num_states // 4)
    return torch.cat([states[:, None], moves], dim=1)


def state_len_of(num_entries: int) -> int:
    """The k of K = 5 * 4**k.

    Raises:
        ValueError: if there is no such k from 1 to 6.
    """
    for state_len in range(1, 7):
        if num_entries == 5 * 4**state_len:
            return state_len
    raise ValueError(f"{num_entries} scores per time step are not 5 * 4**k for any k from 1 to 6")


def log_partition(scores_NTK: Float[Tensor, "N T K"]) -> Float[Tensor, " N"]:
    """Log-sum over all paths, differentiable; O(T) steps of size N x K."""
    num_batch, num_steps, num_entries = scores_NTK.shape
    source_S5 = source_states(state_len_of(num_entries), scores_NTK.device)
    alpha_NS = scores_NTK.new_zeros(num_batch, num_entries // 5)
    for t in range(num_steps):
        edges_NS5 = scores_NTK[:, t].unflatten(-1, (-1, 5)) + alpha_NS[:, source_S5]
        alpha_NS = edges_NS5.logsumexp(dim=-1)
    return alpha_NS.logsumexp(dim=-1)


def edge_posteriors(scores_NTK: Float[Tensor, "N T K"]) -> Float[Tensor, "N T K"]:
    """Probability of every edge; sums to 1 at each step (the gradient of `log_partition`)."""
    with torch.enable_grad():
        leaf = scores_NTK.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(log_partition(leaf).sum(), leaf)
    return gradient


def state_posteriors(scores_NTK: Float[Tensor, "N T K"]) -> Float[Tensor, "N T S"]:
    """Probability of every state after each step: the sum over the edges that enter it."""
    return edge_posteriors(scores_NTK).unflatten(-1, (-1, 5)).sum(dim=-1)


def viterbi(scores_NTK: Float[Tensor, "N T K"]) -> tuple[Float[Tensor, " N"], Int[Tensor, "N T"]]:
    """Best path.

    Returns:
        Its score per item, and the entry (0..K-1) of the edge taken at each step; entry // 5 is the state
        after the step, entry % 5 is 0 for a stay.
    """
    num_batch, num_steps, num_entries = scores_NTK.shape
    source_S5 = source_states(state_len_of(num_entries), scores_NTK.device)
    best_NS = scores_NTK.new_zeros(num_batch, num_entries // 5)
    choices = []
    for t in range(num_steps):
        edges_NS5 = scores_NTK[:, t].unflatten(-1, (-1, 5)) + best_NS[:, source_S5]
        best_NS, choice_NS = edges_NS5.max(dim=-1)
        choices.append(choice_NS)
    score_N, state_N = best_NS.max(dim=-1)
    path_NT = torch.empty(num_batch, num_steps, dtype=torch.long, device=scores_NTK.device)
    for t in range(num_steps - 1, -1, -1):
        choice_N = choices[t].gather(1, state_N[:, None])[:, 0]
        path_NT[:, t] = 5 * state_N + choice_N
        state_N = source_S5[state_N, choice_N]
    return score_N, path_NT


def path_bases(path_NT: Int[Tensor, "N T"]) -> list[np.ndarray]:
    """Base codes 0..3 that a path of edges spells, per item: the newest base of the state after each move."""
    return [((row[row % 5 != 0] // 5) % 4).astype(np.uint8) for row in path_NT.cpu().numpy()]


def target_entries(target: np.ndarray, state_len: int) -> tuple[np.ndarray, np.ndarray]:
    """Score entries along a target.

    Args:
        target: base codes 0..3, length L >= state_len.
        state_len: k.

    Returns:
        Entries of the stays at its L + 1 - k positions, and of the moves between them.
    """
    count = len(target) + 1 - state_len
    codes = target.astype(np.int64)
    state = np.zeros(max(count, 0), np.int64)
    for i in range(state_len):
        state = state * 4 + codes[i : i + len(state)]
    stay = 5 * state
    return stay, stay[1:] + codes[: max(count - 1, 0)] + 1


def target_log_sum(
    scores_NTK: Float[Tensor, "N T K"], targets_NL: Int[Tensor, "N L"], lengths_N: Int[Tensor, " N"]
) -> Float[Tensor, " N"]:
    """Log-sum over the paths that spell each target, differentiable.

    Args:
        scores_NTK: scores.
        targets_NL: bases A 1, C 2, G 3, T 4, padded with anything.
        lengths_N: bases in each target, at least k.

    Returns:
        Per item, nats; -inf where a target does not fit into T steps.
    """
    num_batch, num_steps, num_entries = scores_NTK.shape
    state_len = state_len_of(num_entries)
    last_N = lengths_N.to(scores_NTK.device, torch.long) - state_len
    # positions behind an item's last one are computed from any entry and never read
    stay_NP = np.zeros((num_batch, int(last_N.max()) + 1), np.int64)
    move_NP = np.zeros((num_batch, int(last_N.max())), np.int64)
    for n, length in enumerate(lengths_N.tolist()):
        stay, move = target_entries(targets_NL[n, :length].cpu().numpy().astype(np.int64) - 1, state_len)
        stay_NP[n, : len(stay)], move_NP[n, : len(move)] = stay, move
    stay_entries, move_entries = (torch.from_numpy(e).to(scores_NTK.device) for e in (stay_NP, move_NP))
    alpha_NP = scores_NTK.new_full(stay_NP.shape, -torch.inf)
    alpha_NP[:, 0] = 0
    for t in range(num_steps):
        stayed_NP = alpha_NP + scores_NTK[:, t].gather(1, stay_entries)
        moved_NP = alpha_NP[:, :-1] + scores_NTK[:, t].gather(1, move_entries)
        alpha_NP = torch.cat([stayed_NP[:, :1], _log_add(stayed_NP[:, 1:], moved_NP)], dim=1)
    return alpha_NP.gather(1, last_N[:, None])[:, 0]


def _log_add(a: Tensor, b: Tensor) -> Tensor:
    """`torch.logaddexp`, but its gradient stays finite where both are -inf."""
    both = torch.isneginf(a) & torch.isneginf(b)
    safe = torch.logaddexp(torch.where(both, 0.0, a), torch.where(both, 0.0, b))
    return torch.where(both, -torch.inf, safe)


class _KernelLoss(torch.autograd.Function):
    """logZ - log-sum of the target per item; values and gradients from the numba kernels in float64."""

    @staticmethod
    def forward(ctx, scores_NTK: Tensor, targets_NL: Tensor, lengths_N: Tensor) -> Tensor:
        state_len = state_len_of(scores_NTK.shape[2])
        scores = scores_NTK.detach().numpy().astype(np.float64)
        targets, lengths = targets_NL.numpy(), lengths_N.numpy()
        gradient = np.empty_like(scores)
        loss = np.empty(len(scores))
        alpha = np.empty((scores.shape[1] + 1, 4**state_len))
        for n, scores_TK in enumerate(scores):
            maximum_T = scores_TK.max(axis=1, keepdims=True)
            weights_TK = np.exp(scores_TK - maximum_T)
            log_z = kernels.forward(weights_TK, alpha) + maximum_T.sum()
            kernels.edge_posteriors(weights_TK, alpha, gradient[n])
            stay, move = target_entries(targets[n, : lengths[n]].astype(np.int64) - 1, state_len)
            loss[n] = log_z - kernels.target_log_sum(scores_TK, stay, move, gradient[n], -1.0)
        ctx.save_for_backward(torch.from_numpy(gradient).to(scores_NTK.dtype))
        return torch.from_numpy(loss).to(scores_NTK.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx, *grad_outputs):  # pyright: ignore[reportIncompatibleMethodOverride]
        (gradient,) = ctx.saved_tensors
        return gradient * grad_outputs[0][:, None, None], None, None


def crf_loss(
    scores_NTK: Float[Tensor, "N T K"],
    targets_NL: Int[Tensor, "N L"],
    lengths_N: Int[Tensor, " N"],
    kernel: Literal["auto", "numba", "scan", "torch"] = "auto",
) -> Float[Tensor, " N"]:
    """Negative log-probability of each target, in nats.

    Args:
        scores_NTK: scores, K = 5 * 4**k.
        targets_NL: bases A 1, C 2, G 3, T 4, padded with anything.
        lengths_N: bases in each target.
        kernel: "numba" (CPU), "scan" (made for a GPU, runs anywhere), "torch" (the reference, anywhere) or
            "auto": numba on a CPU and scan elsewhere, but torch where the scores spread so widely that the
            scaled sums of the others could leave the range of their numbers.

    Returns:
        logZ - log-sum over the target's paths; infinite where a target does not fit into T steps.

    Raises:
        ValueError: if a target is shorter than k bases, longer than its row, or holds anything but 1 to 4; if
            "scan" is asked for and the scores spread too widely for it.
    """
    state_len = state_len_of(scores_NTK.shape[2])
    if int(lengths_N.min()) < state_len:
        raise ValueError(f"a target has fewer bases than the CRF's state ({state_len})")
    if int(lengths_N.max()) > targets_NL.shape[1]:
        raise ValueError(f"a target's length is beyond its row of {targets_NL.shape[1]}")
    # the kernels index with these: anything else would read and write outside the scores
    is_base_NL = (targets_NL >= 1) & (targets_NL <= 4)
    is_padding_NL = torch.arange(targets_NL.shape[1], device=targets_NL.device) >= lengths_N[:, None]
    if not bool((is_base_NL | is_padding_NL).all()):
        raise ValueError("a target holds something that is no base (1 to 4)")
    spread = 0.0
    if kernel in ("auto", "scan"):
        if scores_NTK.shape[1]:
            with torch.no_grad():
                spread = float((scores_NTK.amax(dim=2) - scores_NTK.amin(dim=2)).max())
        scaled = "numba" if kernel == "auto" and scores_NTK.device.type == "cpu" else "scan"
        limit = MAX_SPREAD_F64 if scaled == "numba" else max_spread(scores_NTK.dtype)
        if spread * (state_len + 1) < limit:  # false for nan
            kernel = scaled
        elif kernel == "auto":
            kernel = "torch"
        else:
            raise ValueError(f"scores that spread over {spread:g} are too far apart for a scan")
    if kernel == "numba":
        return _KernelLoss.apply(scores_NTK, targets_NL.cpu(), lengths_N.cpu())
    if kernel == "scan":
        labels = (targets_NL.to(scores_NTK.device), lengths_N.to(scores_NTK.device))
        return scan_loss(scores_NTK, *labels, state_len, spread)
    return log_partition(scores_NTK) - target_log_sum(scores_NTK, targets_NL, lengths_N)
