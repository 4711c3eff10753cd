"""The CIGAR walk against a walk column by column, against edlib, and against alignments written by hand."""

import re

import edlib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexome.core.alphabet import NO_BASE, encode
from lexome.core.errors import BadInputError
from lexome.evaluate.cigar import (
    DELETION,
    INSERTION,
    LONG_GAP,
    MATCH,
    MISMATCH,
    Columns,
    ReadErrors,
    count,
    expand,
)
from lexome.evaluate.homopolymers import in_homopolymer

OPERATIONS = "MIDNSHP=X"


def parse(text: str) -> np.ndarray:
    pairs = [(int(n), OPERATIONS.index(op)) for n, op in re.findall(r"(\d+)([MIDNSHP=X])", text)]
    return np.array(pairs, np.int64).reshape(-1, 2)


def walk(cigar: str, query: str, reference: str) -> tuple[Columns, ReadErrors]:
    q, r = encode(query), encode(reference)
    columns = expand(parse(cigar), q, r)
    return columns, count(columns, q, r, in_homopolymer(r))


def in_run(reference: str, i: int) -> bool:
    """Whether base i lies in a run of three or more, seen by walking left and right."""
    left = right = i
    while left > 0 and reference[left - 1] == reference[i]:
        left -= 1
    while right + 1 < len(reference) and reference[right + 1] == reference[i]:
        right += 1
    return reference[i] in "ACGT" and right - left + 1 >= 3


def walk_by_hand(cigar: str, query: str, reference: str) -> dict[str, int]:
    """The same counts, one column after the other, in plain Python."""
    names = [field for field in ReadErrors.__dataclass_fields__]
    n = dict.fromkeys(names, 0)
    q = r = 0
    for length, op in re.findall(r"(\d+)([MIDNSHP=X])", cigar):
        n["long_gaps"] += op in "ID" and int(length) >= LONG_GAP
        for _ in range(int(length)):
            if op in "M=X":
                if reference[r] in "ACGT":
                    n["matches" if query[q] == reference[r] else "mismatches"] += 1
                    n["hp_bases" if in_run(reference, r) else "non_hp_bases"] += 1
                q, r = q + 1, r + 1
            elif op == "I":
                near = [i for i in (r - 1, r) if 0 <= i < len(reference) and reference[i] == query[q]]
                inside = query[q] in "ACGT" and any(in_run(reference, i) for i in near)
                n["insertions"] += 1
                n["hp_insertions" if inside else "non_hp_insertions"] += 1
                n["long_gap_columns"] += int(length) >= LONG_GAP
                q += 1
            elif op == "D":
                if reference[r] in "ACGT":
                    n["deletions"] += 1
                    n["hp_bases" if in_run(reference, r) else "non_hp_bases"] += 1
                    n["hp_deletions" if in_run(reference, r) else "non_hp_deletions"] += 1
                    n["long_gap_columns"] += int(length) >= LONG_GAP
                r += 1
            elif op == "S":
                q += 1
            elif op == "N":
                r += 1
    return n


@st.composite
def alignments(draw: st.DrawFn) -> tuple[str, str, str]:
    """A CIGAR with sequences that fit it; two letters make runs, N now and then makes gaps in them."""
    parts = draw(st.lists(st.tuples(st.integers(0, 6), st.sampled_from(OPERATIONS)), max_size=12))
    if draw(st.booleans()):
        parts.append((LONG_GAP, draw(st.sampled_from("ID"))))
    query_length = sum(n for n, op in parts if op in "MIS=X")
    reference_length = sum(n for n, op in parts if op in "MDN=X")
    letters = st.sampled_from("AAACCN")
    query = draw(st.lists(letters, min_size=query_length, max_size=query_length))
    reference = draw(st.lists(letters, min_size=reference_length, max_size=reference_length))
    return "".join(f"{n}{op}" for n, op in parts), "".join(query), "".join(reference)


@given(alignments())
def test_counts_agree_with_a_walk_column_by_column(case: tuple[str, str, str]) -> None:
    _, errors = walk(*case)
    assert vars(errors) == walk_by_hand(*case)


@given(st.text("ACGT", min_size=1, max_size=60), st.text("ACGT", min_size=1, max_size=60))
def test_a_global_alignment_has_as_many_errors_as_edlib_found(query: str, reference: str) -> None:
    found = edlib.align(query, reference, mode="NW", task="path")
    _, errors = walk(found["cigar"], query, reference)
    assert errors.mismatches + errors.insertions + errors.deletions == found["editDistance"]
    per_kind = {
        op: sum(int(n) for n, o in re.findall(r"(\d+)(.)", found["cigar"]) if o == op) for op in "=XID"
    }
    assert (errors.matches, errors.mismatches) == (per_kind["="], per_kind["X"])
    assert (errors.insertions, errors.deletions) == (per_kind["I"], per_kind["D"])
    assert errors.identity == pytest.approx(per_kind["="] / sum(per_kind.values()))


def test_columns_of_a_small_alignment() -> None:
    columns, errors = walk("2S3M1I2M2D1M", "NNACGTTACC"[:9], "ACATTGGC")
    assert columns.kind.tolist() == [
        MATCH, MATCH, MISMATCH, INSERTION, MATCH, MISMATCH, DELETION, DELETION, MATCH
    ]  # fmt: skip
    assert columns.query_at.tolist() == [2, 3, 4, 5, 6, 7, 8, 8, 8]
    assert columns.reference_at.tolist() == [0, 1, 2, 3, 3, 4, 5, 6, 7]
    assert (errors.columns, errors.identity) == (9, 4 / 9)


@pytest.mark.parametrize(
    ("cigar", "query", "reference", "hp_insertions", "hp_deletions"),
    [
        ("2M1D4M", "CAAAGT", "CAAAAGT", 0, 1),  # a run of four called as three
        ("2M1D3M", "CAAGT", "CAAAGT", 0, 1),  # a run of three called as two
        ("2M1D2M", "CAGT", "CAAGT", 0, 0),  # two equal bases are no homopolymer
        ("4M1I2M", "CAAAAGT", "CAAAGT", 1, 0),  # lengthened at its end
        ("1M1I5M", "CAAAAGT", "CAAAGT", 1, 0),  # lengthened at its start
        ("3M1I3M", "CAAAAGT", "CAAAGT", 1, 0),  # lengthened inside
        ("4M1I2M", "CAAATGT", "CAAAGT", 0, 0),  # another base beside the run
        ("4M2I2M", "CAAAATGT", "CAAAGT", 1, 0),  # one base of two lengthens it
        ("3M1I2M", "CAAAGT", "CAAGT", 0, 0),  # two become three: the reference has no homopolymer
    ],
)
def test_errors_in_homopolymers(
    cigar: str, query: str, reference: str, hp_insertions: int, hp_deletions: int
) -> None:
    _, errors = walk(cigar, query, reference)
    assert (errors.hp_insertions, errors.hp_deletions) == (hp_insertions, hp_deletions)
    assert errors.hp_insertions + errors.non_hp_insertions == errors.insertions
    assert errors.hp_deletions + errors.non_hp_deletions == errors.deletions
    assert errors.mismatches == 0


def test_an_ambiguous_reference_base_is_no_column_and_an_ambiguous_call_is_wrong() -> None:
    _, errors = walk("4M", "ACNT", "ANGT")
    assert (errors.matches, errors.mismatches, errors.columns) == (2, 1, 3)
    columns, errors = walk("1M2D1M", "AT", "ANCT")
    assert (errors.deletions, errors.columns) == (1, 3)
    assert NO_BASE not in encode("ANCT")[columns.reference_at]


def test_an_operation_never_overrules_the_bases() -> None:
    _, errors = walk("2=2X", "ACGT", "AGGA")
    assert (errors.matches, errors.mismatches) == (2, 2)


def test_an_alignment_without_columns_has_no_identity() -> None:
    _, errors = walk("", "", "")
    assert np.isnan(errors.identity)


@pytest.mark.parametrize("cigar", ["3M", "5M", "4M1I", "4M1D"])
def test_a_cigar_that_does_not_fit_is_refused(cigar: str) -> None:
    with pytest.raises(BadInputError, match="a CIGAR covers"):
        walk(cigar, "ACGT", "ACGT")


def test_an_unknown_operation_is_refused() -> None:
    with pytest.raises(BadInputError, match="unknown operation"):
        expand(np.array([[4, 9]]), encode("ACGT"), encode("ACGT"))
