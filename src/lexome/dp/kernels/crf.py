"""Linear-chain CRF over k-mer states: forward, backward, posteriors and best path (numba).

Legend: T time steps, S = 4**k states, K entries of a time step, L lattice positions of a target.

A state is the last k bases, the newest varying fastest. An edge into state s either stays in s or moves from
the state s // 4 + j * S / 4, where j is the base that drops out. Per time step the scores hold, for each
destination state, [stay, move j=0..3] (K = 5 S), or only the moves (K = 4 S) when the stay has one fixed
score.

The recursions run on weights exp(score - maximum of the step), rescaled at every step; callers keep the
spread of a step's scores small enough for the number type (see `lexome.dp.crf`) and take `crf_log` for wider
ones. Only multiplications and additions remain inside the loops. The plain twins of all of these are in
`lexome.dp.crf`.

Source: the model of ONT's bonito (scores layout, target lattice); the kernels are our own.
"""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def forward(weights_TK: np.ndarray, stay_T: np.ndarray, alpha_TS: np.ndarray) -> float:
    """Fills alpha_TS (T + 1 rows, each summing to 1) and returns logZ of the logs of the weights.

    Args:
        weights_TK: exp(score - step maximum); K = 5 S, or K = 4 S with the stays in stay_T.
        stay_T: weight of every stay at each step, length T; length 0 if weights_TK holds the stays.
        alpha_TS: output, shape (T + 1, S), of the same number type as the weights.
    """
    num_steps, num_states = weights_TK.shape[0], alpha_TS.shape[1]
    quarter = num_states // 4
    entries = weights_TK.shape[1] // num_states
    has_fixed_stay = entries == 4
    log_scale = np.log(num_states)
    for s in range(num_states):
        alpha_TS[0, s] = 1.0 / num_states
    for t in range(num_steps):
        before, after, w = alpha_TS[t], alpha_TS[t + 1], weights_TK[t]
        total = 0.0
        for q in range(quarter):
            a0, a1, a2, a3 = before[q], before[q + quarter], before[q + 2 * quarter], before[q + 3 * quarter]
            for b in range(4):
                s = 4 * q + b
                if has_fixed_stay:
                    e = 4 * s
                    value = stay_T[t] * before[s]
                else:
                    e = 5 * s + 1
                    value = w[e - 1] * before[s]
                value += w[e] * a0 + w[e + 1] * a1 + w[e + 2] * a2 + w[e + 3] * a3
                after[s] = value
                total += value
        factor = 1.0 / total
        for s in range(num_states):
            after[s] *= factor
        log_scale += np.log(total)
    return log_scale


@njit(cache=True, nogil=True)
def backward_step(w: np.ndarray, stay: float, after: np.ndarray, before: np.ndarray) -> None:
    """One backward step, rescaled to sum 1: `after` is beta at t + 1, `before` becomes beta at t."""
    num_states = after.shape[0]
    quarter = num_states // 4
    has_fixed_stay = w.shape[0] // num_states == 4
    if has_fixed_stay:
        for s in range(num_states):
            before[s] = stay * after[s]
    else:
        for s in range(num_states):
            before[s] = w[5 * s] * after[s]
    step, first = (4, 0) if has_fixed_stay else (5, 1)
    for q in range(quarter):
        for b in range(4):
            s = 4 * q + b
            value, e = after[s], step * s + first
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
        weights_TK: as in `forward`, with the stays.
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
        backward_step(w, 0.0, after, before)
        after, before = before, after


@njit(cache=True, nogil=True)
def decode_posteriors(
    weights_TK: np.ndarray, stay_T: np.ndarray, alpha_TS: np.ndarray, floor: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Best path through the edge posteriors, and how sure its states are.

    One sweep from the end: beta, the edge posteriors of the step, and the best continuation from every state
    under the product of (posterior + floor); then one walk forward. Of equal continuations staying is taken,
    then the first base.

    Args:
        weights_TK: as in `forward`, either layout.
        stay_T: as in `forward`.
        alpha_TS: as `forward` filled it; row t + 1 is replaced by the state posteriors after step t.
        floor: added to every posterior, so that no path is impossible.

    Returns:
        As `walk`.
    """
    num_steps, num_states = weights_TK.shape[0], alpha_TS.shape[1]
    quarter = num_states // 4
    has_fixed_stay = weights_TK.shape[1] // num_states == 4
    step, first = (4, 0) if has_fixed_stay else (5, 1)
    dtype = weights_TK.dtype
    after, before = np.full(num_states, 1.0, dtype), np.empty(num_states, dtype)
    best_after, best_before = np.full(num_states, 1.0, dtype), np.empty(num_states, dtype)
    choice_TS = np.empty((num_steps, num_states), np.uint8)  # 0 stay, 1 + b: move that adds base b
    for t in range(num_steps - 1, -1, -1):
        alpha, posterior, w = alpha_TS[t], alpha_TS[t + 1], weights_TK[t]
        total = 0.0
        for s in range(num_states):  # this row of alpha is not needed again: it becomes the state posterior
            posterior[s] *= after[s]
            total += posterior[s]
        scale = 1.0 / total
        for s in range(num_states):
            posterior[s] *= scale
        stay = stay_T[t] if has_fixed_stay else 0.0
        total = 0.0
        for s in range(num_states):
            e = step * s + first
            stay_weight = stay if has_fixed_stay else w[5 * s]
            q = s // 4
            total += after[s] * (
                stay_weight * alpha[s]
                + w[e] * alpha[q]
                + w[e + 1] * alpha[q + quarter]
                + w[e + 2] * alpha[q + 2 * quarter]
                + w[e + 3] * alpha[q + 3 * quarter]
            )
        scale = 1.0 / total
        top = 0.0
        for source in range(num_states):
            scaled = alpha[source] * scale
            stay_weight = stay if has_fixed_stay else w[5 * source]
            best = (stay_weight * scaled * after[source] + floor) * best_after[source]
            chosen = 0
            base_state = (source % quarter) * 4
            j = source // quarter
            for b in range(4):
                s = base_state + b
                value = (w[step * s + first + j] * scaled * after[s] + floor) * best_after[s]
                if value > best:
                    best, chosen = value, 1 + b
            best_before[source] = best
            choice_TS[t, source] = chosen
            top = max(top, best)
        scale = 1.0 / top
        for s in range(num_states):
            best_before[s] *= scale
        backward_step(w, stay, after, before)
        after, before = before, after
        best_after, best_before = best_before, best_after
    return walk(choice_TS, alpha_TS, best_after)


@njit(cache=True, nogil=True)
def walk(
    choice_TS: np.ndarray, posterior_TS: np.ndarray, best_S: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Follows the best continuations from the best first state.

    Args:
        choice_TS: best continuation of every state at every step: 0 stay, 1 + b a move that adds base b.
        posterior_TS: state posteriors after step t in row t + 1.
        best_S: score of the best path from every first state.

    Returns:
        states_T (int32, the state after each step), moves_T (uint8, 1 where the step is a move) and
        confidence_T (float32: probability of the state or of a neighbour that one move away shares k - 1
        bases with it).
    """
    num_steps, num_states = choice_TS.shape
    quarter = num_states // 4
    states_T = np.empty(num_steps, np.int32)
    moves_T = np.empty(num_steps, np.uint8)
    confidence_T = np.empty(num_steps, np.float32)
    state = 0
    for s in range(1, num_states):
        if best_S[s] > best_S[state]:
            state = s
    for t in range(num_steps):
        chosen = choice_TS[t, state]
        if chosen:
            state = (state % quarter) * 4 + chosen - 1
        states_T[t] = state
        moves_T[t] = 1 if chosen else 0
        posterior = posterior_TS[t + 1]
        sure = posterior[state]
        for b in range(4):
            following = (state % quarter) * 4 + b
            leading = state // 4 + b * quarter
            if following != state:
                sure += posterior[following]
            # a state can be both a predecessor and a successor (repeats): counted once
            if leading != state and leading // 4 != state % quarter:
                sure += posterior[leading]
        confidence_T[t] = min(np.float32(1.0), np.float32(sure))
    return states_T, moves_T, confidence_T


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
