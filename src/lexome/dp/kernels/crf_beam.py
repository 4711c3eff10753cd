"""Beam search for the most probable base sequence of a k-mer CRF (numba).

Legend: T time steps, S = 4**k states, K scores of a step, W width of the beam, N nodes, C candidates.

A hypothesis is a base sequence: the k bases of the state before the first step, and one base per move. Its
score is the log-sum over all paths that spell it, as far as they stayed in the beam. Its state is the last k
bases, so hypotheses of one sequence are always in one state.

Sequences are told apart by a prefix tree: every sequence that was ever in the beam has exactly one node,
found from the node of the sequence without its last base, even if it was dropped in between. Equal nodes mean
equal sequences and nothing else does: there is no hash, so nothing can collide. A chunk has at most
W * (T + 1) nodes of 20 bytes.

Of equal scores the first is kept: the stays in the order of the beam, then the moves in the order of the beam
and of the bases.

Source: the search of ONT's dorado (guide, cut, merging of the two ways to a sequence). Differs: it tells
sequences apart by a 32-bit checksum behind a Bloom filter.
"""

import numpy as np
from numba import njit

NUM_BINS = 32
STEP_CODES = 8  # a candidate is slot * 8 + 0 (stay) or + 1 + base


@njit(cache=True, nogil=True)
def search(
    scores_TK: np.ndarray, stay_score: float, guide_TS: np.ndarray, width: int, log_cut: float
) -> tuple[np.ndarray, np.ndarray, float]:
    """Finds the sequence of the highest score and its best known path.

    Args:
        scores_TK: finite scores; K = 5 S (stay first), or K = 4 S (moves only).
        stay_score: score of every stay if K = 4 S; not looked at if K = 5 S.
        guide_TS: log-sum of all that can follow from a state, T + 1 rows, each up to a constant.
        width: hypotheses kept, at least 1; as many states are tried at the start.
        log_cut: hypotheses that lie this much below the best one are dropped (natural log; may be infinite).

    Returns:
        states_T (int32, the state after each step), moves_T (uint8, 1 where the step is a move), and the
        log-sum over the paths of the sequence that stayed in the beam.
    """
    num_steps, num_states = scores_TK.shape[0], guide_TS.shape[1]
    child_N4 = np.empty((width * (num_steps + 1), 4), np.int32)  # -1: not made yet
    slot_N = np.empty(len(child_N4), np.int32)  # where in the beam; -1: not in it
    state_TW = np.empty((num_steps + 1, width), np.int32)
    came_TW = np.empty((num_steps, width), np.int32)  # the candidate that became this hypothesis
    node_W, node_next_W = np.empty(width, np.int32), np.empty(width, np.int32)
    score_W = np.zeros(width)
    score_C, ahead_C, code_C = np.empty(5 * width), np.empty(5 * width), np.empty(5 * width, np.int32)
    kept_C, value_C = np.empty(5 * width, np.int32), np.empty(5 * width)
    count = _seed(guide_TS[0], state_TW[0])
    num_nodes = count
    for slot in range(count):
        node_W[slot] = slot_N[slot] = slot
        child_N4[slot] = -1
    log_scale = 0.0
    for t in range(num_steps):
        state_W, came_W, state_next_W = state_TW[t], came_TW[t], state_TW[t + 1]
        num_candidates = _extend(
            scores_TK[t], stay_score, guide_TS[t + 1], state_W[:count], node_W, score_W, child_N4, slot_N,
            score_C, ahead_C, code_C,
        )  # fmt: skip
        for slot in range(count):
            slot_N[node_W[slot]] = -1
        count = _prune(score_C, ahead_C[:num_candidates], code_C, log_cut, kept_C, value_C, came_W, score_W)
        top = score_W[0]
        for slot in range(count):
            top = max(top, score_W[slot])
            source, step = divmod(came_W[slot], STEP_CODES)
            node, state = node_W[source], state_W[source]
            if step:
                parent, base = node, step - 1
                node, state = child_N4[parent, base], state % (num_states // 4) * 4 + base
                if node < 0:
                    node = child_N4[parent, base] = num_nodes
                    child_N4[node] = -1
                    num_nodes += 1
            node_next_W[slot], state_next_W[slot], slot_N[node] = node, state, slot
        for slot in range(count):  # so that numbers stay small however long the chunk is
            score_W[slot] -= top
        log_scale += top
        node_W, node_next_W = node_next_W, node_W
    best = 0
    for slot in range(1, count):
        if score_W[slot] > score_W[best]:
            best = slot
    return *_trace(state_TW, came_TW, best), log_scale + score_W[best]


@njit(cache=True, nogil=True)
def _seed(guide_S: np.ndarray, state_W: np.ndarray) -> int:
    """Fills the states with the best guides, best first, of equal ones the lower state; returns how many."""
    count = min(len(guide_S), len(state_W))
    order = np.argsort(-guide_S, kind="mergesort")  # stable
    state_W[:count] = order[:count]
    return count


@njit(cache=True, nogil=True)
def _extend(
    scores_K: np.ndarray,
    stay_score: float,
    guide_S: np.ndarray,
    state_W: np.ndarray,
    node_W: np.ndarray,
    score_W: np.ndarray,
    child_N4: np.ndarray,
    slot_N: np.ndarray,
    score_C: np.ndarray,
    ahead_C: np.ndarray,
    code_C: np.ndarray,
) -> int:
    """Every hypothesis stays and adds each base; two ways to one sequence become one candidate.

    Args:
        scores_K: scores of the step, as in `search`; likewise stay_score.
        guide_S: guide after the step.
        state_W: states of the hypotheses, as many as there are; node_W and score_W may be longer.
        node_W: their nodes.
        score_W: their scores.
        child_N4: the tree.
        slot_N: slot of every node that is in the beam, else -1.
        score_C: output, the candidates' scores: the stays in the order of the slots, then the moves.
        ahead_C: output, the same with the guide.
        code_C: output, where a candidate comes from; of two merged ones, the more probable.

    Returns:
        The number of candidates.
    """
    num_states, num_hypotheses = len(guide_S), len(state_W)
    quarter = num_states // 4
    has_stays = len(scores_K) > 4 * num_states
    width, first = (5, 1) if has_stays else (4, 0)
    for slot in range(num_hypotheses):
        stay = scores_K[5 * state_W[slot]] if has_stays else stay_score
        score_C[slot], code_C[slot] = score_W[slot] + stay, slot * STEP_CODES
    count = num_hypotheses
    for slot in range(num_hypotheses):
        state, node = state_W[slot], node_W[slot]
        rest, dropped = state % quarter * 4, state // quarter
        for base in range(4):
            score = score_W[slot] + scores_K[width * (rest + base) + first + dropped]
            code = slot * STEP_CODES + 1 + base
            child = child_N4[node, base]
            twin = slot_N[child] if child >= 0 else -1
            if twin < 0:
                score_C[count], code_C[count] = score, code
                ahead_C[count] = score + guide_S[rest + base]
                count += 1
            else:  # the sequence is in the beam already: its stay has not been joined by any other move
                low, high = score, score_C[twin]
                if low > high:
                    low, high = high, low
                    code_C[twin] = code
                score_C[twin] = high + np.log1p(np.exp(low - high))
    for slot in range(num_hypotheses):
        ahead_C[slot] = score_C[slot] + guide_S[state_W[slot]]
    return count


@njit(cache=True, nogil=True)
def _prune(
    score_C: np.ndarray,
    ahead_C: np.ndarray,
    code_C: np.ndarray,
    log_cut: float,
    kept_C: np.ndarray,
    value_C: np.ndarray,
    code_W: np.ndarray,
    score_W: np.ndarray,
) -> int:
    """Keeps the candidates within the cut, at most W of them, in their order; returns how many.

    Args:
        score_C: scores; may be longer than ahead_C, likewise code_C.
        ahead_C: scores with the guide, by which they are compared.
        code_C: codes.
        log_cut: as in `search`.
        kept_C: room for C whole numbers.
        value_C: room for C numbers.
        code_W: output, the codes of those kept.
        score_W: output, their scores.
    """
    width = len(code_W)
    least = ahead_C.max() - log_cut
    count = 0
    # nobody can predict which candidates are kept, so they are written without a branch and passed over
    for c in range(len(ahead_C)):
        kept_C[count], value_C[count] = c, ahead_C[c]
        count += ahead_C[c] >= least
    if count > width:
        least = nth_highest(value_C[:count], width)
        equal_ones = width  # how many may be kept that are exactly at the limit
        for value in value_C[:count]:
            equal_ones -= value > least
        alive, count = count, 0
        for c in range(alive):
            value = value_C[c]
            kept_C[count] = kept_C[c]
            count += (value > least) | ((value == least) & (equal_ones > 0))
            equal_ones -= value == least
    for slot in range(count):
        code_W[slot], score_W[slot] = code_C[kept_C[slot]], score_C[kept_C[slot]]
    return count


@njit(cache=True, nogil=True)
def nth_highest(values_C: np.ndarray, rank: int) -> float:
    """The value of a rank (1 is the highest), exactly.

    The values are counted in bins of equal width, and only the bin that holds the rank is sorted: faster than
    a partition on the few hundred values of a step.
    """
    top, low = values_C.max(), values_C.min()
    if top == low:
        return top
    bins_per_unit = min((NUM_BINS - 1) / (top - low), 1e300)  # finite for the closest numbers too
    counts = np.zeros(NUM_BINS, np.int64)
    for value in values_C:
        counts[int((top - value) * bins_per_unit)] += 1
    chosen = 0
    while counts[chosen] < rank:
        rank -= counts[chosen]
        chosen += 1
    members = np.empty(counts[chosen] + 1)
    count = 0
    for value in values_C:
        members[count] = value
        count += int((top - value) * bins_per_unit) == chosen
    members = members[:count]
    members.sort()
    return members[count - rank]


@njit(cache=True, nogil=True)
def _trace(state_TW: np.ndarray, came_TW: np.ndarray, slot: int) -> tuple[np.ndarray, np.ndarray]:
    """States after each step and moves of the hypothesis that ends in a slot."""
    num_steps = len(came_TW)
    states_T, moves_T = np.empty(num_steps, np.int32), np.empty(num_steps, np.uint8)
    for t in range(num_steps - 1, -1, -1):
        states_T[t] = state_TW[t + 1, slot]
        slot, step = divmod(came_TW[t, slot], STEP_CODES)
        moves_T[t] = 1 if step else 0
    return states_T, moves_T
