"""Decoding connectionist temporal classification step by step: probabilities, best path, shares (numba).

Legend: T time steps, K symbols (0 the blank), L labels.
"""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def log_softmax(scores_TK: np.ndarray, log_probs_TK: np.ndarray) -> None:
    """Fills log_probs_TK (float64) with the scores minus the log-sum of their step.

    Args:
        scores_TK: finite scores.
        log_probs_TK: output.
    """
    num_steps, num_symbols = scores_TK.shape
    for t in range(num_steps):
        top = scores_TK[t, 0]
        for k in range(1, num_symbols):
            top = max(top, scores_TK[t, k])
        total = 0.0
        for k in range(num_symbols):
            log_probs_TK[t, k] = np.float64(scores_TK[t, k]) - top
            total += np.exp(log_probs_TK[t, k])
        shift = np.log(total)
        for k in range(num_symbols):
            log_probs_TK[t, k] -= shift


@njit(cache=True, nogil=True)
def best_path(scores_TK: np.ndarray) -> np.ndarray:
    """The likeliest symbol of every step (uint8[T]; of equal ones the first): together the best path."""
    num_steps, num_symbols = scores_TK.shape
    symbols_T = np.zeros(num_steps, np.uint8)
    for t in range(num_steps):
        best = 0
        for k in range(1, num_symbols):
            if scores_TK[t, k] > scores_TK[t, best]:
                best = k
        symbols_T[t] = best
    return symbols_T


@njit(cache=True, nogil=True)
def label_shares(probs_TK: np.ndarray, labels_L: np.ndarray, begins_L: np.ndarray) -> np.ndarray:
    """How likely each label is among all that its own steps can spell, if that is no more than one label.

    The steps of a label are those from its first one to the next label's first one.

    Args:
        probs_TK: probabilities of the symbols, float64.
        labels_L: labels, 1 to K - 1.
        begins_L: first step of each, rising.

    Returns:
        float64[L]: P(the steps spell this label) / P(the steps spell one label or none); the steps before the
        first label belong to none.
    """
    num_steps, num_symbols = probs_TK.shape
    num_labels = len(labels_L)
    share_L = np.zeros(num_labels)
    lasting, done = np.empty(num_symbols), np.empty(num_symbols)  # by label: in it, in a blank behind it
    for i in range(num_labels):
        end = begins_L[i + 1] if i + 1 < num_labels else num_steps
        none = 1.0
        lasting[:] = 0.0
        done[:] = 0.0
        for t in range(begins_L[i], end):
            p = probs_TK[t]
            total = none * p[0]
            for k in range(1, num_symbols):
                done[k] = (done[k] + lasting[k]) * p[0]
                lasting[k] = (none + lasting[k]) * p[k]
                total += done[k] + lasting[k]
            if total == 0.0:  # these steps spell more labels for certain
                break
            factor = 1.0 / total
            none *= p[0] * factor
            for k in range(1, num_symbols):
                done[k] *= factor
                lasting[k] *= factor
        share_L[i] = done[labels_L[i]] + lasting[labels_L[i]]
    return share_L
