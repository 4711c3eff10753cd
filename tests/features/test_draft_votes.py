"""Votes of passes on a draft, against counts by hand."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lexome.core.alphabet import encode
from lexome.core.homopolymer_runs import runs_of
from lexome.dp.kernels.guided_align import DELETION, INSERTION, PAIR
from lexome.features.draft_votes import LONGEST_BP, RAGGED_BP, Votes
from lexome.features.subread_alignment import SubreadAlignment

OPS = {"=": PAIR, "I": INSERTION, "D": DELETION}


def alignment(ops: str, start: int = 0, is_reverse: bool = False, query_start: int = 0) -> SubreadAlignment:
    ops_C = np.array([OPS[one] for one in ops], np.uint8)
    end, query_end = start + ops.count("=") + ops.count("D"), query_start + ops.count("=") + ops.count("I")
    return SubreadAlignment(is_reverse, start, end, query_start, query_end, ops_C, ops.count("="))


@given(st.text("ACGT", min_size=1, max_size=30))
def test_runs_are_the_homopolymers(text: str) -> None:
    runs = runs_of(encode(text))
    spelled = "".join("ACGT"[b] * n for b, n in zip(runs.base, runs.length_bp, strict=True))
    assert spelled == text
    assert (np.diff(runs.base.astype(int)) != 0).all()
    assert runs.start.tolist() == np.concatenate([[0], np.cumsum(runs.length_bp)[:-1]]).tolist()
    assert [runs.base[i] for i in runs.of_base] == encode(text).tolist()


def test_one_pass_is_counted_by_hand() -> None:
    votes = Votes(encode("ACCGT"))
    #      A  C C  G T
    # AG : A T CCC - T   (T put in before the first C; one C more; G lost)
    votes.add(encode("ATCCCT"), alignment("=II==D="), True, True)
    assert votes.cover_T.tolist() == [1, 1, 1, 1, 1]
    assert votes.reads_T4.sum(1).tolist() == [1, 1, 1, 0, 1]
    assert votes.reads_T4[1].tolist() == [0, 1, 0, 0]
    assert votes.inserts[1, 0].tolist() == [0, 0, 0, 1]  # T, then C, before the first C
    assert votes.inserts[1, 1].tolist() == [0, 1, 0, 0]
    assert votes.inserts.sum() == 2
    assert votes.extras[1].tolist() == [0, 0, 0, 1]
    assert votes.extras.sum() == 1
    (seen,) = votes.seen
    assert seen.length_H.tolist() == [1, 3, 0, 1]
    assert seen.inside_H.all()
    assert votes.at_T1[0].tolist() == [0, 3, 4, 5, 5, 6]
    assert votes.slot_cover.tolist() == [1] * 6


def test_a_partial_pass_says_nothing_of_what_it_does_not_cover() -> None:
    votes = Votes(encode("AACCGGTT"))
    votes.add(encode("ACCGG"), alignment("=====", start=1), False, False)
    assert votes.cover_T.tolist() == [0, 1, 1, 1, 1, 1, 0, 0]
    assert votes.at_T1[0].tolist() == [-1, 0, 1, 2, 3, 4, 5, -1, -1]
    assert votes.seen[0].inside_H.tolist() == [False, True, False, False]  # GG might go on
    assert votes.slot_cover.tolist() == [0, 1, 1, 1, 1, 1, 1, 0, 0]


def test_a_pass_that_ends_at_an_adapter_covers_the_ends() -> None:
    draft = encode("G" + "ACGT" * 40)
    for start, covered in ((1, 1.0), (RAGGED_BP + 5, 0.0)):
        votes = Votes(draft)
        read = draft[start:-1]
        votes.add(read, alignment("=" * len(read), start=start), True, True)
        assert votes.cover_T[0] == covered
        assert votes.cover_T[-1] == 1
        assert votes.at_T1[0][0] == (0 if covered else -1)
        assert votes.at_T1[0][-1] == len(read)
        assert votes.seen[0].inside_H[0] == bool(covered)


def test_long_gaps_are_counted_as_a_whole() -> None:
    votes = Votes(encode("ACGTACGTACGT"))
    for _ in range(2):
        votes.add(encode("ACGGGTTACGT"), alignment("===III=DDDD===="), True, True)
    too_long = "A" * (LONGEST_BP + 1)
    votes.add(
        encode("AC" + too_long + "GTACGTACGT"), alignment("==" + "I" * len(too_long) + "=" * 10), True, True
    )
    assert votes.long == {(3, 3, encode("GGT").tobytes()): 2, (4, 8, b""): 2}


def test_letters_that_are_no_base_do_not_vote() -> None:
    votes = Votes(encode("ACGT"))
    votes.add(encode("ANNGT"), alignment("=I==="), True, True)
    assert votes.reads_T4.sum() == 3
    assert votes.inserts.sum() == votes.extras.sum() == 0
