"""Edit distance between two code sequences (numba)."""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def matches_and_edits(a: np.ndarray, b: np.ndarray) -> tuple[int, int]:
    """Matches and edits of a global alignment with the fewest edits (of those, one with the most matches).

    Args:
        a: codes, length L1.
        b: codes, length L2.

    Returns:
        (matches, edits); their sum is the number of alignment columns: identity = matches / (matches +
        edits). O(L1 * L2) time, O(L2) memory.
    """
    columns = len(b) + 1
    edits = np.arange(columns)
    matches = np.zeros(columns, np.int64)
    for i in range(len(a)):
        diagonal_edits, diagonal_matches = edits[0], matches[0]
        edits[0] = i + 1
        for j in range(1, columns):
            same = a[i] == b[j - 1]
            best_edits = diagonal_edits + (0 if same else 1)
            best_matches = diagonal_matches + (1 if same else 0)
            if edits[j] + 1 < best_edits or (edits[j] + 1 == best_edits and matches[j] > best_matches):
                best_edits, best_matches = edits[j] + 1, matches[j]
            if edits[j - 1] + 1 < best_edits or (
                edits[j - 1] + 1 == best_edits and matches[j - 1] > best_matches
            ):
                best_edits, best_matches = edits[j - 1] + 1, matches[j - 1]
            diagonal_edits, diagonal_matches = edits[j], matches[j]
            edits[j], matches[j] = best_edits, best_matches
    return matches[columns - 1], edits[columns - 1]


@njit(cache=True, nogil=True)
def matched_positions(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Which elements of `a` stand under an equal element of `b` in a global alignment with the fewest edits.

    Args:
        a: codes, length L1.
        b: codes, length L2.

    Returns:
        bool[L1]; where several alignments are equally good, pairs are preferred to gaps. O(L1 * L2) time and
        memory.
    """
    rows, columns = len(a) + 1, len(b) + 1
    edits = np.empty((rows, columns), np.int32)
    for j in range(columns):
        edits[0, j] = j
    for i in range(1, rows):
        edits[i, 0] = i
        for j in range(1, columns):
            pair = edits[i - 1, j - 1] + (0 if a[i - 1] == b[j - 1] else 1)
            edits[i, j] = min(pair, min(edits[i - 1, j], edits[i, j - 1]) + 1)
    matched = np.zeros(len(a), np.bool_)
    i, j = rows - 1, columns - 1
    while i > 0:
        same = j > 0 and a[i - 1] == b[j - 1]
        if j > 0 and edits[i, j] == edits[i - 1, j - 1] + (0 if same else 1):
            matched[i - 1] = same
            i, j = i - 1, j - 1
        elif edits[i, j] == edits[i - 1, j] + 1:
            i -= 1
        else:
            j -= 1
    return matched
