"""Alignment in a guided band: against a table filled by the definition, and against edlib."""

from itertools import groupby

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexome.dp.kernels.guided_align import DELETION, INSERTION, PAIR, guided_align

codes = st.lists(st.integers(0, 3), max_size=30)
few_codes = st.lists(st.integers(0, 1), max_size=9)
costs = st.tuples(st.integers(1, 6), st.integers(0, 4), st.integers(1, 3))


def align(
    query: list[int], reference: list[int], scoring: tuple[int, int, int], width: int = 99
) -> list[int]:
    guide = np.linspace(0, len(reference), len(query) + 1).astype(np.int64)
    arrays = (np.array(query, np.uint8), np.array(reference, np.uint8))
    return guided_align(*arrays, guide, width, *scoring).tolist()


def cost_of(query: list[int], reference: list[int], ops: list[int], scoring: tuple[int, int, int]) -> int:
    """The cost of given operations, which must use up both sequences."""
    mismatch, gap_open, gap_extend = scoring
    left, right = iter(query), iter(reference)
    cost = 0
    for op, run in groupby(ops):
        length = len(list(run))
        for _ in range(length):
            a = next(left) if op != DELETION else None
            b = next(right) if op != INSERTION else None
            cost += mismatch if op == PAIR and a != b else 0
        cost += 0 if op == PAIR else gap_open + length * gap_extend
    assert next(left, None) is None
    assert next(right, None) is None
    return cost


def least_cost(query: list[int], reference: list[int], scoring: tuple[int, int, int]) -> int:
    """By the definition: every gap, of every length, ends at every cell."""
    mismatch, gap_open, gap_extend = scoring
    table = {(0, 0): 0}
    for i in range(len(query) + 1):
        for j in range(len(reference) + 1):
            options = [table[i - k, j] + gap_open + k * gap_extend for k in range(1, i + 1)]
            options += [table[i, j - k] + gap_open + k * gap_extend for k in range(1, j + 1)]
            if i and j:
                options.append(table[i - 1, j - 1] + mismatch * (query[i - 1] != reference[j - 1]))
            if options:
                table[i, j] = min(options)
    return table[len(query), len(reference)]


@given(few_codes, few_codes, costs)
def test_the_cost_is_the_least(a: list[int], b: list[int], scoring: tuple[int, int, int]) -> None:
    assert cost_of(a, b, align(a, b, scoring), scoring) == least_cost(a, b, scoring)


@given(codes, codes)
def test_edlib_finds_as_few_edits(a: list[int], b: list[int]) -> None:
    edlib = pytest.importorskip("edlib")
    if a and b:  # edlib leaves empty ones out
        texts = ["".join("ACGT"[code] for code in sequence) for sequence in (a, b)]
        wanted = edlib.align(*texts, mode="NW")["editDistance"]
        assert cost_of(a, b, align(a, b, (1, 0, 1)), (1, 0, 1)) == wanted


@given(few_codes, few_codes, costs)
def test_gaps_stand_as_far_left_as_they_can(
    a: list[int], b: list[int], scoring: tuple[int, int, int]
) -> None:
    ops = align(a, b, scoring)
    best = cost_of(a, b, ops, scoring)
    for i in range(1, len(ops)):
        if ops[i - 1] == PAIR and ops[i] != PAIR:
            end = next((k for k in range(i, len(ops)) if ops[k] != ops[i]), len(ops))
            shifted = ops[: i - 1] + ops[i:end] + [PAIR] + ops[end:]
            assert cost_of(a, b, shifted, scoring) > best


def test_a_gap_in_a_homopolymer_is_at_its_left_end_and_left_of_a_mismatch() -> None:
    scoring = (4, 3, 2)
    assert align([0, 1, 1, 1, 2], [0, 1, 1, 1, 1, 2], scoring) == [0, DELETION, 0, 0, 0, 0]
    assert align([0, 1, 1, 1, 1, 2], [0, 1, 1, 1, 2], scoring) == [0, INSERTION, 0, 0, 0, 0]
    assert align([0, 0, 2, 0, 0], [0, 0, 1, 3, 0, 0], scoring) == [0, 0, DELETION, 0, 0, 0]


def test_a_band_around_the_path_gives_what_the_whole_table_gives() -> None:
    rng = np.random.default_rng(3)
    reference = rng.integers(0, 4, 3000, dtype=np.uint8)
    kept = rng.random(3000) > 0.1
    query = reference[kept].copy()
    changed = rng.random(len(query)) < 0.05
    query[changed] = (query[changed] + 1) % 4
    guide = np.append(np.flatnonzero(kept), 3000)
    narrow = guided_align(query, reference, guide, 48, 4, 3, 2)
    whole = guided_align(query, reference, guide, 9999, 4, 3, 2)
    np.testing.assert_array_equal(narrow, whole)
    assert (narrow == DELETION).sum() - (narrow == INSERTION).sum() == 3000 - len(query)


def test_without_a_path_in_the_band_there_are_no_operations() -> None:
    jump = np.array([0, 0, 0, 90, 90, 90], np.int64)
    query, reference = np.zeros(5, np.uint8), np.zeros(90, np.uint8)
    assert len(guided_align(query, reference, jump, 4, 4, 3, 2)) == 0
    assert len(guided_align(query, reference, jump, 91, 4, 3, 2)) == 90
    assert len(guided_align(query[:0], reference[:0], jump[:1], 4, 4, 3, 2)) == 0
