"""Finding where a noisy read lies on a reference: chains of short exact matches, and their ends (numba).

Legend: A matches (anchors), Q bases of the query, R of the reference, W width of the band.

Source: own; chaining with a bounded look-back and extension with a drop-off are what minimap2 and BLAST do.
"""

import numpy as np
from numba import njit

# Scores of `extend`: twice the costs that `guided_align` is given for subreads (mismatch 4, gap 3 + 2 per
# base) taken off, and 1 for every base of both sequences that is used. So of two alignments of the same bases
# both prefer the same one.
MATCH, MISMATCH, GAP_OPEN, GAP_EXTEND = 2, -6, -6, -3
_NONE = -(1 << 28)


@njit(cache=True, nogil=True)
def best_chain(
    query_A: np.ndarray, reference_A: np.ndarray, size_bp: int, look_back: int, max_gap_bp: int
) -> tuple[np.ndarray, float]:
    """Picks the matches that follow each other on both sequences and explain most of the query.

    A chain's score is the number of query bases under its matches, less 1/16 per base and once 1 for every
    change of the diagonal.

    Args:
        query_A: where each match begins on the query, int64, rising (equal ones allowed).
        reference_A: and on the reference; of equal places on the query rising.
        size_bp: of all matches.
        look_back: so many matches before a match are tried as the one before it in the chain.
        max_gap_bp: the most from the start of a match to that of the next one, on either sequence.

    Returns:
        The matches of the chain in order (int64), and its score; none and 0 if there are no matches.
    """
    count = len(query_A)
    if count == 0:
        return np.zeros(0, np.int64), 0.0
    score = np.empty(count)
    before = np.full(count, -1, np.int64)
    for i in range(count):
        score[i] = size_bp
        for j in range(i - 1, max(-1, i - 1 - look_back), -1):
            on_query = query_A[i] - query_A[j]
            on_reference = reference_A[i] - reference_A[j]
            if on_query > max_gap_bp:
                break
            if on_query <= 0 or on_reference <= 0 or on_reference > max_gap_bp:
                continue
            change = abs(on_query - on_reference)
            gain = min(size_bp, on_query, on_reference) - (1.0 + change / 16 if change else 0.0)
            if score[j] + gain > score[i]:
                score[i] = score[j] + gain
                before[i] = j
    last = int(np.argmax(score))
    length, i = 0, last
    while i >= 0:
        length += 1
        i = before[i]
    chain = np.empty(length, np.int64)
    i = last
    for place in range(length - 1, -1, -1):
        chain[place] = i
        i = before[i]
    return chain, score[last]


@njit(cache=True, nogil=True)
def extend(
    query_Q: np.ndarray, reference_R: np.ndarray, width: int, drop: int
) -> tuple[int, int, int, int, int]:
    """Aligns two sequences from their common start for as long as they are alike.

    Cells within `width` // 2 of the diagonal are looked at, row by row (bases of the query), until the best
    of a row is more than `drop` below the best of all.

    Args:
        query_Q: codes, uint8.
        reference_R: codes, uint8.
        width: of the band.
        drop: in units of the scores above.

    Returns:
        The best score, the bases of query and reference that it uses; the best score that uses the whole
        query, and the bases of the reference that it uses (a very low score if that was not reached).
    """
    side = width // 2
    size = 2 * side + 1  # cell w of row i is column i + w - side
    best = np.full(size, _NONE, np.int64)
    inserted = np.full(size, _NONE, np.int64)
    top, top_query, top_reference = 0, 0, 0
    full, full_reference = _NONE, 0
    for i in range(len(query_Q) + 1):
        deleted = _NONE
        row_best = _NONE
        for w in range(size):
            j = i + w - side
            if j < 0 or j > len(reference_R):
                best[w], inserted[w] = _NONE, _NONE
                continue
            score = _NONE
            if i == 0 and j == 0:
                score = 0
            # row i - 1: its cell w is the diagonal one, w + 1 the one above
            if i > 0 and j > 0 and best[w] > _NONE // 2:
                score = best[w] + (MATCH if query_Q[i - 1] == reference_R[j - 1] else MISMATCH)
            if i > 0 and w + 1 < size:
                inserted[w] = max(best[w + 1] + GAP_OPEN, inserted[w + 1]) + GAP_EXTEND
            else:
                inserted[w] = _NONE
            if w > 0:
                deleted = max(best[w - 1] + GAP_OPEN, deleted) + GAP_EXTEND
            score = max(score, inserted[w], deleted)
            best[w] = score
            if score > row_best:
                row_best = score
                if score > top:
                    top, top_query, top_reference = score, i, j
            if i == len(query_Q) and score > full:
                full, full_reference = score, j
        if row_best < top - drop:
            break
    return top, top_query, top_reference, full, full_reference
