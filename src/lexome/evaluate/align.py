"""Aligning called reads to a reference with minimap2 (through mappy), many at a time, in input order."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import mappy
import numpy as np
from jaxtyping import Int, UInt8

from lexome.core.alphabet import NO_BASE, encode
from lexome.core.errors import BadInputError, UsageError
from lexome.io.fastx import read_reference

PRESET = "map-ont"
_IN_FLIGHT_PER_THREAD = 16

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Alignment:
    """The best primary alignment of one read, turned into the read's own orientation.

    `cigar` has rows of (length, operation) without clips. `reference` holds the codes of the reference bases
    under the alignment, reverse-complemented if `strand` is -1; `flanks` are up to `flank` codes before and
    after them (`NO_BASE` beyond the ends of the contig). `query_start` and `query_end` index the read as
    called.
    """

    contig: str
    reference_start_bp: int
    reference_end_bp: int
    strand: int
    query_start: int
    query_end: int
    cigar: Int[np.ndarray, "O 2"]
    reference: UInt8[np.ndarray, " R"]
    flanks: tuple[UInt8[np.ndarray, " F"], UInt8[np.ndarray, " F"]]


class ReadAligner:
    """minimap2 with an index of one reference; may be used by several threads at once."""

    def __init__(self, reference: Path, *, threads: int = 1, flank: int = 2) -> None:
        """Builds the index.

        Args:
            reference: a FASTA file, may be gzip-compressed.
            threads: threads that build the index.
            flank: reference bases to return on each side of an alignment.

        Raises:
            UsageError: if the file is missing.
            BadInputError: if it is no FASTA or has no sequence.
        """
        if not reference.is_file():
            raise UsageError(f"{reference}: no such file; --reference takes a FASTA file (plain or .gz)")
        read_reference(reference)  # for its checks: minimap2 takes any text and silently finds nothing in it
        self._aligner = mappy.Aligner(str(reference), preset=PRESET, n_threads=threads)
        if not self._aligner:
            raise BadInputError(f"{reference}: minimap2 cannot index this reference")
        self._flank = flank
        self._local = threading.local()

    @staticmethod
    def version() -> str:
        """The aligner's name and version, for the record."""
        return f"mappy {mappy.__version__} (minimap2), preset {PRESET}"

    def align(self, sequence: str) -> Alignment | None:
        """Aligns one read; None if it maps nowhere (an empty read never maps).

        Several alignments can be primary (a read over the origin of a circular genome gives two); the
        best-scoring one is taken, which minimap2 puts first.
        """
        if not sequence:
            return None
        if not hasattr(self._local, "buffer"):
            self._local.buffer = mappy.ThreadBuffer()
        for hit in self._aligner.map(sequence, buf=self._local.buffer):
            if hit.is_primary:
                return self._alignment(hit)
        return None

    def _alignment(self, hit: mappy.Alignment) -> Alignment:
        cigar = np.array(hit.cigar, np.int64).reshape(-1, 2)
        codes = self._reference_codes(hit.ctg, hit.r_st - self._flank, hit.r_en + self._flank, hit.ctg_len)
        if hit.strand < 0:
            cigar = cigar[::-1]
            codes = np.where(codes == NO_BASE, NO_BASE, 3 - codes)[::-1].astype(np.uint8)
        inside = slice(self._flank, len(codes) - self._flank)
        return Alignment(
            contig=hit.ctg,
            reference_start_bp=hit.r_st,
            reference_end_bp=hit.r_en,
            strand=hit.strand,
            query_start=hit.q_st,
            query_end=hit.q_en,
            cigar=cigar,
            reference=codes[inside],
            flanks=(codes[: inside.start], codes[inside.stop :]),
        )

    def _reference_codes(self, contig: str, start: int, end: int, contig_length: int) -> np.ndarray:
        """Codes of reference bases [start, end), `NO_BASE` where that runs over an end of the contig."""
        codes = np.full(end - start, NO_BASE, np.uint8)
        first, last = max(0, start), min(end, contig_length)
        codes[first - start : last - start] = encode(self._aligner.seq(contig, first, last))
        return codes


def map_in_order(work: Callable[[T], R], items: Iterable[T], threads: int) -> Iterator[R]:
    """Applies `work` to every item in `threads` threads and yields the results in the order of the items.

    Only a few items per thread are held at a time, so the input may be longer than memory; a result is
    yielded with the first item that is taken after it is there.
    """
    if threads == 1:
        yield from map(work, items)
        return
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[Future[R]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                while waiting and (waiting[0].done() or len(waiting) >= threads * _IN_FLIGHT_PER_THREAD):
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
