"""Reads and where they come from -> labelled chunks.

The bases of each read's stretch of the reference are placed on its signal; chunks are cut where the placement
is good (`tasks.basecall.cut`), and everything that is dropped is counted with its reason.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice

import numpy as np

from lexome.core.alphabet import NO_BASE, encode, reverse_complement
from lexome.core.errors import BadInputError
from lexome.core.records import KmerLevels, RawRead
from lexome.features.alignment import AlignConfig, SignalAlignment, align_signal
from lexome.features.guided_alignment import Anchors, align_guided
from lexome.features.signal import (
    NormalisedRead,
    ScalingConfig,
    SignalConfig,
    find_scaling,
    normalise,
)
from lexome.tasks.basecall.guides import MARGIN_BP, CallTrack, Guide
from lexome.tasks.basecall.places import Place
from lexome.tasks.basecall.yields import READS_IN_USE, LabelReport

WRONG_RESIDUAL = 0.28  # mean distance from their levels of bases that do not belong to the signal
MAX_RESIDUAL = 0.6  # a base that fits worse is misplaced
BY_MOVES, BY_PLACE = "along the moves of its call", "by its signal alone"


@dataclass(frozen=True)
class PlacedRead:
    """A read, or a piece of one, whose bases are placed on its signal.

    `normalised` is the signal that was aligned; `stored` the same samples as the chunks get them, if that is
    with another scaling. `track` is the read's call in samples of the normalised (trimmed) signal, if there
    is one, brought in step with the alignment. `method` says how the bases were placed.
    """

    read_id: str
    normalised: NormalisedRead
    sequence: str
    place: Place
    alignment: SignalAlignment
    stored: np.ndarray | None = None
    track: CallTrack | None = None
    method: str = BY_PLACE

    @property
    def signal(self) -> np.ndarray:
        """What chunks are cut out of, float32[S]."""
        return self.normalised.signal if self.stored is None else self.stored

    @property
    def score(self) -> float:
        """How good the placement is: see `placement_score`."""
        return placement_score(self.alignment)


def placement_score(alignment: SignalAlignment) -> float:
    """How much of a read is placed, and how well.

    Each placed base counts by how much better it fits than bases do where they do not belong, as a share; a
    wrong placement so scores about 0, whatever its length. (The alignment's own likelihood would do no good
    here: a base that lies on a stall or in the adapter's flat current gains with every sample.)
    """
    placed = alignment.residuals[~np.isnan(alignment.residuals)]
    return float(np.sum(1.0 - np.minimum(placed, MAX_RESIDUAL) / WRONG_RESIDUAL))


@dataclass(frozen=True)
class Placing:
    """All that reads are placed with.

    Attributes:
        places: where reads lie, by read id.
        reference: contigs.
        levels: expected current per k-mer; of several tables the one that fits a read best is used.
        align: constants of the alignment.
        max_read_residual: reads that fit worse are dropped.
        guides: the calls of the reads, where there are any.
        use_moves: place along the moves of the calls as well, and keep what scores better; else calls only
            say where a read lies.
        scaling: of the chunks' signal.
    """

    places: Mapping[str, Place]
    reference: Mapping[str, str]
    levels: Sequence[KmerLevels]
    align: AlignConfig = AlignConfig()
    max_read_residual: float = 0.24
    guides: Mapping[str, Guide] = field(default_factory=dict)
    use_moves: bool = True
    scaling: ScalingConfig = ScalingConfig()


SIGNAL = SignalConfig()  # reads are placed by median and MAD, to which all bounds belong


def place_reads(
    reads: Iterable[RawRead], placing: Placing, report: LabelReport, threads: int
) -> Iterator[PlacedRead]:
    """Aligns every read with its stretch of the reference, in input order, on `threads` threads.

    Args:
        reads: raw reads.
        placing: places, reference, levels, bounds.
        report: counts are added here.
        threads: alignments at a time; the kernel releases the interpreter.

    Yields:
        The reads that were placed well; one that its call follows over large gaps comes in several pieces.

    Raises:
        BadInputError: if a place is on a contig that the reference lacks.
    """
    iterator = iter(reads)
    with ThreadPoolExecutor(threads) as pool:
        while batch := list(islice(iterator, 8 * threads)):  # bounded memory
            for read, result in zip(batch, pool.map(lambda r: _place(r, placing), batch), strict=True):
                if isinstance(result, str):
                    report.add_read(result, len(read.raw))
                    continue
                report.add_read(READS_IN_USE, len(read.raw))
                report.methods[result[0].method] += 1
                report.runs[read.info.run.run_id] += 1
                for piece in result:
                    report.aligned_bp += len(piece.alignment.residuals)
                    yield piece


def _place(read: RawRead, placing: Placing) -> list[PlacedRead] | str:
    """The pieces of a read with their bases placed, or why there is none."""
    guide = placing.guides.get(read.read_id)
    place = placing.places.get(read.read_id)
    called = guide.place if guide is not None else None
    if place is None and called is None:
        return "no place in the reference known" if guide is None else "its call does not map"
    try:
        normalised = normalise(read, SIGNAL)
    except BadInputError as error:
        return str(error)
    results: list[list[PlacedRead] | str] = []
    if place is not None:
        results.append(_by_signal(read.read_id, normalised, place, placing))
    if guide is not None and called is not None and placing.use_moves:
        results.append(_by_moves(read.read_id, normalised, called, guide, placing))
    if called is not None and all(isinstance(result, str) for result in results):
        results.append(_by_signal(read.read_id, normalised, called, placing))
    found = [result for result in results if not isinstance(result, str)]
    if not found:
        return next(result for result in results if isinstance(result, str))
    best = max(found, key=lambda pieces: sum(piece.score for piece in pieces))
    stored = _rescaled(read, normalised, placing.scaling)
    return [
        replace(piece, stored=stored, track=None if guide is None else in_step(guide, piece))
        for piece in best
    ]


def _by_signal(
    read_id: str, normalised: NormalisedRead, place: Place, placing: Placing
) -> list[PlacedRead] | str:
    """The read placed on one stretch of the reference by its signal alone, in one piece."""
    sequence = _sequence_at(place, read_id, placing)
    signal = normalised.signal
    alignment = _best(sequence, lambda table: align_signal(signal, sequence, table, placing.align), placing)
    if isinstance(alignment, str):
        return alignment
    return [PlacedRead(read_id, normalised, sequence, place, alignment)]


def _by_moves(
    read_id: str, normalised: NormalisedRead, place: Place, guide: Guide, placing: Placing
) -> list[PlacedRead] | str:
    """The read placed along the moves of its call, in pieces between large gaps of the call's alignment."""
    sequence = _sequence_at(place, read_id, placing)
    signal = normalised.signal
    unknown = np.flatnonzero(encode(sequence) == NO_BASE)
    pieces: list[PlacedRead] = []
    reason = "signal and sequence do not align"
    if guide.anchors is None:
        return reason
    for anchors in guide.anchors.shifted(normalised.trimmed_samples).pieces():
        first, last = int(anchors.base[0]), int(anchors.base[-1])
        # the margin ends where the reference is not known
        begin = max(first - MARGIN_BP, int(unknown[unknown < first].max(initial=-1)) + 1)
        end = min(last + 1 + MARGIN_BP, int(unknown[unknown > last].min(initial=len(sequence))))
        part = sequence[begin:end]
        inside = Anchors(anchors.base - begin, anchors.sample)
        found = _best(part, partial(_align_part, signal, part, inside, placing.align), placing)
        if isinstance(found, str):
            reason = found
            continue
        alignment = replace(found, first_bp=found.first_bp + begin)
        pieces.append(PlacedRead(read_id, normalised, sequence, place, alignment, method=BY_MOVES))
    return pieces or reason


def _align_part(
    signal: np.ndarray, sequence: str, anchors: Anchors, align: AlignConfig, table: KmerLevels
) -> SignalAlignment | None:
    return align_guided(signal, sequence, anchors, table, align)


def _sequence_at(place: Place, read_id: str, placing: Placing) -> str:
    """What was sequenced, in the read's own direction."""
    if place.contig not in placing.reference:
        raise BadInputError(f"contig {place.contig} of read {read_id} is not in the reference")
    sequence = placing.reference[place.contig][place.start_bp : place.end_bp]
    return reverse_complement(sequence) if place.is_reverse else sequence


def _best(
    sequence: str, align: Callable[[KmerLevels], SignalAlignment | None], placing: Placing
) -> SignalAlignment | str:
    """The best of the alignments with each table of levels, or why there is no good one."""
    if (encode(sequence) == NO_BASE).any():
        return "reference has N there"
    alignments = [found for found in map(align, placing.levels) if found is not None]
    if not alignments:
        return "signal and sequence do not align"
    best = max(alignments, key=placement_score)
    return "signal fits its sequence badly" if best.residual_mean > placing.max_read_residual else best


def in_step(guide: Guide, read: PlacedRead) -> CallTrack:
    """A read's call in samples of its normalised signal, as late as the bases of its placement.

    A network may tell a base some samples before or behind the current that its level belongs to; what it
    does on the whole is taken away.
    """
    trimmed = read.normalised.trimmed_samples
    track = guide.track.moved(-trimmed)
    called, place = guide.place, read.place
    if called is None or guide.anchors is None or called.contig != place.contig:
        return track
    if called.is_reverse != place.is_reverse:  # the call lies elsewhere: there is nothing to compare
        return track
    ahead = called.start_bp - place.start_bp if not place.is_reverse else place.end_bp - called.end_bp
    index = guide.anchors.base + ahead - read.alignment.first_bp
    inside = (index >= 0) & (index < len(read.alignment.residuals))
    if not inside.any():
        return track
    late = guide.anchors.sample[inside] - trimmed - read.alignment.starts[index[inside]]
    return track.moved(-round(float(np.median(late))))


def _rescaled(read: RawRead, normalised: NormalisedRead, scaling: ScalingConfig) -> np.ndarray | None:
    """The normalised signal under another scaling; None if it is the same one."""
    if scaling == SIGNAL.scaling:
        return None
    shift_pa, scale_pa = find_scaling(read.signal_pa(), scaling)
    signal_pa = normalised.signal * normalised.scale_pa + normalised.shift_pa
    return ((signal_pa - shift_pa) / scale_pa).astype(np.float32)
