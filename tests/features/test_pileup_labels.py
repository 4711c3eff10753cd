"""Labels against the peer's real ones and a slow reference; where they differ on purpose."""

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexome.core.zmw import Truth, UnusableZmwError, Window, ZmwOutcome
from lexome.features.pileup import PileupConfig, base_codes, decode_bases, pile_up
from lexome.features.pileup_labels import LabelOutcome, WindowLabel, label_windows
from lexome.features.pileup_windows import cut_windows, windows_of

LABELLED, TOO_LONG, NOT_COVERED = LabelOutcome.LABELLED, LabelOutcome.TOO_LONG, LabelOutcome.NOT_COVERED


def labels_of(zmw, truth: Truth, config: PileupConfig) -> tuple[list[Window], list[WindowLabel]]:
    pileup = pile_up(zmw, config)
    windows = cut_windows(pileup)
    return windows, label_windows(pileup, windows, truth)


def texts(labels: list[WindowLabel]) -> list[str]:
    return [decode_bases(label.codes_L) for label in labels]


def test_labels_are_exactly_the_peers(shared: Path, human_zmws: list) -> None:
    config = PileupConfig(like_deepconsensus=True)
    for split, too_long in (("train", 0), ("eval", 44)):
        golden = np.load(shared / "golden" / "deepconsensus" / f"human_1m_rows85_{split}.npz")
        labels = []
        for zmw, truth in human_zmws:
            if isinstance(truth, Truth) and truth.split == split:
                labels += labels_of(zmw, truth, config)[1]
        assert sum(label.outcome == TOO_LONG for label in labels) == too_long
        kept = [label.codes_L for label in labels if label.outcome == LABELLED]
        assert np.array_equal(np.stack(kept), golden["label"])


def test_by_default_real_labels_lose_no_base(human_zmws: list) -> None:
    """Where the truth reaches over all of a read, its labels spell it, but for the ones that are too long."""
    spelled = 0
    for zmw, truth in human_zmws:
        if isinstance(truth, Truth):
            windows, labels = labels_of(zmw, truth, PileupConfig())
            outcomes = {label.outcome for label in labels}
            first, last = truth.cigar[[0, -1], 1]
            if outcomes == {LABELLED} and 4 not in (first, last):
                assert "".join(texts(labels)) == truth.sequence
                spelled += 1
            assert len(windows) == len(labels)
    assert spelled >= 3


@given(st.data())
def test_like_deepconsensus_against_the_walk(reference: ModuleType, data: st.DataObject) -> None:
    zmw = reference.draw_zmw(data.draw)
    truth = reference.draw_truth(data.draw, len(zmw.ccs.sequence))
    width = data.draw(st.integers(1, 9))
    config = PileupConfig(width=width, max_insertion_bp=0, like_deepconsensus=True)
    windows, labels = labels_of(zmw, truth, config)
    reads = [
        reference.elements(read.ccs_start_bp, read.cigar, list(read.sequence), 0) for read in zmw.subreads
    ]
    reads.append([(False, base, i) for i, base in enumerate(zmw.ccs.sequence)])
    aligned = reference.elements(truth.ccs_start_bp, truth.cigar, list(truth.sequence), 0)
    row = reference.walk(reads, aligned)[-1]
    for window, label in zip(windows, labels, strict=True):
        inside = range(window.ccs_start_bp, window.ccs_end_bp)
        places = [i for i, element in enumerate(row) if element is not None and element[2] in inside]
        cut = row[places[0] : places[-1] + 1] if any(places) else []
        bases = [" " if element is None or element[1] is None else element[1] for element in cut]
        if len(bases) > width:
            bases = [base for base in bases if base != " "]
        if len(bases) > width:
            assert label.outcome == TOO_LONG
            assert not label.codes_L.any()
        else:
            assert label.outcome == LABELLED
            assert label.codes_L.tolist() == base_codes("".join(bases).ljust(width)).tolist()


@given(st.data())
def test_every_true_base_is_in_one_window(reference: ModuleType, data: st.DataObject) -> None:
    zmw = reference.draw_zmw(data.draw)
    num_ccs = len(zmw.ccs.sequence)
    truth = reference.draw_truth(data.draw, num_ccs)
    config = PileupConfig(width=data.draw(st.integers(1, 9)), max_insertion_bp=data.draw(st.integers(0, 2)))
    pileup = pile_up(zmw, config)
    columns = [*pileup.columns_C1.tolist()]
    windows = cut_windows(pileup)
    expected: list[list[str]] = [[] for _ in windows]
    inserted, covered = 0, []
    for is_inserted, base, ccs in reference.elements(0, truth.cigar, list(truth.sequence), 0):
        if is_inserted:
            place = truth.ccs_start_bp + len(covered)
            before = columns[place - 1] if place else -1
            column = max(0, min(before + 1 + inserted, columns[place] - 1))
            inserted += 1
        else:
            covered.append(truth.ccs_start_bp + ccs)
            column, inserted = columns[covered[-1]], 0
        if base is not None:
            owner = [i for i, w in enumerate(windows) if w.first_column <= column < w.end_column]
            expected[owner[0] if owner else -1].append(base)
    labels = label_windows(pileup, windows, truth)
    for window, label, bases in zip(windows, labels, expected, strict=True):
        inside = window.ccs_start_bp >= covered[0] and window.ccs_end_bp <= covered[-1] + 1
        outcome = NOT_COVERED if not inside else TOO_LONG if len(bases) > config.width else LABELLED
        assert label.outcome == outcome
        assert texts([label]) == ["".join(bases) if outcome == LABELLED else ""]


def test_what_is_inserted_between_two_windows_is_kept(reference: ModuleType) -> None:
    zmw = reference.zmw("ACGTAC", reference.subread(0, "6=", "ACGTAC"))
    truth = reference.truth(0, "3=1I3=", "ACGGTAC")
    assert texts(labels_of(zmw, truth, PileupConfig(width=3))[1]) == ["", "TAC"]  # four bases do not fit
    assert texts(labels_of(zmw, truth, PileupConfig(width=3, like_deepconsensus=True))[1]) == ["ACG", "TAC"]
    short = reference.truth(0, "1=1D1=1I3=", "AGGTAC")
    assert texts(labels_of(zmw, short, PileupConfig(width=3))[1]) == ["AGG", "TAC"]
    assert texts(labels_of(zmw, short, PileupConfig(width=3, like_deepconsensus=True))[1]) == ["AG", "TAC"]


def test_what_is_inserted_at_the_ends_is_kept(reference: ModuleType) -> None:
    zmw = reference.zmw("ACGT", reference.subread(0, "4=", "ACGT"))
    truth = reference.truth(0, "2I4=2I", "GGACGTCC")
    assert texts(labels_of(zmw, truth, PileupConfig())[1]) == ["GGACGTCC"]
    assert texts(labels_of(zmw, truth, PileupConfig(like_deepconsensus=True))[1]) == ["ACGT"]


def test_a_window_of_the_first_base_alone_has_a_label(reference: ModuleType) -> None:
    zmw = reference.zmw("AC", reference.subread(0, "1=3I1=", "ATTTC"))
    truth = reference.truth(0, "2=", "AC")
    assert texts(labels_of(zmw, truth, PileupConfig(width=4))[1]) == ["A", "C"]
    assert texts(labels_of(zmw, truth, PileupConfig(width=4, like_deepconsensus=True))[1]) == ["", "C"]


def test_a_window_that_the_truth_does_not_reach_has_no_label(reference: ModuleType) -> None:
    zmw = reference.zmw("ACGTACGT", reference.subread(0, "8=", "ACGTACGT"))
    truth = reference.truth(3, "1S3=2S", "CTACAA")
    labels = labels_of(zmw, truth, PileupConfig(width=2))[1]
    assert [label.outcome for label in labels] == [NOT_COVERED, NOT_COVERED, LABELLED, NOT_COVERED]
    assert texts(labels) == ["", "", "AC", ""]
    like = labels_of(zmw, truth, PileupConfig(width=2, like_deepconsensus=True))[1]
    assert {label.outcome for label in like} == {LABELLED}
    assert texts(like) == ["", "T", "AC", ""]


def test_an_overflow_window_has_no_label(reference: ModuleType) -> None:
    tags = (("wl", [3, 1], "B"),)
    zmw = reference.zmw("ACGT", reference.subread(0, "4=", "ACGT"), tags=tags)
    config = PileupConfig(width=2, smart_windows=True)
    labels = labels_of(zmw, reference.truth(0, "4=", "ACGT"), config)[1]
    assert [label.outcome for label in labels] == [LabelOutcome.OVERFLOW, LABELLED]
    assert texts(labels) == ["", "T"]


def test_a_truth_that_makes_no_sense(reference: ModuleType) -> None:
    zmw = reference.zmw("ACGT", reference.subread(0, "4=", "ACGT"))
    pileup = pile_up(zmw, PileupConfig())
    with pytest.raises(UnusableZmwError, match="m/1/truth") as caught:
        label_windows(pileup, windows_of(zmw, PileupConfig()), reference.truth(2, "4=", "ACGT"))
    assert caught.value.report.outcome == ZmwOutcome.MALFORMED_TRUTH
