"""What a correction will take: the first ZMWs are really corrected, the rest follows in proportion."""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from lexome.core.errors import LexomeError
from lexome.core.zmw import ZmwReads
from lexome.io.alignment_files import open_alignments, reading
from lexome.io.corrected import open_corrected
from lexome.io.output import ending_of
from lexome.tasks.basecall.disk import file_size
from lexome.tasks.basecall.estimate import duration
from lexome.tasks.basecall.memory import peak_memory_bytes
from lexome.tasks.correct.files import CorrectRequest, wanted_zmws
from lexome.tasks.correct.model import Corrector
from lexome.tasks.correct.outcomes import CorrectSummary
from lexome.tasks.correct.outputs import Writing
from lexome.tasks.correct.run import correct_zmws


@dataclass(frozen=True)
class CorrectEstimate:
    """What was measured, and what follows for all.

    Attributes:
        reads: that were corrected.
        bases: of their CCS reads.
        written: of them those that passed the filters.
        seconds: that reading, correcting and writing them took.
        output_bytes: of the reads that passed.
        wanted_reads: CCS reads of the whole run, whether they can be used or not.
        wanted_bases: in these.
        free_bytes: on the disk of the output.
        memory_bytes: the most that this process had so far.
    """

    reads: int
    bases: int
    written: int
    seconds: float
    output_bytes: int
    wanted_reads: int
    wanted_bases: int
    free_bytes: int
    memory_bytes: int

    @property
    def total_seconds(self) -> float:
        """For the whole run."""
        return self.seconds * self.wanted_bases / self.bases

    @property
    def total_bytes(self) -> int:
        """Of the whole run's output."""
        return round(self.output_bytes * self.wanted_bases / self.bases)

    def lines(self) -> list[str]:
        """The estimate in words."""
        lines = [
            f"corrected {self.reads} reads, {self.bases} bases, in {self.seconds:.1f} s",
            f"{self.written} of these reads passed the filters",
            f"to correct: {self.wanted_reads} reads, {self.wanted_bases} bases",
            f"speed: {self.bases / self.seconds:,.0f} bases/s",
            f"time: about {duration(self.total_seconds)}",
            f"output: about {file_size(self.total_bytes)} ({file_size(self.free_bytes)} are free)",
            f"memory: {file_size(self.memory_bytes)} so far",
        ]
        if self.total_bytes > self.free_bytes:
            lines.append("warning: the output will not fit on its disk")
        return lines


def estimate_corrections(
    request: CorrectRequest,
    corrector: Corrector,
    *,
    seconds: float = 30.0,
    clock: Callable[[], float] = time.perf_counter,
) -> CorrectEstimate:
    """Corrects the first ZMWs into a temporary file.

    Args:
        request: what is to be done; nothing of it is written.
        corrector: what with.
        seconds: to correct for, about; less if there is no more to correct.
        clock: gives the time in seconds.

    Returns:
        The estimate.

    Raises:
        UsageError: as `CorrectRequest.check`.
        LexomeError: if no ZMW can be corrected.
    """
    request.check()
    wanted_reads, wanted_bases = _wanted(request)
    header, summary = request.header(corrector.name), CorrectSummary()
    ending = ending_of(request.output)
    with tempfile.TemporaryDirectory(prefix="lexome-estimate-") as folder:
        empty, full = Path(folder, f"empty{ending}"), Path(folder, f"reads{ending}")
        with open_corrected(empty, header):
            pass
        with open_corrected(full, header) as writer:
            writing = Writing(writer, None, None, request.filters, summary)
            zmws = wanted_zmws(request, writing.leave_out)
            first = next(zmws, None)
            if first is None:
                raise LexomeError("nothing can be estimated: no ZMW can be corrected")
            for _ in correct_zmws([first], corrector, lambda _: None):
                pass  # what happens only once, such as compiling, must not be counted
            began = clock()
            some = _until(chain([first], zmws), began + seconds, clock)
            for corrected in correct_zmws(some, corrector, writing.leave_out):
                writing.write(corrected)
            elapsed = clock() - began
        output_bytes = full.stat().st_size - empty.stat().st_size
    if summary.num_corrected == 0:
        raise LexomeError("nothing can be estimated: none of the ZMWs looked at can be corrected")
    return CorrectEstimate(
        reads=summary.num_corrected,
        bases=summary.bases_in,
        written=summary.num_written,
        seconds=elapsed,
        output_bytes=output_bytes,
        wanted_reads=wanted_reads,
        wanted_bases=wanted_bases,
        free_bytes=shutil.disk_usage(request.output.parent).free,
        memory_bytes=peak_memory_bytes(),
    )


def _wanted(request: CorrectRequest) -> tuple[int, int]:
    """CCS reads of the request, and their bases."""
    reads = bases = 0
    with open_alignments(request.ccs) as file, reading(request.ccs):
        for record in file.fetch(until_eof=True):
            if request.wants(record.query_name or ""):
                reads += 1
                bases += record.query_length
    return reads, bases


def _until(zmws: Iterable[ZmwReads], end: float, clock: Callable[[], float]) -> Iterator[ZmwReads]:
    for zmw in zmws:
        yield zmw
        if clock() >= end:
            return
