"""The work of `lexome prepare`: files in, a training store or a level table out."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lexome.core.config import to_dict
from lexome.core.errors import LexomeError, UsageError
from lexome.core.kmer_levels import read_kmer_levels
from lexome.core.records import KmerLevels, RawRead, Skipped
from lexome.features.alignment import AlignConfig
from lexome.features.signal import SignalConfig
from lexome.io.chunks import LabelledChunk, write_store
from lexome.io.fastx import read_reference
from lexome.io.signal_files import find_signal_files, iter_reads
from lexome.simulate.levels import bundled_levels
from lexome.tasks.basecall.levels import fit_levels, write_levels
from lexome.tasks.basecall.places import read_places
from lexome.tasks.basecall.prepare import (
    Interval,
    LabelConfig,
    LabelReport,
    PlacedRead,
    label_chunks,
    place_reads,
)

BUNDLED_LEVELS = "r9.4.1"


@dataclass(frozen=True)
class PrepareRequest:
    """Reads, the truth about them, and how labels are made; `levels` None takes the bundled R9.4.1 table."""

    reads: Sequence[Path]
    reference: Path
    places: Path
    levels: Path | None
    validation: tuple[Interval, ...]
    labels: LabelConfig
    recursive: bool
    threads: int


def parse_interval(text: str) -> Interval:
    """Reads CONTIG:START-END (0-based, end excluded; commas in numbers allowed).

    Raises:
        UsageError: if it is written otherwise.
    """
    contig, _, span = text.rpartition(":")
    start, _, end = span.replace(",", "").partition("-")
    if not contig or not start.isdigit() or not end.isdigit() or int(start) >= int(end):
        raise UsageError(f"interval '{text}': write it as CONTIG:START-END, for example chr1:20000-26000")
    return Interval(contig, int(start), int(end))


def prepare_store(
    request: PrepareRequest,
    output: Path,
    on_progress: Callable[[int], None] = lambda reads: None,
    on_skip: Callable[[Skipped], None] = lambda skipped: None,
) -> LabelReport:
    """Makes a training store.

    Args:
        request: what to read.
        output: the folder to write; must not exist.
        on_progress: told how many reads were looked at.
        on_skip: told of every file and read that cannot be read; the report counts them too.

    Returns:
        What was kept and what was dropped.

    Raises:
        LexomeError: for input that cannot be read, or if nothing was kept.
    """
    if output.exists():
        raise UsageError(f"{output} exists already; choose another folder or remove it")
    try:  # now, not after all the work
        output.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{output}: its folder cannot be made ({error.strerror})") from error
    report = LabelReport(Counter(), Counter())
    signal = SignalConfig()
    table = level_table(request)
    chunks: list[LabelledChunk] = []
    # a contig that is not there would otherwise train on what was meant to be held out
    reference = read_reference(request.reference)
    for interval in request.validation:
        if interval.end_bp > len(reference.get(interval.contig, "")):
            raise UsageError(f"{request.reference}: validation interval {interval} is not within it")
    for read in placed_reads(request, reference, table, signal, report, on_progress, on_skip):
        for chunk in label_chunks(read, request.validation, request.labels, report):
            # half precision at once: the store's own, and half the memory until it is written
            chunks.append(_as_stored(chunk))
    if not chunks:
        raise LexomeError("no chunk could be labelled: " + "; ".join(line.strip() for line in report.lines()))
    meta = {
        "task": "basecall",
        "reads": [path.name for path in request.reads],
        "reference": request.reference.name,
        "levels": table.name,
        "validation": [to_dict(i) for i in request.validation],
        "scaling": to_dict(signal.scaling),
        "labels": to_dict(request.labels),
        "outcome": {
            "reads": dict(report.reads),
            "chunks": dict(report.chunks),
            "aligned_bp": report.aligned_bp,
        },
    }
    write_store(output, chunks, meta)
    return report


def fit_table(
    request: PrepareRequest,
    output: Path,
    on_progress: Callable[[int], None] = lambda reads: None,
    on_skip: Callable[[Skipped], None] = lambda skipped: None,
) -> list[str]:
    """Fits a k-mer level table to reads.

    Args:
        request: what to read; `levels` is where the alignment starts from.
        output: the table to write.
        on_progress: told how many reads were looked at.
        on_skip: as of `prepare_store`.

    Returns:
        Lines that say how it went.

    Raises:
        LexomeError: for input that cannot be read, or too little of it.
    """
    if output.is_dir() or not output.parent.is_dir():
        complaint = "is a folder" if output.is_dir() else f"the folder {output.parent} does not exist"
        raise UsageError(f"{output}: {complaint}; name a table to write")
    report = LabelReport(Counter(), Counter())
    start = level_table(request)
    placed = placed_reads(
        request, read_reference(request.reference), start, SignalConfig(), report, on_progress, on_skip
    )
    fitted = fit_levels(placed, start.k, start.centre, output.stem)
    seen = fitted.events > 0
    r = float(np.corrcoef(fitted.levels.mean_pa[seen], start.mean_pa[seen])[0, 1])
    said = (
        f"{start.k}-mer levels fitted by lexome to {fitted.num_reads} reads, {int(fitted.events.sum())} "
        f"events; {fitted.num_filled} k-mers with too few events filled by a linear model of their bases"
    )
    write_levels(output, fitted, said)
    return [said, f"correlation with the starting table {start.name} over k-mers with events: {r:.4f}"]


def level_table(request: PrepareRequest) -> KmerLevels:
    """The k-mer levels that were asked for."""
    return read_kmer_levels(request.levels) if request.levels else bundled_levels(BUNDLED_LEVELS)


def placed_reads(
    request: PrepareRequest,
    reference: dict[str, str],
    table: KmerLevels,
    signal: SignalConfig,
    report: LabelReport,
    on_progress: Callable[[int], None],
    on_skip: Callable[[Skipped], None] = lambda skipped: None,
) -> Iterator[PlacedRead]:
    """The reads of a request with their bases placed on their signal; see `prepare.place_reads`."""
    files = find_signal_files(request.reads, request.recursive)
    places = read_places(request.places, reference)

    def skip(skipped: Skipped) -> None:
        report.reads["cannot be read"] += 1
        on_skip(skipped)

    def counted() -> Iterator[RawRead]:
        for number, read in enumerate(iter_reads(files, skip), 1):
            on_progress(number)
            yield read

    align = AlignConfig()
    yield from place_reads(
        counted(),
        places,
        reference,
        table,
        signal,
        align,
        request.labels.max_read_residual,
        report,
        request.threads,
    )


def _as_stored(chunk: LabelledChunk) -> LabelledChunk:
    return LabelledChunk(
        chunk.signal.astype(np.float16), chunk.target, chunk.read_id, chunk.contig,
        chunk.start_bp, chunk.end_bp, chunk.split,
    )  # fmt: skip
