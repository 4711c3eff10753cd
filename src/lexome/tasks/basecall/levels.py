"""Fits a k-mer level table to reads whose bases are placed on their signal.

Source: own. The mean of a base's samples, taken back through the read's regressed gain and offset, is one
event of its k-mer; a k-mer's level is the mean of its events. k-mers that were seen too seldom get the level
of a linear model of their bases and pairs of neighbouring bases, fitted to the others.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lexome.core.alphabet import decode, encode, kmer_index
from lexome.core.errors import LexomeError
from lexome.core.records import KmerLevels
from lexome.tasks.basecall.prepare import PlacedRead

MIN_EVENTS = 10
MIN_REGRESSION = 50  # a read with fewer events keeps the alignment's gain and offset
MAX_DISTANCE = 1.0  # normalised units: an event farther from its expected level is a misplaced one
EDGE_MIN_SAMPLES = 5  # a dwell this long loses its first and last sample, which lie between two levels


@dataclass(frozen=True)
class FittedLevels:
    """The table, how many events each k-mer had, and how many k-mers were filled in by the linear model."""

    levels: KmerLevels
    events: np.ndarray
    num_filled: int
    num_reads: int


def fit_levels(reads: Iterable[PlacedRead], k: int, centre: int, name: str) -> FittedLevels:
    """Fits a table.

    Args:
        reads: placed reads (see `prepare.place_reads`).
        k: bases in a k-mer, as in the table that the reads were placed with.
        centre: likewise.
        name: what to call the table.

    Returns:
        The table in pA, on the median scale of the reads.

    Raises:
        LexomeError: if there are too few events for the linear model.
    """
    size = 4**k
    count, total, squares = np.zeros(size), np.zeros(size), np.zeros(size)
    scalings = []
    for read in reads:
        scalings.append((read.normalised.shift_pa, read.normalised.scale_pa))
        index, event = _events(read, k, centre)
        count += np.bincount(index, minlength=size)
        total += np.bincount(index, event, minlength=size)
        squares += np.bincount(index, event**2, minlength=size)
    seen = count >= MIN_EVENTS
    features = _pair_features(k)
    if seen.sum() < features.shape[1]:
        raise LexomeError(
            f"only {int(seen.sum())} of {size} k-mers have {MIN_EVENTS} events: more reads are needed"
        )
    mean = np.divide(total, count, out=np.zeros(size), where=count > 0)
    sd = np.sqrt(np.maximum(np.divide(squares, count, out=np.zeros(size), where=count > 0) - mean**2, 0))
    weights, *_ = np.linalg.lstsq(features[seen], mean[seen], rcond=None)
    mean[~seen] = features[~seen] @ weights
    sd[~seen] = np.median(sd[seen])
    shift_pa, scale_pa = np.median(np.array(scalings), axis=0)
    levels = KmerLevels(
        name, k, centre, (mean * scale_pa + shift_pa).astype(np.float32), (sd * scale_pa).astype(np.float32)
    )
    return FittedLevels(levels, count.astype(np.int64), int((~seen).sum()), len(scalings))


def _events(read: PlacedRead, k: int, centre: int) -> tuple[np.ndarray, np.ndarray]:
    """k-mer index and mean (in the table's normalised units) of every base that can be trusted."""
    alignment = read.alignment
    begin, end = alignment.starts[:-1], alignment.starts[1:]
    edge = (end - begin >= EDGE_MIN_SAMPLES).astype(np.int64)
    running = np.concatenate([[0.0], np.cumsum(read.normalised.signal, dtype=np.float64)])
    first, last = begin + edge, end - edge
    first_kmer = alignment.first_bp - centre
    index = kmer_index(encode(read.sequence), k)[first_kmer : first_kmer + len(begin)]
    dwell = np.maximum(last - first, 1)
    event = (running[last] - running[first]) / dwell
    good = (end > begin) & ~np.isnan(alignment.residuals) & (np.abs(event - alignment.levels) < MAX_DISTANCE)
    gain, offset = alignment.gain, alignment.offset
    if good.sum() >= MIN_REGRESSION:
        # the alignment's own gain is drawn down by blocks that lie across two bases; whole events are not
        expected = (alignment.levels - offset) / gain
        gain, offset = np.polyfit(expected[good], event[good], 1)
    return index[good], ((event - offset) / gain)[good]


def _pair_features(k: int) -> np.ndarray:
    """A constant and one-hot pairs of neighbouring bases of every k-mer; float64[4**k, 1 + 16 (k - 1)]."""
    codes = (np.arange(4**k)[:, None] // 4 ** np.arange(k - 1, -1, -1)) % 4
    pairs = codes[:, :-1] * 4 + codes[:, 1:]
    columns = [np.ones((4**k, 1)), *(np.eye(16)[pairs[:, i]] for i in range(k - 1))]
    return np.concatenate(columns, axis=1)


def write_levels(path: Path, fitted: FittedLevels, comment: str) -> None:
    """Writes a table as `core.kmer_levels.read_kmer_levels` reads it; `comment` lines start with #."""
    levels = fitted.levels
    lines = [f"# {line}" for line in comment.splitlines()]
    lines.append("kmer\tlevel_mean\tlevel_stdv\tevents")
    for index in range(4**levels.k):
        codes = np.array([(index // 4**i) % 4 for i in range(levels.k - 1, -1, -1)], np.uint8)
        mean, sd = levels.mean_pa[index], levels.sd_pa[index]
        lines.append(f"{decode(codes)}\t{mean:.3f}\t{sd:.3f}\t{fitted.events[index]}")
    partial = path.with_name(path.name + ".partial")
    partial.write_text("\n".join(lines) + "\n", encoding="ascii")
    partial.rename(path)
