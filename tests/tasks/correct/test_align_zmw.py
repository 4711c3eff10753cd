"""One ZMW: its subreads go to its CCS read, or to that of their strand."""

from pathlib import Path

import numpy as np
import pysam
import pytest

from lexome.core.alphabet import decode, reverse_complement
from lexome.core.errors import BadInputError, LexomeError
from lexome.tasks.correct.align_zmw import AlignJob, WantedHoles, align_zmw, rows_of
from lexome.tasks.correct.aligned_table import AlignOutcome, LeftOut

MOLECULE = decode(np.random.default_rng(21).integers(0, 4, 800))
HEADER = pysam.AlignmentHeader.from_text("@HD\tVN:1.6\n@SQ\tSN:x\tLN:9\n")


def record(sequence: str, flag: int = 4) -> pysam.AlignedSegment:
    made = pysam.AlignedSegment(HEADER)
    made.query_name, made.flag, made.query_sequence = "m/1/0_800", flag, sequence
    return made


def test_every_subread_is_placed_or_counted() -> None:
    stranger = decode(np.random.default_rng(22).integers(0, 4, 800))
    records = [
        record(MOLECULE), record(""), record(reverse_complement(MOLECULE[200:]) + stranger[:300]),
        record(stranger), record(MOLECULE, 256), record(MOLECULE, 2048), record("ACGT"),
    ]  # fmt: skip
    placed = align_zmw(AlignJob(records, [(5, "m/1/ccs", MOLECULE)]))
    assert [one is of for (one, _, _, _), of in zip(placed.found, records[::2], strict=False)] == [True, True]
    first, second = (place for _, _, _, place in placed.found)
    assert (first.number, first.start_bp, first.is_reverse, list(first.cigar)) == (5, 0, False, [(7, 800)])
    assert second.is_reverse
    assert 150 < second.start_bp <= 200  # a few of the stranger's bases may go along
    clip, *_ = second.cigar
    assert clip[0] == 4
    assert 240 <= clip[1] <= 300
    assert sum(n for op, n in second.cigar if op in (1, 4, 7, 8)) == 900
    left_out = placed.left_out
    assert left_out[LeftOut.EMPTY] == left_out[LeftOut.SECONDARY] == left_out[LeftOut.SUPPLEMENTARY] == 1
    assert left_out[LeftOut.NOT_ALIKE] + left_out[LeftOut.LOW_IDENTITY] == 2
    (row,) = rows_of(placed)
    assert (row.name, row.outcome, row.ccs_bp) == ("m/1/ccs", AlignOutcome.ALIGNED, 800)
    assert (row.subreads, row.aligned, row.reverse, row.clipped_bp) == (7, 2, 1, clip[1])
    assert row.identity is not None
    assert row.identity > 0.95


def test_with_a_read_of_each_strand_subreads_go_to_their_own() -> None:
    forward, reverse = MOLECULE[:600], reverse_complement(MOLECULE[:600])
    ccs = [(3, "m/1/ccs/fwd", forward), (1, "m/1/ccs/rev", reverse)]
    placed = align_zmw(AlignJob([record(forward[100:]), record(reverse), record(forward)], ccs))
    assert [(index, place.number, place.is_reverse) for _, index, _, place in placed.found] == [
        (0, 3, False), (1, 1, False), (0, 3, False),
    ]  # fmt: skip
    rows = list(rows_of(placed))
    assert [(row.name, row.subreads, row.aligned) for row in rows] == [
        ("m/1/ccs/fwd", 2, 2),
        ("m/1/ccs/rev", 1, 1),
    ]


def test_a_ccs_read_that_nothing_fits_says_why() -> None:
    (row,) = rows_of(align_zmw(AlignJob([record(""), record("ACGTACGT")], [(0, "m/1/ccs", MOLECULE)])))
    assert (row.outcome, row.aligned, row.subreads) == (AlignOutcome.NOT_ALIGNED, 0, 2)
    assert row.reason == "none of its 2 subreads could be aligned (empty:1,not_alike:1)"


def test_holes_end_at_damage_without_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(files):
        yield "m/1", []
        yield "m/2", []
        raise BadInputError("a.bam: broken")

    monkeypatch.setattr("lexome.tasks.correct.align_zmw.holes", broken)
    wanted = WantedHoles([tmp_path / "a.bam"], lambda hole: hole != "m/1")
    assert wanted.error is None
    assert list(wanted) == [("m/2", [])]
    assert isinstance(wanted.error, LexomeError)
