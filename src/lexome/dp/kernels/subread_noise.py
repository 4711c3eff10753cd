"""One pass of a polymerase over a template: bases lost, replaced and added (numba).

Legend: T bases of the template, S bases of the subread.

Source: own; the generator of random numbers is SplitMix64 (Steele, Lea and Flood 2014).
"""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def _draw(state: np.ndarray) -> float:
    """The next number in [0, 1); `state` is uint64[1] and moves on."""
    state[0] += np.uint64(0x9E3779B97F4A7C15)
    z = state[0]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return np.float64(z >> np.uint64(11)) * 2.0**-53


@njit(cache=True, nogil=True)
def _pick(cumulative: np.ndarray, u: float) -> int:
    for i in range(len(cumulative) - 1):
        if u < cumulative[i]:
            return i
    return len(cumulative) - 1


@njit(cache=True, nogil=True)
def draw_subread(
    template_T: np.ndarray,
    deletion_T: np.ndarray,
    substitution_T: np.ndarray,
    insertion_T: np.ndarray,
    substitutes_T4: np.ndarray,
    inserts_T4: np.ndarray,
    steps_44: np.ndarray,
    short_lengths: np.ndarray,
    long_lengths: np.ndarray,
    long_rate: float,
    seed: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draws a subread.

    Args:
        template_T: codes 0..3, uint8.
        deletion_T: probability that a base is lost.
        substitution_T: that it is replaced.
        insertion_T: that a short insertion stands before it.
        substitutes_T4: cumulative probabilities of what replaces it.
        inserts_T4: of the first base of an insertion before it.
        steps_44: of the next base of an insertion, by the one before.
        short_lengths: cumulative probabilities of 1, 2, ... bases of a short insertion.
        long_lengths: of a long one, likewise; 0 for lengths that are short.
        long_rate: probability of a long insertion before a base.
        seed: the same seed gives the same subread.

    Returns:
        Codes, uint8[S]; bases of the template before each (for an inserted base those before the insertion),
        int64[S]; whether each is inserted, bool[S].
    """
    state = np.empty(1, np.uint64)
    state[0] = np.uint64(seed)
    size = len(template_T) * 2 + 1000
    codes = np.empty(size, np.uint8)
    places = np.empty(size, np.int64)
    inserted = np.zeros(size, np.bool_)
    count = 0
    longest = max(len(short_lengths), len(long_lengths))
    for i in range(len(template_T)):
        u = _draw(state)
        if u < insertion_T[i] + long_rate:
            lengths = long_lengths if u < long_rate else short_lengths
            length = 1 + _pick(lengths, _draw(state))
            base = _pick(inserts_T4[i], _draw(state))
            for k in range(length):
                if k > 0:
                    base = _pick(steps_44[base], _draw(state))
                codes[count], places[count], inserted[count] = base, i, True
                count += 1
        u = _draw(state)
        if u >= deletion_T[i]:
            base = template_T[i]
            if u < deletion_T[i] + substitution_T[i]:
                base = _pick(substitutes_T4[i], _draw(state))
            codes[count], places[count] = base, i
            count += 1
        if count + longest + 1 >= size:  # extreme rates: more room
            size *= 2
            wider, farther, more = (
                np.empty(size, np.uint8),
                np.empty(size, np.int64),
                np.zeros(size, np.bool_),
            )
            wider[:count], farther[:count], more[:count] = codes[:count], places[:count], inserted[:count]
            codes, places, inserted = wider, farther, more
    return codes[:count].copy(), places[:count].copy(), inserted[:count].copy()
