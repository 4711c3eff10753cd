"""Writing corrected reads: SAM, BAM, CRAM (not aligned), FASTQ and FASTA, chosen by the output's ending.

A file is `<name>.partial` until it is complete. When something stops the work, it is closed properly and
stays, so that its reads can be used.
"""

from array import array
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
import pysam

from lexome.core.errors import LexomeError
from lexome.core.zmw import Tag
from lexome.io.alignment_files import open_alignments, reading, writing
from lexome.io.bgzf import BgzfWriter
from lexome.io.corrected_tags import tags_as_text
from lexome.io.hts import printable
from lexome.io.output import HTS_ENDINGS, check_output, ending_of
from lexome.io.partial import explained, partial_of
from lexome.io.program_line import own_program, program_line, programs_in

UNMAPPED = 4
_MODES = {".sam": "w", ".bam": "wb", ".cram": "wc"}
_PROGRAM = "lexome-correct"


@dataclass(frozen=True)
class CorrectedRead:
    """A read as it is written; `qualities` are Phred scores up to 93 (uint8)."""

    name: str
    sequence: str
    qualities: np.ndarray
    tags: tuple[Tag, ...] = ()


class Output(Protocol):
    """A file that is being written."""

    @property
    def partial_path(self) -> Path:
        """Where it is until it is complete."""
        ...

    def close(self) -> None:
        """Ends the file; may be called again."""
        ...


AnyOutput = TypeVar("AnyOutput", bound=Output)


@contextmanager
def named_at_end(path: Path, output: AnyOutput) -> Iterator[AnyOutput]:
    """Gives a file its name when the block ends well; else it is ended and stays partial.

    Args:
        path: the name.
        output: is written at `partial_of(path)`.
    """
    try:
        yield output
        output.close()
    except BaseException:
        # the error on its way out says more than a second one from closing
        with suppress(OSError, LexomeError):
            output.close()
        raise
    with explained(path):
        output.partial_path.replace(path)


@contextmanager
def open_corrected(path: Path, header: pysam.AlignmentHeader) -> Iterator["CorrectedWriter"]:
    """Opens an output for corrected reads; the bytes depend on the header and the reads alone.

    Args:
        path: ends in .sam, .bam, .cram, .fastq, .fq, .fasta or .fa, the last four also with .gz; what is
            there is replaced at the end, a `.partial` of earlier work at once.
        header: as from `corrected_header`.

    Yields:
        A writer. When the block ends by an exception, the reads written so far stay readable.

    Raises:
        UsageError: as `output.check_output`.
        LexomeError: if the output cannot be written.
    """
    check_output(path)
    with named_at_end(path, CorrectedWriter(path, header)) as writer:
        yield writer


class CorrectedWriter:
    """Takes corrected reads one by one; made by `open_corrected`."""

    def __init__(self, path: Path, header: pysam.AlignmentHeader) -> None:
        self.partial_path = partial_of(path)
        self._header = header
        self._closing = ExitStack()
        self._is_fastq = ending_of(path).startswith((".fastq", ".fq"))
        self._records: pysam.AlignmentFile | None = None
        with writing(self.partial_path):
            ending = ending_of(path)
            if ending in HTS_ENDINGS:
                self._records = pysam.AlignmentFile(str(self.partial_path), _MODES[ending], header=header)
                self._closing.callback(self._records.close)
                return
            self._stream = self._closing.enter_context(self.partial_path.open("wb"))
            if ending.endswith(".gz"):
                self._stream = self._closing.enter_context(BgzfWriter(self._stream))

    def write(self, read: CorrectedRead) -> None:
        """Writes a read.

        Raises:
            LexomeError: if it cannot be written, or has more or fewer qualities than bases.
        """
        if len(read.sequence) != len(read.qualities):
            raise LexomeError(
                f"read {read.name}: {len(read.sequence)} bases but {len(read.qualities)} qualities; please "
                "report this as a bug of lexome"
            )
        with writing(self.partial_path):
            if self._records is not None:
                self._records.write(_record(read, self._header))
            else:
                self._stream.write(_entry(read, self._is_fastq).encode())

    def keep(self, record: pysam.AlignedSegment | str) -> None:
        """Writes a record of an earlier output of the same format and header, unchanged.

        Args:
            record: for SAM, BAM and CRAM as pysam reads it, for FASTQ and FASTA its text with all line ends.

        Raises:
            LexomeError: if it cannot be written.
        """
        with writing(self.partial_path):
            if isinstance(record, str):
                self._stream.write(record.encode())
            else:
                assert self._records is not None, "the earlier output has the same format"
                self._records.write(record)

    def close(self) -> None:
        """Ends the file; may be called again."""
        with writing(self.partial_path):
            self._closing.close()


def _record(read: CorrectedRead, header: pysam.AlignmentHeader) -> pysam.AlignedSegment:
    record = pysam.AlignedSegment(header)
    record.query_name = printable(read.name)
    record.flag = UNMAPPED
    record.query_sequence = read.sequence
    record.query_qualities = array("B", read.qualities.astype(np.uint8).tobytes())
    # pysam wants an array without the letter that says so
    record.set_tags([tag if tag[2] != "B" else tag[:2] for tag in read.tags])
    return record


def _entry(read: CorrectedRead, is_fastq: bool) -> str:
    title = "\t".join(filter(None, (printable(read.name), tags_as_text(read.tags))))
    if not is_fastq:
        return f">{title}\n{read.sequence}\n"
    letters = (read.qualities.astype(np.uint8) + 33).tobytes().decode("ascii")
    return f"@{title}\n{read.sequence}\n+\n{letters}\n"


def corrected_header(
    ccs: Path, version: str, command_line: str, description: str = ""
) -> pysam.AlignmentHeader:
    """The header of the CCS reads and a line for this program, which follows the last one there.

    The sequences of a reference are left out (no record is aligned), and so is the order of the records.

    Args:
        ccs: the file of the CCS reads.
        version: of lexome.
        command_line: as it was typed.
        description: how it was run.

    Raises:
        BadInputError: if the file cannot be read.
    """
    with open_alignments(ccs) as file, reading(ccs):
        lines = str(file.header).splitlines()
    first = next((line for line in lines if line.startswith("@HD")), "@HD\tVN:1.6")
    words = [word for word in first.split("\t") if word[:3] not in ("SO:", "GO:", "SS:")]
    words.insert(2, "SO:unknown")
    own = own_program(_PROGRAM, programs_in("\n".join(lines)), version, command_line, description)
    kept = [line for line in lines if line and not line.startswith(("@HD", "@SQ"))]
    text = "\n".join(["\t".join(words), *kept, program_line(own)]) + "\n"
    return pysam.AlignmentHeader.from_text(text)
