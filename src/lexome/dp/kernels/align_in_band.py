"""Signal-to-sequence alignment from end to end within a band that is given (numba).

Legend: T blocks of signal, P positions (k-mers) of the sequence, W width of the band.

The hidden Markov model of `align.align_blocks`, for when it is known about where each block lies: the band
does not follow the best position, and the path uses every block.

Source: own.
"""

import numpy as np
from numba import njit

from lexome.dp.kernels.align import SKIP, START, STAY, STEP


@njit(cache=True, nogil=True)
def align_in_band(
    blocks_T: np.ndarray,
    levels_P: np.ndarray,
    lowest_T: np.ndarray,
    width: int,
    free_positions: int,
    sigma: float,
    bonus: float,
    log_stay: float,
    log_step: float,
    log_skip: float,
) -> tuple[np.ndarray, float]:
    """Finds the best path from the first to the last block.

    Args:
        blocks_T: block means, normalised, float32; at least one.
        levels_P: expected levels on the same scale, float32.
        lowest_T: the first position of the band at each block, int64, never falling, from 0.
        width: positions in the band.
        free_positions: the path may begin at this many first positions and end at as many last ones.
        sigma: as of `align_blocks`, and so the further ones.
        bonus: log-likelihood gain of a perfectly fitting block over the background.
        log_stay: log-probability of staying, likewise `log_step` and `log_skip`.

    Returns:
        The block at which each position begins (length P, -1: skipped or not reached) and the score of the
        path (log-likelihood ratio to the background, nats); all -1 and 0 if no path gets through the band.
    """
    num_blocks, num_positions = blocks_T.shape[0], levels_P.shape[0]
    moves = np.zeros((num_blocks, width), np.uint8)
    low = np.float32(-1e30)
    # two cells of padding on the left stand for p-1 and p-2 of the band's first position
    previous = np.full(width + 2, low, np.float32)
    current = np.full(width + 2, low, np.float32)
    factor = np.float32(-0.5 / (sigma * sigma))
    gain = np.float32(bonus)
    stay, step, skip = np.float32(log_stay), np.float32(log_step), np.float32(log_skip)
    for t in range(num_blocks):
        shift = 0 if t == 0 else lowest_T[t] - lowest_T[t - 1]
        x, row = blocks_T[t], moves[t]
        for w in range(width):
            p = lowest_T[t] + w
            if p >= num_positions:
                current[w + 2] = low
                continue
            d = x - levels_P[p]
            emitted = gain + factor * d * d
            if t == 0:
                current[w + 2] = emitted if p < free_positions else low
                row[w] = START
                continue
            source = w + shift
            a = previous[source + 2] + stay if source < width else low
            b = previous[source + 1] + step if source < width + 1 else low
            c = previous[source] + skip if source < width + 2 else low
            best = max(a, max(b, c))
            row[w] = STAY if best == a else (STEP if best == b else SKIP)
            current[w + 2] = best + emitted
        previous, current = current, previous
    begins = np.full(num_positions, -1, np.int64)
    best_score, p = np.float32(-1e29), -1
    for w in range(width):
        position = lowest_T[num_blocks - 1] + w
        is_end = num_positions - free_positions <= position < num_positions
        if is_end and previous[w + 2] > best_score:
            best_score, p = previous[w + 2], position
    if p < 0:
        return begins, 0.0
    t = num_blocks - 1
    while True:
        move = moves[t, p - lowest_T[t]]
        if move == STAY:
            t -= 1
            continue
        begins[p] = t
        if move == START:
            break
        p -= 1 if move == STEP else 2
        t -= 1
    return begins, float(best_score)
