"""What a run will take: a small part of it is really called and written, the rest follows in proportion."""

import shutil
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path

from lexome.core.errors import BadInputError, LexomeError
from lexome.core.records import Alignment, Basecall, RawRead, Skipped
from lexome.io.hts import OutputHeader
from lexome.io.output import ending_of, open_output
from lexome.io.signal_files import iter_reads
from lexome.tasks.basecall.disk import file_size
from lexome.tasks.basecall.memory import peak_gpu_bytes, peak_memory_bytes
from lexome.tasks.basecall.selection import Selection

MAX_FILES = 20  # that reads are taken from: opening one costs a tenth of a second
MAX_STEP = 20  # within a file every so-manieth read at most: passing one over costs a tenth of a millisecond
WISHED_READS = 400
# Reads are taken into memory and then called, round after round; a round is to take some seconds.
FIRST_ROUND_SAMPLES, LAST_ROUND_SAMPLES = 2_000_000, 100_000_000
ROUND_S = 5.0

Route = Callable[[Iterable[RawRead]], Iterable[tuple[Basecall, Sequence[Alignment]]]]


@dataclass(frozen=True)
class Estimate:
    """What was measured on `reads` reads, and what follows for the whole run.

    Attributes:
        reads: that were called.
        samples: in them.
        seconds: that calling and writing them took; reading them is not counted.
        output_bytes: that their records took.
        wanted_reads: of the whole run.
        wanted_samples: in these; an estimate if the run does not take all reads of the input.
        free_bytes: on the disk of the output; None if not known, or if the output is stdout.
        memory_bytes: the most that this process had so far.
        gpu_bytes: likewise, on the GPU; None without one.
    """

    reads: int
    samples: int
    seconds: float
    output_bytes: int
    wanted_reads: int
    wanted_samples: int
    free_bytes: int | None
    memory_bytes: int
    gpu_bytes: int | None

    @property
    def samples_per_s(self) -> float:
        """Speed."""
        return self.samples / self.seconds

    @property
    def total_seconds(self) -> float:
        """For the whole run."""
        return self.wanted_samples / self.samples_per_s

    @property
    def total_bytes(self) -> int:
        """Of the whole run's output."""
        return round(self.output_bytes / self.samples * self.wanted_samples)

    def lines(self) -> list[str]:
        """The estimate in words."""
        free = "" if self.free_bytes is None else f" ({file_size(self.free_bytes)} are free)"
        gpu = "" if self.gpu_bytes is None else f", on the GPU {file_size(self.gpu_bytes)}"
        lines = [
            f"called {self.reads} reads, {self.samples} samples, in {self.seconds:.1f} s",
            f"to call: {self.wanted_reads} reads, {self.wanted_samples} samples",
            f"speed: {self.samples_per_s:,.0f} samples/s",
            f"time: about {duration(self.total_seconds)}",
            f"output: about {file_size(self.total_bytes)}{free}",
            f"memory: {file_size(self.memory_bytes)} so far{gpu}",
        ]
        if self.free_bytes is not None and self.total_bytes > self.free_bytes:
            lines.append("warning: the output will not fit on its disk")
        return lines


def estimate(
    files: Sequence[Path],
    selection: Selection,
    total_reads: int,
    total_samples: int,
    route: Route,
    header: OutputHeader,
    output: Path | None,
    *,
    emit_moves: bool = False,
    seconds: float = 30.0,
    clock: Callable[[], float] = time.perf_counter,
) -> Estimate:
    """Calls some of the reads, of up to 20 files all over the input, and writes them to a temporary file.

    Args:
        files: the input.
        selection: which reads are wanted; not to be used for calling afterwards.
        total_reads: in all files.
        total_samples: in all files.
        route: what makes calls and alignments of reads.
        header: of the output.
        output: where the run would write; None for SAM on stdout. Nothing is written there.
        emit_moves: whether records hold the move table.
        seconds: to call for, about; less if there is no more to call.
        clock: gives the time in seconds.

    Returns:
        The estimate.

    Raises:
        LexomeError: if no read can be called.
    """
    ending = ".sam" if output is None else ending_of(output)
    wanted_reads = round(total_reads * selection.share(total_reads))
    wanted_samples = round(total_samples * wanted_reads / max(1, total_reads))
    reads = _from_everywhere(files, selection, total_reads)
    first = next(reads, None)
    if first is None:
        raise LexomeError("nothing can be estimated: no read of those wanted was found")
    for _ in route([first]):
        pass  # what happens only once, such as compiling, must not be counted
    reads = chain([first], reads)
    called, samples, elapsed = 0, 0, 0.0
    with tempfile.TemporaryDirectory(prefix="lexome-estimate-") as folder:
        empty, full = Path(folder, f"empty{ending}"), Path(folder, f"calls{ending}")
        with open_output(empty, header, emit_moves):
            pass
        with open_output(full, header, emit_moves) as writer:
            size = FIRST_ROUND_SAMPLES
            while elapsed < seconds and (batch := _some(reads, size)):
                began = clock()
                for call, alignments in route(_until(batch, began + seconds - elapsed, clock)):
                    writer.write(call, alignments)
                    called += 1
                    samples += call.info.num_samples
                elapsed += clock() - began
                size = round(min(LAST_ROUND_SAMPLES, max(size, ROUND_S * samples / max(elapsed, 1e-9))))
        written = full.stat().st_size - empty.stat().st_size
    if not called:
        raise LexomeError("nothing can be estimated: none of the reads looked at can be called")
    return Estimate(
        reads=called,
        samples=samples,
        seconds=elapsed,
        output_bytes=written,
        wanted_reads=wanted_reads,
        wanted_samples=wanted_samples,
        free_bytes=None if output is None else shutil.disk_usage(output.parent).free,
        memory_bytes=peak_memory_bytes(),
        gpu_bytes=peak_gpu_bytes(),
    )


def _from_everywhere(files: Sequence[Path], selection: Selection, total_reads: int) -> Iterator[RawRead]:
    """Wanted reads of files that lie evenly among all, one of each file in turn."""
    number = min(MAX_FILES, len(files))
    chosen = [files[i * len(files) // number] for i in range(number)]
    step = max(1, min(MAX_STEP, total_reads * number // len(files) // WISHED_READS))
    streams = deque(iter_reads([file], _ignore, _every(step, selection.wants)) for file in chosen)
    while streams:
        try:
            yield next(streams[0])
            streams.rotate(-1)
        except (StopIteration, BadInputError):  # what cannot be read is reported by the run itself
            streams.popleft()


def _ignore(_: Skipped) -> None:
    """Reads that cannot be used are not what is measured here."""


def _every(step: int, wants: Callable[[str], bool]) -> Callable[[str], bool]:
    wanted = count()
    return lambda read_id: wants(read_id) and next(wanted) % step == 0


def _some(reads: Iterator[RawRead], num_samples: int) -> list[RawRead]:
    batch: list[RawRead] = []
    while num_samples > 0 and (read := next(reads, None)):
        batch.append(read)
        num_samples -= max(1, len(read.raw))
    return batch


def _until(batch: Iterable[RawRead], end: float, clock: Callable[[], float]) -> Iterator[RawRead]:
    for read in batch:
        if clock() >= end:
            return
        yield read


def duration(seconds: float) -> str:
    """12345 -> '3 h 26 min'."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 120:
        return f"{minutes} min"
    hours = round(seconds / 3600)
    return f"{minutes // 60} h {minutes % 60} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"
