"""Stitching: chunks cut from one decoded read give it back; what does not fit together is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexome.decode.crf import Decoded
from lexome.decode.stitch import stitch
from lexome.features.signal import chunk_spans


def whole_read(seed: int, steps: int) -> Decoded:
    rng = np.random.default_rng(seed)
    moves = (rng.random(steps) < 0.4).astype(np.uint8)
    count = int(moves.sum())
    return Decoded(
        rng.integers(0, 4, count).astype(np.uint8), rng.integers(1, 51, count).astype(np.uint8), moves
    )


def part(read: Decoded, first: int, steps: int) -> Decoded:
    """Steps `first` on of a read; steps behind its end (a filled chunk) hold a base each."""
    counted = np.concatenate([[0], np.cumsum(read.moves, dtype=np.int64)])
    kept = slice(counted[first], counted[min(first + steps, len(read.moves))])
    missing = max(0, first + steps - len(read.moves))
    return Decoded(
        np.append(read.bases[kept], np.zeros(missing, np.uint8)),
        np.append(read.qualities[kept], np.ones(missing, np.uint8)),
        np.append(read.moves[first : first + steps], np.ones(missing, np.uint8)),
    )


def assert_same(left: Decoded, right: Decoded) -> None:
    for a, b in zip(vars(left).values(), vars(right).values(), strict=True):
        np.testing.assert_array_equal(a, b)
        assert a.dtype == b.dtype


@given(
    st.integers(0, 10**6), st.integers(1, 900), st.integers(1, 7), st.integers(1, 3), st.integers(3, 40),
    st.integers(0, 19),
)  # fmt: skip
def test_what_was_cut_comes_back(seed, num_samples, stride, steps_at_once, units, overlap_pairs) -> None:
    """Also for a network that makes several steps at once: its chunks are multiples of several strides."""
    multiple = steps_at_once * stride
    chunk_size = units * multiple
    overlap = min(overlap_pairs, (units - 1) // 2) * 2 * multiple
    read = whole_read(seed, -(-num_samples // stride))
    spans = chunk_spans(num_samples, chunk_size, overlap, multiple)
    chunks = [part(read, start // stride, size // stride) for start, size in spans]
    assert_same(stitch(chunks, [start for start, _ in spans], num_samples, stride), read)


def test_each_chunk_gives_up_half_of_the_overlap() -> None:
    def filled(value: int) -> Decoded:
        return Decoded(np.full(10, value, np.uint8), np.full(10, 10 * value, np.uint8), np.ones(10, np.uint8))

    # 10 steps each, beginning at 0, 6 and 8: cuts in the middle of 6..10 and of 8..16
    whole = stitch([filled(1), filled(2), filled(3)], [0, 30, 40], 90, 5)
    assert whole.bases.tolist() == [1] * 8 + [2] * 4 + [3] * 6
    assert whole.qualities.tolist() == [10] * 8 + [20] * 4 + [30] * 6


def test_a_read_shorter_than_its_chunk_loses_what_was_filled() -> None:
    read = whole_read(1, 7)
    assert_same(stitch([part(read, 0, 20)], [0], 33, 5), read)
    nothing = stitch([part(read, 0, 20)], [0], 0, 5)
    assert [len(a) for a in vars(nothing).values()] == [0, 0, 0]


def test_a_base_belongs_to_the_chunk_in_which_it_begins() -> None:
    # the second chunk sees a base at its first step, which is before its part begins
    first = Decoded(np.array([0, 1], np.uint8), np.array([5, 6], np.uint8), np.array([1, 0, 0, 1], np.uint8))
    second = Decoded(np.array([2, 3], np.uint8), np.array([7, 8], np.uint8), np.array([1, 0, 0, 1], np.uint8))
    whole = stitch([first, second], [0, 2], 6, 1)
    assert whole.moves.tolist() == [1, 0, 0, 0, 0, 1]
    assert (whole.bases.tolist(), whole.qualities.tolist()) == ([0, 3], [5, 8])


@pytest.mark.parametrize(
    ("starts", "num_samples", "message"),
    [
        ([], 20, "0 chunks"),
        ([0], 20, "2 chunks with 1 starts"),
        ([0, 11], 21, "gap before step 11"),
        ([0, 0], 10, "do not rise"),
        ([5, 0], 15, "begin the read"),
        ([5, 10], 20, "begin the read"),
        ([0, 5], 16, "last step 16"),
        ([0, 10], 8, "last step 8"),
    ],
)
def test_chunks_that_do_not_make_a_read_are_refused(
    starts: list[int], num_samples: int, message: str
) -> None:
    chunks = [] if not starts else [part(whole_read(0, 10), 0, 10)] * 2
    with pytest.raises(ValueError, match=message):
        stitch(chunks, starts, num_samples, 1)
