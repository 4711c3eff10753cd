"""Cutting chunks out of placed reads: which bases they get, and every reason to drop one."""

import dataclasses

import numpy as np
import pytest

from lexome.features.alignment import SignalAlignment
from lexome.features.signal import NormalisedRead
from lexome.io.chunks import LabelledChunk
from lexome.tasks.basecall.cut import LabelConfig, call_identity, label_chunks
from lexome.tasks.basecall.guides import CallTrack
from lexome.tasks.basecall.intervals import Interval
from lexome.tasks.basecall.places import Place
from lexome.tasks.basecall.prepare import PlacedRead
from lexome.tasks.basecall.yields import LabelReport


def made_read(dwell: int = 10, count: int = 100, residual: float = 0.1, **changes: np.ndarray) -> PlacedRead:
    """A read placed by hand: bases of one dwell, beginning at sample 7 with base 3 of the sequence."""
    starts = 7 + dwell * np.arange(count + 1)
    values = {"starts": starts, "residuals": np.full(count, residual, np.float32)} | changes
    alignment = SignalAlignment(
        3, values["starts"], values["residuals"], np.zeros(count, np.float32), 1.0, 0.0
    )
    signal = np.arange(values["starts"][-1] + 50, dtype=np.float32)
    sequence = ("ACGT" * (count // 4 + 3))[: count + 6]
    return PlacedRead(
        "r",
        NormalisedRead(signal, 0, 90.0, 15.0),
        sequence,
        Place("c", 50, 50 + len(sequence), False),
        alignment,
    )


def outcome(read: PlacedRead, **changes: float) -> tuple[list[LabelledChunk], dict[str, int]]:
    report = LabelReport()
    config = LabelConfig(**({"chunk_size": 200, "step": 400} | changes))
    return list(label_chunks(read, (), config, report)), dict(report.chunks)


def test_a_base_belongs_to_the_chunk_in_which_its_dwell_begins() -> None:
    chunks, counts = outcome(made_read())
    # chunks begin at 7, 407, 807; a base every ten samples from 7 on; the first is base 3 of ACGT...
    assert counts == {"kept for training": 3}
    for chunk, first in zip(chunks, (0, 40, 80), strict=True):
        assert chunk.target.tolist() == [(3 + first + i) % 4 + 1 for i in range(20)]
        assert (chunk.start_bp, chunk.end_bp) == (53 + first, 73 + first)
        assert chunk.signal.tolist() == list(range(7 + 10 * first, 207 + 10 * first))
    shifted, _ = outcome(made_read(starts=7 + np.maximum(0, 10 * np.arange(101) - 5)))
    assert [len(chunk.target) for chunk in shifted] == [21, 20]  # 7, 12, 22 ... 202; 412 ... 602


def changed(base: float, index: slice, value: float, count: int = 100) -> np.ndarray:
    residuals = np.full(count, base, np.float32)
    residuals[index] = value
    return residuals


@pytest.mark.parametrize(
    ("read", "reason"),
    [
        (made_read(dwell=26), "too few bases"),
        (made_read(dwell=3), "too many bases"),
        (made_read(residuals=changed(0.1, slice(0, 100, 4), np.nan)), "too many skipped bases"),
        (made_read(residual=0.25), "fits badly"),
        (made_read(residuals=changed(0.1, slice(0, 100, 5), 0.9)), "fits badly"),
        (made_read(residuals=changed(0.1, slice(0, 10), 0.33)), "a part fits badly"),
    ],
)
def test_every_reason_for_dropping_a_chunk(read: PlacedRead, reason: str) -> None:
    chunks, counts = outcome(read, window_bp=10)
    assert counts[reason] == sum(counts.values()) - counts.get("kept for training", 0) >= 1
    assert len(chunks) == counts.get("kept for training", 0)


@pytest.mark.parametrize(
    "read",
    [
        made_read(dwell=25),
        made_read(dwell=4),
        made_read(residuals=changed(0.1, slice(0, 100, 5), np.nan)),
        made_read(residual=0.23),
        made_read(residuals=changed(0.1, slice(0, 10), 0.31)),
    ],
)
def test_what_is_just_good_enough_is_kept(read: PlacedRead) -> None:
    _, counts = outcome(read, window_bp=10)
    assert set(counts) == {"kept for training"}


def test_an_alignment_shorter_than_a_chunk_gives_none() -> None:
    assert outcome(made_read(count=19)) == ([], {})
    assert len(outcome(made_read(count=20))[0]) == 1


def with_call(read: PlacedRead, wrong: slice = slice(0), late: int = 0) -> PlacedRead:
    """The read with a call of its own bases, those of `wrong` changed."""
    codes = np.array(["ACGT".index(base) for base in read.sequence[3:103]], np.uint8)
    codes[wrong] = (codes[wrong] + 1) % 4
    return dataclasses.replace(read, track=CallTrack(codes, read.alignment.starts[:-1] + late))


def test_a_chunk_whose_call_is_another_is_dropped() -> None:
    # chunks of 20 bases: 0 to 19, 40 to 59, 80 to 99; eight of the second ones are called otherwise
    read = with_call(made_read(), slice(42, 58, 2))
    chunks, counts = outcome(read, min_identity=0.7)
    assert counts == {"kept for training": 2, "its call is another": 1}
    assert [chunk.start_bp for chunk in chunks] == [53, 133]
    assert len(outcome(read, min_identity=0.5)[0]) == 3
    # a read without a call is not judged by one
    assert len(outcome(made_read(), min_identity=1.0)[0]) == 3


def test_the_identity_of_a_call_and_a_label() -> None:
    read = with_call(made_read(), slice(42, 46, 2))
    label = np.array(["ACGT".index(base) for base in read.sequence[43:63]])
    assert call_identity(read, 407, 607, label) == 18 / 20
    late = with_call(made_read(), late=20)  # two bases stand in the chunk before, two others behind it
    assert call_identity(late, 407, 607, label) == pytest.approx(18 / 22)
    assert call_identity(made_read(), 407, 607, label) == 1.0


@pytest.mark.parametrize(("share", "kept"), [(0.9, 3), (0.91, 2)])
def test_badly_placed_bases_and_stalls_cover_nothing(share: float, kept: int) -> None:
    read = made_read(residuals=changed(0.1, slice(45, 47), 0.61))  # 20 of the 200 samples of the second chunk
    chunks, counts = outcome(read, min_coverage=share)
    assert len(chunks) == kept
    assert counts.get("too little of it is covered by well-placed bases", 0) == 3 - kept
    starts = 7 + 10 * np.arange(101)
    starts[46:] += 90  # base 45 now lasts 100 samples, of which 80 count
    stalled, _ = outcome(made_read(starts=starts), min_coverage=share)
    assert len(stalled) == kept


def test_skipped_bases_cover_nothing_and_cost_nothing() -> None:
    residuals = changed(0.1, slice(45, 46), np.nan)
    starts = 7 + 10 * np.arange(101)
    starts[45] = starts[46]  # it has no samples: those before it are base 44's
    assert len(outcome(made_read(starts=starts, residuals=residuals), min_coverage=1.0)[0]) == 3


def test_the_end_is_covered_if_that_is_asked_for() -> None:
    without, _ = outcome(made_read(count=95))
    chunks, _ = outcome(made_read(count=95), cover_end=True)
    assert [chunk.start_bp for chunk in chunks] == [53, 93, 128]
    assert len(without) == 2
    # where a step reaches the end exactly there is no second chunk
    assert len(outcome(made_read(count=100), cover_end=True)[0]) == len(outcome(made_read(count=100))[0]) == 3


def test_what_is_covered_counts_once() -> None:
    report = LabelReport()
    config = LabelConfig(chunk_size=200, step=50)
    chunks = list(label_chunks(made_read(), (), config, report))
    assert report.covered_samples == 1000
    assert report.labelled_samples == 200 * len(chunks) == 200 * 17
    gap = LabelReport()
    read = made_read(residuals=changed(0.1, slice(30, 40), 0.7))
    kept = [int(chunk.signal[0]) for chunk in label_chunks(read, (), config, gap)]
    covered = set().union(*(range(start, start + 200) for start in kept))
    assert gap.covered_samples == len(covered) < 1000


def test_three_ways_to_use_a_chunk() -> None:
    report = LabelReport()
    config = LabelConfig(chunk_size=200, step=200)
    held_out = (Interval("c", 73, 93),), (Interval("c", 113, 133), Interval("d", 0, 1000))
    chunks = list(label_chunks(made_read(), held_out[0], config, report, held_out[1]))
    assert [(chunk.start_bp, chunk.split) for chunk in chunks] == [
        (53, 0),
        (73, 1),
        (93, 0),
        (113, 2),
        (133, 0),
    ]
    assert report.chunks == {"kept for training": 3, "kept for validation": 1, "kept for test": 1}
    assert report.chunk_bp["kept for training"] == 60


def test_chunks_are_cut_out_of_the_signal_that_is_to_be_stored() -> None:
    read = made_read()
    stored = dataclasses.replace(read, stored=read.normalised.signal * 2)
    for plain, other in zip(outcome(read)[0], outcome(stored)[0], strict=True):
        np.testing.assert_array_equal(other.signal, 2 * plain.signal)
