import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lexome.core.errors import UsageError
from lexome.simulate.truth import dwells_of, moves_of

DWELLS = st.lists(st.integers(1, 30), min_size=1, max_size=60)


def starts_of(dwells: list[int], lead: int) -> np.ndarray:
    return lead + np.cumsum([0, *dwells[:-1]])


@settings(deadline=None)
@given(DWELLS, st.integers(0, 500))
def test_dwells_give_the_starts_back(dwells: list[int], lead: int) -> None:
    starts = starts_of(dwells, lead)
    given_back = dwells_of(starts, lead + sum(dwells))
    assert given_back.dtype == np.uint16
    assert given_back.tolist() == dwells
    assert np.array_equal(lead + np.cumsum(given_back) - given_back, starts)


@settings(deadline=None)
@given(DWELLS, st.integers(0, 500))
def test_moves_of_stride_one_are_exact(dwells: list[int], lead: int) -> None:
    starts = starts_of(dwells, lead)
    moves = moves_of(starts, lead + sum(dwells), 1)
    assert len(moves) == sum(dwells)
    assert np.array_equal(np.flatnonzero(moves), starts - lead)


@settings(deadline=None, max_examples=300)
@given(DWELLS, st.integers(0, 500), st.integers(2, 8))
@example([30, 1, 1], 7, 8)
@example([9, 1, 1, 1, 1, 30], 0, 5)
def test_moves_follow_the_rule(dwells: list[int], lead: int, stride: int) -> None:
    """Against the rule written out: each base in the first free step from its own on, ends pushed back."""
    starts, samples = starts_of(dwells, lead), sum(dwells)
    steps = -(-samples // stride)
    if steps < len(dwells):
        with pytest.raises(UsageError, match="stride"):
            moves_of(starts, lead + samples, stride)
        return
    places: list[int] = []
    for start in (starts - lead).tolist():
        places.append(max(start // stride, places[-1] + 1 if places else 0))
    limit = steps
    for i in reversed(range(len(places))):
        places[i] = min(places[i], limit - 1)
        limit = places[i]
    moves = moves_of(starts, lead + samples, stride)
    assert len(moves) == steps
    assert np.flatnonzero(moves).tolist() == places


def test_long_dwells_are_never_moved() -> None:
    starts = starts_of([5, 9, 7, 5, 30], 40)
    assert moves_of(starts, 40 + 56, 5).tolist() == [1, 1, 1, 0, 1, 1, 0, 0, 0, 0, 0, 0]
