"""The sequencing summary: a table with one row per read, in the columns that dorado writes.

A row holds nothing that a SAM, BAM or CRAM record of the read does not hold: made again from the records of
an earlier run, it is the same. docs/output.md says what the columns mean.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import pysam

from lexome.core.errors import BadInputError, UsageError
from lexome.core.records import Alignment, Basecall
from lexome.io.hts import OutputHeader
from lexome.io.partial import explained, partial_of
from lexome.io.summary_rows import COLUMNS, Value, columns_of, row_of_call, row_of_records

_READ_ID, _PASSES = COLUMNS.index("read_id"), COLUMNS.index("passes_filtering")


@dataclass(frozen=True)
class SummaryRow:
    """A row of an earlier summary; `text` is the whole line."""

    read_id: str
    passes: bool
    text: str


class SummaryWriter:
    """Writes a summary to `<name>.partial`; the end of the `with` block gives it its name.

    When the block ends by an exception, the rows written so far stay in `partial_path`. Alignment columns are
    there if the header has the sequences of a reference.
    """

    def __init__(self, path: Path, header: OutputHeader) -> None:
        """Opens the file and writes the names of the columns.

        Args:
            path: of the complete summary.
            header: that of the calls' output.

        Raises:
            UsageError: as `check_summary`.
            LexomeError: if it cannot be written.
        """
        check_summary(path)
        self.partial_path = partial_of(path)
        self._path, self._header = path, header
        with explained(self.partial_path):
            self._stream = self.partial_path.open("w", encoding="utf-8", newline="")
        self._write("\t".join(columns_of(header)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            with suppress(OSError):  # the error on its way out says more
                self._stream.close()
            return
        self.close()
        with explained(self.partial_path):
            self.partial_path.replace(self._path)

    def close(self) -> None:
        """Ends the file; it gets its name at the end of the block."""
        with explained(self.partial_path):
            self._stream.close()

    def write(self, call: Basecall, alignments: Sequence[Alignment], passes: bool) -> None:
        """Writes the row of a call.

        Args:
            call: the read; its run must be in the header.
            alignments: of the read, the primary one first; empty if it is not aligned.
            passes: whether its quality is high enough (column passes_filtering).
        """
        self._row(row_of_call(call, alignments, passes, self._header))

    def write_kept(self, records: Sequence[pysam.AlignedSegment], passes: bool) -> None:
        """Writes the row of a read from its records in an earlier output, the same as `write` would.

        Args:
            records: all records of the read, the primary (or only) one first.
            passes: whether its quality is high enough; `record_qscore` gives the quality.

        Raises:
            LexomeError: if they lack a tag that lexome writes, or belong to a run that the header lacks.
        """
        self._row(row_of_records(records, passes, self._header))

    def keep_row(self, row: SummaryRow) -> None:
        """Writes a row of an earlier summary unchanged (calls in FASTQ do not hold all that a row says)."""
        self._write(row.text)

    def _row(self, values: Sequence[Value]) -> None:
        self._write("\t".join(f"{value:.6f}" if isinstance(value, float) else str(value) for value in values))

    def _write(self, line: str) -> None:
        with explained(self.partial_path):
            self._stream.write(line + "\n")


def check_summary(path: Path, output: Path | None = None) -> None:
    """Finds out before any work whether a summary can be written.

    Raises:
        UsageError: if the folder is missing, `path` is a folder, or the same file as the output of the calls.
    """
    if path.is_dir():
        raise UsageError(f"{path}: is a folder; name a file for the summary in it")
    if not path.parent.is_dir():
        raise UsageError(f"{path}: the folder {path.parent} does not exist")
    if output is not None and path.absolute() == output.absolute():
        raise UsageError(f"{path}: is the output of the calls too; name another file for the summary")


def read_rows(path: Path, header: OutputHeader) -> Iterator[SummaryRow]:
    """Yields the rows of a summary that may be cut off anywhere; damage ends them without an error.

    Args:
        path: an earlier summary, also a partial one.
        header: of the output that is to be continued.

    Raises:
        BadInputError: if the file cannot be read or has other columns.
    """
    columns = columns_of(header)
    try:
        with path.open(encoding="utf-8", errors="replace", newline="\n") as stream:
            first = stream.readline()
            if not first.endswith("\n"):
                return
            if first != "\t".join(columns) + "\n":
                raise BadInputError(f"{path}: not a summary with the columns that this run writes")
            for line in stream:
                cells = line[:-1].split("\t")
                if not line.endswith("\n") or len(cells) != len(columns) or not "".join(cells).isprintable():
                    return
                yield SummaryRow(cells[_READ_ID], cells[_PASSES] == "TRUE", line[:-1])
    except OSError as error:
        raise BadInputError(f"{path}: cannot be read ({error.strerror or error})") from error
