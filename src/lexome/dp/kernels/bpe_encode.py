"""Byte pair encoding of DNA: merges in the order of their ranks, or the longest tokens first (numba).

A token is kept by its id at its first and at its last letter ("tags"); all letters between hold `INSIDE`. So
both neighbours of a token are found without a linked list. What can be merged lies in one list per rank,
which are emptied from the lowest rank up: no heap, and time that grows with the length alone.

Legend: L letters, R merges, H slots of a hash table, N tokens, V tokens of the vocabulary, M nodes of a trie.

Source: own. The result is that of applying, again and again, the lowest rank anywhere in the text (Sennrich
et al., 2016), leftmost first, as Hugging Face's tokenizers do with a priority queue.
"""

import numpy as np
from numba import njit

UNKNOWN, SKIPPED, INSIDE = -1, -2, -3  # a letter without a token; one that is left out, and divides
Number = int | np.integer
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)


@njit(cache=True, nogil=True)
def pair_table(left_R: np.ndarray, right_R: np.ndarray, bits: int) -> tuple[np.ndarray, np.ndarray]:
    """A hash table from pairs of ids to ranks.

    Args:
        left_R: id of the left part of each merge, int32.
        right_R: of the right part.
        bits: the table has 2**bits slots, at least twice as many as merges.

    Returns:
        pairs (int64[H], left * 2**32 + right; -1: empty) and ranks (int32[H]).
    """
    pairs_H = np.full(1 << bits, -1, np.int64)
    ranks_H = np.full(1 << bits, -1, np.int32)
    for r in range(len(left_R)):
        pair = (np.int64(left_R[r]) << 32) | np.int64(right_R[r])
        slot = _slot(pair, bits)
        while pairs_H[slot] >= 0:
            slot = (slot + 1) & (len(pairs_H) - 1)
        pairs_H[slot], ranks_H[slot] = pair, r
    return pairs_H, ranks_H


@njit(cache=True, nogil=True)
def _slot(pair: Number, bits: int) -> Number:
    return np.int64((np.uint64(pair) * _MULTIPLIER) >> np.uint64(64 - bits))


@njit(cache=True, nogil=True)
def _rank(left: Number, right: Number, pairs_H: np.ndarray, ranks_H: np.ndarray, bits: int) -> Number:
    """Rank of a pair; -1 if it is never merged."""
    if left < 0 or right < 0:
        return -1
    pair = (np.int64(left) << 32) | np.int64(right)
    slot = _slot(pair, bits)
    while pairs_H[slot] >= 0:
        if pairs_H[slot] == pair:
            return np.int64(ranks_H[slot])
        slot = (slot + 1) & (len(pairs_H) - 1)
    return -1


@njit(cache=True, nogil=True)
def merge_by_rank(
    tags_L: np.ndarray,
    left_R: np.ndarray,
    right_R: np.ndarray,
    made_R: np.ndarray,
    length_V: np.ndarray,
    pairs_H: np.ndarray,
    ranks_H: np.ndarray,
    bits: int,
) -> None:
    """Applies merges in place.

    Args:
        tags_L: int32, the id of each letter, `UNKNOWN` or `SKIPPED`; afterwards ids at both ends of tokens.
        left_R: id of the left part by rank; no two merges make the same token, and each is made of tokens of
            lower ranks (or letters).
        right_R: of the right part.
        made_R: id of the token made.
        length_V: letters of every token.
        pairs_H: of `pair_table`.
        ranks_H: of `pair_table`.
        bits: of `pair_table`.
    """
    size, merges = len(tags_L), len(left_R)
    # circular lists of places by the rank of the pair that begins there; node size + r is the head of rank r
    after = np.full(size + merges, -1, np.int32)
    before = np.empty(size + merges, np.int32)
    for r in range(merges):
        after[size + r] = before[size + r] = size + r
    for p in range(size - 1):
        rank = _rank(tags_L[p], tags_L[p + 1], pairs_H, ranks_H, bits)
        if rank >= 0:
            _append(p, size + rank, after, before)
    for r in range(merges):
        # The list was filled in one pass from left to right, the one that made the later of the two parts: so
        # it is in order, and pairs in a run of one token are made from the run's left end.
        head, left, right, made = size + r, left_R[r], right_R[r], made_R[r]
        width, width_right = np.int64(length_V[left]), np.int64(length_V[right])
        while after[head] != head:
            p = np.int64(after[head])
            middle = p + width
            end = middle + width_right
            tags_L[p + width - 1] = tags_L[middle] = INSIDE
            tags_L[p] = tags_L[end - 1] = made
            _remove(p, after, before)
            _remove(middle, after, before)
            if p > 0 and tags_L[p - 1] >= 0:
                previous = tags_L[p - 1]
                start = p - np.int64(length_V[previous])
                _remove(start, after, before)
                rank = _rank(previous, made, pairs_H, ranks_H, bits)
                if rank >= 0:
                    _append(start, size + rank, after, before)
            if end < size:
                rank = _rank(made, tags_L[end], pairs_H, ranks_H, bits)
                if rank >= 0:
                    _append(p, size + rank, after, before)


@njit(cache=True, nogil=True)
def _append(p: Number, head: Number, after: np.ndarray, before: np.ndarray) -> None:
    last = before[head]
    after[last], before[p] = p, last
    after[p], before[head] = head, p


@njit(cache=True, nogil=True)
def _remove(p: Number, after: np.ndarray, before: np.ndarray) -> None:
    """Takes a place out of its list, if it is in one."""
    if after[p] >= 0:
        after[before[p]], before[after[p]] = after[p], before[p]
        after[p] = -1


@njit(cache=True, nogil=True)
def tokens_of(
    tags_L: np.ndarray, length_V: np.ndarray, unknown_id: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Reads tokens off their tags.

    Args:
        tags_L: as `merge_by_rank` leaves them.
        length_V: letters of every token.
        unknown_id: the id for each unknown letter; -1 leaves them out.

    Returns:
        ids (int32[N]), first letter and end of each token (int64[N]).
    """
    count = 0
    ids_N, starts_N, ends_N = np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0, np.int64)
    for fill in range(2):
        if fill:
            ids_N, starts_N, ends_N = (
                np.empty(count, np.int32),
                np.empty(count, np.int64),
                np.empty(count, np.int64),
            )
            count = 0
        p = 0
        while p < len(tags_L):
            tag, width = np.int64(tags_L[p]), 1
            if tag >= 0:
                width = np.int64(length_V[tag])
            elif tag == UNKNOWN:
                tag = unknown_id
            if tag >= 0:
                if fill:
                    ids_N[count], starts_N[count], ends_N[count] = tag, p, p + width
                count += 1
            p += width
    return ids_N, starts_N, ends_N


@njit(cache=True, nogil=True)
def build_trie(
    letters: np.ndarray, start_V: np.ndarray, length_V: np.ndarray, alphabet: int
) -> tuple[np.ndarray, np.ndarray]:
    """A trie of tokens.

    Args:
        letters: numbers (0 up to `alphabet`) of the letters of all tokens, one behind the other.
        start_V: where in it a token begins.
        length_V: its letters; 0 leaves it out.
        alphabet: number of different letters.

    Returns:
        next node by node and letter (int32[M, alphabet], 0: none), and the token ending at a node (-1: none).
    """
    next_MA = np.zeros((1 + length_V.sum(), alphabet), np.int32)
    token_M = np.full(len(next_MA), -1, np.int32)
    nodes = 1
    for v in range(len(start_V)):
        if length_V[v] == 0:
            continue
        node = 0
        for i in range(start_V[v], start_V[v] + length_V[v]):
            if next_MA[node, letters[i]] == 0:
                next_MA[node, letters[i]] = nodes
                nodes += 1
            node = next_MA[node, letters[i]]
        token_M[node] = v
    return next_MA[:nodes].copy(), token_M[:nodes].copy()


@njit(cache=True, nogil=True)
def longest_first(
    letters_L: np.ndarray, next_MA: np.ndarray, token_M: np.ndarray, order_V: np.ndarray, length_V: np.ndarray
) -> np.ndarray:
    """Covers a text with the longest tokens first, wherever they are.

    Tokens of one length are taken in the order of `order_V`, one token's places from left to right.

    Args:
        letters_L: numbers of the letters (int32), `UNKNOWN` or `SKIPPED`.
        next_MA: of `build_trie`; every letter alone is a token.
        token_M: of `build_trie`.
        order_V: place of each token in the order in which they are taken, int32, 0 first.
        length_V: letters of every token.

    Returns:
        tags as `merge_by_rank` leaves them, int32[L].
    """
    size = len(letters_L)
    tags_L = np.where(letters_L >= 0, np.int32(INSIDE), letters_L).astype(np.int32)
    free_L = letters_L >= 0
    # each free letter lies in the list of the longest token that fits from there on
    first = np.full(len(order_V), -1, np.int32)
    following = np.empty(size, np.int32)
    token_at = np.full(len(order_V), -1, np.int32)
    for v in range(len(order_V)):
        if order_V[v] >= 0:
            token_at[order_V[v]] = v
    for p in range(size):
        if free_L[p]:
            _file(p, letters_L, free_L, next_MA, token_M, order_V, first, following)
    places = np.empty(1024, np.int64)
    for order in range(len(token_at)):
        if first[order] < 0:
            continue
        count = 0
        p = np.int64(first[order])
        while p >= 0:
            if count == len(places):
                places = np.concatenate((places, np.empty(count, np.int64)))
            places[count] = p
            count += 1
            p = np.int64(following[p])
        token = token_at[order]
        width = np.int64(length_V[token])
        for p in np.sort(places[:count]):
            if not free_L[p]:
                continue
            is_free = True
            for i in range(p + 1, p + width):
                is_free &= free_L[i]
            if is_free:
                free_L[p : p + width] = False
                tags_L[p] = tags_L[p + width - 1] = token
            else:
                _file(p, letters_L, free_L, next_MA, token_M, order_V, first, following)
    return tags_L


@njit(cache=True, nogil=True)
def _file(
    p: Number,
    letters_L: np.ndarray,
    free_L: np.ndarray,
    next_MA: np.ndarray,
    token_M: np.ndarray,
    order_V: np.ndarray,
    first: np.ndarray,
    following: np.ndarray,
) -> None:
    """Puts a letter into the list of the longest token that fits from it on."""
    node, longest, i = 0, -1, p
    while i < len(letters_L) and free_L[i]:
        node = next_MA[node, letters_L[i]]
        if node == 0:
            break
        if token_M[node] >= 0:
            longest = token_M[node]
        i += 1
    order = order_V[longest]
    following[p] = first[order]
    first[order] = p
