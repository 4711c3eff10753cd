"""How much likelier passes become when a draft is changed in one place: forward algorithm in windows (numba).

Everything about errors is in the direction of sequencing: a pass over the other strand is turned round
together with its window.

Legend: T bases of the draft, P passes, B all their bases, N edits, W bases of a window, S of a pass in it.

Source: own. The passes' likelihood summed over all alignments, as in Quiver and Arrow; rates by homopolymer
length and neighbours are those of `simulate.hifi_profile`.
"""

import numpy as np
from numba import njit

MAX_WINDOW_BP = 256  # with the bases that an edit puts in
MAX_READ_BP = 512  # a pass with more bases in a window has no say


@njit(cache=True, nogil=True)
def edit_odds(
    draft_T: np.ndarray,
    reads_B: np.ndarray,
    at_PT: np.ndarray,
    is_reverse_P: np.ndarray,
    start_N: np.ndarray,
    end_N: np.ndarray,
    insert_NJ: np.ndarray,
    low_N: np.ndarray,
    high_N: np.ndarray,
    run_deleted: np.ndarray,
    run_inserted: np.ndarray,
    single_deleted: np.ndarray,
    inserted: np.ndarray,
    read_as: np.ndarray,
    insertion_on: float,
) -> np.ndarray:
    """Log-odds of edits.

    Args:
        draft_T: codes 0..3, uint8.
        reads_B: codes 0..3 of all passes, one behind the other, in the direction of the draft.
        at_PT: int64[P, T + 1]: where in `reads_B` a base of the draft begins in a pass; -1: not covered.
        is_reverse_P: which passes read the other strand.
        start_N: edit n replaces draft[start:end].
        end_N: see above.
        insert_NJ: by these codes, filled up with 255.
        low_N: draft[low:high] around the edit is looked at.
        high_N: see above.
        run_deleted: [base, length] of a homopolymer: probability that a base of it is lost.
        run_inserted: [base, length]: that it gets longer.
        single_deleted: [before, base, after].
        inserted: [before, after, first base] unlike both.
        read_as: [base, read].
        insertion_on: probability that an insertion goes on.

    Returns:
        float64[N]: log-likelihood of all passes with the edit less that without it; 0 where none covers the
        window or it is too wide.
    """
    odds_N = np.zeros(len(start_N))
    plain = np.empty(MAX_WINDOW_BP, np.uint8)
    edited = np.empty(MAX_WINDOW_BP, np.uint8)
    turned = np.empty(MAX_READ_BP, np.uint8)
    for n in range(len(start_N)):
        extra = 0
        while extra < insert_NJ.shape[1] and insert_NJ[n, extra] != 255:
            extra += 1
        low, high = low_N[n], high_N[n]
        size = high - low
        size_edited = size - (end_N[n] - start_N[n]) + extra
        if size > MAX_WINDOW_BP or size_edited > MAX_WINDOW_BP:
            continue
        for strand in range(2):
            _windows(draft_T, low, high, start_N[n], end_N[n], insert_NJ[n, :extra], strand, plain, edited)
            for p in range(len(is_reverse_P)):
                first, last = at_PT[p, low], at_PT[p, high]
                if is_reverse_P[p] != (strand == 1) or first < 0 or last < 0 or last - first > MAX_READ_BP:
                    continue
                count = last - first
                for i in range(count):
                    turned[i] = reads_B[first + i] if strand == 0 else 3 - reads_B[last - 1 - i]
                read = turned[:count]
                with_edit = window_likelihood(
                    read, edited[:size_edited], run_deleted, run_inserted, single_deleted, inserted, read_as,
                    insertion_on,
                )  # fmt: skip
                without = window_likelihood(
                    read, plain[:size], run_deleted, run_inserted, single_deleted, inserted, read_as,
                    insertion_on,
                )  # fmt: skip
                odds_N[n] += with_edit - without
    return odds_N


@njit(cache=True, nogil=True)
def _windows(draft_T, low, high, start, end, insert_J, strand, plain, edited) -> None:
    """Fills in the window without and with an edit, in the direction of a strand."""
    size, count = high - low, 0
    for i in range(size):
        plain[i] = draft_T[low + i]
    for i in range(low, start):
        edited[count] = draft_T[i]
        count += 1
    for code in insert_J:
        edited[count] = code
        count += 1
    for i in range(end, high):
        edited[count] = draft_T[i]
        count += 1
    if strand == 1:
        _turn(plain, size)
        _turn(edited, count)


@njit(cache=True, nogil=True)
def _turn(codes: np.ndarray, count: int) -> None:
    for i in range((count + 1) // 2):
        left, right = codes[i], codes[count - 1 - i]
        codes[i], codes[count - 1 - i] = 3 - right, 3 - left


@njit(cache=True, nogil=True)
def window_likelihood(
    read_S: np.ndarray,
    window_W: np.ndarray,
    run_deleted: np.ndarray,
    run_inserted: np.ndarray,
    single_deleted: np.ndarray,
    inserted: np.ndarray,
    read_as: np.ndarray,
    insertion_on: float,
) -> float:
    """Log-probability that a window is read so, over all alignments from end to end.

    Both in the direction of sequencing, codes 0..3; the other arguments as of `edit_odds`.
    """
    size = len(window_W)
    longest = run_deleted.shape[1] - 1
    lost = np.empty(size)
    of_run = np.empty(size, np.int64)  # the length of each base's homopolymer
    i = 0
    while i < size:
        j = i
        while j < size and window_W[j] == window_W[i]:
            j += 1
        for k in range(i, j):
            of_run[k] = min(j - i, longest)
            if j - i > 1:
                lost[k] = run_deleted[window_W[k], of_run[k]]
            else:
                lost[k] = single_deleted[window_W[max(k - 1, 0)], window_W[k], window_W[min(k + 1, size - 1)]]
        i = j
    opened = np.empty((size + 1, 4))
    none = np.empty(size + 1)
    for slot in range(size + 1):
        left, right = window_W[max(slot - 1, 0)], window_W[min(slot, size - 1)]
        total = 0.0
        for base in range(4):
            rate = inserted[left, right, base] + 1e-5
            if base == right:
                length = of_run[min(slot, size - 1)]
                rate = run_inserted[base, length] / (length + 1)
            elif base == left:
                length = of_run[max(slot - 1, 0)]
                rate = run_inserted[base, length] / (length + 1)
            opened[slot, base] = rate
            total += rate
        none[slot] = 1.0 - min(total, 0.5)
    paired, last_paired = np.zeros(size + 1), np.zeros(size + 1)
    extra, last_extra = np.zeros(size + 1), np.zeros(size + 1)
    again = insertion_on / 4
    log_scale = 0.0
    for i in range(len(read_S) + 1):
        top = 0.0
        for j in range(size + 1):
            here = 1.0 if i == 0 and j == 0 else 0.0
            further = 0.0
            if i > 0:
                base = read_S[i - 1]
                further = last_paired[j] * opened[j, base] + last_extra[j] * again
                if j > 0:
                    come = last_paired[j - 1] * none[j - 1] + last_extra[j - 1] * (1 - insertion_on)
                    here += come * (1 - lost[j - 1]) * read_as[window_W[j - 1], base]
            if j > 0:
                here += (paired[j - 1] * none[j - 1] + extra[j - 1] * (1 - insertion_on)) * lost[j - 1]
            paired[j], extra[j] = here, further
            top = max(top, here, further)
        if top < 1e-30 and top > 0:  # far from what a number can hold, but long reads come there
            for j in range(size + 1):
                paired[j] /= top
                extra[j] /= top
            log_scale += np.log(top)
        paired, last_paired = last_paired, paired
        extra, last_extra = last_extra, extra
    total = last_paired[size] * none[size] + last_extra[size] * (1 - insertion_on)
    return np.log(max(total, 1e-300)) + log_scale
