"""Counting and places of the BPE trainer; whole trainings are tested in features/test_tokens_train.py."""

import numpy as np
import pytest

from lexome.dp.kernels.bpe_pairs import new_heap, new_table
from lexome.dp.kernels.bpe_train import (
    BREAK,
    DONE,
    FULL,
    INSIDE,
    TOO_RARE,
    count_pairs,
    fill_places,
    merge_many,
)

# . 0 1 . [2 = 3 letters] 0 1 .
TAGS = np.array([BREAK, 0, 1, BREAK, 2, INSIDE, 2, 0, 1, BREAK], np.uint16)
LENGTHS = np.array([1, 1, 3], np.int32)


@pytest.mark.parametrize("first", [0, 1, 2])
def test_neighbours_are_counted_within_lines(first: int) -> None:
    expected = np.zeros((3, 3), int)
    expected[0, 1], expected[2, 0] = 2, 1
    counts = np.full((1, 3), 7, np.int32)
    assert count_pairs(TAGS, LENGTHS, first, counts) == 5
    assert counts.tolist() == expected[first : first + 1].tolist()


def test_places_are_those_of_the_left_token() -> None:
    keys_H, slots_H = np.zeros(8, np.uint32), np.empty(8, np.int32)
    new_table(np.array([1, 2 << 16], np.uint32), 2, keys_H, slots_H)
    places = np.zeros(3, np.int32)
    fill_places(TAGS, LENGTHS, keys_H, slots_H, np.array([0, 2]), places)
    assert places.tolist() == [1, 7, 4]


def merge(room: int, threshold: int) -> tuple[int, np.ndarray, np.ndarray]:
    """Merges in . 0 1 0 1 0 . with room for so many places; returns why it ended, tags, what is in use."""
    tags = np.array([BREAK, 0, 1, 0, 1, 0, BREAK], np.uint16)
    lengths = np.ones(5, np.int32)
    keys = np.zeros(64, np.uint32)
    keys[:2] = [1, 1 << 16]
    counts, starts, sizes = np.zeros(64, int), np.zeros(64, int), np.zeros(64, int)
    counts[:2] = sizes[:2] = 2
    starts[1] = 2
    keys_H, slots_H, heap = np.zeros(256, np.uint32), np.empty(256, np.int32), np.zeros(64, np.uint64)
    new_table(keys, 2, keys_H, slots_H)
    places = np.zeros(room, np.int32)
    fill_places(tags, lengths, keys_H, slots_H, starts[:2].copy(), places)
    used = np.array([2, 2, 4, new_heap(keys, counts, 2, heap)])
    columns = [np.zeros(5, kind) for kind in (np.int32, np.int32, np.int64)]
    reason = merge_many(
        tags,
        lengths,
        *columns,
        used,
        4,
        100,
        threshold,
        keys_H,
        slots_H,
        keys,
        counts,
        starts,
        sizes,
        places,
        heap,
    )
    return reason, tags, used


def test_it_stops_when_done_too_rare_or_full() -> None:
    reason, tags, used = merge(room=10, threshold=1)
    assert (reason, used[0]) == (DONE, 4)  # 0 1 -> 2; 2 0 is not more frequent than 2 2, and made of earlier
    assert tags.tolist() == [BREAK, 2, 2, 3, INSIDE, 3, BREAK]
    assert merge(room=10, threshold=2)[0] == TOO_RARE
    reason, tags, used = merge(room=5, threshold=1)
    assert (reason, used[0], tags[1]) == (FULL, 2, 0)
