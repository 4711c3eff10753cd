"""Scores of a k-mer CRF -> weights in the order in which `crf_decode` reads them (numba).

Legend: T time steps, S = 4 * Q states, K scores of a step, M = 4 S moves, X stays.

State s = 4 q + b holds b as its newest base; the move that drops base j comes from state j * Q + q. Weights
exp(score - maximum) are kept per step as [b][j][q].
"""

import numpy as np
from numba import njit

LOG2_E = np.float32(1.4426950408889634)
LN2_HIGH, LN2_LOW = np.float32(0.693359375), np.float32(-2.12194440e-4)  # sum to ln 2; the first has few bits
TAYLOR = tuple(np.float32(1 / n) for n in (720, 120, 24, 6, 2, 1))


@njit(cache=True, nogil=True)
def exp_row(x_K: np.ndarray, shift: np.float32, out_K: np.ndarray, power_K: np.ndarray) -> None:
    """Fills out = exp(x - shift), float32, x - shift from -87 to 0; about 1e-7 relative, a vector at a time.

    exp(v) = 2^n * exp(r) with n = round(v / ln 2) and |r| <= ln(2) / 2, the second by its Taylor series; 2^n
    is written as the bits of a float. numpy's own exp takes ten times as long on rows of this length.

    Args:
        x_K: float32.
        shift: float32.
        out_K: output, float32[K].
        power_K: room for K int32.
    """
    c0, c1, c2, c3, c4, c5 = TAYLOR
    one, half = np.float32(1), np.float32(0.5)
    for e in range(x_K.shape[0]):
        v = x_K[e] - shift
        n = np.int32(v * LOG2_E - half)  # v <= 0: truncation upwards, so this rounds to the nearest
        f = np.float32(n)
        r = (v - f * LN2_HIGH) - f * LN2_LOW
        out_K[e] = (((((c0 * r + c1) * r + c2) * r + c3) * r + c4) * r + c5) * r + one
        power_K[e] = (n + np.int32(127)) << np.int32(23)
    scale_K = power_K.view(np.float32)
    for e in range(x_K.shape[0]):
        out_K[e] *= scale_K[e]


@njit(cache=True, nogil=True)
def weights_f32(
    scores_TK: np.ndarray, maximum: np.float32, moves_TM: np.ndarray, stays_TX: np.ndarray
) -> None:
    """exp(score - maximum) of every score, sorted into moves [b][j][q] and stays; float32.

    Args:
        scores_TK: float32; K = 4 S (moves only) or 5 S (stay first), none more than 87 below the maximum.
        maximum: float32, at least the largest score.
        moves_TM: output, M = 4 S.
        stays_TX: output, X = S; left alone (X = 1: the same stay for all states) if K = 4 S.
    """
    num_steps, num_scores = scores_TK.shape
    row, power = np.empty(num_scores, np.float32), np.empty(num_scores, np.int32)
    for t in range(num_steps):
        exp_row(scores_TK[t], maximum, row, power)
        arrange(row, moves_TM[t], stays_TX[t])


@njit(cache=True, nogil=True)
def arrange_rows(weights_TK: np.ndarray, moves_TM: np.ndarray, stays_TX: np.ndarray) -> None:
    """Sorts weights that are exponentials already, of either number type, as `weights_f32` does."""
    for t in range(weights_TK.shape[0]):
        arrange(weights_TK[t], moves_TM[t], stays_TX[t])


@njit(cache=True, nogil=True)
def arrange(source_K: np.ndarray, moves_M: np.ndarray, stays_X: np.ndarray) -> None:
    """Sorts the weights of one step into moves [b][j][q] and stays; see `weights_f32`."""
    quarter = moves_M.shape[0] // 16
    has_stays = source_K.shape[0] > moves_M.shape[0]
    step, first = (5, 1) if has_stays else (4, 0)
    for q in range(quarter):
        for b in range(4):
            e = (4 * q + b) * step + first
            for j in range(4):
                moves_M[(4 * b + j) * quarter + q] = source_K[e + j]
    if has_stays:
        for s in range(4 * quarter):
            stays_X[s] = source_K[5 * s]
