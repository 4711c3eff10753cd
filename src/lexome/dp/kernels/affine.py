"""Global alignment of two short code sequences with affine gaps (numba)."""

import numpy as np
from numba import njit

FAR = -(1 << 40)  # below any score, far from the smallest integer
PAIR, EXTRA, LACKING = 0, 1, 2


@njit(cache=True, nogil=True)
def align_affine(
    truth: np.ndarray, called: np.ndarray, match: int, mismatch: int, gap_open: int, gap_extend: int
) -> tuple[int, int, int, int, int]:
    """Counts of a best global alignment.

    A gap of k bases costs gap_open + k * gap_extend; a gap may stand beside one of the other kind. Of equally
    good alignments the one is taken that, seen from the end, rather pairs than adds, rather adds than lacks.

    Args:
        truth: codes, length L1.
        called: codes, length L2.
        match: score of two equal codes.
        mismatch: price of two others, not negative.
        gap_open: price of every gap.
        gap_extend: price of every base in a gap.

    Returns:
        score, equal pairs, unequal pairs, bases only in `called` (insertions), bases only in `truth`
        (deletions); the last four add up to the columns of the alignment. O(L1 * L2) time and memory.

    Source: Gotoh 1982.
    """
    rows, columns = len(truth) + 1, len(called) + 1
    first = gap_open + gap_extend
    # best score of an alignment that ends so, and how the one before it ended
    score = np.full((3, rows, columns), FAR, np.int64)
    came = np.zeros((3, rows, columns), np.uint8)
    score[PAIR, 0, 0] = 0
    for i in range(rows):
        for j in range(columns):
            if i > 0 and j > 0:
                best, way = _best(score, i - 1, j - 1, 0, 0, 0)
                score[PAIR, i, j] = best + (match if truth[i - 1] == called[j - 1] else -mismatch)
                came[PAIR, i, j] = way
            if j > 0:
                score[EXTRA, i, j], came[EXTRA, i, j] = _best(score, i, j - 1, first, gap_extend, first)
            if i > 0:
                score[LACKING, i, j], came[LACKING, i, j] = _best(score, i - 1, j, first, first, gap_extend)
    i, j = rows - 1, columns - 1
    total, way = _best(score, i, j, 0, 0, 0)
    equal = unequal = extra = lacking = 0
    while i > 0 or j > 0:
        before = came[way, i, j]
        if way == PAIR:
            if truth[i - 1] == called[j - 1]:
                equal += 1
            else:
                unequal += 1
            i, j = i - 1, j - 1
        elif way == EXTRA:
            extra, j = extra + 1, j - 1
        else:
            lacking, i = lacking + 1, i - 1
        way = before
    return total, equal, unequal, extra, lacking


@njit(cache=True, nogil=True)
def _best(
    score: np.ndarray, i: int, j: int, after_pair: int, after_extra: int, after_lacking: int
) -> tuple[int, int]:
    """The best score at a cell, less the price of going on from each way to end there, and that way."""
    best, way = score[PAIR, i, j] - after_pair, PAIR
    if score[EXTRA, i, j] - after_extra > best:
        best, way = score[EXTRA, i, j] - after_extra, EXTRA
    if score[LACKING, i, j] - after_lacking > best:
        best, way = score[LACKING, i, j] - after_lacking, LACKING
    return best, way
