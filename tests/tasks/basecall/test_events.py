"""Events of placed reads: their borders, their common scale, and which of them may be used."""

import dataclasses
from functools import cache

import numpy as np
import pytest

from lexome.core.alphabet import encode
from lexome.features.alignment import SignalAlignment, align_signal
from lexome.features.signal import NormalisedRead, SignalConfig, normalise
from lexome.simulate.context_levels import ContextLevels, unit_levels
from lexome.simulate.genome import random_genome
from lexome.simulate.levels import bundled_levels
from lexome.simulate.pore import PoreConfig, SimulatedRead, simulate_reads
from lexome.tasks.basecall.events import (
    LOCAL_BP,
    MAX_DWELL_SAMPLES,
    EventRead,
    event_read,
    fit_levels_of,
    real_pieces,
)
from lexome.tasks.basecall.intervals import Interval
from lexome.tasks.basecall.places import Place
from lexome.tasks.basecall.prepare import PlacedRead

TABLE = bundled_levels()
# one contig of many purines, one of many pyrimidines: the median and spread of their levels differ
CONTIGS = {
    name: "".join(np.random.default_rng(seed).choice(list("ACGT"), 2500, p=p))
    for name, seed, p in (("ag", 1, (0.35, 0.15, 0.35, 0.15)), ("ct", 2, (0.15, 0.35, 0.15, 0.35)))
}
ZERO = ContextLevels((), ())


@cache
def reads() -> list[tuple[SimulatedRead, PlacedRead, EventRead]]:
    config = PoreConfig(mean_length_bp=1500.0, min_length_bp=1000, noise=0.7, adapter=False)
    found = []
    for simulated in simulate_reads(CONTIGS, TABLE, config, 12, 3):
        normalised = normalise(simulated.read, SignalConfig())
        alignment = align_signal(normalised.signal, simulated.sequence, TABLE)
        assert alignment is not None
        place = Place(simulated.contig, simulated.start, simulated.end, simulated.strand == "-")
        placed = PlacedRead("r", normalised, simulated.sequence, place, alignment)
        events = event_read(placed, TABLE, np.random.default_rng(4))
        assert events is not None
        found.append((simulated, placed, events))
    assert {s.contig for s, _, _ in found} == set(CONTIGS)
    assert {s.strand for s, _, _ in found} == {"+", "-"}
    return found


def test_borders_are_those_of_the_simulation() -> None:
    exact, coarse = [], []
    for simulated, placed, events in reads():
        start = placed.alignment.starts[0]
        truth = simulated.base_starts[events.first_bp :] - placed.normalised.trimmed_samples - start
        count = len(events.starts) - 1
        exact.append(np.abs(events.starts[:-1] - truth[:count]))
        coarse.append(np.abs(placed.alignment.starts[:-1] - start - truth[:count]))
    exact_samples, coarse_samples = np.concatenate(exact), np.concatenate(coarse)
    assert np.mean(exact_samples == 0) > 1.2 * np.mean(coarse_samples == 0)
    assert np.mean(exact_samples <= 1) > np.mean(coarse_samples <= 1)
    assert np.mean(exact_samples) < np.mean(coarse_samples)


def fitted(signal: np.ndarray, starts: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Gain and offset of the samples in the middle of long events relative to the levels."""
    is_long = np.diff(starts) >= 9
    middle = (starts[:-1] + starts[1:]) // 2
    return np.polyfit(levels[is_long], signal[middle][is_long], 1)


def test_all_reads_are_on_the_scale_of_the_whole_table() -> None:
    """An alignment's gain and offset belong to the levels of the read's own sequence."""
    alone: dict[str, list[np.ndarray]] = {"ag": [], "ct": []}
    for simulated, placed, events in reads():
        assert np.allclose(fitted(events.signal, events.starts, events.levels), [1, 0], atol=0.06)
        alignment, signal = placed.alignment, placed.normalised.signal
        own = (signal[alignment.starts[0] : alignment.starts[-1]] - alignment.offset) / alignment.gain
        alone[simulated.contig].append(fitted(own, events.starts, events.levels))
    assert np.abs(np.mean(alone["ag"], axis=0) - np.mean(alone["ct"], axis=0)).max() > 0.2


def test_bases_places_and_levels_belong_together() -> None:
    for simulated, placed, events in reads():
        contig = CONTIGS[simulated.contig]
        count = len(events.levels)
        bases = events.codes[events.first_bp : events.first_bp + count]
        there = encode(contig)[events.place_bp]
        assert np.array_equal(bases, 3 - there if placed.place.is_reverse else there)
        i = count // 2
        at = events.first_bp + i - TABLE.centre
        kmer = int("".join(map(str, events.codes[at : at + TABLE.k])), 4)
        assert events.levels[i] == unit_levels(TABLE)[kmer]
        assert events.starts[-1] == len(events.signal)


def test_reads_without_enough_events_give_none() -> None:
    _, placed, _ = reads()[0]
    alignment = placed.alignment
    short = SignalAlignment(
        alignment.first_bp, alignment.starts[:40], alignment.residuals[:39], alignment.levels[:39], 1.0, 0.0
    )
    assert event_read(dataclasses.replace(placed, alignment=short), TABLE, np.random.default_rng(0)) is None
    noise = np.random.default_rng(1).normal(0, 30, len(placed.normalised.signal)).astype(np.float32)
    wrong = dataclasses.replace(placed, normalised=NormalisedRead(noise, 0, 0.0, 1.0))
    assert event_read(wrong, TABLE, np.random.default_rng(0)) is None


def marked(is_reverse: bool, dwell: int = 10) -> EventRead:
    """A read over 100..900 of contig g whose samples are their base's place, which is also its level."""
    genome = encode(random_genome(1000, 5))
    places, codes = np.arange(100, 900), genome[100:900]
    if is_reverse:
        places, codes = places[::-1], 3 - codes[::-1]
    places = places[3:]
    levels = places.astype(np.float32)
    starts = np.arange(len(places) + 1) * dwell
    return EventRead(levels.repeat(dwell), starts, levels, codes, 3, "g", places)


@pytest.mark.parametrize("is_reverse", [False, True])
def test_no_event_comes_from_a_held_out_interval(is_reverse: bool) -> None:
    held_out = [Interval("g", 300, 400), Interval("g", 650, 655), Interval("other", 0, 1000)]
    seen = np.concatenate([p.signal for p in real_pieces(marked(is_reverse), ZERO, held_out)])
    places = set(seen.astype(int).tolist())
    assert not places & {*range(300, 400), *range(650, 655)}
    assert len(places) == 800 - 3 - 105


@pytest.mark.parametrize("is_reverse", [False, True])
def test_pieces_keep_bases_samples_and_levels_together(is_reverse: bool) -> None:
    genome = encode(random_genome(1000, 5))
    table = ContextLevels(((0, 1),), (np.arange(16.0),))
    for piece in real_pieces(marked(is_reverse), table, [Interval("g", 500, 510)]):
        at = piece.signal[piece.starts[:-1]].astype(int)
        bases = 3 - genome[at] if is_reverse else genome[at]
        follows = 3 - genome[at - 1] if is_reverse else genome[at + 1]
        assert np.array_equal(piece.codes, bases)
        assert np.array_equal(piece.levels[:-1], (4 * bases + follows)[:-1])
        assert piece.samples_per_base == 10


def test_stalls_and_bad_fits_end_a_piece() -> None:
    read = marked(False)
    signal = read.signal.copy()
    signal[2000:2010] += 1.5  # base 200
    signal[3000:3210] += 0.4  # bases 300 to 320: none is bad alone
    starts = read.starts.copy()
    starts[501:] += MAX_DWELL_SAMPLES
    signal = np.insert(signal, 5000, np.full(MAX_DWELL_SAMPLES, read.levels[500]))
    changed = dataclasses.replace(read, signal=signal, starts=starts)
    pieces = list(real_pieces(changed, ZERO, []))
    ends = [(int(p.signal[0]) - 103, int(p.signal[-1]) - 103) for p in pieces]
    assert [ends[0][0], ends[0][1], ends[1][0]] == [0, 199, 201]
    # where the mean of 21 bases is above the bound
    over = LOCAL_BP - int(0.3 / 0.4 * LOCAL_BP) - 1
    assert ends[1][1] == 310 - over - 1
    assert ends[2] == (310 + over + 1, 499)
    assert ends[3] == (501, 796)


def test_levels_are_fitted_to_pooled_events_without_the_held_out_ones() -> None:
    """Forty copies of a read whose k-mers all lie 0.2 too high: all that is left is the held-out stretch."""
    codes = np.random.default_rng(6).integers(0, 4, 6500).astype(np.uint8)
    kmers = np.lib.stride_tricks.sliding_window_view(codes, 6) @ 4 ** np.arange(5, -1, -1)
    levels = unit_levels(TABLE)[kmers]
    starts = np.arange(len(levels) + 1) * 8
    held_out = Interval("g", 0, 1000)
    places = np.arange(2, 2 + len(levels))
    wrong = np.where(places < 1000, 0.5, 0.2).astype(np.float32)
    copies = [EventRead((levels + wrong).repeat(8), starts, levels, codes, 2, "g", places) for _ in range(40)]
    fit = fit_levels_of(copies, TABLE, [held_out])
    assert fit.chosen != "as given"
    assert fit.held_out_sd["as given"] == pytest.approx(0.2, abs=1e-3)
    assert fit.held_out_sd["k-mers refitted"] < 0.15
    without = fit_levels_of(copies, TABLE, [])
    assert without.held_out_sd["as given"] > 0.25
