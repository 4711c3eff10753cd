"""The likelihood of a window against a sum over all alignments; odds against two such likelihoods."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lexome.dp.kernels.edit_odds import edit_odds, window_likelihood

short = st.lists(st.integers(0, 3), min_size=1, max_size=4)
RNG = np.random.default_rng(4)
LONGEST = 3
RUN_DELETED, RUN_INSERTED = RNG.uniform(0.01, 0.2, (4, LONGEST + 1)), RNG.uniform(0.01, 0.2, (4, LONGEST + 1))
SINGLE, INSERTED = RNG.uniform(0.01, 0.2, (4, 4, 4)), RNG.uniform(0.001, 0.05, (4, 4, 4))
READ_AS = 0.8 * np.eye(4) + 0.2 * RNG.dirichlet([1, 1, 1, 1], 4)
ON = 0.2
RATES = (RUN_DELETED, RUN_INSERTED, SINGLE, INSERTED, READ_AS, ON)


def run_length(window: list[int], at: int) -> int:
    low = high = at
    while low > 0 and window[low - 1] == window[at]:
        low -= 1
    while high + 1 < len(window) and window[high + 1] == window[at]:
        high += 1
    return high - low + 1


def lost(window: list[int], at: int) -> float:
    length = run_length(window, at)
    if length > 1:
        return RUN_DELETED[window[at], min(length, LONGEST)]
    return SINGLE[window[max(at - 1, 0)], window[at], window[min(at + 1, len(window) - 1)]]


def opened(window: list[int], slot: int, base: int) -> float:
    left, right = max(slot - 1, 0), min(slot, len(window) - 1)
    for side in (right, left):
        if window[side] == base:
            length = min(run_length(window, side), LONGEST)
            return RUN_INSERTED[base, length] / (length + 1)
    return INSERTED[window[left], window[right], base] + 1e-5


def total(read: list[int], window: list[int], i: int = 0, j: int = 0, inside: bool = False) -> float:
    """The probability of what is left from base i of the read and j of the window on, path by path."""
    no_more = 1 - ON if inside else 1 - min(sum(opened(window, j, b) for b in range(4)), 0.5)
    found = 0.0
    if i == len(read) and j == len(window):
        return no_more
    if i < len(read):  # one more inserted base
        begin = ON / 4 if inside else opened(window, j, read[i])
        found += begin * total(read, window, i + 1, j, True)
    if j < len(window):
        gone = lost(window, j)
        found += no_more * gone * total(read, window, i, j + 1)
        if i < len(read):
            found += no_more * (1 - gone) * READ_AS[window[j], read[i]] * total(read, window, i + 1, j + 1)
    return found


@settings(max_examples=60, deadline=None)
@given(short, short)
def test_the_likelihood_is_the_sum_over_all_alignments(read: list[int], window: list[int]) -> None:
    found = window_likelihood(np.array(read, np.uint8), np.array(window, np.uint8), *RATES)
    assert found == pytest.approx(np.log(total(read, window)), rel=1e-9)


def test_long_windows_do_not_run_out_of_numbers() -> None:
    window = RNG.integers(0, 4, 200).astype(np.uint8)
    other = RNG.integers(0, 4, 200).astype(np.uint8)
    alike, unlike = (window_likelihood(one, window, *RATES) for one in (window, other))
    assert np.isfinite([alike, unlike]).all()
    assert alike - unlike > 100
    halves = window_likelihood(window[:100], window[:100], *RATES) * 2
    assert alike == pytest.approx(halves, rel=0.1)


def turned(codes: list[int]) -> list[int]:
    return [3 - code for code in reversed(codes)]


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_odds_are_the_difference_with_and_without(data: st.DataObject) -> None:
    draft = data.draw(st.lists(st.integers(0, 3), min_size=6, max_size=12))
    start = data.draw(st.integers(0, len(draft)))
    end = data.draw(st.integers(start, min(start + 2, len(draft))))
    insert = data.draw(st.lists(st.integers(0, 3), max_size=2))
    low, high = max(0, start - 3), min(len(draft), end + 3)
    reads = [data.draw(st.lists(st.integers(0, 3), min_size=len(draft), max_size=20)) for _ in range(3)]
    reverse = [False, True, False]
    firsts = np.cumsum([0, *map(len, reads)])
    at_PT = np.stack([first + np.arange(len(draft) + 1) for first in firsts[:-1]])
    at_PT[2, low] = -1  # does not cover the window
    new = draft[low:start] + insert + draft[end:high]
    wanted = 0.0
    for read, is_reverse in list(zip(reads, reverse, strict=True))[:2]:
        seen = read[low:high]
        if is_reverse:
            pairs = [(turned(seen), turned(window)) for window in (new, draft[low:high])]
        else:
            pairs = [(seen, window) for window in (new, draft[low:high])]
        with_edit, without = (
            window_likelihood(np.array(a, np.uint8), np.array(b, np.uint8), *RATES) if b else None
            for a, b in pairs
        )
        if with_edit is None or without is None:
            return  # nothing is left of the window
        wanted += with_edit - without
    insert_NJ = np.full((1, 4), 255, np.uint8)
    insert_NJ[0, : len(insert)] = insert
    found = edit_odds(
        np.array(draft, np.uint8), np.array(sum(reads, []), np.uint8), at_PT, np.array(reverse),
        np.array([start]), np.array([end]), insert_NJ, np.array([low]), np.array([high]), *RATES,
    )  # fmt: skip
    assert found[0] == pytest.approx(wanted, abs=1e-9)
