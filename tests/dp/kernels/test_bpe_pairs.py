"""The hash table and the heap of the BPE trainer."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lexome.dp.kernels.bpe_pairs import drop, find, heap_pop, heap_push, new_heap, new_table, urgency


@given(st.sets(st.integers(0, 2**32 - 1), min_size=1, max_size=60))
def test_the_table_finds_what_is_in_it(keys: set[int]) -> None:
    key_S = np.array(sorted(keys), np.uint32)
    keys_H, slots_H = np.zeros(128, np.uint32), np.empty(128, np.int32)
    new_table(key_S, len(key_S), keys_H, slots_H)
    assert [find(key, keys_H, slots_H) for key in key_S] == list(range(len(key_S)))
    other = next(n for n in range(100) if n not in keys)
    assert find(np.uint32(other), keys_H, slots_H) == -1
    count_S = np.full(len(key_S), 10)
    drop(key_S[0], 3, keys_H, slots_H, count_S)
    drop(np.uint32(other), 3, keys_H, slots_H, count_S)
    assert count_S.tolist() == [7] + [10] * (len(key_S) - 1)


@given(
    st.lists(
        st.tuples(st.integers(0, 2**31), st.integers(0, 2**32 - 1)), min_size=1, max_size=50, unique=True
    )
)
def test_the_heap_gives_the_most_frequent_then_the_first_made(pairs: list[tuple[int, int]]) -> None:
    counts, keys = np.array([c for c, _ in pairs]), np.array([k for _, k in pairs], np.uint32)
    heap = np.zeros(len(pairs) + 1, np.uint64)
    size = new_heap(keys, counts, len(pairs), heap)
    size = heap_push(heap, size, np.uint64(urgency(2**31, 0)))
    popped = []
    while size:
        top = int(heap[0])
        popped.append((top >> 32, 2**32 - 1 - (top & (2**32 - 1))))
        size = heap_pop(heap, size)
    assert popped == sorted([*pairs, (2**31, 0)], key=lambda pair: (-pair[0], pair[1]))
