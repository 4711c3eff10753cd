"""Global alignment of two code sequences within a band along a path that is about known (numba).

Legend: Q bases of the query, R of the reference, W width of the band, C columns of the alignment.

Affine gaps, least cost. Gaps stand as far left on the reference as equal cost allows, and left of a mismatch
beside them: so aligners of subreads to their consensus place them.

Source: own; Gotoh's three-state recursion.
"""

import numpy as np
from numba import njit

PAIR, INSERTION, DELETION = 0, 1, 2  # a column with both bases, with the query's alone, with the reference's
_FAR = 1 << 28


@njit(cache=True, nogil=True)
def guided_align(
    query_Q: np.ndarray,
    reference_R: np.ndarray,
    guide_Q: np.ndarray,
    width: int,
    mismatch: int,
    gap_open: int,
    gap_extend: int,
) -> np.ndarray:
    """Aligns two sequences from end to end.

    Args:
        query_Q: codes, uint8.
        reference_R: codes, uint8.
        guide_Q: int64[Q + 1], never falling: about how many bases of the reference stand before the query's
            base i. The band of row i holds the `width` positions around it.
        width: positions in the band; one more than the reference has is the whole rectangle.
        mismatch: cost of a pair of different bases, 1 or more.
        gap_open: cost of a gap on top of its bases.
        gap_extend: cost of each base of a gap, 1 or more.

    Returns:
        Operations, uint8[C]: `PAIR`, `INSERTION` or `DELETION`; empty if the band holds no path from end to
        end or both sequences are empty.
    """
    rows, columns = len(query_Q) + 1, len(reference_R) + 1
    width = min(width, columns)
    low = np.empty(rows, np.int64)
    for i in range(rows):
        low[i] = min(max(guide_Q[i] - width // 2, 0), columns - width)
    # both ends are within: a guide that strays at its ends would else lose the path
    low[0] = 0
    low[rows - 1] = columns - width
    # per cell: bits 0-1 the best state, 2 a deletion goes on, 3 an insertion goes on
    trace = np.zeros((rows, width), np.uint8)
    last_best = np.full(width, _FAR, np.int64)
    last_insertion = np.full(width, _FAR, np.int64)
    best = np.full(width, _FAR, np.int64)
    insertion = np.full(width, _FAR, np.int64)
    for i in range(rows):
        shift = 0 if i == 0 else low[i] - low[i - 1]
        deletion = _FAR
        for w in range(width):
            j = low[i] + w
            above = w + shift
            has_above = i > 0 and above < width
            has_diagonal = i > 0 and j > 0 and 1 <= above <= width
            bits = 0
            pair = _FAR
            if has_diagonal:
                pair = last_best[above - 1] + (0 if query_Q[i - 1] == reference_R[j - 1] else mismatch)
            elif i == 0 and j == 0:
                pair = 0
            inserted = _FAR
            if has_above:
                inserted = last_best[above] + gap_open + gap_extend
                if last_insertion[above] + gap_extend < inserted:
                    inserted = last_insertion[above] + gap_extend
                    bits |= 8
            if w > 0:
                opened = best[w - 1] + gap_open + gap_extend
                if deletion + gap_extend < opened:
                    deletion += gap_extend
                    bits |= 4
                else:
                    deletion = opened
            cost = pair
            if deletion < cost:
                cost, bits = deletion, (bits & 12) | DELETION
            if inserted < cost:
                cost, bits = inserted, (bits & 12) | INSERTION
            best[w], insertion[w] = cost, inserted
            trace[i, w] = bits
        last_best, best = best, last_best
        last_insertion, insertion = insertion, last_insertion
    if last_best[width - 1] >= _FAR:
        return np.zeros(0, np.uint8)
    return _walk_back(trace, low)


@njit(cache=True, nogil=True)
def _walk_back(trace: np.ndarray, low: np.ndarray) -> np.ndarray:
    rows, width = trace.shape
    i, j = rows - 1, low[rows - 1] + width - 1
    ops = np.empty(i + j, np.uint8)
    count = 0
    state = PAIR  # of the column that follows: a gap that goes on, or a free choice
    while i > 0 or j > 0:
        bits = trace[i, j - low[i]]
        kind = state if state != PAIR else bits & 3
        ops[count] = kind
        count += 1
        if kind == PAIR:
            i, j, state = i - 1, j - 1, PAIR
        elif kind == INSERTION:
            state = INSERTION if bits & 8 else PAIR
            i -= 1
        else:
            state = DELETION if bits & 4 else PAIR
            j -= 1
    return ops[:count][::-1].copy()
