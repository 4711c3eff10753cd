"""The columns of a pile-up by their definition; whole pile-ups are tried in tests/features."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexome.dp.kernels.pileup import check_cigar, columns_of, lay_out, longest_insertions

M, I, D, N, S, H, P, EQUAL, X = range(9)  # noqa: E741
rows = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), max_size=6)
inner = st.lists(
    st.tuples(st.integers(1, 4), st.sampled_from([M, I, D, N, EQUAL, X])), min_size=1, max_size=8
)


def as_array(cigar: list[tuple[int, int]]) -> np.ndarray:
    return np.array(cigar, np.int64).reshape(-1, 2)


@given(rows)
def test_what_an_alignment_takes(cigar: list[tuple[int, int]]) -> None:
    operations = [operation for _, operation in cigar]
    middle = [i for i, operation in enumerate(operations) if operation not in (S, H)]
    whole = not middle or middle == list(range(middle[0], middle[-1] + 1))
    if not whole or any(length < 1 or operation in (P, 9) for length, operation in cigar):
        assert check_cigar(as_array(cigar)) == (-1, -1)
        return
    read = sum(length for length, operation in cigar if operation in (M, I, S, EQUAL, X))
    ccs = sum(length for length, operation in cigar if operation in (M, D, N, EQUAL, X))
    assert check_cigar(as_array(cigar)) == (read, ccs)


def inserted_before(cigar: list[tuple[int, int]], start: int, limit: int) -> dict[int, int]:
    found: dict[int, int] = {}
    for length, operation in cigar:
        if operation == I:
            found[start] = found.get(start, 0) + (length if limit == 0 or length <= limit else 0)
        else:
            start += length
    return found


@given(st.lists(st.tuples(st.integers(0, 3), inner), min_size=1, max_size=4), st.integers(0, 3))
def test_columns_by_their_definition(reads: list, limit: int) -> None:
    num_ccs = max(start + sum(n for n, o in cigar if o != I) for start, cigar in reads) + 1
    starts = np.array([start for start, _ in reads])
    cigars = [as_array(cigar) for _, cigar in reads]
    borders = np.concatenate([[0], np.cumsum([len(cigar) for cigar in cigars])])
    longest = longest_insertions(np.concatenate(cigars), borders, starts, num_ccs, limit)
    found = [inserted_before(cigar, start, limit) for start, cigar in reads]
    expected = [max(one.get(c, 0) for one in found) for c in range(num_ccs + 1)]
    assert longest.tolist() == expected
    columns = columns_of(longest)
    assert columns.tolist() == [c + sum(expected[: c + 1]) for c in range(num_ccs + 1)]


@pytest.mark.parametrize(("limit", "shown"), [(0, [1, 2, 3, 4, 0, 5, 6]), (1, [1, 2, 5, 6])])
def test_values_stand_in_their_columns(limit: int, shown: list[int]) -> None:
    cigar = as_array([(1, S), (1, EQUAL), (1, I), (2, I), (1, D), (1, X), (1, I)])
    if limit:
        cigar = as_array([(1, S), (1, EQUAL), (1, I), (2, I), (1, X), (1, I)])
    one, many = np.array([0, len(cigar)]), np.zeros(1, np.int64)
    num_ccs = 2 if limit else 3
    columns = columns_of(longest_insertions(cigar, one, many, num_ccs, limit))
    rows_KPW = np.zeros((2, 1, columns[-1]), np.uint8)
    values = np.arange(7, dtype=np.uint8)
    lay_out(np.stack([values, values + 10]), np.array([0, 7]), cigar, one, many, columns, limit, rows_KPW)
    assert rows_KPW[0, 0].tolist() == shown
    assert rows_KPW[1, 0].tolist() == [value + 10 if value else 0 for value in shown]
