"""Calling and pairing borders."""

from itertools import combinations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lexome.evaluate.border_f1 import BorderCounts, call_borders, count_borders, even_borders

places = st.sets(st.integers(0, 9), max_size=5)


def marks(at: set[int]) -> np.ndarray:
    return np.isin(np.arange(10), sorted(at))[None]


def most_pairs(called: set[int], true: set[int], tolerance: int) -> int:
    """Tries to give a partner to ever more of the called ones."""

    def can(some: tuple[int, ...], free: set[int]) -> bool:
        if not some:
            return True
        near = [place for place in free if abs(place - some[0]) <= tolerance]
        return any(can(some[1:], free - {place}) for place in near)

    sizes = range(min(len(called), len(true)), 0, -1)
    return next((n for n in sizes if any(can(some, true) for some in combinations(called, n))), 0)


@given(places, places, st.integers(0, 2))
def test_no_pairing_has_more_pairs(called: set[int], true: set[int], tolerance: int) -> None:
    counts = count_borders(marks(called), marks(true), tolerance)
    assert counts == BorderCounts(len(called), len(true), most_pairs(called, true, tolerance))


def test_f1_and_sums() -> None:
    counts = BorderCounts(3, 5, 2) + BorderCounts(1, 1, 1)
    assert counts == BorderCounts(4, 6, 3)
    assert counts.f1 == 0.6
    assert BorderCounts().f1 == 0.0


def test_a_border_between_two_samples_is_called_once() -> None:
    probability = np.array([[0.0, 0.3, 0.3, 0.1, 0.0, 0.45, 0.0, 0.9, 0.0, 0.6]])
    assert np.flatnonzero(call_borders(probability)).tolist() == [2, 7, 9]


def test_even_borders_are_as_many_and_as_far_apart() -> None:
    borders = even_borders(2, 90, 1 / 9)
    assert borders.sum(axis=1).tolist() == [10, 10]
    assert set(np.diff(np.flatnonzero(borders[0]))) == {9}
