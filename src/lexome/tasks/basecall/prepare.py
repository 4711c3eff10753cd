"""Reads and where they come from -> a labelled training store.

The bases of each read's stretch of the reference are placed on its signal; chunks are cut where the placement
is good, and everything that is dropped is counted with its reason.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

import numpy as np

from lexome.core.alphabet import NO_BASE, encode, reverse_complement
from lexome.core.errors import BadInputError
from lexome.core.records import KmerLevels, RawRead
from lexome.features.alignment import AlignConfig, SignalAlignment, align_signal
from lexome.features.signal import NormalisedRead, SignalConfig, normalise
from lexome.io.chunks import LabelledChunk
from lexome.tasks.basecall.places import Place


@dataclass(frozen=True)
class LabelConfig:
    """What makes a labelled chunk.

    Lengths in samples and bases; residuals in units of the normalised signal. A wrong placement still scores
    a mean residual of .28 on R9.4.1 signal, a right one .17, so the bounds lie between.
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


@dataclass(frozen=True)
class Interval:
    """A stretch of a contig, 0-based, end excluded."""

    contig: str
    start_bp: int
    end_bp: int


@dataclass
class LabelReport:
    """What became of the input: counts of reads, chunks and bases by outcome."""

    reads: Counter[str]
    chunks: Counter[str]
    aligned_bp: int = 0
    labelled_samples: int = 0

    def lines(self) -> list[str]:
        """The report as lines of text."""
        rows = [f"reads: {sum(self.reads.values())}", *_counts(self.reads)]
        rows += [
            f"bases placed on signal: {self.aligned_bp}",
            f"chunks: {sum(self.chunks.values())}",
            *_counts(self.chunks),
        ]
        return rows


def _counts(counter: Counter[str]) -> list[str]:
    total = max(1, sum(counter.values()))
    return [f"  {name}: {count} ({100 * count / total:.1f}%)" for name, count in counter.most_common()]


@dataclass(frozen=True)
class PlacedRead:
    """A read whose bases are placed on its signal."""

    read_id: str
    normalised: NormalisedRead
    sequence: str
    place: Place
    alignment: SignalAlignment


def place_reads(
    reads: Iterable[RawRead],
    places: Mapping[str, Place],
    reference: Mapping[str, str],
    levels: KmerLevels,
    signal_config: SignalConfig,
    align_config: AlignConfig,
    max_read_residual: float,
    report: LabelReport,
    threads: int,
) -> Iterator[PlacedRead]:
    """Aligns every read with its stretch of the reference, in input order, on `threads` threads.

    Args:
        reads: raw reads.
        places: where each read lies, by read id.
        reference: contigs.
        levels: expected current per k-mer.
        signal_config: how signal is normalised; must be the trained network's own.
        align_config: constants of the alignment.
        max_read_residual: reads that fit worse are dropped.
        report: counts are added here.
        threads: alignments at a time; the kernel releases the interpreter.

    Yields:
        The reads that were placed well.
    """

    def work(read: RawRead) -> PlacedRead | str:
        place = places.get(read.read_id)
        if place is None:
            return "no place in the reference known"
        if place.contig not in reference:
            raise BadInputError(f"contig {place.contig} of read {read.read_id} is not in the reference")
        sequence = reference[place.contig][place.start_bp : place.end_bp]
        if place.is_reverse:
            sequence = reverse_complement(sequence)
        if (encode(sequence) == NO_BASE).any():
            return "reference has N there"
        try:
            normalised = normalise(read, signal_config)
        except BadInputError as error:
            return str(error)
        alignment = align_signal(normalised.signal, sequence, levels, align_config)
        if alignment is None:
            return "signal and sequence do not align"
        if alignment.residual_mean > max_read_residual:
            return "signal fits its sequence badly"
        return PlacedRead(read.read_id, normalised, sequence, place, alignment)

    iterator = iter(reads)
    with ThreadPoolExecutor(threads) as pool:
        while batch := list(islice(iterator, 8 * threads)):  # bounded memory
            for result in pool.map(work, batch):
                report.reads["placed" if isinstance(result, PlacedRead) else result] += 1
                if isinstance(result, PlacedRead):
                    report.aligned_bp += len(result.alignment.residuals)
                    yield result


def label_chunks(
    read: PlacedRead, validation: Iterable[Interval], config: LabelConfig, report: LabelReport
) -> Iterator[LabelledChunk]:
    """Cuts the good chunks out of a placed read.

    Args:
        read: from `place_reads`.
        validation: stretches of the reference kept for validation; a chunk that only touches one is dropped.
        config: bounds.
        report: counts are added here.

    Yields:
        Chunks with their bases (those whose dwell begins inside the chunk).
    """
    alignment, signal = read.alignment, read.normalised.signal
    starts, residuals = alignment.starts, alignment.residuals
    targets = encode(read.sequence)[alignment.first_bp : alignment.first_bp + len(residuals)] + 1
    held_out = [i for i in validation if i.contig == read.place.contig]
    skipped = np.isnan(residuals)
    filled = np.where(skipped, 0.0, residuals)
    for start in range(int(starts[0]), int(starts[-1]) - config.chunk_size + 1, config.step):
        first, last = np.searchsorted(starts[:-1], [start, start + config.chunk_size])
        count = int(last - first)
        if count < config.chunk_size / config.max_samples_per_base:
            report.chunks["too few bases"] += 1
            continue
        if count > config.chunk_size / config.min_samples_per_base:
            report.chunks["too many bases"] += 1
            continue
        seen = ~skipped[first:last]
        if 1 - seen.mean() > config.max_skipped:
            report.chunks["too many skipped bases"] += 1
            continue
        if filled[first:last].sum() / seen.sum() > config.max_chunk_residual:
            report.chunks["fits badly"] += 1
            continue
        if _worst_window(filled[first:last], seen, config.window_bp) > config.max_window_residual:
            report.chunks["a part fits badly"] += 1
            continue
        start_bp, end_bp = _reference_interval(read, int(first), int(last))
        split = _split_of(start_bp, end_bp, held_out)
        if split is None:
            report.chunks["crosses the border of the validation interval"] += 1
            continue
        report.chunks["kept for validation" if split else "kept for training"] += 1
        report.labelled_samples += config.chunk_size
        yield LabelledChunk(
            signal[start : start + config.chunk_size], targets[first:last], read.read_id, read.place.contig,
            start_bp, end_bp, split,
        )  # fmt: skip


def _worst_window(residuals: np.ndarray, seen: np.ndarray, window_bp: int) -> float:
    count = max(1, len(residuals) // window_bp)
    parts = zip(np.array_split(residuals, count), np.array_split(seen, count), strict=True)
    return max(part.sum() / max(1, mask.sum()) for part, mask in parts)


def _reference_interval(read: PlacedRead, first: int, last: int) -> tuple[int, int]:
    offset = read.alignment.first_bp
    if read.place.is_reverse:
        return read.place.end_bp - offset - last, read.place.end_bp - offset - first
    return read.place.start_bp + offset + first, read.place.start_bp + offset + last


def _split_of(start_bp: int, end_bp: int, held_out: list[Interval]) -> int | None:
    """1 inside a validation interval, 0 clear of all of them, None across a border."""
    for interval in held_out:
        if interval.start_bp <= start_bp and end_bp <= interval.end_bp:
            return 1
        if start_bp < interval.end_bp and interval.start_bp < end_bp:
            return None
    return 0
