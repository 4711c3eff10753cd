"""Signal-to-sequence alignment: where in the signal each base of a known sequence stands (numba).

Legend: T blocks of signal, P positions (k-mers) of the sequence, W width of the band.

A left-to-right hidden Markov model: position p emits a block's mean with a normal density around its expected
level; the path stays, steps by one or skips one. What stands before the first and after the last position
(adapter, other sequence) is left to a background model, so the score of a block is its log-likelihood ratio
to the background: `bonus` - z^2 / 2. The band follows the best position.

Source: own; the same model family as event aligners of the field, on fixed blocks instead of detected events.
"""

import numpy as np
from numba import njit

STAY, STEP, SKIP, START = 0, 1, 2, 3


@njit(cache=True, nogil=True)
def align_blocks(
    blocks_T: np.ndarray,
    levels_P: np.ndarray,
    sigma: float,
    bonus: float,
    log_stay: float,
    log_step: float,
    log_skip: float,
    start_blocks: int,
    end_positions: int,
    width: int,
) -> tuple[np.ndarray, float, int]:
    """Finds the best path through the band.

    Args:
        blocks_T: block means, normalised, float32.
        levels_P: expected levels on the same scale, float32.
        sigma: standard deviation of a block around its level.
        bonus: log-likelihood gain of a perfectly fitting block over the background.
        log_stay: log-probability of staying, likewise `log_step` and `log_skip`.
        start_blocks: the path may begin in this many first blocks.
        end_positions: and at this many first positions; it ends at one of as many last ones.
        width: positions in the band.

    Returns:
        The block at which each position begins (length P, -1: skipped or not reached), the score of the path
        (log-likelihood ratio, nats) and the block behind the last one used.
    """
    num_blocks, num_positions = blocks_T.shape[0], levels_P.shape[0]
    width = min(width, num_positions)
    offsets = np.zeros(num_blocks, np.int32)
    moves = np.zeros((num_blocks, width), np.uint8)
    low = np.float32(-1e30)
    previous = np.full(width + 2, low, np.float32)
    current = np.full(width + 2, low, np.float32)
    moved = np.full(width + 2, low, np.float32)
    factor = np.float32(-0.5 / (sigma * sigma))
    gain = np.float32(bonus)
    stay, step, skip = np.float32(log_stay), np.float32(log_step), np.float32(log_skip)
    offset, top, top_score = 0, 0, low
    best_score, best_block, best_position = np.float32(-1e29), -1, -1
    for t in range(num_blocks):
        # the band moves on when the best position passes its middle
        shift = 0
        if top_score > np.float32(-1e29):
            shift = min(max(0, top - width // 2), num_positions - width - offset)
        offset += shift
        offsets[t] = offset
        can_start = t < start_blocks
        # two cells of padding on the left stand for p-1 and p-2 of the band's first position
        for w in range(width + 2):
            source = w + shift
            moved[w] = previous[source] if source < width + 2 else low
        x = blocks_T[t]
        row, band = moves[t], levels_P[offset : offset + width]
        for w in range(width):
            a, b, c = moved[w + 2] + stay, moved[w + 1] + step, moved[w] + skip
            d = x - band[w]
            best = max(a, max(b, c))
            row[w] = STAY if best == a else (STEP if best == b else SKIP)
            current[w + 2] = best + gain + factor * d * d
        if can_start:
            for w in range(min(width, end_positions - offset)):
                d = x - band[w]
                fresh = gain + factor * d * d
                if current[w + 2] < fresh:
                    current[w + 2] = fresh
                    row[w] = START
        top = 0
        top_score = current[2]
        for w in range(1, width):
            if current[w + 2] > top_score:
                top_score, top = current[w + 2], w
        for w in range(max(0, num_positions - end_positions - offset), width):
            if current[w + 2] > best_score:
                best_score, best_block, best_position = current[w + 2], t, offset + w
        previous, current = current, previous
    begins = np.full(num_positions, -1, np.int64)
    if best_block < 0:
        return begins, 0.0, 0
    t, p = best_block, best_position
    while True:
        move = moves[t, p - offsets[t]]
        if move == STAY:
            t -= 1
            continue
        begins[p] = t
        if move == START:
            break
        p -= 1 if move == STEP else 2
        t -= 1
    return begins, float(best_score), best_block + 1
