"""Fast decoding of a k-mer CRF: posteriors and the best path through them (numba, written to be vectorised).

Legend: T time steps, S = 4 * Q states, K scores of a step, M = 4 S moves, X stays.

The weights come from `crf_weights`, per step as [b][j][q], so that every inner loop runs over q through
contiguous memory. States are needed in two orders, by number (j * Q + q) and by newest base ([b][q]); a
permutation per step leads from one to the other.

All kernels take float32 and float64. The sums are rescaled at every step; callers keep the spread of the
scores small enough for the number type and take `crf_log` for wider ones.

The plain twin is `lexome.dp.crf` (posteriors by autograd, Viterbi on their logarithms); the layouts and the
meaning of the scores are explained in `lexome.dp.kernels.crf`.
"""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def _by_newest(state_S: np.ndarray, by_base_S: np.ndarray) -> None:
    """by_base[b * Q + q] = state[4 q + b]."""
    quarter = state_S.shape[0] // 4
    for q in range(quarter):
        for b in range(4):
            by_base_S[b * quarter + q] = state_S[4 * q + b]


@njit(cache=True, nogil=True)
def forward(moves_TM: np.ndarray, stays_TX: np.ndarray, alpha_TS: np.ndarray, scale_T: np.ndarray) -> None:
    """Fills alpha_TS (T + 1 rows; all but the first sum to 1) and the factors taken out of each row.

    Args:
        moves_TM: weights of the moves as `crf_weights.arrange` leaves them.
        stays_TX: weights of the stays, X = S or 1.
        alpha_TS: output.
        scale_T: output; row t + 1 before scaling had this sum.
    """
    num_steps, num_moves = moves_TM.shape
    num_states, quarter = num_moves // 4, num_moves // 16
    has_stays = stays_TX.shape[1] > 1
    by_base = np.empty(num_states, moves_TM.dtype)
    alpha_TS[0, :] = 1.0
    for t in range(num_steps):
        before, after, w = alpha_TS[t], alpha_TS[t + 1], moves_TM[t]
        for b in range(4):
            row = by_base[b * quarter : (b + 1) * quarter]
            w0, w1 = w[4 * b * quarter :], w[(4 * b + 1) * quarter :]
            w2, w3 = w[(4 * b + 2) * quarter :], w[(4 * b + 3) * quarter :]
            for q in range(quarter):
                row[q] = (
                    w0[q] * before[q]
                    + w1[q] * before[quarter + q]
                    + w2[q] * before[2 * quarter + q]
                    + w3[q] * before[3 * quarter + q]
                )
        total = before[0] * 0  # of the weights' own type
        for q in range(quarter):
            for b in range(4):
                s = 4 * q + b
                stay = stays_TX[t, s] if has_stays else stays_TX[t, 0]
                value = by_base[b * quarter + q] + stay * before[s]
                after[s] = value
                total += value
        scale_T[t] = total
        factor = 1 / total
        for s in range(num_states):
            after[s] *= factor


@njit(cache=True, nogil=True)
def backward(moves_TM: np.ndarray, stays_TX: np.ndarray, beta_TS: np.ndarray) -> None:
    """Fills beta_TS, T + 1 rows: what can follow from every state; all rows but the last sum to 1.

    Args:
        moves_TM: as in `forward`, likewise `stays_TX`.
        beta_TS: output.
    """
    num_steps, num_moves = moves_TM.shape
    num_states, quarter = num_moves // 4, num_moves // 16
    has_stays = stays_TX.shape[1] > 1
    by_base = np.empty(num_states, moves_TM.dtype)
    beta_TS[num_steps, :] = 1.0
    for t in range(num_steps - 1, -1, -1):
        after, before, w = beta_TS[t + 1], beta_TS[t], moves_TM[t]
        _by_newest(after, by_base)
        for s in range(num_states):
            before[s] = (stays_TX[t, s] if has_stays else stays_TX[t, 0]) * after[s]
        for j in range(4):
            for q in range(quarter):
                s = j * quarter + q
                before[s] += (w[s] * by_base[q] + w[num_states + s] * by_base[quarter + q]) + (
                    w[2 * num_states + s] * by_base[2 * quarter + q]
                    + w[3 * num_states + s] * by_base[3 * quarter + q]
                )
        total = before[0] * 0
        for s in range(num_states):
            total += before[s]
        factor = 1 / total
        for s in range(num_states):
            before[s] *= factor


@njit(cache=True, nogil=True)
def best_posterior_path(
    moves_TM: np.ndarray, stays_TX: np.ndarray, alpha_TS: np.ndarray, scale_T: np.ndarray, floor: np.float32
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Best path through the edge posteriors, and how sure its states are.

    One sweep from the end carries beta and the best continuation from every state under the product of
    (posterior + floor); one walk forward reads the path off.

    Args:
        moves_TM: as in `forward`, likewise `stays_TX`.
        alpha_TS: as `forward` filled it; its rows from 1 on are replaced by the state posteriors.
        scale_T: as `forward` filled it.
        floor: added to every posterior, so that no path is impossible.

    Returns:
        As `walk`.
    """
    num_steps, num_moves = moves_TM.shape
    num_states, quarter = num_moves // 4, num_moves // 16
    has_stays = stays_TX.shape[1] > 1
    dtype = moves_TM.dtype
    after, best = np.ones(num_states, dtype), np.ones(num_states, dtype)
    after_b, best_b = np.empty(num_states, dtype), np.empty(num_states, dtype)
    scaled, before = np.empty(num_states, dtype), np.empty(num_states, dtype)
    chosen = np.empty(num_states, np.int32)
    choice_TS = np.empty((num_steps, num_states), np.uint8)  # 0 stay, 1 + b: the move that adds base b
    stay_S = np.empty(num_states, dtype)
    floor_x = after[0] * 0 + dtype.type(floor)
    for t in range(num_steps - 1, -1, -1):
        alpha, posterior, w = alpha_TS[t], alpha_TS[t + 1], moves_TM[t]
        if has_stays:
            stay_S[:] = stays_TX[t]
        else:
            stay_S[:] = stays_TX[t, 0]
        total = after[0] * 0
        for s in range(num_states):  # this row of alpha is not needed again: it becomes the state posterior
            posterior[s] *= after[s]
        for s in range(num_states):
            total += posterior[s]
        factor = 1 / total
        for s in range(num_states):
            posterior[s] *= factor
        factor = 1 / (total * scale_T[t])  # over the weight of all edges of this step
        _by_newest(after, after_b)
        _by_newest(best, best_b)
        for s in range(num_states):
            scaled[s] = alpha[s] * factor
            best[s] = (stay_S[s] * scaled[s] * after[s] + floor_x) * best[s]
            before[s] = stay_S[s] * after[s]
        for j in range(4):
            for q in range(quarter):
                s = j * quarter + q
                a = scaled[s]
                w0, w1 = w[s] * after_b[q], w[num_states + s] * after_b[quarter + q]
                w2 = w[2 * num_states + s] * after_b[2 * quarter + q]
                w3 = w[3 * num_states + s] * after_b[3 * quarter + q]
                before[s] += (w0 + w1) + (w2 + w3)
                v0 = (w0 * a + floor_x) * best_b[q]
                v1 = (w1 * a + floor_x) * best_b[quarter + q]
                v2 = (w2 * a + floor_x) * best_b[2 * quarter + q]
                v3 = (w3 * a + floor_x) * best_b[3 * quarter + q]
                value = best[s]
                top_value = max(value, max(max(v0, v1), max(v2, v3)))
                best[s] = top_value
                # the first of them that is the highest; in products, or float64 would get branches
                not0, not1, not2 = v0 != top_value, v1 != top_value, v2 != top_value
                chosen[s] = (value != top_value) * (1 + not0 * (1 + not1 * (1 + not2)))
        total, top = before[0] * 0, before[0] * 0
        for s in range(num_states):
            total += before[s]
            top = max(top, best[s])
        factor, rise = 1 / total, 1 / top
        for s in range(num_states):
            after[s] = before[s] * factor
            best[s] *= rise
            choice_TS[t, s] = chosen[s]
    return walk(choice_TS, alpha_TS, best)


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
        confidence_T (see `confidences`).
    """
    num_steps, num_states = choice_TS.shape
    quarter = num_states // 4
    states_T = np.empty(num_steps, np.int32)
    moves_T = np.empty(num_steps, np.uint8)
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
    return states_T, moves_T, confidences(states_T, posterior_TS[1:])


@njit(cache=True, nogil=True)
def confidences(states_T: np.ndarray, posterior_TS: np.ndarray) -> np.ndarray:
    """How sure the states of a path are.

    Args:
        states_T: the state after each step.
        posterior_TS: state posteriors after each step, T rows.

    Returns:
        float32[T], at most 1: probability of the state or of a neighbour that one move away shares k - 1
        bases with it.
    """
    num_steps, num_states = posterior_TS.shape
    quarter = num_states // 4
    confidence_T = np.empty(num_steps, np.float32)
    for t in range(num_steps):
        state, posterior = states_T[t], posterior_TS[t]
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
    return confidence_T
