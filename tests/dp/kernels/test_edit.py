"""Edit distance with the most matches: against edlib and against a table filled by the definition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexome.dp.kernels.edit import matched_positions, matches_and_edits

codes = st.lists(st.integers(0, 3), max_size=40)
short_codes = st.lists(st.integers(0, 1), max_size=7)


def run(a: list[int], b: list[int]) -> tuple[int, int]:
    return matches_and_edits(np.array(a, np.int64), np.array(b, np.int64))


@given(codes, codes)
def test_edlib_finds_as_many_edits_and_no_more_matches(a: list[int], b: list[int]) -> None:
    edlib = pytest.importorskip("edlib")
    texts = ["".join("ACGT"[code] for code in sequence) for sequence in (a, b)]
    matches, edits = run(a, b)
    if not (a and b):  # edlib leaves these out
        assert (matches, edits) == (0, max(len(a), len(b)))
        return
    aligned = edlib.align(*texts, mode="NW", task="path")
    shown = edlib.getNiceAlignment(aligned, *texts)["matched_aligned"]
    assert edits == aligned["editDistance"]
    assert matches >= shown.count("|")
    assert matches + edits <= len(a) + len(b)


def every_alignment(a: list[int], b: list[int]) -> list[tuple[int, int]]:
    """(edits, -matches) of all alignments."""
    if not a or not b:
        return [(max(len(a), len(b)), 0)]
    same = a[0] == b[0]
    found = [(e + (not same), m - same) for e, m in every_alignment(a[1:], b[1:])]
    found += [(e + 1, m) for e, m in every_alignment(a[1:], b)]
    found += [(e + 1, m) for e, m in every_alignment(a, b[1:])]
    return list(set(found))


@given(short_codes, short_codes)
def test_of_all_alignments_the_fewest_edits_then_the_most_matches(a: list[int], b: list[int]) -> None:
    edits, minus_matches = min(every_alignment(a, b))
    assert run(a, b) == (-minus_matches, edits)


def every_matching(a: list[int], b: list[int]) -> list[tuple[int, tuple[bool, ...]]]:
    """(edits, which elements of a stand under an equal one) of all alignments."""
    if not a or not b:
        return [(max(len(a), len(b)), (False,) * len(a))]
    same = a[0] == b[0]
    found = [(e + (not same), (same, *m)) for e, m in every_matching(a[1:], b[1:])]
    found += [(e + 1, (False, *m)) for e, m in every_matching(a[1:], b)]
    found += [(e + 1, m) for e, m in every_matching(a, b[1:])]
    return list(set(found))


@given(short_codes, short_codes)
def test_matched_positions_are_those_of_a_best_alignment(a: list[int], b: list[int]) -> None:
    matched = matched_positions(np.array(a, np.int64), np.array(b, np.int64))
    found = every_matching(a, b)
    fewest = min(edits for edits, _ in found)
    assert (fewest, tuple(matched.tolist())) in found


def test_the_columns_of_a_known_alignment() -> None:
    # AC-GT over ACTGA: three matches, one gap, one mismatch
    assert run([0, 1, 2, 3], [0, 1, 3, 2, 0]) == (3, 2)


def test_it_is_symmetric_and_long_sequences_are_no_problem() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 4, 1500), rng.integers(0, 4, 1400)
    assert matches_and_edits(a, b) == matches_and_edits(b, a)
    assert matches_and_edits(a, a) == (1500, 0)
