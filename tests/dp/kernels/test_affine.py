"""Affine global alignment against all alignments of short sequences."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lexome.dp.kernels.affine import align_affine

codes = st.lists(st.integers(1, 3), max_size=4)


def all_alignments(truth: list[int], called: list[int]):
    """Every alignment as a string of pairs (=, x), bases only called (+) and only true (-)."""
    if not truth and not called:
        yield ""
    if truth and called:
        for rest in all_alignments(truth[:-1], called[:-1]):
            yield rest + ("=" if truth[-1] == called[-1] else "x")
    if called:
        for rest in all_alignments(truth, called[:-1]):
            yield rest + "+"
    if truth:
        for rest in all_alignments(truth[:-1], called):
            yield rest + "-"


def score_of(columns: str, match: int, mismatch: int, gap_open: int, gap_extend: int) -> int:
    opened = sum(c in "+-" and c != before for before, c in zip(" " + columns, columns, strict=False))
    return (
        match * columns.count("=") - mismatch * columns.count("x")
        - gap_open * opened - gap_extend * (columns.count("+") + columns.count("-"))
    )  # fmt: skip


@given(codes, codes, st.sampled_from([(2, 5, 5, 4), (1, 1, 0, 1), (3, 0, 2, 0), (2, 9, 1, 1)]))
@settings(max_examples=120)
def test_it_is_a_best_one_of_all_alignments(truth, called, prices) -> None:
    score, *counts = align_affine(np.array(truth, np.uint8), np.array(called, np.uint8), *prices)
    alignments = list(all_alignments(truth, called))
    best = max(score_of(a, *prices) for a in alignments)
    assert score == best
    found = [[a.count(c) for c in "=x+-"] for a in alignments if score_of(a, *prices) == best]
    assert counts in found


def test_of_equal_alignments_pairs_come_last() -> None:
    """A pair scores as an insertion and a deletion do: the pair is taken."""
    assert align_affine(np.array([1]), np.array([2]), 2, 2, 0, 1) == (-2, 0, 1, 0, 0)
    # three A against two: the lacking one is the first
    assert align_affine(np.array([1, 1, 1]), np.array([1, 1]), 2, 5, 5, 4) == (-5, 2, 0, 0, 1)
