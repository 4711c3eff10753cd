"""Training of byte pair encoding on long texts over a small alphabet: counts, places, merges (numba).

A token is kept by its id at its first and at its last letter, two bytes a letter; letters between hold
`INSIDE`. A `BREAK` stands between pieces. Only pairs that occur at least `threshold` times are followed:
each has its number and the list of its places (four bytes each). When none of them is left, the text is
looked through again with a lower threshold. Rare pairs, which are nearly all that there are, never cost
anything but that count.

Legend: L letters and breaks, V tokens, S slots of followed pairs, H slots of the hash table, E places.

Source: own. Which pair is next is decided as in Hugging Face's BpeTrainer: the most frequent; of several, the
one whose parts were made first (left part, then right part). Overlapping places count (AAA holds AA twice).
"""

import numpy as np
from numba import njit

from lexome.dp.kernels.bpe_pairs import HALF, drop, find, heap_pop, heap_push, insert, urgency

BREAK, INSIDE = 65535, 65534
MAX_TOKENS = 65534

# why `merge_many` stopped
DONE, TOO_RARE, FULL = 0, 1, 2


@njit(cache=True, nogil=True)
def count_pairs(tags_L: np.ndarray, length_V: np.ndarray, first: int, counts: np.ndarray) -> int:
    """Counts neighbouring tokens, for some left tokens at a time.

    Args:
        tags_L: uint16; ends with `BREAK`.
        length_V: letters of every token so far.
        first: id of the left token of the first row.
        counts: int32[rows, V], is filled anew.

    Returns:
        Tokens in the text.
    """
    counts[:] = 0
    rows, tokens = len(counts), 0
    p = 0
    while p < len(tags_L):
        left = np.int64(tags_L[p])
        if left == BREAK:
            p += 1
            continue
        tokens += 1
        p += length_V[left]
        right = np.int64(tags_L[p])
        if right != BREAK and first <= left < first + rows:
            counts[left - first, right] += 1
    return tokens


@njit(cache=True, nogil=True)
def fill_places(
    tags_L: np.ndarray, length_V: np.ndarray, keys_H: np.ndarray, slots_H: np.ndarray, next_S: np.ndarray,
    places_E: np.ndarray,
) -> None:  # fmt: skip
    """Writes down where followed pairs are.

    Args:
        tags_L: as for `count_pairs`.
        length_V: as for `count_pairs`.
        keys_H: hash table of `bpe_pairs.new_table`.
        slots_H: its slots.
        next_S: where the list of each pair goes on, int64; moves to its end.
        places_E: all lists, int32.
    """
    p = 0
    while p < len(tags_L):
        left = np.int64(tags_L[p])
        if left == BREAK:
            p += 1
            continue
        end = p + length_V[left]
        right = np.int64(tags_L[end])
        if right != BREAK:
            slot = find(np.uint32((left << 16) | right), keys_H, slots_H)
            if slot >= 0:
                places_E[next_S[slot]] = p
                next_S[slot] += 1
        p = end


@njit(cache=True, nogil=True)
def merge_many(
    tags_L: np.ndarray,
    length_V: np.ndarray,
    left_V: np.ndarray,
    right_V: np.ndarray,
    seen_V: np.ndarray,
    used: np.ndarray,
    stop_at: int,
    max_length: int,
    threshold: int,
    keys_H: np.ndarray,
    slots_H: np.ndarray,
    key_S: np.ndarray,
    count_S: np.ndarray,
    start_S: np.ndarray,
    size_S: np.ndarray,
    places_E: np.ndarray,
    heap: np.ndarray,
) -> int:
    """Merges the most frequent pair, again and again.

    Args:
        tags_L: uint16, changed in place.
        length_V: letters of every token, int32; grows.
        left_V: left part of every token, int32; grows.
        right_V: right part; grows.
        seen_V: how often the pair was there when it was merged, int64; grows.
        used: int64[4]: tokens, slots, places and size of the heap, all as far as in use.
        stop_at: number of tokens to reach.
        max_length: a token of as many letters or more is not made.
        threshold: rarer pairs are not followed.
        keys_H: hash table of the followed pairs.
        slots_H: its slots.
        key_S: left * 65536 + right, uint32.
        count_S: how often a pair is there now, int64.
        start_S: where its places begin, int64.
        size_S: how many are listed, int64; places where it is no more are among them.
        places_E: int32, twice as many as there were tokens in the text when the lists were made.
        heap: uint64.

    Returns:
        DONE, TOO_RARE (all pairs at the threshold or above are merged) or FULL (make lists and table anew).
    """
    tokens, slots, filled, heap_size = used[0], used[1], used[2], used[3]
    dropped_left, dropped_right = np.zeros(stop_at, np.int32), np.zeros(stop_at, np.int32)
    made_left, made_right = np.zeros(stop_at, np.int32), np.zeros(stop_at, np.int32)
    to_left, to_right = np.empty(stop_at, np.int64), np.empty(stop_at, np.int64)
    reason = DONE
    while tokens < stop_at:
        if heap_size == 0:
            reason = TOO_RARE
            break
        top = heap[0]
        key = np.uint32(HALF - (top & HALF))
        slot = find(key, keys_H, slots_H)
        count = count_S[slot]
        if count != np.int64(top >> np.uint64(32)):  # some have gone since
            heap_size = heap_pop(heap, heap_size)
            if count >= threshold:
                heap_size = heap_push(heap, heap_size, urgency(count, key))
            continue
        # each place makes two new ones at most, and two tokens of the text become one
        if filled + min(2 * count, len(places_E) // 2) > len(places_E) or slots + 2 * (tokens + 1) > len(
            key_S
        ):
            reason = FULL
            break
        heap_size = heap_pop(heap, heap_size)
        left, right, made = np.int64(key >> 16), np.int64(key & 0xFFFF), tokens
        width, length = np.int64(length_V[left]), np.int64(length_V[left]) + np.int64(length_V[right])
        left_V[made], right_V[made], length_V[made], seen_V[made] = left, right, length, count
        tokens += 1
        # 1. merge; note which pairs are gone
        merged = 0
        begin = start_S[slot]
        for e in range(begin, begin + size_S[slot]):
            p = np.int64(places_E[e])
            if tags_L[p] != left or tags_L[p + width] != right:
                continue
            end = p + length
            if p > 0 and tags_L[p - 1] < INSIDE and tags_L[p - 1] != made:
                dropped_left[tags_L[p - 1]] += 1
            if tags_L[end] < INSIDE:
                dropped_right[tags_L[end]] += 1
            tags_L[p + width - 1] = tags_L[p + width] = INSIDE
            tags_L[p] = tags_L[end - 1] = made
            places_E[begin + merged] = p
            merged += 1
        count_S[slot] = 0
        for other in range(tokens):
            if dropped_left[other]:
                drop(np.uint32((other << 16) | left), dropped_left[other], keys_H, slots_H, count_S)
                dropped_left[other] = 0
            if dropped_right[other]:
                drop(np.uint32((right << 16) | other), dropped_right[other], keys_H, slots_H, count_S)
                dropped_right[other] = 0
        # 2. count the new pairs
        for e in range(begin, begin + merged):
            p = np.int64(places_E[e])
            if p > 0 and tags_L[p - 1] < INSIDE and tags_L[p - 1] != made:
                made_left[tags_L[p - 1]] += 1
            if tags_L[p + length] < INSIDE:
                made_right[tags_L[p + length]] += 1
        # 3. follow those that are frequent and short enough
        for other in range(tokens):
            is_short = length_V[other] + length < max_length
            for side in range(2):
                number = made_left[other] if side == 0 else made_right[other]
                at = -1
                if is_short and number >= threshold:
                    key = np.uint32((other << 16) | made) if side == 0 else np.uint32((made << 16) | other)
                    key_S[slots], count_S[slots], start_S[slots], size_S[slots] = key, number, filled, number
                    insert(key, slots, keys_H, slots_H)
                    heap_size = heap_push(heap, heap_size, urgency(number, key))
                    at = filled
                    filled += number
                    slots += 1
                if side == 0:
                    made_left[other], to_left[other] = 0, at
                else:
                    made_right[other], to_right[other] = 0, at
        # 4. write down their places
        for e in range(begin, begin + merged):
            p = np.int64(places_E[e])
            if p > 0:
                before = np.int64(tags_L[p - 1])
                if before < INSIDE and before != made and to_left[before] >= 0:
                    places_E[to_left[before]] = p - length_V[before]
                    to_left[before] += 1
            behind = np.int64(tags_L[p + length])
            if behind < INSIDE and to_right[behind] >= 0:
                places_E[to_right[behind]] = p
                to_right[behind] += 1
    used[0], used[1], used[2], used[3] = tokens, slots, filled, heap_size
    return reason
