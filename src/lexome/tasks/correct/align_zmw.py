"""The subreads of one ZMW aligned to its CCS read, or to those of its strands; what a table says of it."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pysam

from lexome.core.alphabet import encode
from lexome.core.errors import LexomeError
from lexome.features.subread_alignment import Consensus, SubreadAlignment, align_subread, reverse_codes
from lexome.io.aligned_subreads import Place
from lexome.io.subread_sets import holes
from lexome.tasks.correct.aligned_table import AlignOutcome, AlignRow, LeftOut
from lexome.tasks.correct.simulated_records import cigar_of

MIN_IDENTITY = 0.6  # less is what unrelated sequences reach
_SOFT_CLIP = 4


class WantedHoles:
    """The holes of files that are wanted, with their records; `error` is what ended them, if anything did.

    So what is on its way can be finished before the error goes out.
    """

    def __init__(self, files: Sequence[Path], wants: Callable[[str], bool]) -> None:
        self.error: LexomeError | None = None
        self._files, self._wants = tuple(files), wants

    def __iter__(self) -> Iterator[tuple[str, list[pysam.AlignedSegment]]]:
        groups = holes(self._files)
        while True:
            try:
                group = next(groups, None)
            except LexomeError as error:
                self.error = error
                return
            if group is None:
                return
            if self._wants(group[0]):
                yield group


@dataclass(frozen=True)
class AlignJob:
    """The records of a hole, and its CCS reads: number in the header, name, bases."""

    records: list[pysam.AlignedSegment]
    ccs: list[tuple[int, str, str]]


@dataclass
class PlacedZmw:
    """What was found: by CCS read (index) the subreads in input order, and why others are left out."""

    job: AlignJob
    found: list[tuple[pysam.AlignedSegment, int, SubreadAlignment, Place]] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)


def align_zmw(job: AlignJob) -> PlacedZmw:
    """Aligns the subreads of a hole to its CCS read; if there is one for each strand, to that of theirs."""
    targets = [Consensus(encode(sequence)) for _, _, sequence in job.ccs]
    strands = (1, -1) if len(targets) == 1 else (1,)  # by strand: both reads are in the direction of theirs
    placed = PlacedZmw(job)
    for record in job.records:
        if record.is_secondary or record.is_supplementary:
            placed.left_out[LeftOut.SECONDARY if record.is_secondary else LeftOut.SUPPLEMENTARY] += 1
            continue
        query = encode(record.get_forward_sequence() or "")
        if len(query) == 0:
            placed.left_out[LeftOut.EMPTY] += 1
            continue
        tried = [(align_subread(query, target, strands), i) for i, target in enumerate(targets)]
        fitting = [(one, i) for one, i in tried if one is not None]
        if not fitting:
            placed.left_out[LeftOut.NOT_ALIKE] += 1
            continue
        best, index = max(fitting, key=lambda pair: pair[0].matches)
        if best.identity < MIN_IDENTITY:
            placed.left_out[LeftOut.LOW_IDENTITY] += 1
            continue
        placed.found.append((record, index, best, place_of(best, job.ccs[index][0], query, targets[index])))
    return placed


def place_of(one: SubreadAlignment, number: int, query: np.ndarray, target: Consensus) -> Place:
    """An alignment as a record says it."""
    turned = reverse_codes(query) if one.is_reverse else query
    inside = turned[one.query_start : one.query_end]
    cigar = cigar_of(inside, target.codes[one.start_bp : one.end_bp], one.ops_C)
    clips = (one.query_start, len(query) - one.query_end)
    left, right = [[(_SOFT_CLIP, clip)] if clip else [] for clip in clips]
    return Place(number, one.start_bp, one.is_reverse, [*left, *cigar, *right])


def rows_of(placed: PlacedZmw) -> Iterator[AlignRow]:
    """A line for each CCS read of a hole; subreads that fit to none are counted with the first one."""
    for index, (_, name, sequence) in enumerate(placed.job.ccs):
        ones = [one for _, i, one, _ in placed.found if i == index]
        left_out = placed.left_out if index == 0 else Counter()
        text = ",".join(f"{why}:{number}" for why, number in sorted(left_out.items()))
        subreads = len(ones) + left_out.total()
        if not ones:
            reason = f"none of its {subreads} subreads could be aligned" + (f" ({text})" if text else "")
            yield AlignRow(name, AlignOutcome.NOT_ALIGNED, reason, len(sequence), subreads, 0, left_out=text)
            continue
        clipped = sum(
            len(record.query_sequence or "") - (one.query_end - one.query_start)
            for record, i, one, _ in placed.found
            if i == index
        )
        identity = sum(one.matches for one in ones) / sum(len(one.ops_C) for one in ones)
        reverse = sum(one.is_reverse for one in ones)
        yield AlignRow(
            name, AlignOutcome.ALIGNED, "", len(sequence), subreads, len(ones), reverse, clipped, identity,
            text,
        )  # fmt: skip
