"""The route of a ZMW: against doing it plainly window by window, and with an engine that fails."""

import dataclasses
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from lexome.checkpoint.store import Checkpoint
from lexome.core.errors import BadInputError
from lexome.core.zmw import ZmwOutcome, ZmwReads
from lexome.decode.consensus import Calibration
from lexome.engine.windows import WindowEngine
from lexome.features.pileup import PileupConfig
from lexome.features.pileup_windows import network_rows, windows_of
from lexome.io.subreads import read_zmws
from lexome.tasks.correct.model import Corrector, open_corrector
from lexome.tasks.correct.run import (
    MAX_OPEN,
    Corrected,
    Failure,
    Fate,
    NotCorrected,
    call_window,
    correct_zmws,
    fate_of,
)


def refuse(one: NotCorrected) -> None:
    raise AssertionError(one)


def with_ccs(zmw: ZmwReads, **changes: object) -> ZmwReads:
    return dataclasses.replace(zmw, ccs=dataclasses.replace(zmw.ccs, **changes))


def good(zmw: ZmwReads, quality: int) -> ZmwReads:
    return with_ccs(zmw, qualities=np.full(len(zmw.ccs.sequence), quality, np.uint8))


def test_a_network_that_copies_gives_the_ccs_reads(zmws: list[ZmwReads], copying: Corrector) -> None:
    for corrector in (copying, dataclasses.replace(copying, skip_above=20.0)):
        reads = list(correct_zmws(zmws, corrector, refuse))
        assert [read.sequence for read in reads] == [zmw.ccs.sequence for zmw in zmws]
        assert [read.changes for read in reads] == [0] * len(zmws)
        assert [len(read.qualities) for read in reads] == [len(zmw.ccs.sequence) for zmw in zmws]


def test_a_network_that_copies_gives_the_real_ccs_reads(
    shared: Path, copying: Corrector, monkeypatch: pytest.MonkeyPatch, random_corrector_model: Checkpoint
) -> None:
    """All nine ZMWs of a human run, through the real engine with the scores of a copy."""
    config = PileupConfig(max_passes=6)

    def copied(engine: WindowEngine, rows_NRL: np.ndarray) -> np.ndarray:
        return 20 * np.eye(5, dtype=np.float32)[rows_NRL[:, 4 * config.max_passes].astype(int)]

    monkeypatch.setattr(WindowEngine, "scores", copied)
    folder = shared / "data" / "pacbio" / "human_1m_dev"
    for skip_above in (0.0, 45.0):
        corrector = open_corrector(random_corrector_model, threads=2, skip_above=skip_above)
        zmws = list(read_zmws(folder / "subreads_to_ccs.bam", folder / "ccs.bam", print))
        reads = list(correct_zmws(zmws, corrector, refuse))
        assert len(reads) == 9
        for read, zmw in zip(reads, zmws, strict=True):
            assert (read.ccs, read.sequence, read.changes) == (zmw.ccs, zmw.ccs.sequence, 0)
            assert (read.fates[Fate.SKIPPED] > 0) <= (skip_above > 0)
    # what the number of windows kept at Q45 is, was found with DeepConsensus's rule beforehand
    corrector = dataclasses.replace(copying, skip_above=45.0)
    fates = {read.ccs.name.split("/")[1]: read.fates for read in correct_zmws(zmws, corrector, refuse)}
    kept = {name: (sum(f.values()), f[Fate.SKIPPED]) for name, f in fates.items()}
    assert kept["4194375"] == (140, 0)
    assert kept["4194381"] == (179, 136)
    assert kept["4194382"] == (275, 108)
    assert kept["4194383"] == (193, 187)
    assert kept["4194384"] == (167, 94)


def plainly(zmw: ZmwReads, corrector: Corrector) -> tuple[str, list[int], int]:
    """Sequence, qualities and the number of kept windows, one window after the other."""
    sequence, qualities, num_kept = "", [], 0
    assert isinstance(corrector.engine, WindowEngine)
    assert zmw.ccs.qualities is not None
    for window in windows_of(zmw, corrector.config):
        phred = zmw.ccs.qualities[window.ccs_start_bp : window.ccs_end_bp].astype(float)
        mean = -10 * np.log10(np.mean(10 ** (-phred / 10)))
        if mean > corrector.skip_above > 0:
            sequence += zmw.ccs.sequence[window.ccs_start_bp : window.ccs_end_bp]
            qualities += [min(int(q), corrector.max_quality) for q in phred]
            num_kept += 1
            continue
        for scores in corrector.engine.scores(network_rows([window], corrector.config))[0].astype(float):
            best = int(scores.argmax())
            if best == 0:
                continue
            error = 1 - np.exp(scores[best]) / np.exp(scores).sum()
            sequence += " ATCG"[best]
            qualities.append(min(round(-10 * np.log10(error)), corrector.max_quality))
    return sequence, qualities, num_kept


@pytest.mark.parametrize("skip_above", [0.0, 30.0, 36.0])
def test_it_is_what_is_found_window_by_window(
    zmws: list[ZmwReads], random_corrector_model: Checkpoint, skip_above: float
) -> None:
    corrector = open_corrector(random_corrector_model, threads=2, skip_above=skip_above, max_quality=31)
    reads = list(correct_zmws(zmws, corrector, refuse))
    assert len(reads) == len(zmws) == 5
    kept = 0
    for zmw, read in zip(zmws, reads, strict=True):
        sequence, qualities, num_kept = plainly(zmw, corrector)
        kept += num_kept
        assert (read.ccs, read.sequence) == (zmw.ccs, sequence)
        assert read.qualities.tolist() == qualities
        assert read.fates[Fate.SKIPPED] == num_kept
        assert read.num_passes == min(6, len(zmw.subreads))
    assert (kept > 0) == (skip_above > 0)


def test_threads_change_nothing(zmws: list[ZmwReads], random_corrector_model: Checkpoint) -> None:
    for int8 in (False, True):
        found = []
        for threads in (1, 3):
            corrector = open_corrector(random_corrector_model, threads=threads, int8=int8)
            reads = correct_zmws(zmws, corrector, refuse)
            found.append([(read.sequence, read.qualities.tobytes()) for read in reads])
        assert found[0] == found[1]


class Spoiling:
    """Gives what another engine gives, after something has been done to it."""

    def __init__(self, engine: object, spoil: Callable[[Iterator], Iterator]) -> None:
        self._engine, self._spoil = engine, spoil

    def __getattr__(self, name: str) -> object:
        return getattr(self._engine, name)

    def run(self, items: Iterator, post: Callable) -> Iterator:
        return self._spoil(self._engine.run(items, post))  # pyright: ignore[reportAttributeAccessIssue]


def test_a_lost_window_costs_its_read_and_no_other(zmws: list[ZmwReads], copying: Corrector) -> None:
    name = zmws[2].name

    def lose(results: Iterator) -> Iterator:
        for (zmw, index), called in results:
            if (zmw.ccs.name, index) != (name, 1):
                yield (zmw, index), called

    corrector = dataclasses.replace(copying, engine=Spoiling(copying.engine, lose))
    failures: list[NotCorrected] = []
    reads = list(correct_zmws(zmws, corrector, failures.append))
    assert [read.sequence for read in reads] == [z.ccs.sequence for z in zmws if z.name != name]
    assert [(one.name, one.outcome) for one in failures] == [(name, Failure.MISSING_WINDOW)]
    assert "windows of" in failures[0].reason


def test_scores_that_are_no_numbers_cost_one_read(zmws: list[ZmwReads], copying: Corrector) -> None:
    for bad in (np.nan, np.inf):
        assert call_window(np.full((3, 5), bad, np.float32), copying) is None
    name = zmws[1].name

    def spoil(results: Iterator) -> Iterator:
        for (zmw, index), called in results:
            yield (zmw, index), (None if (zmw.ccs.name, index) == (name, 0) else called)

    corrector = dataclasses.replace(copying, engine=Spoiling(copying.engine, spoil))
    failures: list[NotCorrected] = []
    reads = list(correct_zmws(zmws, corrector, failures.append))
    assert [read.ccs.name for read in reads] == [z.name for z in zmws if z.name != name]
    assert [(one.name, one.outcome) for one in failures] == [(name, Failure.NO_SCORES)]


def test_a_zmw_that_makes_no_sense_is_reported(zmws: list[ZmwReads], copying: Corrector) -> None:
    empty = dataclasses.replace(zmws[0], subreads=())
    failures: list[NotCorrected] = []
    reads = list(correct_zmws([zmws[1], empty, zmws[2]], copying, failures.append))
    assert [read.ccs.name for read in reads] == [zmws[1].name, zmws[2].name]
    assert [(one.name, one.outcome) for one in failures] == [(empty.name, ZmwOutcome.NO_SUBREADS)]
    config = dataclasses.replace(copying.config, with_qualities=True)
    wanting = dataclasses.replace(copying, config=config)
    assert not list(correct_zmws([with_ccs(zmws[0], qualities=None)], wanting, failures.append))
    assert "needs qualities" in failures[1].reason


def test_what_was_read_before_a_damage_is_corrected(
    zmws: list[ZmwReads], random_corrector_model: Checkpoint
) -> None:
    def damaged() -> Iterator[ZmwReads]:
        yield from zmws[:3]
        raise BadInputError("cut off")

    found: list[str] = []
    reads = correct_zmws(damaged(), open_corrector(random_corrector_model), refuse)
    with pytest.raises(BadInputError, match="cut off"):
        found.extend(read.ccs.name for read in reads)
    assert found == [zmw.name for zmw in zmws[:3]]


@pytest.mark.parametrize("qualities", [[93], [93] * 50 + [5]])
def test_few_zmws_are_open_at_a_time(zmws: list[ZmwReads], copying: Corrector, qualities: list[int]) -> None:
    """Also if none or few of them need the network, which would else read on to the end."""
    taken = 0

    def many() -> Iterator[ZmwReads]:
        nonlocal taken
        for number in range(4 * MAX_OPEN):
            taken += 1
            yield good(zmws[0], qualities[number % len(qualities)])

    corrector = dataclasses.replace(copying, skip_above=45.0)
    given = 0
    for read in correct_zmws(many(), corrector, refuse):
        given += 1
        assert taken - given <= MAX_OPEN
        assert read.sequence == zmws[0].ccs.sequence
    assert given == 4 * MAX_OPEN


def test_only_better_windows_are_skipped(zmws: list[ZmwReads], copying: Corrector) -> None:
    zmw = good(zmws[0], 45)
    window = windows_of(zmw, copying.config)[0]
    assert fate_of(window, zmw.ccs, 45.0) == Fate.CORRECTED
    assert fate_of(window, zmw.ccs, 44.9) == Fate.SKIPPED
    assert fate_of(window, zmw.ccs, 0) == Fate.CORRECTED
    assert fate_of(window, with_ccs(zmw, qualities=None).ccs, 44.0) == Fate.CORRECTED
    assert fate_of(dataclasses.replace(window, overflow=True), zmw.ccs, 0) == Fate.OVERFLOW
    without_bases = dataclasses.replace(window, ccs_end_bp=window.ccs_start_bp)
    assert fate_of(without_bases, zmw.ccs, 1.0) == Fate.CORRECTED


def correct_one(zmw: ZmwReads, corrector: Corrector) -> Corrected:
    (read,) = correct_zmws([zmw], corrector, refuse)
    return read


def test_windows_that_are_too_wide_keep_the_ccs_bases(zmws: list[ZmwReads], copying: Corrector) -> None:
    length = len(zmws[0].ccs.sequence)
    widths = [150, 40, length - 190]
    zmw = with_ccs(zmws[0], tags=(("wl", array("i", widths), "B"),))
    config = dataclasses.replace(copying.config, smart_windows=True)
    read = correct_one(zmw, dataclasses.replace(copying, config=config))
    assert read.fates == {Fate.CORRECTED: 1, Fate.SKIPPED: 0, Fate.OVERFLOW: 2}
    assert read.sequence == zmw.ccs.sequence
    assert zmw.ccs.qualities is not None
    assert read.qualities[:150].tolist() == zmw.ccs.qualities[:150].tolist()
    assert (read.qualities[150:190] == 93).all()
    unknown = correct_one(with_ccs(zmw, qualities=None), dataclasses.replace(copying, config=config))
    assert (unknown.qualities[:150] == 0).all()


def test_kept_bases_have_their_own_calibration(zmws: list[ZmwReads], copying: Corrector) -> None:
    corrector = dataclasses.replace(
        copying,
        skip_above=20.0,
        ccs_calibration=Calibration(0.0, 0.5, 2.3),
        calibration=Calibration(0.0, 0.0, 7.0),
    )
    assert (correct_one(good(zmws[0], 31), corrector).qualities == 18).all()
    assert (correct_one(good(zmws[0], 19), corrector).qualities == 7).all()
    capped = dataclasses.replace(copying, skip_above=20.0, max_quality=40)
    assert (correct_one(good(zmws[0], 93), capped).qualities == 40).all()
    assert (correct_one(good(zmws[0], 10), capped).qualities == 40).all()


def test_changes_are_counted(zmws: list[ZmwReads], copying: Corrector) -> None:
    """One base of each window becomes another, in one of them a base is lost too."""
    zmw = zmws[0]

    def change(results: Iterator) -> Iterator:
        for (zmw, index), (sequence, qualities) in results:
            first = "C" if sequence[0] != "C" else "G"
            cut = 1 if index == 1 else 0
            yield (zmw, index), (first + sequence[1 : len(sequence) - cut], qualities[cut:])

    corrector = dataclasses.replace(copying, engine=Spoiling(copying.engine, change))
    read = correct_one(zmw, corrector)
    assert read.changes == sum(read.fates.values()) + 1
    assert len(read.sequence) == len(zmw.ccs.sequence) - 1


def test_a_ratio_beyond_the_table_is_the_last_one(
    zmws: list[ZmwReads], random_corrector_model: Checkpoint
) -> None:
    corrector = open_corrector(random_corrector_model, skip_above=0)

    def corrected(snr: float) -> str:
        subreads = tuple(
            dataclasses.replace(s, snr=np.array([snr, 9, 5, -1], np.float32)) for s in zmws[0].subreads
        )
        return correct_one(dataclasses.replace(zmws[0], subreads=subreads), corrector).sequence

    assert corrected(5e4) == corrected(500.0) != corrected(5.0)
