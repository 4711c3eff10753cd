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
    alpha_TS = _forward(scores_TK)
    beta_TS = np.zeros_like(alpha_TS)
    edges = np.empty(5)
    for t in range(len(scores_TK) - 1, -1, -1):
        scores_K, after, before = scores_TK[t], beta_TS[t + 1], beta_TS[t]
        for source in range(len(before)):
            _edges_from(source, scores_K, after, edges)
            before[source] = _log_sum(edges)
    return alpha_TS, beta_TS, _log_sum(alpha_TS[-1])


@njit(cache=True, nogil=True)
def decode_log_posteriors(scores_TK: np.ndarray, floor: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """As `crf_decode.forward` followed by `crf_decode.best_posterior_path`.

    Args:
        scores_TK: as in `forward_backward`.
        floor: added to every edge posterior, so that no path is impossible.

    Returns:
        As `crf_decode.walk`.
    """
    num_steps, num_states = scores_TK.shape[0], scores_TK.shape[1] // 5
    quarter = num_states // 4
    alpha_TS = _forward(scores_TK)
    log_z = _log_sum(alpha_TS[num_steps])
    after, earlier = np.zeros(num_states), np.empty(num_states)
    best_after, best_before = np.zeros(num_states), np.empty(num_states)
    choice_TS = np.empty((num_steps, num_states), np.uint8)
    edges = np.empty(5)
    for t in range(num_steps - 1, -1, -1):
        alpha, scores_K = alpha_TS[t], scores_TK[t]
        for s in range(num_states):  # this row of alpha is not needed again: it becomes the state posterior
            alpha_TS[t + 1, s] = np.exp(alpha_TS[t + 1, s] + after[s] - log_z)
        for source in range(num_states):
            _edges_from(source, scores_K, after, edges)
            earlier[source] = _log_sum(edges)
            best = np.log(np.exp(alpha[source] + edges[0] - log_z) + floor) + best_after[source]
            chosen, first = 0, source % quarter * 4
            for b in range(4):
                value = np.log(np.exp(alpha[source] + edges[1 + b] - log_z) + floor) + best_after[first + b]
                if value > best:
                    best, chosen = value, 1 + b
            best_before[source] = best
            choice_TS[t, source] = chosen
        after, earlier = earlier, after
        best_after, best_before = best_before, best_after
    return walk(choice_TS, alpha_TS, best_after)


@njit(cache=True, nogil=True)
def _forward(scores_TK: np.ndarray) -> np.ndarray:
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
    return alpha_TS


@njit(cache=True, nogil=True)
def _edges_from(source: int, scores_K: np.ndarray, after_S: np.ndarray, edges: np.ndarray) -> None:
    """Fills what can follow through the stay of a state and its moves by base: score and beta behind it."""
    quarter = len(after_S) // 4
    dropped, first = source // quarter, source % quarter * 4
    edges[0] = scores_K[5 * source] + after_S[source]
    for s in range(first, first + 4):
        edges[1 + s - first] = scores_K[5 * s + 1 + dropped] + after_S[s]


@njit(cache=True, nogil=True)
def _log_sum(values: np.ndarray) -> float:
    top = values[0]
    for value in values[1:]:
        top = max(top, value)
    total = 0.0
    for value in values:
        total += np.exp(value - top)
    return top + np.log(total)
