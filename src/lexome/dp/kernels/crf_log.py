"""Best path and posteriors of a k-mer CRF in logs, for scores too widely spread for `crf`'s weights (numba).

Legend: T time steps, S = 4**k states, K = 5 S entries of a time step.

Slower than `crf.decode_posteriors` by an exponential per edge, and right for all finite scores. Networks with
bounded scores never need it.
"""

import numpy as np
from numba import njit

from lexome.dp.kernels.crf import walk


@njit(cache=True, nogil=True)
def decode_log_posteriors(scores_TK: np.ndarray, floor: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """As `crf.forward` followed by `crf.decode_posteriors`.

    Args:
        scores_TK: finite scores (not weights) with the stays, float64.
        floor: added to every edge posterior, so that no path is impossible.

    Returns:
        As `crf.walk`.
    """
    num_steps, num_states = scores_TK.shape[0], scores_TK.shape[1] // 5
    quarter = num_states // 4
    alpha_TS = np.zeros((num_steps + 1, num_states))
    edges = np.empty(5)
    for t in range(num_steps):
        before, w = alpha_TS[t], scores_TK[t]
        for s in range(num_states):
            edges[0] = before[s] + w[5 * s]
            for j in range(4):
                edges[1 + j] = before[s // 4 + j * quarter] + w[5 * s + 1 + j]
            alpha_TS[t + 1, s] = _log_sum(edges)
    log_z = _log_sum(alpha_TS[num_steps])
    after, earlier = np.zeros(num_states), np.empty(num_states)
    best_after, best_before = np.zeros(num_states), np.empty(num_states)
    choice_TS = np.empty((num_steps, num_states), np.uint8)
    for t in range(num_steps - 1, -1, -1):
        alpha, w = alpha_TS[t], scores_TK[t]
        for s in range(num_states):  # this row of alpha is not needed again: it becomes the state posterior
            alpha_TS[t + 1, s] = np.exp(alpha_TS[t + 1, s] + after[s] - log_z)
        for source in range(num_states):
            edges[0] = w[5 * source] + after[source]
            best = np.log(np.exp(alpha[source] + edges[0] - log_z) + floor) + best_after[source]
            chosen = 0
            for b in range(4):
                s = source % quarter * 4 + b
                edges[1 + b] = w[5 * s + 1 + source // quarter] + after[s]
                value = np.log(np.exp(alpha[source] + edges[1 + b] - log_z) + floor) + best_after[s]
                if value > best:
                    best, chosen = value, 1 + b
            earlier[source] = _log_sum(edges)
            best_before[source] = best
            choice_TS[t, source] = chosen
        after, earlier = earlier, after
        best_after, best_before = best_before, best_after
    return walk(choice_TS, alpha_TS, best_after)


@njit(cache=True, nogil=True)
def _log_sum(values: np.ndarray) -> float:
    top = values[0]
    for value in values[1:]:
        top = max(top, value)
    total = 0.0
    for value in values:
        total += np.exp(value - top)
    return top + np.log(total)
