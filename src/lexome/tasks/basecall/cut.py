"""Cuts labelled chunks out of placed reads, and drops those whose labels cannot be trusted."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from lexome.core.alphabet import encode
from lexome.dp.kernels.edit import matches_and_edits
from lexome.io.chunks import SPLITS, LabelledChunk
from lexome.tasks.basecall.intervals import Interval
from lexome.tasks.basecall.prepare import MAX_RESIDUAL, PlacedRead
from lexome.tasks.basecall.yields import KEPT, LabelReport

STALL_SAMPLES = 80  # a base that lasts longer covers no more than this


@dataclass(frozen=True)
class LabelConfig:
    """What makes a labelled chunk.

    Lengths in samples and bases; residuals in units of the signal normalised by median and MAD. A wrong
    placement still scores a mean residual of .28 on R9.4.1 signal, a right one .17: the bounds lie between.

    Attributes:
        chunk_size: samples in a chunk.
        step: samples from the start of a chunk to that of the next.
        max_read_residual: reads whose bases fit worse on the mean are dropped.
        max_chunk_residual: chunks likewise.
        max_window_residual: likewise any stretch of about `window_bp` bases in a chunk.
        window_bp: bases in such a stretch.
        max_skipped: share of bases in a chunk that have no signal of their own.
        min_samples_per_base: chunks with more bases are dropped.
        max_samples_per_base: chunks with fewer bases are dropped.
        min_coverage: share of a chunk's samples that must lie on well-placed bases (residual at most 0.6, the
            first 80 samples of each); 0: any.
        min_identity: the call's identity with the label in a chunk, where the read has a call; 0: any.
        cover_end: cut one more chunk that ends where the placed bases end, if a step would not reach it.
    """

    chunk_size: int = 1500
    step: int = 750
    max_read_residual: float = 0.24
    max_chunk_residual: float = 0.24
    max_window_residual: float = 0.32
    window_bp: int = 50
    max_skipped: float = 0.2
    min_samples_per_base: float = 4.0
    max_samples_per_base: float = 25.0
    min_coverage: float = 0.0
    min_identity: float = 0.0
    cover_end: bool = False


# what is asked of chunks whose reads were called; without calls a coverage bound alone would say little
WITH_CALLS = LabelConfig(min_coverage=0.8, min_identity=0.6, cover_end=True)


def label_chunks(
    read: PlacedRead,
    validation: Iterable[Interval],
    config: LabelConfig,
    report: LabelReport,
    test: Iterable[Interval] = (),
) -> Iterator[LabelledChunk]:
    """Cuts the good chunks out of a placed read.

    Args:
        read: from `prepare.place_reads`.
        validation: stretches of the reference kept for validation; a chunk that only touches one is dropped.
        config: bounds.
        report: counts are added here.
        test: stretches kept for the last judgement, likewise; they overlap none for validation.

    Yields:
        Chunks with their bases (those whose dwell begins inside the chunk).
    """
    alignment, signal = read.alignment, read.signal
    starts = alignment.starts
    targets = encode(read.sequence)[alignment.first_bp : alignment.first_bp + len(starts) - 1] + 1
    held_out = [(i, "validation") for i in validation] + [(i, "test") for i in test]
    held_out = [(i, split) for i, split in held_out if i.contig == read.place.contig]
    covered = _covered(read) if config.min_coverage > 0 else None
    end_of_last = 0
    for start in _chunk_starts(int(starts[0]), int(starts[-1]), config):
        end = start + config.chunk_size
        first, last = (int(i) for i in np.searchsorted(starts[:-1], [start, end]))
        start_bp, end_bp = _reference_interval(read, first, last)
        split = _split_of(start_bp, end_bp, held_out)
        reason = _misfit(alignment.residuals[first:last], config)
        if reason is None and covered is not None:
            share = (covered[end] - covered[start]) / config.chunk_size
            reason = (
                "too little of it is covered by well-placed bases" if share < config.min_coverage else None
            )
        if reason is None and split is None:
            reason = "crosses the border of a held-out interval"
        if reason is None and config.min_identity > 0:
            identity = call_identity(read, start, end, targets[first:last] - 1)
            reason = "its call is another" if identity < config.min_identity else None
        if reason is not None or split is None:
            report.add_chunk(str(reason), last - first)
            continue
        report.add_chunk(f"{KEPT}{split}", last - first)
        report.labelled_samples += config.chunk_size
        report.covered_samples += end - max(start, end_of_last)
        end_of_last = end
        yield LabelledChunk(
            signal[start:end], targets[first:last], read.read_id, read.place.contig, start_bp, end_bp,
            SPLITS.index(split),
        )  # fmt: skip


def _chunk_starts(first: int, end: int, config: LabelConfig) -> list[int]:
    last = end - config.chunk_size
    begins = list(range(first, last + 1, config.step))
    if config.cover_end and begins and begins[-1] < last:
        begins.append(last)
    return begins


def call_identity(read: PlacedRead, start: int, end: int, label: np.ndarray) -> float:
    """Matches / alignment columns of the read's call in a stretch of its signal and the label of it.

    Args:
        read: a placed read.
        start: first sample of the stretch.
        end: the sample behind it.
        label: codes of the bases that begin in it.

    Returns:
        The identity; 1 if the read has no call, which contradicts nothing.
    """
    if read.track is None:
        return 1.0
    first, last = np.searchsorted(read.track.begins, [start, end])
    matches, edits = matches_and_edits(read.track.codes[first:last].astype(np.int64), label.astype(np.int64))
    return matches / max(1, matches + edits)


def _misfit(residuals: np.ndarray, config: LabelConfig) -> str | None:
    """Why bases with these residuals make no label, None if they do."""
    count = len(residuals)
    if count < config.chunk_size / config.max_samples_per_base:
        return "too few bases"
    if count > config.chunk_size / config.min_samples_per_base:
        return "too many bases"
    seen = ~np.isnan(residuals)
    filled = np.where(seen, residuals, 0.0)
    if 1 - seen.mean() > config.max_skipped:
        return "too many skipped bases"
    if filled.sum() / seen.sum() > config.max_chunk_residual:
        return "fits badly"
    if _worst_window(filled, seen, config.window_bp) > config.max_window_residual:
        return "a part fits badly"
    return None


def _worst_window(residuals: np.ndarray, seen: np.ndarray, window_bp: int) -> float:
    count = max(1, len(residuals) // window_bp)
    parts = zip(np.array_split(residuals, count), np.array_split(seen, count), strict=True)
    return max(part.sum() / max(1, mask.sum()) for part, mask in parts)


def _covered(read: PlacedRead) -> np.ndarray:
    """How many samples before each one lie on well-placed bases; int64[S + 1]."""
    starts, residuals = read.alignment.starts, read.alignment.residuals
    good = residuals <= MAX_RESIDUAL  # False for nan: a skipped base has no samples
    firsts, lasts = starts[:-1][good], starts[1:][good]
    changes = np.zeros(len(read.signal) + 2, np.int64)
    np.add.at(changes, firsts + 1, 1)
    np.add.at(changes, np.minimum(lasts, firsts + STALL_SAMPLES) + 1, -1)
    return np.cumsum(np.cumsum(changes)[:-1])


def _reference_interval(read: PlacedRead, first: int, last: int) -> tuple[int, int]:
    offset = read.alignment.first_bp
    if read.place.is_reverse:
        return read.place.end_bp - offset - last, read.place.end_bp - offset - first
    return read.place.start_bp + offset + first, read.place.start_bp + offset + last


def _split_of(start_bp: int, end_bp: int, held_out: list[tuple[Interval, str]]) -> str | None:
    """The split of a held-out interval inside it, "training" clear of all of them, None across a border."""
    for interval, split in held_out:
        if interval.start_bp <= start_bp and end_bp <= interval.end_bp:
            return split
        if start_bp < interval.end_bp and interval.start_bp < end_bp:
            return None
    return "training"
