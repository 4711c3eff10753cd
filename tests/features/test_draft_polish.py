"""Changes of a draft: which are tried, which are made."""

import numpy as np
import pytest

from lexome.core.alphabet import decode, encode
from lexome.features.draft_polish import (
    PER_BASE,
    Edits,
    ErrorRates,
    apply_best,
    doubt_of,
    edits_of,
    odds_of,
)
from lexome.features.draft_votes import LONGEST_BP, Votes
from lexome.features.subread_alignment import Consensus, align_subread, reverse_codes

RATES = ErrorRates(
    np.full((4, 13), 0.03), np.full((4, 13), 0.03), np.full((4, 4, 4), 0.03), np.full((4, 4, 4), 0.01),
    np.full((4, 4), 0.01) + 0.96 * np.eye(4), 0.2,
)  # fmt: skip
RNG = np.random.default_rng(8)
TRUE = RNG.integers(0, 4, 400).astype(np.uint8)


def votes_on(draft: np.ndarray, truth: np.ndarray, passes: int = 6, rate: float = 0.03) -> Votes:
    """The votes of passes over the truth, of alternating strands, with random losses and replacements."""
    votes, target, rng = Votes(draft), Consensus(draft), np.random.default_rng(3)
    for number in range(passes):
        read = np.where(rng.random(len(truth)) < rate, rng.integers(0, 4, len(truth)), truth).astype(np.uint8)
        read = read[rng.random(len(truth)) > rate]
        native = read if number % 2 == 0 else reverse_codes(read)
        one = align_subread(native, target)
        assert one is not None
        assert one.is_reverse == (number % 2 == 1)
        votes.add(read, one, True, True)
    return votes


def insertion(*codes: int) -> list[int]:
    return [*codes, *[255] * (LONGEST_BP - len(codes))]


def edits(*rows: tuple[int, int, list[int]], side: int = 12) -> Edits:
    start, end = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])
    insert_NJ = np.array([r[2] for r in rows], np.uint8)
    return Edits(start, end, insert_NJ, np.maximum(start - side, 0), np.minimum(end + side, len(TRUE)))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda t: np.delete(t, 200),
        lambda t: np.insert(t, 200, (t[200] + 1) % 4),
        lambda t: np.insert(t, 200, t[200]),
        lambda t: np.where(np.arange(len(t)) == 200, (t + 2) % 4, t),
        lambda t: np.delete(t, slice(150, 162)),
        lambda t: np.insert(t, 100, [0, 2, 1, 3, 0, 0, 2]),
    ],
    ids=["lost", "more", "longer", "replaced", "lost12", "more7"],
)
def test_one_wrong_place_is_put_right(spoil) -> None:
    draft = np.asarray(spoil(TRUE)).astype(np.uint8)
    for _ in range(3):
        votes = votes_on(draft, TRUE)
        tried = edits_of(votes)
        draft, changes = apply_best(draft, tried, odds_of(votes, tried, RATES))
        if changes == 0:
            break
    assert decode(draft) == decode(TRUE)


def test_a_right_draft_stays_right() -> None:
    votes = votes_on(TRUE, TRUE)
    tried = edits_of(votes)
    odds_N = odds_of(votes, tried, RATES)
    assert len(tried) > 5
    assert (odds_N < 0).all()
    same, changes = apply_best(TRUE, tried, odds_N)
    assert changes == 0
    assert (same == TRUE).all()


def test_a_unit_of_a_repeat_is_tried_though_no_two_passes_agree_where_it_lacks() -> None:
    unit = encode("ACGTC")
    truth = np.concatenate([TRUE[:100], np.tile(unit, 8), TRUE[100:200]])
    draft = np.concatenate([TRUE[:100], np.tile(unit, 7), TRUE[100:200]])
    votes = votes_on(draft, truth)
    votes.long.clear()
    votes.inserts[:] = 0  # as if the passes had been aligned with gaps all over the repeat
    tried = edits_of(votes)
    better, _ = apply_best(draft, tried, odds_of(votes, tried, RATES))
    assert decode(better) == decode(truth)


def test_a_longer_draft_needs_better_reasons() -> None:
    """Where nothing else speaks for either, the shorter draft is likelier."""
    votes = Votes(TRUE)
    votes.add(TRUE[:1], align_to(TRUE[:1]), False, False)
    tried = edits((300, 300, insertion(1)), (300, 301, insertion()), (300, 301, insertion(2)))
    assert odds_of(votes, tried, RATES).tolist() == pytest.approx([PER_BASE, -PER_BASE, 0.0])


def align_to(query: np.ndarray):
    from lexome.features.subread_alignment import SubreadAlignment

    return SubreadAlignment(False, 0, len(query), 0, len(query), np.zeros(len(query), np.uint8), len(query))


def test_the_best_changes_come_first_and_spare_their_surroundings() -> None:
    tried = edits(
        (50, 51, insertion()), (55, 55, insertion(0, 0)), (100, 102, insertion(3)), (200, 201, insertion(1))
    )
    new, changes = apply_best(TRUE, tried, np.array([5.0, 7.0, 0.5, -1.0]))
    assert changes == 2  # the one at 50 is too near to the better one at 55
    wanted = np.concatenate([TRUE[:55], [0, 0], TRUE[55:100], [3], TRUE[102:]])
    assert (new == wanted).all()
    assert apply_best(TRUE, tried, np.full(4, -1.0))[1] == 0


def test_doubt_adds_up_at_the_base_that_changes() -> None:
    tried = edits((5, 6, insertion()), (5, 5, insertion(1)), (400, 400, insertion(2)))
    doubt_T = doubt_of(400, tried, np.log([0.1, 0.2, 0.05]))
    assert doubt_T[5] == pytest.approx(0.3)
    assert doubt_T[399] == pytest.approx(0.05)  # behind the last base
    assert np.count_nonzero(doubt_T) == 2
    assert np.isfinite(doubt_of(400, tried, np.array([900.0, 0.0, 0.0]))).all()
