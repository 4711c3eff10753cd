"""Pile-ups against the slow walk, and what a ZMW must be for one."""

from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexome.core.zmw import UnusableZmwError, ZmwOutcome, ZmwReads
from lexome.features.pileup import VOCABULARY, PileupConfig, base_codes, decode_bases, pile_up


def slow_rows(reference: ModuleType, zmw: ZmwReads, config: PileupConfig) -> np.ndarray:
    """All rows, found by walking."""
    passes = config.max_passes
    shown = zmw.subreads[:passes]
    reads = []
    for read in zmw.subreads if config.like_deepconsensus else shown:
        values = list(zip(read.sequence, read.pw.tolist(), read.ip.tolist(), strict=True))
        reads.append(reference.elements(read.ccs_start_bp, read.cigar, values, config.max_insertion_bp))
    qualities = zmw.ccs.qualities
    assert qualities is not None
    ccs = list(zip(zmw.ccs.sequence, qualities.tolist(), strict=True))
    walked = reference.walk([*reads, [(False, value, i) for i, value in enumerate(ccs)]])
    rows = np.zeros((config.num_rows, max(len(row) for row in walked)), int)
    for p, read in enumerate(shown):
        rows[3 * passes + p] = 1 if read.strand > 0 else 2
        for column, element in enumerate(walked[p]):
            if element is not None and element[1] is not None:
                base, pw, ip = element[1]
                if config.like_deepconsensus:
                    pw, ip = pw % 256, ip % 256
                places = [p, passes + p, 2 * passes + p]
                rows[places, column] = [VOCABULARY.index(base), min(pw, 255), min(ip, 255)]
    for column, element in enumerate(walked[-1]):
        if element is not None:
            rows[4 * passes, column] = VOCABULARY.index(element[1][0])
            if config.with_qualities:
                rows[4 * passes + 1, column] = element[1][1] + 1
    return rows


@given(st.data())
def test_the_rows_are_those_of_the_walk(reference: ModuleType, data: st.DataObject) -> None:
    zmw = reference.draw_zmw(data.draw)
    config = PileupConfig(
        max_passes=data.draw(st.integers(1, 6)),
        max_insertion_bp=data.draw(st.integers(0, 3)),
        with_qualities=data.draw(st.booleans()),
        like_deepconsensus=data.draw(st.booleans()),
    )
    pileup = pile_up(zmw, config)
    assert pileup.num_passes == min(len(zmw.subreads), config.max_passes)
    assert pileup.rows_RW.tolist() == slow_rows(reference, zmw, config).tolist()
    found = base_codes(zmw.ccs.sequence)
    assert pileup.rows_RW[4 * config.max_passes, pileup.columns_C1[:-1]].tolist() == found.tolist()


def test_a_known_pileup(reference: ModuleType) -> None:
    forward = reference.subread(0, "2=1I2=", "ACTGT")
    reverse = reference.subread(1, "1S1=2I1D1X", "CCTTA", -1)
    pileup = pile_up(reference.zmw("ACGT", forward, reverse), PileupConfig(max_passes=3))
    rows = pileup.rows_RW
    letters = np.array(list(VOCABULARY))
    assert ["".join(letters[rows[i]]) for i in (0, 1, 2, 12)] == ["ACT GT", " CTT A", "      ", "AC  GT"]
    assert rows[3:6].tolist() == [[1, 2, 3, 0, 4, 5], [0, 2, 3, 4, 0, 5], [0] * 6]
    assert rows[6:9].tolist() == [[101, 102, 103, 0, 104, 105], [0, 102, 103, 104, 0, 105], [0] * 6]
    assert rows[9:12].tolist() == [[1] * 6, [2] * 6, [0] * 6]
    assert pileup.columns_C1.tolist() == [0, 1, 4, 5, 6]


def test_an_insertion_of_the_limit_is_kept_and_a_longer_one_is_not(reference: ModuleType) -> None:
    kept = reference.subread(0, "1=5I1=", "ACCCCCT")
    cut = reference.subread(0, "1=6I1=", "ACCCCCCT")
    assert pile_up(reference.zmw("AT", kept), PileupConfig()).columns_C1.tolist() == [0, 6, 7]
    pileup = pile_up(reference.zmw("AT", cut), PileupConfig())
    assert pileup.columns_C1.tolist() == [0, 1, 2]
    assert pileup.rows_RW[[0, 20, 40]].tolist() == [[1, 2], [1, 8], [101, 108]]


def test_frames_of_newer_chemistries_do_not_wrap_round(reference: ModuleType) -> None:
    frames = np.array([255, 256, 952], np.uint16)
    zmw = reference.zmw("ACG", reference.subread(0, "3=", "ACG", pw=frames, ip=frames))
    assert pile_up(zmw, PileupConfig()).rows_RW[[20, 40]].tolist() == [[255, 255, 255]] * 2
    like = pile_up(zmw, PileupConfig(like_deepconsensus=True))
    assert like.rows_RW[[20, 40]].tolist() == [[255, 0, 952 - 3 * 256]] * 2


def test_passes_that_are_not_shown_open_no_columns(reference: ModuleType) -> None:
    shown, hidden = reference.subread(0, "2=", "AC"), reference.subread(0, "1=1I1=", "ATC")
    zmw = reference.zmw("AC", shown, hidden)
    assert pile_up(zmw, PileupConfig(max_passes=1)).columns_C1.tolist() == [0, 1, 2]
    like = PileupConfig(max_passes=1, like_deepconsensus=True)
    assert pile_up(zmw, like).columns_C1.tolist() == [0, 2, 3]


def test_other_letters_are_gaps(reference: ModuleType) -> None:
    pileup = pile_up(reference.zmw("ANt", reference.subread(0, "3=", "NCg")), PileupConfig())
    assert pileup.rows_RW[[0, 80]].tolist() == [[0, 3, 4], [1, 0, 2]]
    assert decode_bases(base_codes("ACxGT")) == "ACGT"


def test_a_ccs_read_without_qualities(reference: ModuleType) -> None:
    zmw = reference.zmw("ACG", reference.subread(0, "3=", "ACG"))
    zmw = replace(zmw, ccs=replace(zmw.ccs, qualities=None))
    assert pile_up(zmw, PileupConfig(with_qualities=True)).rows_RW[81].tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("start", "text", "sequence", "changes"),
    [
        (0, "3=", "AC", {}),
        (0, "2=", "ACG", {}),
        (2, "3=", "ACG", {}),
        (-1, "3=", "ACG", {}),
        (0, "1=1S1=", "ACG", {}),
        (0, "0=3=", "ACG", {}),
        (0, "3=", "ACG", {"pw": np.zeros(2, np.uint8)}),
        (0, "3=", "ACG", {"ip": np.zeros(4, np.uint8)}),
    ],
)
def test_a_subread_that_contradicts_itself(
    reference: ModuleType, start: int, text: str, sequence: str, changes: dict
) -> None:
    zmw = reference.zmw("ACGT", reference.subread(start, text, sequence, **changes))
    with pytest.raises(UnusableZmwError, match="m/1/ccs: ") as caught:
        pile_up(zmw, PileupConfig())
    assert caught.value.report.outcome == ZmwOutcome.MALFORMED


def test_a_zmw_without_bases_or_subreads(reference: ModuleType) -> None:
    with pytest.raises(UnusableZmwError, match="no subreads") as caught:
        pile_up(reference.zmw("ACGT"), PileupConfig())
    assert caught.value.report.outcome == ZmwOutcome.NO_SUBREADS
    with pytest.raises(UnusableZmwError) as caught:
        pile_up(reference.zmw("", reference.subread(0, "1=", "A")), PileupConfig())
    assert caught.value.report.outcome == ZmwOutcome.EMPTY_CCS


@pytest.mark.parametrize("wrong", [{"max_passes": 0}, {"width": 0}, {"max_insertion_bp": -1}])
def test_constants_that_make_no_sense(wrong: dict) -> None:
    with pytest.raises(ValueError, match="at least"):
        PileupConfig(**wrong)
