"""Linear-chain CRF over k-mer states, for its loss: forward, backward, posteriors, a target's share (numba).

Legend: T time steps, S = 4**k states, K = 5 S entries of a time step, L lattice positions of a target.

A state is the last k bases, the newest varying fastest. An edge into state s either stays in s or moves from
the state s // 4 + j * S / 4, where j is the base that drops out. Per time step the scores hold, for each
destination state, [stay, move j=0..3] (K = 5 S); for decoding (`crf_decode`, `crf_log`, `crf_beam`) also only
the moves (K = 4 S), where the stay has one fixed score.

The recursions run on weights exp(score - maximum of the step), rescaled at every step; callers keep the
spread of a step's scores small enough for float64 (see `lexome.dp.crf`). Only multiplications and additions
remain inside the loops. The plain twins of all of these are in `lexome.dp.crf`.

Source: the model of ONT's bonito (scores layout, target lattice); the kernels are our own.
"""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def forward(weights_TK: np.ndarray, alpha_TS: np.ndarray) -> float:
    """Fills alpha_TS (T + 1 rows, each summing to 1) and returns logZ of the logs of the weights.

    Args:
        weights_TK: exp(score - step maximum), K = 5 S.
        alpha_TS: output, shape (T + 1, S), of the same number type as the weights.
    """
    num_steps, num_states = weights_TK.shape[0], alpha_TS.shape[1]
    quarter = num_states // 4
    log_scale = np.log(num_states)
    alpha_TS[0, :] = 1.0 / num_states
    for t in range(num_steps):
        before, after, w = alpha_TS[t], alpha_TS[t + 1], weights_TK[t]
        total = 0.0
        for q in range(quarter):
            a0, a1, a2, a3 = before[q], before[q + quarter], before[q + 2 * quarter], before[q + 3 * quarter]
            for b in range(4):
                s = 4 * q + b
                e = 5 * s
                value = w[e] * before[s] + w[e + 1] * a0 + w[e + 2] * a1 + w[e + 3] * a2 + w[e + 4] * a3
                after[s] = value
                total += value
        factor = 1.0 / total
        for s in range(num_states):
            after[s] *= factor
        log_scale += np.log(total)
    return log_scale


@njit(cache=True, nogil=True)
def backward_step(w: np.ndarray, after: np.ndarray, before: np.ndarray) -> None:
    """One backward step, rescaled to sum 1: `after` is beta at t + 1, `before` becomes beta at t."""
    num_states = after.shape[0]
    quarter = num_states // 4
    for s in range(num_states):
        before[s] = w[5 * s] * after[s]
    for q in range(quarter):
        for b in range(4):
            s = 4 * q + b
            value, e = after[s], 5 * s + 1
            before[q] += w[e] * value
            before[q + quarter] += w[e + 1] * value
            before[q + 2 * quarter] += w[e + 2] * value
            before[q + 3 * quarter] += w[e + 3] * value
    total = before[0]
    for s in range(1, num_states):
        total += before[s]
    factor = 1.0 / total
    for s in range(num_states):
        before[s] *= factor


@njit(cache=True, nogil=True)
def edge_posteriors(weights_TK: np.ndarray, alpha_TS: np.ndarray, posteriors_TK: np.ndarray) -> None:
    """Fills the probability of every edge at every step (each row sums to 1); K = 5 S in both arrays.

    Args:
        weights_TK: as in `forward`.
        alpha_TS: as `forward` filled it.
        posteriors_TK: output.
    """
    num_steps, num_states = weights_TK.shape[0], alpha_TS.shape[1]
    quarter = num_states // 4
    after = np.full(num_states, 1.0, weights_TK.dtype)
    before = np.empty_like(after)
    for t in range(num_steps - 1, -1, -1):
        alpha, w, out = alpha_TS[t], weights_TK[t], posteriors_TK[t]
        total = 0.0
        for s in range(num_states):
            e = 5 * s
            out[e] = w[e] * alpha[s] * after[s]
            total += out[e]
            for j in range(4):
                out[e + 1 + j] = w[e + 1 + j] * alpha[s // 4 + j * quarter] * after[s]
                total += out[e + 1 + j]
        factor = 1.0 / total
        for e in range(5 * num_states):
            out[e] *= factor
        backward_step(w, after, before)
        after, before = before, after


@njit(cache=True, nogil=True)
def _log_add(a: float, b: float) -> float:
    if a < b:
        a, b = b, a
    return a if b == -np.inf else a + np.log1p(np.exp(b - a))


@njit(cache=True, nogil=True)
def target_log_sum(
    scores_TK: np.ndarray, stay_L: np.ndarray, move_L: np.ndarray, gradient_TK: np.ndarray, weight: float
) -> float:
    """Log-sum over all paths that spell one target, and its gradient.

    Args:
        scores_TK: scores (not weights), K = 5 S.
        stay_L: entry of the stay at each lattice position.
        move_L: entry of the move from each position to the next, one fewer.
        gradient_TK: `weight` times the gradient is added here.
        weight: factor of the gradient.

    Returns:
        The log-sum; -inf if the target has more positions than there are steps (nothing is added then).
    """
    num_steps, length = scores_TK.shape[0], stay_L.shape[0]
    if length > num_steps + 1 or length == 0:
        return -np.inf
    alpha = np.full((num_steps + 1, length), -np.inf)
    alpha[0, 0] = 0.0
    for t in range(num_steps):
        # positions that can be reached from the start and from which the end can be reached
        for i in range(max(0, length - 1 - (num_steps - t - 1)), min(length, t + 2)):
            value = alpha[t, i] + scores_TK[t, stay_L[i]]
            if i > 0:
                value = _log_add(value, alpha[t, i - 1] + scores_TK[t, move_L[i - 1]])
            alpha[t + 1, i] = value
    log_sum = alpha[num_steps, length - 1]
    beta = np.full(length, -np.inf)
    beta[length - 1] = 0.0
    for t in range(num_steps - 1, -1, -1):
        for i in range(max(0, length - 1 - (num_steps - t)), min(length, t + 1)):
            stay = beta[i] + scores_TK[t, stay_L[i]]
            gradient_TK[t, stay_L[i]] += weight * np.exp(alpha[t, i] + stay - log_sum)
            value = stay
            if i + 1 < length:
                move = beta[i + 1] + scores_TK[t, move_L[i]]
                gradient_TK[t, move_L[i]] += weight * np.exp(alpha[t, i] + move - log_sum)
                value = _log_add(stay, move)
            beta[i] = value
    return float(log_sum)
