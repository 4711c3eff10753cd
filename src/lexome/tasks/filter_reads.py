"""Reads of a file that are good and long enough, into another file: the work of `lexome filter`.

A read's quality is -10 log10 of the mean probability of an error over all of its bases, to five decimals.

Source: `filter_reads` of DeepConsensus 1.2. Differs: that rounds when it reads FASTQ and not when it reads
BAM; here it is always rounded. BAM stays BAM if asked.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import numpy as np
import pysam

from lexome.core.errors import UsageError
from lexome.io.alignment_files import open_alignments, reading, records_of
from lexome.io.corrected import named_at_end
from lexome.io.fastx import FastxRecord, read_fastx_records
from lexome.io.output import HTS_ENDINGS, check_output, ending_of
from lexome.tasks.basecall.outputs import OutputPaths
from lexome.tasks.basecall.overwriting import check_overwrites
from lexome.tasks.correct.stitch import mean_quality
from lexome.tasks.filter_outputs import FastqCopy, RecordCopy

_FASTQ = (".fastq", ".fq")
_TAG = re.compile(r"[A-Za-z][A-Za-z0-9]:[AifZHB]:")
EXAMPLES = 3


class Fate(StrEnum):
    """What becomes of a record; the values are meant for a table."""

    KEPT = "kept"
    NO_BASES = "no_bases"
    NO_QUALITIES = "no_qualities"
    LOW_QUALITY = "low_quality"
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    NOT_PRIMARY = "not_primary"  # a secondary or supplementary alignment repeats a read


@dataclass(frozen=True)
class Limits:
    """Reads within them are kept; a read of exactly a limit is. `max_length_bp` None: no such limit."""

    min_quality: float
    min_length_bp: int = 0
    max_length_bp: int | None = None

    def __post_init__(self) -> None:
        if self.max_length_bp is not None and self.max_length_bp < max(1, self.min_length_bp):
            raise UsageError(
                f"--max-length {self.max_length_bp} is below --min-length {max(1, self.min_length_bp)}: no "
                "read could be kept"
            )

    def fate(self, length_bp: int, qualities: np.ndarray | None) -> Fate:
        """What becomes of a read; of several reasons the first in the order of `Fate`."""
        if length_bp == 0:
            return Fate.NO_BASES
        if qualities is None:
            return Fate.NO_QUALITIES
        if mean_quality(qualities) < self.min_quality:
            return Fate.LOW_QUALITY
        if length_bp < self.min_length_bp:
            return Fate.TOO_SHORT
        if self.max_length_bp is not None and length_bp > self.max_length_bp:
            return Fate.TOO_LONG
        return Fate.KEPT


@dataclass(frozen=True)
class FilterRequest:
    """What to filter and where to.

    Attributes:
        source: FASTQ (also gzipped), SAM, BAM or CRAM.
        output: of the same kind, or FASTQ from any.
        limits: which reads are kept.
        command_line: as it was typed.
        version: of lexome.
    """

    source: Path
    output: Path
    limits: Limits
    command_line: str = "lexome filter"
    version: str = "unknown"

    @property
    def is_fastq(self) -> bool:
        """Whether reads come from FASTQ."""
        return self.source.name.lower().removesuffix(".gz").endswith(_FASTQ)

    def check(self) -> None:
        """Finds out before any work whether this can be done.

        Raises:
            UsageError: if not.
        """
        if not self.source.is_file():
            raise UsageError(f"{self.source}: no such file")
        if not self.is_fastq and not self.source.name.lower().endswith(HTS_ENDINGS):
            raise UsageError(f"{self.source}: must hold reads with qualities: .fastq[.gz] .bam .sam .cram")
        check_output(self.output)
        ending = ending_of(self.output)
        if not ending.startswith(_FASTQ) and ending not in HTS_ENDINGS:
            raise UsageError(f"{self.output}: FASTA has no qualities; write .fastq[.gz], .bam, .sam or .cram")
        if self.is_fastq and ending in HTS_ENDINGS:
            raise UsageError(f"{self.output}: reads of FASTQ stay FASTQ; name a file ending in .fastq[.gz]")
        check_overwrites(OutputPaths(self.output, None, None), (self.source,))


@dataclass
class FilterSummary:
    """What became of the records so far; `examples` are the first names of each fate but `KEPT`."""

    fates: Counter[Fate] = field(default_factory=Counter)
    examples: dict[Fate, list[str]] = field(default_factory=dict)
    bases_in: int = 0
    bases_out: int = 0

    def add(self, name: str, length_bp: int, fate: Fate) -> None:
        """Counts one record."""
        self.fates[fate] += 1
        if fate != Fate.NOT_PRIMARY:
            self.bases_in += length_bp
        if fate == Fate.KEPT:
            self.bases_out += length_bp
        else:
            names = self.examples.setdefault(fate, [])
            if len(names) < EXAMPLES:
                names.append(name)


def filter_reads(
    request: FilterRequest,
    on_progress: Callable[[int], None] = lambda reads: None,
    summary: FilterSummary | None = None,
) -> FilterSummary:
    """Copies the reads that are good and long enough, in their order.

    Records of SAM, BAM and CRAM are copied as they are; the header gets a line for this program. In FASTQ the
    tags RG zm np ec rq oq of such a record stand behind the name; a FASTQ entry keeps its own words there.

    Args:
        request: what was asked for.
        on_progress: told how many records are done.
        summary: a new one to count in, for whoever wants to know how far it came when the work is stopped.

    Returns:
        The counts.

    Raises:
        UsageError: as `FilterRequest.check`.
        BadInputError: if the input is damaged or cut off. What was kept before is in `<output>.partial`.
        LexomeError: if the output cannot be written.
    """
    summary = FilterSummary() if summary is None else summary
    request.check()
    work = _from_fastq if request.is_fastq else _from_records
    for number, _ in enumerate(work(request, summary), 1):
        on_progress(number)
    return summary


def _from_fastq(request: FilterRequest, summary: FilterSummary) -> Iterator[None]:
    with named_at_end(request.output, FastqCopy(request.output)) as writer:
        for entry in read_fastx_records(request.source):
            fate = request.limits.fate(len(entry.sequence), entry.qualities)
            summary.add(entry.name, len(entry.sequence), fate)
            if fate == Fate.KEPT and entry.qualities is not None:
                writer.write(_title(entry), entry.sequence, entry.qualities)
            yield


def _title(entry: FastxRecord) -> str:
    """The name and what stood behind it; tags are separated by tabs, anything else by a blank."""
    between = "\t" if _TAG.match(entry.comment) else " "
    return entry.name + between + entry.comment if entry.comment else entry.name


def _from_records(request: FilterRequest, summary: FilterSummary) -> Iterator[None]:
    with ExitStack() as stack:
        file = stack.enter_context(open_alignments(request.source))
        to_fastq = ending_of(request.output) not in HTS_ENDINGS
        writer = (
            FastqCopy(request.output)
            if to_fastq
            else RecordCopy(request.output, file.header, request.version, request.command_line)
        )
        stack.enter_context(named_at_end(request.output, writer))
        for record in records_of(request.source, file):
            with reading(request.source):
                record.to_string()  # htslib checks the tags for this; pysam reads them as they are
                length = record.query_length
                fate = _fate_of(record, request.limits)
            summary.add(record.query_name or "", length, fate)
            if fate == Fate.KEPT:
                writer.write_record(record)
            yield


def _fate_of(record: pysam.AlignedSegment, limits: Limits) -> Fate:
    if record.is_secondary or record.is_supplementary:
        return Fate.NOT_PRIMARY
    qualities = record.query_qualities
    return limits.fate(record.query_length, None if qualities is None else np.asarray(qualities, np.uint8))
