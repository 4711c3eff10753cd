"""The CRF's loss for a GPU: few large torch operations, value and gradient worked out together.

Legend: N batch, T time steps, S = 4**k states, K = 5 S entries of a time step, P positions of a target,
B = 2 N: the batch twice, once read forwards, once backwards.

On a GPU the time of a scan is the number of kernels that are started. So the forward and the backward sums
run in one loop, stacked along the batch; what does not depend on the step before is done for all steps at
once; no graph is kept for autograd. That is 3 to 5 kernels a step for the partition function and 2 for the
target, instead of some 40 with the differentiable functions of `lexome.dp.crf`, which these are held equal
to.

Source: own. The recursions are those of `lexome.dp.kernels.crf`.
"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

# as in `lexome.dp.crf`: k + 1 steps of the widest spread must stay inside the number type's range
MAX_SPREAD = {torch.float32: 80.0, torch.float64: 600.0}
MAX_STEPS_UNSCALED = 8


def max_spread(dtype: torch.dtype) -> float:
    """How far the scores of a step may lie apart, times k + 1, if the sums are to stay within their range.

    Half precision is added up in float32.
    """
    return MAX_SPREAD.get(dtype, MAX_SPREAD[torch.float32])


def edges_of_states(
    state_len: int, device: torch.device | str = "cpu"
) -> tuple[Int[Tensor, "S 5"], Int[Tensor, "S 5"], Int[Tensor, "S 5"]]:
    """Per state: where edges enter it from, where edges lead to from it, and the entries of the latter.

    Column 0 is the stay. The entries of the entering edges are 0..K-1 in order.
    """
    num_states = 4**state_len
    quarter = num_states // 4
    state_S1 = torch.arange(num_states, device=device)[:, None]
    four = torch.arange(4, device=device)
    source_S5 = torch.cat([state_S1, state_S1 // 4 + four * quarter], dim=1)
    reached_S4 = 4 * (state_S1 % quarter) + four
    target_S5 = torch.cat([state_S1, reached_S4], dim=1)
    leaving_S5 = torch.cat([5 * state_S1, 5 * reached_S4 + 1 + state_S1 // quarter], dim=1)
    return source_S5, target_S5, leaving_S5


def partition(
    scores_NTK: Float[Tensor, "N T K"], state_len: int, spread: float
) -> tuple[Float[Tensor, " N"], Float[Tensor, "N T K"]]:
    """LogZ (float64) and the probability of every edge at every step.

    Args:
        scores_NTK: scores.
        state_len: k.
        spread: largest difference between two scores of one step; (k + 1) times it must stay below
            `max_spread`.
    """
    num_batch, num_steps, num_entries = scores_NTK.shape
    num_states = num_entries // 5
    source_S5, target_S5, leaving_S5 = edges_of_states(state_len, scores_NTK.device)
    maximum_NT1 = scores_NTK.amax(dim=2, keepdim=True)
    weights_NTK = (scores_NTK - maximum_NT1).exp_()
    # what is multiplied in at each step; the second half runs against time, its edges sorted by their source
    stacked_TBK = torch.cat([weights_NTK, weights_NTK.flip(1)[:, :, leaving_S5.flatten()]]).transpose(0, 1)
    stacked_TBK = stacked_TBK.contiguous()
    index_BK = torch.cat(
        [states.flatten().expand(num_batch, num_entries) for states in (source_S5, target_S5)]
    )
    sums_TBS = scores_NTK.new_empty(num_steps + 1, 2 * num_batch, num_states)
    sums_TBS[0] = 1 / num_states
    spare = int(max_spread(scores_NTK.dtype) / max(spread, 1e-6)) - state_len - 1
    every = max(1, min(MAX_STEPS_UNSCALED, spare))
    scales = []
    for t in range(num_steps):
        edges_BK = sums_TBS[t].gather(1, index_BK).mul_(stacked_TBK[t])
        after_BS = sums_TBS[t + 1]
        torch.sum(edges_BK.unflatten(1, (num_states, 5)), dim=2, out=after_BS)
        if (t + 1) % every == 0 or t + 1 == num_steps:
            scales.append(after_BS.sum(dim=1, keepdim=True))
            after_BS.div_(scales[-1])
    log_z_N = maximum_NT1.double().sum(dim=(1, 2)) + math.log(num_states)
    if scales:
        log_z_N = log_z_N + torch.cat(scales, dim=1)[:num_batch].double().log().sum(dim=1)
    before_NTS = sums_TBS[:-1, :num_batch].transpose(0, 1)
    after_NTS = sums_TBS[:-1, num_batch:].flip(0).transpose(0, 1)
    edges_NTK = before_NTS[:, :, source_S5.flatten()].mul_(weights_NTK)
    edges_NTK = edges_NTK.unflatten(2, (num_states, 5)).mul_(after_NTS[..., None]).flatten(2)
    return log_z_N, edges_NTK.div_(edges_NTK.sum(dim=2, keepdim=True))


def lattice(
    targets_NL: Int[Tensor, "N L"], lengths_N: Int[Tensor, " N"], state_len: int
) -> tuple[Int[Tensor, "N P"], Int[Tensor, "N M"], Int[Tensor, " N"]]:
    """Entries of the stays at a target's positions, of the moves between them, and its last position.

    Behind an item's last position stand entries that mean nothing but exist.
    """
    codes_NL = targets_NL.long().sub(1).clamp(0, 3)
    powers = 4 ** torch.arange(state_len - 1, -1, -1, device=codes_NL.device)
    stay_NP = 5 * (codes_NL.unfold(1, state_len, 1) * powers).sum(dim=2)
    move_NM = stay_NP[:, 1:] + codes_NL[:, : stay_NP.shape[1] - 1] + 1
    return stay_NP, move_NM, lengths_N.long() - state_len


def target_sum(
    scores_NTK: Float[Tensor, "N T K"],
    stay_NP: Int[Tensor, "N P"],
    move_NM: Int[Tensor, "N M"],
    last_N: Int[Tensor, " N"],
    gradient_NTK: Float[Tensor, "N T K"],
) -> Float[Tensor, " N"]:
    """Log-sum over the paths that spell each target; its gradient is taken away from `gradient_NTK`.

    Args:
        scores_NTK: scores; the nearer to 0, the more exact are the sums.
        stay_NP: entries of the stays, see `lattice`.
        move_NM: entries of the moves, one fewer per item.
        last_N: each target's last position.
        gradient_NTK: changed in place; left alone for an item that does not fit into T steps.
    """
    num_batch, num_steps, _ = scores_NTK.shape
    positions_P = torch.arange(stay_NP.shape[1], device=scores_NTK.device)
    mirrored_NP = (last_N[:, None] - positions_P).clamp(min=0)
    stay_scores_NTP = _picked(scores_NTK, stay_NP)
    move_scores_NTM = _picked(scores_NTK, move_NM)
    back_NTP = _picked(stay_scores_NTP.flip(1), mirrored_NP)
    back_moves_NTM = _picked(move_scores_NTM.flip(1), (mirrored_NP[:, :-1] - 1).clamp(min=0))
    # [T, B, P, 2]: the scores of coming from the position before (never to the first) and of staying
    into_NTP = torch.nn.functional.pad(torch.cat([move_scores_NTM, back_moves_NTM]), (1, 0), value=-torch.inf)
    edges_TBP2 = torch.stack([into_NTP, torch.cat([stay_scores_NTP, back_NTP])], dim=3).transpose(0, 1)
    # one more position in front, which nothing ever reaches, so that a window of two is [before, here]
    sums_TBP = scores_NTK.new_full((num_steps + 1, 2 * num_batch, len(positions_P) + 1), -torch.inf)
    sums_TBP[0, :, 1] = 0
    edges_TBP2 = edges_TBP2.contiguous()
    for t in range(num_steps):
        paths_BP2 = sums_TBP[t].unfold(1, 2, 1) + edges_TBP2[t]
        torch.logaddexp(paths_BP2[..., 0], paths_BP2[..., 1], out=sums_TBP[t + 1, :, 1:])
    log_sum_N = sums_TBP[-1, :num_batch, 1:].gather(1, last_N[:, None])[:, 0]
    before_NTP = sums_TBP[:-1, :num_batch, 1:].transpose(0, 1)
    after_NTP = _picked(sums_TBP[:-1, num_batch:, 1:].flip(0).transpose(0, 1), mirrored_NP)
    fits_N11 = ~torch.isneginf(log_sum_N)[:, None, None]
    norm_N11 = torch.where(fits_N11[:, 0, 0], log_sum_N, 0.0)[:, None, None]
    is_inside_NP = positions_P <= last_N[:, None]
    parts = [
        (stay_NP, before_NTP + stay_scores_NTP + after_NTP, is_inside_NP),
        (move_NM, before_NTP[:, :, :-1] + move_scores_NTM + after_NTP[:, :, 1:], is_inside_NP[:, 1:]),
    ]
    posteriors = [torch.where(i[:, None] & fits_N11, (path - norm_N11).exp(), 0.0) for _, path, i in parts]
    # 1 but for the rounding of long sums
    total_NT1 = torch.cat(posteriors, dim=2).sum(dim=2, keepdim=True)
    for (entries, _, _), posterior in zip(parts, posteriors, strict=True):
        share = posterior / torch.where(fits_N11, total_NT1, 1.0)
        gradient_NTK.scatter_add_(2, entries[:, None].expand_as(share), -share)
    return log_sum_N


def _picked(values_NTX: Tensor, index_NP: Tensor) -> Tensor:
    """values[n, t, index[n, p]]."""
    return values_NTX.gather(2, index_NP[:, None].expand(-1, values_NTX.shape[1], -1))


class _ScanLoss(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx, scores_NTK: Tensor, targets_NL: Tensor, lengths_N: Tensor, state_len: int, spread: float
    ):
        with torch.autocast(scores_NTK.device.type, enabled=False):
            scores = scores_NTK.detach()
            if scores.dtype not in MAX_SPREAD:  # half precision of a network that runs in it
                scores = scores.float()
            log_z_N, gradient_NTK = partition(scores, state_len, spread)
            maximum_NT1 = scores.amax(dim=2, keepdim=True)
            entries = lattice(targets_NL, lengths_N, state_len)
            log_sum_N = target_sum(scores - maximum_NT1, *entries, gradient_NTK)
            loss_N = log_z_N - (log_sum_N.double() + maximum_NT1.double().sum(dim=(1, 2)))
        ctx.save_for_backward(gradient_NTK.to(scores_NTK.dtype))
        return loss_N.to(scores.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx, *grad_outputs):  # pyright: ignore[reportIncompatibleMethodOverride]
        (gradient,) = ctx.saved_tensors
        return gradient * grad_outputs[0][:, None, None].to(gradient.dtype), None, None, None, None


def scan_loss(
    scores_NTK: Float[Tensor, "N T K"],
    targets_NL: Int[Tensor, "N L"],
    lengths_N: Int[Tensor, " N"],
    state_len: int,
    spread: float,
) -> Float[Tensor, " N"]:
    """The loss of `lexome.dp.crf.crf_loss`, which checks the arguments; all tensors on one device.

    Args:
        scores_NTK: scores, also in half precision (the sums then are in float32).
        targets_NL: bases 1 to 4, at least k in a row, padded with anything.
        lengths_N: bases in each target, at least k.
        state_len: k.
        spread: as of `partition`.

    Returns:
        Per item, nats; infinite where a target does not fit into T steps.
    """
    return _ScanLoss.apply(scores_NTK, targets_NL, lengths_N, state_len, spread)  # pyright: ignore[reportReturnType]
