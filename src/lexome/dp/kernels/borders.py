"""Draws where in a signal each state of a known sequence begins from its posterior (numba).

Legend: S samples, J states of the sequence in order, W width of the band.

A left-to-right hidden Markov model, one state per sample: the path begins in the first state, ends in the
last one, and at each sample stays, steps by one or skips one. Forward filtering, backward sampling: unlike a
best path, which cuts a stretch of equal levels anywhere, the drawn borders are spread as the model's own
durations are. Several states in a row with one level make the duration of a base less skewed than geometric.

Source: own; forward filtering and backward sampling is standard.
"""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def draw_path(
    signal_S: np.ndarray,
    levels_J: np.ndarray,
    low_S: np.ndarray,
    width: int,
    sigma: float,
    floor: float,
    stay: float,
    step: float,
    skip: float,
    draws_S: np.ndarray,
) -> np.ndarray:
    """Draws one path.

    Args:
        signal_S: samples, float32.
        levels_J: expected level of each state, on the same scale, float32.
        low_S: the first state of the band at each sample, never falling, int64.
        width: states in the band.
        sigma: standard deviation of a sample around its level.
        floor: what an outlier still weighs, as a share of a perfect fit; more than 0.
        stay: probability of staying, likewise `step` and `skip`.
        draws_S: uniform random numbers in [0, 1), float64.

    Returns:
        The state at each sample, int64[S]; empty if no path through the band reaches the last state.
    """
    num_samples, num_states = signal_S.shape[0], levels_J.shape[0]
    weights = np.zeros((num_samples, width + 2), np.float32)  # two cells of padding: one and two states below
    factor = np.float32(-0.5 / (sigma * sigma))
    base = np.float32(floor)
    p_stay, p_step, p_skip = np.float32(stay), np.float32(step), np.float32(skip)
    nothing = np.zeros(0, np.int64)
    if num_samples == 0 or num_states == 0 or low_S[0] != 0:
        return nothing
    weights[0, 2] = 1.0
    for t in range(1, num_samples):
        low = low_S[t]
        shift = low - low_S[t - 1]
        x = signal_S[t]
        before, now = weights[t - 1], weights[t]
        total = np.float32(0.0)
        for w in range(2, min(width, num_states - low) + 2):
            v = w + shift
            arriving = np.float32(0.0)
            if v < width + 2:
                arriving += before[v] * p_stay
            if 0 < v <= width + 2:
                arriving += before[v - 1] * p_step
            if 1 < v <= width + 3:
                arriving += before[v - 2] * p_skip
            d = x - levels_J[low + w - 2]
            now[w] = arriving * (np.exp(factor * d * d) + base)
            total += now[w]
        if not total > 0:
            return nothing
        for w in range(2, width + 2):
            now[w] /= total
    path = np.empty(num_samples, np.int64)
    state = num_states - 1
    last = state - low_S[num_samples - 1] + 2
    if not 2 <= last < width + 2 or not weights[num_samples - 1, last] > 0:
        return nothing
    path[num_samples - 1] = state
    for t in range(num_samples - 1, 0, -1):
        cell = state - low_S[t - 1] + 2
        stayed = weights[t - 1, cell] * p_stay if 2 <= cell < width + 2 else np.float32(0.0)
        stepped = weights[t - 1, cell - 1] * p_step if 3 <= cell < width + 3 else np.float32(0.0)
        skipped = weights[t - 1, cell - 2] * p_skip if 4 <= cell < width + 4 else np.float32(0.0)
        draw = draws_S[t] * (stayed + stepped + skipped)
        if draw >= stayed:
            state -= 1 if draw < stayed + stepped or skipped == 0 else 2
        path[t - 1] = state
    return path
