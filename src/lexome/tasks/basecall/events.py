"""Placed reads made ready to be taken apart: one scale for all, exact borders, and which bases can be used.

An alignment gives a read's gain and offset relative to the levels of the read's own sequence, whose median
and spread differ from read to read. Pieces of several reads fit together in the units of the whole level
table only, so gain and offset are fitted anew, to whole events.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lexome.core.alphabet import encode, kmer_index
from lexome.core.records import KmerLevels
from lexome.simulate.borders import draw_starts
from lexome.simulate.compose import RealRead
from lexome.simulate.context_levels import (
    AFTER,
    BEFORE,
    WIDTH,
    ContextFit,
    ContextLevels,
    context_windows,
    fit_context_levels,
    unit_levels,
)
from lexome.tasks.basecall.intervals import Interval
from lexome.tasks.basecall.prepare import PlacedRead

MIN_BASES = 50  # of a read, for its gain and offset
MIN_DWELL, EDGE_MIN_SAMPLES = (
    4,
    5,
)  # a shorter event has no mean to go by; this long, it loses both end samples
MAX_DISTANCE = 0.6  # units: an event farther from its level is misplaced
MAX_RESIDUAL, MAX_LOCAL_RESIDUAL, LOCAL_BP = 1.0, 0.3, 21  # of a base, and of the bases around it
MAX_DWELL_SAMPLES = 400  # shorter stalls are part of what real reads are like
MIN_PIECE_BP = 20
ROUNDS = 2
GROUP_BP = 3000  # contexts of so long a stretch are left out of the fit of the levels together


@dataclass(frozen=True)
class EventRead:
    """A read in the units of the level table (see `simulate.context_levels`).

    `codes` is the whole sequence, of which base `first_bp` + i lasts from sample starts[i] to starts[i + 1]
    of `signal` and lies at `place_bp[i]` of `contig`; `levels` are the table's.
    """

    signal: np.ndarray
    starts: np.ndarray
    levels: np.ndarray
    codes: np.ndarray
    first_bp: int
    contig: str
    place_bp: np.ndarray


def event_read(read: PlacedRead, table: KmerLevels, generator: np.random.Generator) -> EventRead | None:
    """Brings a placed read to common units and draws exact borders; None if it has too few good events."""
    alignment, codes = read.alignment, encode(read.sequence)
    count, first_bp = len(alignment.starts) - 1, alignment.first_bp
    kmers = kmer_index(codes, table.k)[first_bp - table.centre : first_bp - table.centre + count]
    levels = unit_levels(table)[kmers]
    if count < MIN_BASES or not levels.std() > 0:
        return None
    coarse = alignment.starts - alignment.starts[0]
    signal = read.normalised.signal[alignment.starts[0] : alignment.starts[-1]]
    gain, offset = np.polyfit(levels, alignment.levels, 1)
    starts = coarse
    for _ in range(ROUNDS):
        units = ((signal - offset) / gain).astype(np.float32)
        drawn = draw_starts(units, levels, coarse, generator)
        if drawn is None:
            return None
        starts = drawn
        means, good = event_means(units, starts, levels)
        if good.sum() < MIN_BASES:
            return None
        more_gain, more_offset = np.polyfit(levels[good], means[good], 1)
        if not 0.5 < more_gain < 2.0:  # a fit to a wrong placement
            return None
        offset, gain = offset + gain * more_offset, gain * more_gain
    along = first_bp + np.arange(count)
    place_bp = read.place.end_bp - 1 - along if read.place.is_reverse else read.place.start_bp + along
    units = ((signal - offset) / gain).astype(np.float32)
    return EventRead(units, starts, levels, codes, first_bp, read.place.contig, place_bp)


def event_means(signal: np.ndarray, starts: np.ndarray, levels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean of each base's samples, without those at its borders, and whether it says something."""
    dwell = np.diff(starts)
    edge = (dwell >= EDGE_MIN_SAMPLES).astype(np.int64)
    running = np.concatenate([[0.0], np.cumsum(signal, dtype=np.float64)])
    first, last = starts[:-1] + edge, starts[1:] - edge
    means = (running[last] - running[first]) / np.maximum(last - first, 1)
    return means, (dwell >= MIN_DWELL) & (np.abs(means - levels) < MAX_DISTANCE)


def fit_levels_of(reads: Sequence[EventRead], table: KmerLevels, held_out: Iterable[Interval]) -> ContextFit:
    """Fits context-dependent levels to all events outside of `held_out`, those of one context pooled."""
    held_out = list(held_out)
    keys: list[np.ndarray] = []
    means: list[np.ndarray] = []
    groups: list[np.ndarray] = []
    numbers = {contig: n for n, contig in enumerate(sorted({read.contig for read in reads}))}
    powers = 4 ** np.arange(WIDTH, dtype=np.int64)
    for read in reads:
        mean, good = event_means(read.signal, read.starts, read.levels)
        at = read.first_bp + np.arange(len(mean))
        good &= (at >= BEFORE) & (at < len(read.codes) - AFTER) & ~_is_held_out(read, held_out)
        # a context is one number: its bases to the base of 4
        keys.append(context_windows(read.codes)[at[good] - BEFORE].astype(np.int64) @ powers)
        means.append(mean[good])
        # stretches of one contig after the other, so that whole ones are left out
        groups.append(read.place_bp[good] // GROUP_BP + numbers[read.contig])
    key_E = np.concatenate(keys)
    unique, first, which = np.unique(key_E, return_index=True, return_inverse=True)
    counts = np.bincount(which)
    mean_N = np.bincount(which, np.concatenate(means)) / counts
    windows_NW = ((unique[:, None] // powers) % 4).astype(np.uint8)
    return fit_context_levels(windows_NW, mean_N, counts, np.concatenate(groups)[first], table)


def real_pieces(read: EventRead, levels: ContextLevels, held_out: Iterable[Interval]) -> Iterator[RealRead]:
    """The stretches of a read that give events: well fitting, no long stalls, outside of `held_out`."""
    dwell = np.diff(read.starts)
    running = np.cumsum(np.abs(read.signal - np.repeat(read.levels, dwell)), dtype=np.float64)
    residuals = np.diff(np.concatenate([[0.0], running])[read.starts]) / np.maximum(dwell, 1)
    window = np.ones(LOCAL_BP)
    around = np.convolve(residuals, window, "same") / np.convolve(np.ones(len(dwell)), window, "same")
    good = (residuals < MAX_RESIDUAL) & (around < MAX_LOCAL_RESIDUAL) & (dwell < MAX_DWELL_SAMPLES)
    good &= ~_is_held_out(read, held_out)
    expected = levels.predict(read.codes)[read.first_bp : read.first_bp + len(dwell)]
    codes = read.codes[read.first_bp : read.first_bp + len(dwell)]
    speed = float(np.mean(np.minimum(dwell, MAX_DWELL_SAMPLES)))
    edges = np.flatnonzero(np.diff(np.concatenate([[0], good.astype(np.int8), [0]])))
    for first, last in zip(edges[::2], edges[1::2], strict=True):
        if last - first >= MIN_PIECE_BP:
            starts = read.starts[first : last + 1]
            signal = read.signal[starts[0] : starts[-1]]
            yield RealRead(signal, codes[first:last], starts - starts[0], expected[first:last], speed)


def _is_held_out(read: EventRead, intervals: Iterable[Interval]) -> np.ndarray:
    inside = np.zeros(len(read.place_bp), bool)
    for interval in intervals:
        if interval.contig == read.contig:
            inside |= (read.place_bp >= interval.start_bp) & (read.place_bp < interval.end_bp)
    return inside
