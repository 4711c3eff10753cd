"""Where reads lie in a reference, base by base, as their calls by a network say.

A read is called, its call mapped, and every called base that equals the reference base under it becomes an
anchor: the network's moves say at which sample it begins.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import mappy
import numpy as np

from lexome.core.alphabet import encode, reverse_complement
from lexome.core.errors import BadInputError
from lexome.core.records import Basecall
from lexome.features.guided_alignment import Anchors
from lexome.tasks.basecall.places import Place

MARGIN_BP = 12  # of the reference at either end of a mapped call, so that its first bases have whole k-mers
SHORT_OPTIONS = {"k": 11, "w": 5, "min_chain_score": 20, "min_dp_score": 30}
MAX_SHORT_REFERENCE_BP = 10_000_000  # seeds of 11 bases are found everywhere in a larger one
MIN_SHORT_MATCHES = 60  # of 10 Mb, so many bases at 80% identity do not match by chance
MATCH_CODES = (0, 7, 8)  # CIGAR operations that pair bases: M, =, X


@dataclass(frozen=True)
class CallTrack:
    """A call on its signal: base codes, and the sample of the whole (untrimmed) read at which each begins."""

    codes: np.ndarray  # uint8[L]
    begins: np.ndarray  # int64[L]

    def moved(self, samples: int) -> "CallTrack":
        """The call with every base that many samples later."""
        return CallTrack(self.codes, self.begins + samples)


@dataclass(frozen=True)
class Guide:
    """What the call of a read says: its call, and if that maps, the place and the anchors in it.

    Anchors count bases in the read's own direction from the place's end at which the read begins, and samples
    of the whole read.
    """

    track: CallTrack
    place: Place | None
    anchors: Anchors | None
    identity: float  # matches / columns of the alignment; nan if it does not map


class CallMapper:
    """Maps calls to a reference and finds their anchors.

    minimap2's preset for noisy long reads (map-ont); a call that it does not find is tried with shorter
    seeds, if the reference is small enough for them.
    """

    def __init__(self, path: Path, reference: dict[str, str]) -> None:
        """Builds the index.

        Args:
            path: the FASTA file.
            reference: its sequences.

        Raises:
            BadInputError: if minimap2 cannot index it.
        """
        self._reference = reference
        self._aligners = [mappy.Aligner(str(path), preset="map-ont")]
        if sum(map(len, reference.values())) <= MAX_SHORT_REFERENCE_BP:
            self._aligners.append(mappy.Aligner(str(path), preset="map-ont", **SHORT_OPTIONS))
        if not all(self._aligners):
            raise BadInputError(f"{path}: minimap2 cannot index this reference")

    def guide(self, call: Basecall) -> Guide:
        """What a call, which needs its moves, says of its read."""
        track = track_of(call)
        hit = self._hit(call.sequence)
        if hit is None:
            return Guide(track, None, None, float("nan"))
        length = len(self._reference[hit.ctg])
        place = Place(
            hit.ctg, max(0, hit.r_st - MARGIN_BP), min(length, hit.r_en + MARGIN_BP), hit.strand < 0
        )
        sequence = self._reference[hit.ctg][place.start_bp : place.end_bp]
        cigar = hit.cigar
        before = hit.r_st - place.start_bp
        if place.is_reverse:
            sequence, cigar, before = reverse_complement(sequence), cigar[::-1], place.end_bp - hit.r_en
        queried, base = paired(cigar, hit.q_st, before)
        same = encode(sequence)[base] == track.codes[queried]
        anchors = Anchors(base[same], track.begins[queried[same]])
        return Guide(track, place, anchors, hit.mlen / hit.blen)

    def _hit(self, sequence: str) -> mappy.Alignment | None:
        if not sequence:
            return None
        hit = _best(self._aligners[0], sequence)
        if hit is None and len(self._aligners) > 1:
            hit = _best(self._aligners[1], sequence)
            if hit is not None and (hit.mlen < MIN_SHORT_MATCHES or hit.mapq == 0):
                return None
        return hit


def _best(aligner: mappy.Aligner, sequence: str) -> mappy.Alignment | None:
    """The best primary hit; minimap2 puts it first."""
    return next((hit for hit in aligner.map(sequence) if hit.is_primary), None)


def track_of(call: Basecall) -> CallTrack:
    """A call on its signal.

    Raises:
        ValueError: if the call has no moves.
    """
    if call.moves is None:
        raise ValueError(f"the call of read {call.read_id} has no moves")
    return CallTrack(
        encode(call.sequence),
        call.trimmed_samples + np.flatnonzero(call.moves).astype(np.int64) * call.stride,
    )


def paired(
    cigar: Iterable[Iterable[int]], query_start: int, base_start: int
) -> tuple[np.ndarray, np.ndarray]:
    """The pairs of a CIGAR: indices of read and reference bases that stand under each other.

    Args:
        cigar: rows of (length, BAM code), in the direction of both.
        query_start: index of the first aligned base of the read.
        base_start: likewise of the reference.

    Returns:
        Both int64, of one length, rising.
    """
    queried, bases = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    q, b = query_start, base_start
    for length, code in cigar:
        if code in MATCH_CODES:
            queried.append(np.arange(q, q + length))
            bases.append(np.arange(b, b + length))
        q += length if code in (*MATCH_CODES, 1) else 0
        b += length if code in (*MATCH_CODES, 2, 3) else 0
    return np.concatenate(queried), np.concatenate(bases)


def guides_of(
    calls: Iterable[Basecall], mapper: CallMapper, on_call: Callable[[int], None] = lambda calls: None
) -> dict[str, Guide]:
    """The guides of calls by read id; about two bytes per five samples of signal stay in memory."""
    guides: dict[str, Guide] = {}
    for number, call in enumerate(calls, 1):
        guides[call.read_id] = mapper.guide(call)
        on_call(number)
    return guides
