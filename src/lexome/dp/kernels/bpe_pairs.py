"""Pairs of tokens that a training follows: a hash table from a pair to its slot, and a heap of pairs (numba).

A pair is one number, left * 65536 + right (uint32).

Legend: S slots of pairs, H places of the hash table.

Source: own; the order of pairs is described in `bpe_train`.
"""

import numpy as np
from numba import njit

Number = int | np.integer
_MULTIPLIER = np.uint64(2654435769)
HALF = np.uint64(0xFFFFFFFF)


@njit(cache=True, nogil=True)
def insert(key: Number, slot: int, keys_H: np.ndarray, slots_H: np.ndarray) -> None:
    """Puts a pair into the hash table (a power of two of places, at most half of them taken)."""
    h = _hash(key, len(keys_H))
    while slots_H[h] >= 0:
        h = (h + 1) & (len(keys_H) - 1)
    keys_H[h], slots_H[h] = key, slot


@njit(cache=True, nogil=True)
def new_table(key_S: np.ndarray, count: Number, keys_H: np.ndarray, slots_H: np.ndarray) -> None:
    """Makes the hash table of the first `count` pairs anew; keys are left * 65536 + right, uint32."""
    slots_H[:] = -1
    for slot in range(count):
        insert(key_S[slot], slot, keys_H, slots_H)


@njit(cache=True, nogil=True)
def _hash(key: Number, size: int) -> Number:
    mixed = (np.uint64(key) * _MULTIPLIER) & HALF
    return np.int64((mixed * np.uint64(size)) >> np.uint64(32))


@njit(cache=True, nogil=True)
def find(key: Number, keys_H: np.ndarray, slots_H: np.ndarray) -> Number:
    """The slot of a pair; -1 if it is not followed."""
    h = _hash(key, len(keys_H))
    while slots_H[h] >= 0:
        if keys_H[h] == key:
            return np.int64(slots_H[h])
        h = (h + 1) & (len(keys_H) - 1)
    return -1


@njit(cache=True, nogil=True)
def urgency(count: Number, key: Number) -> Number:
    """One number by which pairs are ordered: more frequent first, then those of earlier parts."""
    return (np.uint64(count) << np.uint64(32)) | (HALF - np.uint64(key))


@njit(cache=True, nogil=True)
def heap_push(heap: np.ndarray, size: int, value: Number) -> int:
    """Puts a value into a heap with the largest on top; returns its new size."""
    i = size
    while i > 0 and heap[(i - 1) >> 1] < value:
        heap[i] = heap[(i - 1) >> 1]
        i = (i - 1) >> 1
    heap[i] = value
    return size + 1


@njit(cache=True, nogil=True)
def heap_pop(heap: np.ndarray, size: int) -> int:
    """Takes the top away; returns the new size."""
    size -= 1
    value = heap[size]
    i = 0
    while 2 * i + 1 < size:
        child = 2 * i + 1
        if child + 1 < size and heap[child + 1] > heap[child]:
            child += 1
        if heap[child] <= value:
            break
        heap[i] = heap[child]
        i = child
    heap[i] = value
    return size


@njit(cache=True, nogil=True)
def new_heap(key_S: np.ndarray, count_S: np.ndarray, count: int, heap: np.ndarray) -> int:
    """A heap of the first `count` pairs; returns its size."""
    size = 0
    for slot in range(count):
        size = heap_push(heap, size, urgency(count_S[slot], key_S[slot]))
    return size


@njit(cache=True, nogil=True)
def drop(key: Number, number: Number, keys_H: np.ndarray, slots_H: np.ndarray, count_S: np.ndarray) -> None:
    """Counts a pair less often, if it is followed."""
    slot = find(key, keys_H, slots_H)
    if slot >= 0:
        count_S[slot] -= number
