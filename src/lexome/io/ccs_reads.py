"""CCS reads of one or more files, found by the hole that they belong to, in whatever order they stand.

In memory are nine bytes for each, their names in the header made of them, and names that are not built like
`<movie>/<hole>/ccs`, `/ccs/fwd` or `/ccs/rev`.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import pysam

from lexome.core.zmw import ZmwOutcome, ZmwReport
from lexome.io.alignment_files import open_alignments, records_of
from lexome.io.record_offsets import RecordOffsets
from lexome.io.subreads import hole_of

_SUFFIXES = ("/ccs", "/ccs/fwd", "/ccs/rev")


def ccs_lengths(files: Sequence[Path], on_report: Callable[[ZmwReport], None]) -> dict[str, int]:
    """Names and lengths (bp) of all CCS reads, in the order of the files.

    Args:
        files: BAM files.
        on_report: told of CCS reads that are left out: without bases, or there again.

    Raises:
        BadInputError: if a file cannot be read.
    """
    lengths: dict[str, int] = {}
    for path in files:
        with open_alignments(path) as file:
            for record in records_of(path, file):
                if record.is_secondary or record.is_supplementary:
                    continue
                name, length = record.query_name or "", record.query_length
                if name in lengths:
                    reason = "there again among the CCS reads; the first one is used"
                    on_report(ZmwReport(name, ZmwOutcome.DUPLICATE_CCS, reason))
                elif not length:
                    on_report(ZmwReport(name, ZmwOutcome.EMPTY_CCS, "the CCS read has no bases"))
                else:
                    lengths[name] = length
    return lengths


class CcsReads:
    """The bases of CCS reads by hole; a context manager.

    Args:
        files: the files that `header` was made of, by `ccs_lengths`.
        header: with the CCS reads as sequences, in that order.

    Raises:
        BadInputError: if a file is no BAM file or is damaged.
    """

    def __init__(self, files: Sequence[Path], header: pysam.AlignmentHeader) -> None:
        self._header = header
        self._others: dict[str, list[int]] = {}
        self._offsets: list[tuple[int, RecordOffsets]] = []  # the first number of a file
        self._closing = ExitStack()
        self._next = 0
        try:
            for path in files:
                file = self._closing.enter_context(open_alignments(path))
                first = self._next
                offsets = RecordOffsets(path, file, header.nreferences - first, self._numbering(first))
                self._offsets.append((first, offsets))
        except BaseException:
            self._closing.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.close()

    def _numbering(self, first: int) -> Callable[[pysam.AlignedSegment], int]:
        """The number of a record within its file; -1 if it is of another one, or no read of its own."""

        def number_of(record: pysam.AlignedSegment) -> int:
            name = record.query_name or ""
            number = self._header.get_tid(name)
            if record.is_secondary or record.is_supplementary or number < first or not record.query_length:
                return -1
            if number >= self._next:
                self._next = number + 1
                hole = hole_of(name)
                if name[len(hole) :] not in _SUFFIXES:
                    self._others.setdefault(hole, []).append(number)
            return number - first

        return number_of

    def numbers_of(self, hole: str) -> list[int]:
        """The CCS reads of a hole: one, or one for each strand; none if there is no such read."""
        found = [self._header.get_tid(hole + suffix) for suffix in _SUFFIXES]
        return [number for number in found if number >= 0] + self._others.get(hole, [])

    def sequence(self, number: int) -> str:
        """The bases of a CCS read.

        Raises:
            BadInputError: if its file has changed and cannot be read any more.
        """
        for first, offsets in reversed(self._offsets):
            if number >= first and number - first in offsets:
                return offsets.read(number - first).get_forward_sequence() or ""
        raise LookupError(f"there is no CCS read with the number {number}")
