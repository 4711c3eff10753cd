"""Sums and the best path of a k-mer CRF in logs, for scores too widely spread for weights (numba).

Legend: T time steps, S = 4**k states, K = 5 S entries of a time step.

Slower than `crf_decode` by an exponential per edge, and right for all finite scores. Networks with bounded
scores never need it.
"""

import numpy as np
from numba import njit

from lexome.dp.kernels.crf_decode import walk


@njit(cache=True, nogil=True)
def forward_backward(scores_TK: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Log-sums over all that leads to a state and over all that can follow from it.

    Args:
        scores_TK: finite scores (not weights) with the stays, float64.

    Returns:
        alpha_TS and beta_TS, T + 1 rows each, and logZ.
    """
    num_steps, num_states = scores_TK.shape[0], scores_TK.shape[1] // 5
    quarter = num_states // 4
    alpha_TS, beta_TS = np.zeros((num_steps + 1, num_states)), np.zeros((num_steps + 1, num_states))
    edges = np.empty(5)
    for t in range(num_steps):
        before, w = alpha_TS[t], scores_TK[t]
        for s in range(num_states):
            edges[0] = before[s] + w[5 * s]
            for j in range(4):
                edges[1 + j] = before[s // 4 + j * quarter] + w[5 * s + 1 + j]
            alpha_TS[t + 1, s] = _log_sum(edges)
    for t in range(num_steps - 1, -1, -1):
        after, w = beta_TS[t + 1], scores_TK[t]
        for s in range(num_states):
            edges[0] = after[s] + w[5 * s]
            for b in range(4):
                to = s % quarter * 4 + b
                edges[1 + b] = after[to] + w[5 * to + 1 + s // quarter]
            beta_TS[t, s] = _log_sum(edges)
    return alpha_TS, beta_TS, _log_sum(alpha_TS[num_steps])


@njit(cache=True, nogil=True)
def decode_log_posteriors(scores_TK: np.ndarray, floor: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """As `crf_decode.forward` followed by `crf_decode.best_posterior_path`.

    Args:
        scores_TK: as in `forward_backward`.
        floor: added to every edge posterior, so that no path is impossible.

    Returns:
        As `crf_decode.walk`.
    """
    alpha_TS, beta_TS, log_z = forward_backward(scores_TK)
    num_steps, num_states = len(scores_TK), alpha_TS.shape[1]
    quarter = num_states // 4
    best_after, best_before = np.zeros(num_states), np.empty(num_states)
    choice_TS = np.empty((num_steps, num_states), np.uint8)
    for t in range(num_steps - 1, -1, -1):
        alpha, after, w = alpha_TS[t], beta_TS[t + 1], scores_TK[t]
        for source in range(num_states):
            edge = alpha[source] + w[5 * source] + after[source]
            best = np.log(np.exp(edge - log_z) + floor) + best_after[source]
            chosen = 0
            for b in range(4):
                s = source % quarter * 4 + b
                edge = alpha[source] + w[5 * s + 1 + source // quarter] + after[s]
                value = np.log(np.exp(edge - log_z) + floor) + best_after[s]
                if value > best:
                    best, chosen = value, 1 + b
            best_before[source] = best
            choice_TS[t, source] = chosen
        best_after, best_before = best_before, best_after
    return walk(choice_TS, np.exp(alpha_TS + beta_TS - log_z), best_after)


@njit(cache=True, nogil=True)
def _log_sum(values: np.ndarray) -> float:
    top = values[0]
    for value in values[1:]:
        top = max(top, value)
    total = 0.0
    for value in values:
        total += np.exp(value - top)
    return top + np.log(total)
