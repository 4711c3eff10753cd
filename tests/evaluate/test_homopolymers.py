"""Runs of a reference, and the lengths at which they are called."""

from itertools import groupby

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexome.core.alphabet import BASES, encode
from lexome.evaluate.cigar import LONG_GAP, expand
from lexome.evaluate.homopolymers import MIN_RUN, CalledRuns, called_runs, in_homopolymer, run_starts


def runs(cigar: list[tuple[int, int]], query: str, reference: str) -> CalledRuns:
    q, r = encode(query), encode(reference)
    return called_runs(expand(np.array(cigar, np.int64).reshape(-1, 2), q, r), q, r)


def as_tuples(called: CalledRuns) -> list[tuple[str, int, int]]:
    rows = zip(called.base.tolist(), called.length.tolist(), called.called.tolist(), strict=True)
    return [(BASES[base], length, seen) for base, length, seen in rows]


@given(st.text("AACN", max_size=40), st.integers(1, 5))
def test_bases_in_runs(reference: str, min_run: int) -> None:
    expected: list[bool] = []
    for letter, group in groupby(reference):
        size = len(list(group))
        expected += [size >= min_run and letter != "N"] * size
    assert in_homopolymer(encode(reference), min_run).tolist() == expected


@given(st.text("AC", min_size=1, max_size=40), st.data())
def test_a_piece_with_flanks_knows_what_the_whole_knows(reference: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(reference)))
    end = data.draw(st.integers(start, len(reference)))
    first, last = max(0, start - MIN_RUN + 1), min(len(reference), end + MIN_RUN - 1)
    piece = in_homopolymer(encode(reference[first:last]))[start - first : end - first]
    assert piece.tolist() == in_homopolymer(encode(reference))[start:end].tolist()


def test_run_starts() -> None:
    assert run_starts(encode("AAACCG")).tolist() == [0, 3, 5]
    assert run_starts(encode("")).tolist() == []


@given(
    st.lists(st.tuples(st.sampled_from(BASES), st.integers(1, 6), st.integers(0, 9)), min_size=1, max_size=8)
)
def test_called_lengths_of_runs_that_were_stretched_or_shrunk(parts: list[tuple[str, int, int]]) -> None:
    """Each run is called at a chosen length; the alignment says so base by base."""
    merged = [part for i, part in enumerate(parts) if i == 0 or part[0] != parts[i - 1][0]]
    inner = [("N", 1, 1), *merged, ("N", 1, 1)]
    cigar: list[tuple[int, int]] = []
    for _, length, called in inner:
        cigar.append((min(length, called), 0))
        cigar.append((called - length, 1) if called > length else (length - called, 2))
    query = "".join(base * called for base, _, called in inner)
    reference = "".join(base * length for base, length, _ in inner)
    found = as_tuples(runs(cigar, query, reference))
    # a base inserted at a border belongs to the run it repeats, which is the one that was stretched
    assert found == [part for part in inner if part[0] != "N"]


@pytest.mark.parametrize(
    ("cigar", "query", "expected"),
    [
        ([(8, 0)], "CAAAATGT", [("A", 4, 4), ("T", 1, 1), ("G", 1, 1)]),
        ([(8, 0)], "CAAGATGT", [("A", 4, 3), ("T", 1, 1), ("G", 1, 1)]),  # a mismatch shortens
        ([(1, 0), (4, 2), (3, 0)], "CTGT", [("A", 4, 0), ("T", 1, 1), ("G", 1, 1)]),
        ([(3, 0), (1, 1), (5, 0)], "CAAAAATGT", [("A", 4, 5), ("T", 1, 1), ("G", 1, 1)]),
        ([(3, 0), (1, 1), (5, 0)], "CAAGAATGT", [("A", 4, 4), ("T", 1, 1), ("G", 1, 1)]),
    ],
)
def test_called_lengths_by_hand(
    cigar: list[tuple[int, int]], query: str, expected: list[tuple[str, int, int]]
) -> None:
    assert as_tuples(runs(cigar, query, "CAAAATGT")) == expected


def test_runs_at_the_ends_are_left_out() -> None:
    assert as_tuples(runs([(6, 0)], "AAACCC", "AAACCC")) == []
    assert as_tuples(runs([], "", "")) == []


def test_a_long_gap_neither_deletes_nor_lengthens_a_run() -> None:
    many = LONG_GAP
    deleted = runs([(1, 0), (many, 2), (2, 0)], "CGT", "C" + "A" * many + "GT")
    assert as_tuples(deleted) == [("G", 1, 1)]
    inserted = runs([(4, 0), (many, 1), (2, 0)], "CAAA" + "A" * many + "GT", "CAAAGT")
    assert as_tuples(inserted) == [("A", 3, 3), ("G", 1, 1)]
