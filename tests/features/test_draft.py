"""Drafts of molecules of which only passes are known."""

import numpy as np
import pytest

from lexome.core.alphabet import NO_BASE, decode, encode
from lexome.features.draft import (
    ADAPTER_AFTER,
    ADAPTER_BEFORE,
    Draft,
    Pass,
    backbone,
    by_majority,
    error_of,
    full_passes,
    make_draft,
    votes_on,
)
from lexome.features.draft_polish import ErrorRates
from lexome.features.draft_votes import Votes
from lexome.features.subread_alignment import Consensus, align_subread, reverse_codes

BOTH = ADAPTER_BEFORE | ADAPTER_AFTER
RATES = ErrorRates(
    np.full((4, 13), 0.03), np.full((4, 13), 0.03), np.full((4, 4, 4), 0.03), np.full((4, 4, 4), 0.01),
    np.full((4, 4), 0.01) + 0.96 * np.eye(4), 0.2,
)  # fmt: skip
TRUE = np.random.default_rng(11).integers(0, 4, 1500).astype(np.uint8)


def passes_over(count: int, truth: np.ndarray = TRUE, rate: float = 0.03) -> list[Pass]:
    rng = np.random.default_rng(count)
    found = []
    for number in range(count):
        read = np.where(rng.random(len(truth)) < rate, rng.integers(0, 4, len(truth)), truth)
        read = read[rng.random(len(truth)) > rate]
        at = np.flatnonzero(rng.random(len(read)) < rate)
        read = np.insert(read, at, rng.integers(0, 4, len(at))).astype(np.uint8)
        found.append(Pass(read if number % 2 else reverse_codes(read), BOTH))
    return found


def forward(draft: Draft) -> Draft:
    """The draft in the direction of the truth, whichever it was made in."""
    one = align_subread(draft.codes, Consensus(TRUE))
    assert one is not None
    if not one.is_reverse:
        return draft
    return Draft(
        reverse_codes(draft.codes), draft.qualities[::-1], draft.num_full, draft.coverage, draft.accuracy
    )


def test_enough_passes_spell_the_molecule() -> None:
    partial = [Pass(one.codes[:600], ADAPTER_BEFORE) for one in passes_over(2)]
    draft = make_draft([*partial, *passes_over(14)], RATES, 3)
    assert draft is not None
    assert draft.num_full == 14
    assert 14.5 < draft.coverage < 15
    assert decode(forward(draft).codes) == decode(TRUE)
    assert draft.accuracy > 0.995
    assert draft.qualities.dtype == np.uint8
    assert len(draft.qualities) == len(draft.codes)
    assert np.median(draft.qualities) > 30


def test_letters_that_are_no_base_do_no_harm() -> None:
    passes = passes_over(6)
    passes[0].codes[[5, 700, 701]] = NO_BASE
    passes[3].codes[:40] = NO_BASE
    draft = make_draft(passes, RATES, 3)
    assert draft is not None
    assert draft.codes.max() == 3
    assert abs(len(draft.codes) - len(TRUE)) < 5


def test_few_passes_are_less_sure() -> None:
    few, many = make_draft(passes_over(3), RATES, 3), make_draft(passes_over(9), RATES, 3)
    assert few is not None
    assert many is not None
    assert few.accuracy < many.accuracy
    assert np.median(few.qualities) < np.median(many.qualities)


def test_wrong_bases_have_low_qualities() -> None:
    draft = make_draft(passes_over(4, rate=0.05), RATES, 3)
    assert draft is not None
    draft = forward(draft)
    one = align_subread(TRUE, Consensus(draft.codes))
    assert one is not None
    wrong = np.zeros(len(draft.codes), bool)
    on_draft = one.ops_C != 1
    at = one.start_bp + np.cumsum(on_draft) - on_draft
    wrong[at[one.ops_C != 0]] = True
    assert 0 < wrong.sum() < 40
    assert draft.qualities[wrong].mean() < draft.qualities[~wrong].mean() - 5


def test_without_enough_full_passes_that_fit_there_is_no_draft() -> None:
    assert make_draft(passes_over(2), RATES, 3) is None
    strangers = [Pass(np.random.default_rng(n).integers(0, 4, 1500).astype(np.uint8), BOTH) for n in range(4)]
    assert make_draft(strangers, RATES, 3) is None
    assert make_draft([*strangers, *passes_over(3)], RATES, 3) is not None
    short = [Pass(TRUE[:5], BOTH)] * 4
    assert make_draft(short, RATES, 3) is None


def test_full_passes_are_those_between_two_adapters() -> None:
    lengths = {"first": (500, ADAPTER_AFTER), "a": (1000, BOTH), "b": (1010, BOTH), "twice": (2100, BOTH)}
    lengths |= {"c": (990, BOTH), "last": (1000, ADAPTER_BEFORE)}
    passes = [Pass(np.zeros(n, np.uint8), cx) for n, cx in lengths.values()]
    assert full_passes(passes) == [False, True, True, False, True, False]
    without = [Pass(one.codes, None) for one in passes]
    assert full_passes(without) == [False, True, True, False, True, True]  # by length alone
    assert full_passes([Pass(np.zeros(9, np.uint8), 0)]) == [False]


def test_the_backbone_is_the_pass_that_others_agree_with() -> None:
    good, bad = passes_over(3, rate=0.01), passes_over(2, rate=0.12)
    chosen = backbone([bad[0], good[0], bad[1], good[1], good[2]])
    assert any(chosen is one.codes for one in good)
    assert backbone(bad[:1]) is bad[0].codes
    tiny = Pass(encode("ACG"), BOTH)
    assert backbone([tiny, *good]) is not tiny.codes


def test_the_majority_replaces_takes_out_and_puts_in() -> None:
    draft = TRUE[:200].copy()
    draft[50] = (draft[50] + 1) % 4
    draft = np.insert(np.delete(draft, [120, 121]), 80, (draft[80] + 1) % 4)
    votes, target = Votes(draft), Consensus(draft)
    for _ in range(3):
        one = align_subread(TRUE[:200], target)
        assert one is not None
        votes.add(TRUE[:200], one, True, True)
    assert decode(by_majority(votes)) == decode(TRUE[:200])
    assert (by_majority(Votes(TRUE)) == TRUE).all()  # without a vote it stays


def test_a_pass_that_begins_at_an_adapter_covers_the_end_where_that_is() -> None:
    """Of the reverse strand the end of the draft; a few bases lost there are votes for losing them."""
    lost_bp = 5
    for turned in (False, True):
        strand = reverse_codes(TRUE) if turned else TRUE
        votes, num_full = votes_on(TRUE, [Pass(strand[lost_bp:600], ADAPTER_BEFORE)], [False])
        begin, end = votes.cover_T[:lost_bp].tolist(), votes.cover_T[-lost_bp:].tolist()
        assert (begin, end) == (([0] * lost_bp, [1] * lost_bp) if turned else ([1] * lost_bp, [0] * lost_bp))
        assert num_full == 0


def test_error_grows_with_doubt_and_falls_with_passes() -> None:
    cover = np.full(4, 8.0)
    by_doubt = error_of(np.array([0.0, 0.01, 0.5, 40.0]), cover)
    assert (np.diff(by_doubt) > 0).all()
    assert by_doubt[-1] <= 0.75
    by_cover = error_of(np.zeros(4), np.array([0.0, 3.0, 8.0, 30.0]))
    assert (np.diff(by_cover) < 0).all()
    assert by_cover[0] == pytest.approx(np.exp(-3.942))
