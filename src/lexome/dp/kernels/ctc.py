"""Connectionist temporal classification: target lattice, posteriors and best alignment (numba).

Legend: T time steps, K symbols (0 the blank), L labels of a target (each 1 to K - 1), P = 2 L + 1 lattice
positions.

A path names one symbol per step; it spells what is left after joining equal neighbours and dropping the
blanks. The lattice of a target is blank, label 1, blank, label 2, ..., blank: odd positions are labels. From
step to step a path stays, goes on by one position, or jumps over the blank between two unequal labels. It
begins at position 0 or 1 and ends at one of the last two.

All sums are kept as logarithms: the positions of one step can differ by more than any number type holds
(a likely beginning that cannot end in time beside an unlikely one that can). The plain twins are in
`lexome.dp.ctc`.

Source: Graves et al., 2006, in its usual log form; own code.
"""

import numpy as np
from numba import njit

NOTHING = 1e-120  # of the likeliest position: forgotten by the fast log-sum


@njit(cache=True, nogil=True)
def target_posteriors(log_probs_TK: np.ndarray, target_L: np.ndarray, posterior_TP: np.ndarray) -> float:
    """Log-sum over the paths that spell a target, and where they are at every step.

    Args:
        log_probs_TK: log-probabilities (any log-weights), float64; -inf is allowed.
        target_L: labels.
        posterior_TP: output, float64: probability of every lattice position after every step, given that the
            path spells the target; rows sum to 1. All 0 if the log-sum is -inf.

    Returns:
        The log-sum, nats; -inf if no path of T steps spells the target.
    """
    num_steps, num_positions = posterior_TP.shape
    symbol_P, jump_P = _lattice(target_L)
    log_sum = _forward(log_probs_TK, symbol_P, jump_P, posterior_TP)
    if log_sum == -np.inf:
        posterior_TP[:] = 0.0
        return log_sum
    # log-sum of all that follows a step, by position, with two walls on the right
    after, before = np.full(num_positions + 2, -np.inf), np.full(num_positions + 2, -np.inf)
    after[max(0, num_positions - 2) : num_positions] = 0.0
    for t in range(num_steps - 1, -1, -1):
        low, high = _reachable(t, num_steps, num_positions)
        posterior_TP[t, :low] = 0.0
        posterior_TP[t, high + 1 :] = 0.0
        for p in range(low, high + 1):
            posterior_TP[t, p] = np.exp(posterior_TP[t, p] + after[p] - log_sum)
            after[p] += log_probs_TK[t, symbol_P[p]]
        low, high = _reachable(t - 1, num_steps, num_positions)
        for p in range(low, high + 1):  # what lies outside is not read before it is out of reach
            before[p] = _log_sum(after[p], after[p + 1], after[p + 2] + jump_P[p + 2])
        after, before = before, after
    return log_sum


@njit(cache=True, nogil=True)
def add_occupancy(
    posterior_TP: np.ndarray, target_L: np.ndarray, weight: float, occupancy_TK: np.ndarray
) -> None:
    """Adds `weight` times the probability of every symbol at every step, given the target.

    Args:
        posterior_TP: as `target_posteriors` filled it.
        target_L: labels.
        weight: factor.
        occupancy_TK: added to; with weight 1 the gradient of the log-sum by the log-probabilities.
    """
    num_steps, num_positions = posterior_TP.shape
    for t in range(num_steps):
        for p in range(0, num_positions, 2):
            occupancy_TK[t, 0] += weight * posterior_TP[t, p]
        for i in range(len(target_L)):
            occupancy_TK[t, target_L[i]] += weight * posterior_TP[t, 2 * i + 1]


@njit(cache=True, nogil=True)
def target_log_sum(log_probs_TK: np.ndarray, target_L: np.ndarray) -> float:
    """Log-sum over the paths that spell a target; see `target_posteriors`."""
    symbol_P, jump_P = _lattice(target_L)
    return _forward(log_probs_TK, symbol_P, jump_P, np.empty((len(log_probs_TK), 2 * len(target_L) + 1)))


@njit(cache=True, nogil=True)
def target_log_sum_scaled(probs_TK: np.ndarray, target_L: np.ndarray) -> float:
    """`target_log_sum`, a good ten times as fast, for targets that the probabilities favour.

    It works on probabilities, divided at every step by that of the likeliest position. What is less than
    1e-120 of that is lost, so the result is a lower bound; it is exact unless what counts in the end was once
    so far behind. Positions between which nothing is left are not visited.

    Args:
        probs_TK: probabilities, float64.
        target_L: labels.

    Returns:
        The log-sum, nats; -inf if nothing is left.
    """
    num_steps, num_labels = len(probs_TK), len(target_L)
    target_L = target_L.astype(np.int64)
    jump_L = np.zeros(num_labels)
    for i in range(1, num_labels):
        jump_L[i] = 1.0 if target_L[i] != target_L[i - 1] else 0.0
    # blank i stands before label i; label[i + 1] is that of target_L[i], label[0] a wall
    blank, label = np.zeros(num_labels + 1), np.zeros(num_labels + 1)
    blank[0] = 1.0
    log_scale, first, last = 0.0, 0, 0  # all positions but the blanks and labels `first` to `last` are 0
    for t in range(num_steps):
        p = probs_TK[t]
        low, high = _reachable(t, num_steps, 2 * num_labels + 1)
        first, last = max(first, low // 2), min(last + 1, high // 2)
        top = 0.0
        for i in range(last, first - 1, -1):  # downwards: what a position needs is still of the step before
            if i < num_labels:
                label[i + 1] = (label[i + 1] + blank[i] + jump_L[i] * label[i]) * p[target_L[i]]
                top = max(top, label[i + 1])
            blank[i] = (blank[i] + label[i]) * p[0]
            top = max(top, blank[i])
        if top == 0.0:
            return -np.inf
        factor = 1.0 / top
        for i in range(first, last + 1):
            value = blank[i] * factor
            blank[i] = value if value > NOTHING else 0.0
            if i < num_labels:
                value = label[i + 1] * factor
                label[i + 1] = value if value > NOTHING else 0.0
        while first < last and blank[first] == 0.0 and label[first + 1] == 0.0:
            first += 1
        while first < last and blank[last] == 0.0 and (last == num_labels or label[last + 1] == 0.0):
            last -= 1
        log_scale += np.log(top)
    return log_scale + np.log(blank[num_labels] + label[num_labels])


@njit(cache=True, nogil=True)
def _forward(
    log_probs_TK: np.ndarray, symbol_P: np.ndarray, jump_P: np.ndarray, alpha_TP: np.ndarray
) -> float:
    """Fills the log-sums over the paths up to each step (the step's own symbol counted); returns the whole.

    Positions out of reach of the beginning or of the end are -inf.
    """
    num_steps, num_positions = alpha_TP.shape
    # two walls on the left; before the first step a path stands as if in the first blank
    before, after = np.full(num_positions + 2, -np.inf), np.full(num_positions + 2, -np.inf)
    before[2] = 0.0
    for t in range(num_steps):
        low, high = _reachable(t, num_steps, num_positions)
        after[:] = -np.inf
        for p in range(low, high + 1):
            value = _log_sum(before[p + 2], before[p + 1], before[p] + jump_P[p])
            after[p + 2] = value + log_probs_TK[t, symbol_P[p]]
        alpha_TP[t] = after[2:]
        before, after = after, before
    end = len(before) - 1
    return _log_sum(before[end], before[end - 1], -np.inf)  # without labels one of them is a wall


@njit(cache=True, nogil=True)
def best_alignment(log_probs_TK: np.ndarray, target_L: np.ndarray, slack: float) -> tuple[float, np.ndarray]:
    """Best path among those that spell a target.

    Of equal ways into a position staying is taken, then the one from the position before; of the two last
    positions the label.

    Args:
        log_probs_TK: log-probabilities, float64.
        target_L: labels.
        slack: paths that are once this far behind the best one of their step are given up (nats; infinite:
            none is). The fewer remain, the faster.

    Returns:
        Its log-probability and its lattice position at each step (int32[T]); -inf and zeros if there is none.
    """
    num_steps, num_positions = len(log_probs_TK), 2 * len(target_L) + 1
    # two walls on the left; on the right, room for the two positions that are not reached yet
    before, after = np.full(num_positions + 4, -np.inf), np.full(num_positions + 4, -np.inf)
    before[2] = 0.0
    symbol_P, jump_P = _lattice(target_L)
    step_TP = np.zeros((num_steps, num_positions), np.uint8)
    first, last = 0, 0
    for t in range(num_steps):
        low, high = _reachable(t, num_steps, num_positions)
        first, last = max(first, low), min(last + 2, high)
        top = -np.inf
        for p in range(first, last + 1):
            best, step = before[p + 2], 0
            if before[p + 1] > best:
                best, step = before[p + 1], 1
            if before[p] + jump_P[p] > best:
                best, step = before[p], 2
            after[p + 2] = best + log_probs_TK[t, symbol_P[p]]
            top = max(top, after[p + 2])
            step_TP[t, p] = step
        while first < last and after[first + 2] < top - slack:
            first += 1
        while first < last and after[last + 2] < top - slack:
            last -= 1
        after[first : first + 2] = -np.inf
        after[last + 3 : last + 5] = -np.inf
        before, after = after, before
    position = num_positions - 1
    if num_positions > 1 and before[position + 1] >= before[position + 2]:
        position -= 1
    score = before[position + 2]
    positions_T = np.zeros(num_steps, np.int32)
    if score == -np.inf:
        return score, positions_T
    for t in range(num_steps - 1, -1, -1):
        positions_T[t] = position
        position -= step_TP[t, position]
    return score, positions_T


@njit(cache=True, nogil=True)
def _reachable(t: int, num_steps: int, num_positions: int) -> tuple[int, int]:
    """First and last position after step t that can be reached, and from which the end can be reached."""
    return max(0, num_positions - 2 * (num_steps - t)), min(num_positions - 1, 2 * t + 1)


@njit(cache=True, nogil=True)
def _lattice(target_L: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Symbol of every position, and log-weight of a jump to it (0 or -inf; two positions more).

    A jump leads from one label to the next one if that is another.
    """
    num_positions = 2 * len(target_L) + 1
    symbol_P, jump_P = np.zeros(num_positions, np.int64), np.full(num_positions + 2, -np.inf)
    for i in range(len(target_L)):
        symbol_P[2 * i + 1] = target_L[i]
        if i > 0 and target_L[i] != target_L[i - 1]:
            jump_P[2 * i + 1] = 0.0
    return symbol_P, jump_P


@njit(cache=True, nogil=True)
def _log_sum(a: float, b: float, c: float) -> float:
    if a < b:
        a, b = b, a
    if a < c:
        a, c = c, a
    if a == -np.inf:
        return b + c  # not a number if one of them is none
    return a + np.log(1.0 + np.exp(b - a) + np.exp(c - a))
