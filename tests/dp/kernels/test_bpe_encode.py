"""The parts of BPE encoding by themselves; whole encodings are tested in features/test_tokens_bpe.py."""

import numpy as np

from lexome.dp.kernels.bpe_encode import (
    INSIDE,
    SKIPPED,
    UNKNOWN,
    build_trie,
    longest_first,
    merge_by_rank,
    pair_table,
    tokens_of,
)

LEFT, RIGHT, MADE = (np.array(ids, np.int32) for ids in ([0, 2], [0, 1], [2, 3]))  # aa, aab
LENGTHS = np.array([1, 1, 2, 3], np.int32)


def test_every_pair_is_found_in_a_full_table() -> None:
    left, right = np.divmod(np.arange(64, dtype=np.int32), 8)
    pairs, ranks = pair_table(left, right, 7)
    found = {int(pair): int(rank) for pair, rank in zip(pairs, ranks, strict=True) if rank >= 0}
    assert found == {(int(a) << 32) | int(b): i for i, (a, b) in enumerate(zip(left, right, strict=True))}


def test_a_run_is_paired_from_its_left_end() -> None:
    tags = np.array([0, 0, 0, 1, UNKNOWN, 0, 0, 0, 0, SKIPPED, 0], np.int32)
    merge_by_rank(tags, LEFT, RIGHT, MADE, LENGTHS, *pair_table(LEFT, RIGHT, 4), 4)
    assert tags.tolist() == [2, 2, 0, 1, UNKNOWN, 2, 2, 2, 2, SKIPPED, 0]
    ids, starts, ends = tokens_of(tags, LENGTHS, 9)
    assert ids.tolist() == [2, 0, 1, 9, 2, 2, 0]
    assert starts.tolist() == [0, 2, 3, 4, 5, 7, 10]
    assert ends.tolist() == [2, 3, 4, 5, 7, 9, 11]
    assert 9 not in tokens_of(tags, LENGTHS, -1)[0]


def test_letters_between_the_ends_are_marked() -> None:
    tags = np.array([0, 0, 1, 0], np.int32)
    merge_by_rank(tags, LEFT, RIGHT, MADE, LENGTHS, *pair_table(LEFT, RIGHT, 4), 4)
    assert tags.tolist() == [3, INSIDE, 3, 0]


def test_the_trie_and_the_longest() -> None:
    letters, starts = np.array([0, 1, 0, 0, 0, 0, 1], np.uint8).astype(np.int32), np.array([0, 1, 2, 4])
    following, token = build_trie(letters, starts, LENGTHS, 2)
    assert len(following) == 5
    order = np.array([2, 3, 1, 0], np.int32)
    tags = longest_first(np.array([0, 0, 0, 1, UNKNOWN, 0], np.int32), following, token, order, LENGTHS)
    assert tags.tolist() == [0, 3, INSIDE, 3, UNKNOWN, 0]


def test_nothing_is_nothing() -> None:
    nothing = np.zeros(0, np.int32)
    merge_by_rank(nothing, LEFT, RIGHT, MADE, LENGTHS, *pair_table(LEFT, RIGHT, 4), 4)
    assert [len(part) for part in tokens_of(nothing, LENGTHS, 0)] == [0, 0, 0]
