"""Tables that are written row by row, to stdout or .tsv, .csv, .parquet; text can be gone on with.

The rows go to `<name>.partial`, which gets its name when all are there (see `basecall.resume`).
"""

import csv
import io
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TextIO, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from lexome.core.errors import BadInputError, LexomeError, UsageError, nearest
from lexome.io.partial import PARTIAL, explained, partial_of
from lexome.io.salvage import RESUMED
from lexome.report.files import check_can_write
from lexome.tasks.basecall.journal import InputFile, named_differences

ENDINGS = (".tsv", ".csv", ".parquet")
PARQUET_ROWS = 10_000  # of a group, which is held in memory
KEY_CELLS = 5  # at most so many of a row say what it is of
_TYPES = {str: pa.string(), int: pa.int64(), float: pa.float64()}

Item = TypeVar("Item")
Cell = str | int | float | None
Columns = Sequence[tuple[str, type]]  # name; str, int or float


@dataclass(frozen=True)
class RowSettings:
    """What the rows of an output depend on; a journal (`basecall.journal`) holds it.

    Attributes:
        lexome: the version.
        model: its name.
        model_digest: a hash of its weights and configuration.
        options: of the command, by name.
        files: the input.
    """

    lexome: str
    model: str
    model_digest: str
    options: dict[str, str]
    files: tuple[InputFile, ...]

    def differences_from(self, there: "RowSettings") -> Iterator[str]:
        """In words, how these settings differ from those of an interrupted run."""
        yield from named_differences(there, self, {"lexome": "lexome", "model": "model"})
        for name in sorted(there.options.keys() | self.options.keys()):
            before, now = there.options.get(name), self.options.get(name)
            if before != now:
                yield f"{name} {before} there, {now} here"
        if there.files != self.files:
            yield "other input files, or their sizes have changed"


@dataclass
class Written:
    """How far a run has come: rows in the output, those of them that an interrupted run had left."""

    rows: int = 0
    kept: int = 0

    def left(self, output: Path | None) -> str:
        """What an interruption leaves, in words."""
        if output is None or output.suffix.lower() == ".parquet" or not self.rows:
            return "nothing is kept"
        return f"{partial_of(output)} holds {self.rows} rows, --resume goes on from there"

    def done(self, output: Path) -> str:
        """What is there at the end, in words."""
        kept = f", {self.kept} of them from the interrupted run" if self.kept else ""
        return f"wrote {self.rows} rows to {output}{kept}"


class RowWriter(Protocol):
    """Takes rows, one after the other."""

    def write(self, row: Sequence[Cell]) -> None:
        """Writes a row: a cell for every column; None is an empty one."""
        ...

    def close(self) -> None:
        """Ends the file; may be called again."""
        ...


def check_rows_output(path: Path | None, *, resume: bool = False) -> None:
    """Finds out before any work whether an output can be written.

    Raises:
        UsageError: for an ending that is not known, a folder that is missing, or what cannot be resumed.
    """
    if path is None:
        if resume:
            raise UsageError("--resume needs an output file; name it with -o")
        return
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise UsageError(f"{path}: the ending decides the format; {nearest(ending, ENDINGS)}")
    if resume and ending == ".parquet":
        raise UsageError(f"{path}: an unfinished Parquet file cannot be gone on with; write .tsv or .csv")
    check_can_write(path)


@contextmanager
def open_rows(path: Path | None, columns: Columns) -> Iterator[tuple[RowWriter, list[list[str]]]]:
    """Opens an output for rows; in the block of `resumable`.

    Args:
        path: the output; None is stdout, tab-separated.
        columns: names and types.

    Yields:
        A writer, and the first cells of the rows that an interrupted run has left, which are in the output
        already.

    Raises:
        LexomeError: if it cannot be written.
    """
    if path is None:
        writer = _TextRows(sys.stdout, None, columns, "\t")
        try:
            yield writer, []
            writer.close()
        except BrokenPipeError:  # whoever reads has seen enough (`| head`)
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, sys.stdout.fileno())  # the flush at exit would fail again
            os.close(nowhere)
        return
    partial = partial_of(path)
    kept: list[list[str]] = []
    writer = None
    try:
        if path.suffix.lower() == ".parquet":
            writer = _ParquetRows(partial, columns)
        else:
            delimiter = _delimiter(path)
            earlier = path.with_name(path.name + RESUMED)
            with explained(partial):
                stream = partial.open("w", encoding="utf-8", newline="")
            writer = _TextRows(stream, partial, columns, delimiter)
            if earlier.is_file():
                for row in _rows_of(earlier, [name for name, _ in columns]):
                    writer.write(row)
                    kept.append(row[:KEY_CELLS])
        yield writer, kept
        writer.close()
    except BaseException:
        if writer is not None:
            with suppress(OSError, LexomeError):  # the error on its way out says more
                writer.close()
        if isinstance(writer, _ParquetRows):
            partial.unlink(missing_ok=True)
        raise
    with explained(path):
        partial.replace(path)


def after_kept(
    items: Iterator[Item],
    kept: Sequence[Sequence[str]],
    key_of: Callable[[Item], Sequence[str]],
    path: Path | None,
) -> Iterator[Item]:
    """The items behind those of which an interrupted run has left rows.

    Args:
        items: of the whole run.
        kept: the first cells of the rows that are there, from `open_rows`.
        key_of: what these are of an item.
        path: the output, for an error.

    Raises:
        BadInputError: if the rows are not of these items.
    """
    for number, cells in enumerate(kept, 1):
        item = next(items, None)
        key = list(key_of(item)) if item is not None else None
        if key is None or list(cells[: len(key)]) != key:
            raise BadInputError(
                f"{path}: row {number} of the interrupted run is of {cells[0]}, which is not what the input "
                "holds there; leave out --resume to begin anew"
            )
    return items


def _delimiter(path: Path) -> str:
    name = path.name.lower().removesuffix(PARTIAL).removesuffix(RESUMED)
    return "," if name.endswith(".csv") else "\t"


def num_rows(path: Path) -> int:
    """Whole rows of an unfinished output."""
    return sum(1 for _ in _rows_of(path))


def _rows_of(path: Path, names: list[str] | None = None) -> Iterator[list[str]]:
    """The whole rows of a file that may be cut off anywhere; none if it has other columns than `names`."""
    delimiter = _delimiter(path)
    with path.open(encoding="utf-8", errors="replace", newline="") as stream:
        for number, line in enumerate(stream):
            if not line.endswith("\n"):
                return
            row = next(csv.reader([line], delimiter=delimiter), [])
            names = row if names is None else names
            if len(row) != len(names) or (number == 0 and row != names):
                return
            if number:
                yield row


class _TextRows:
    def __init__(self, stream: TextIO, path: Path | None, columns: Columns, delimiter: str) -> None:
        self._stream, self._path, self._delimiter = stream, path, delimiter
        self.write([name for name, _ in columns])

    def write(self, row: Sequence[Cell]) -> None:
        line = io.StringIO()
        cells = ["" if cell is None else f"{cell:.6g}" if isinstance(cell, float) else cell for cell in row]
        csv.writer(line, delimiter=self._delimiter, lineterminator="\n").writerow(cells)
        with explained(self._path):
            self._stream.write(line.getvalue())

    def close(self) -> None:
        with explained(self._path):
            if self._path is None:
                self._stream.flush()
            else:
                self._stream.close()


class _ParquetRows:
    def __init__(self, path: Path, columns: Columns) -> None:
        self._schema = pa.schema([(name, _TYPES[kind]) for name, kind in columns])
        self._path = path
        self._rows: list[Sequence[Any]] = []
        with explained(path):
            self._file = pq.ParquetWriter(path, self._schema)

    def write(self, row: Sequence[Cell]) -> None:
        self._rows.append(row)
        if len(self._rows) >= PARQUET_ROWS:
            self._flush()

    def _flush(self) -> None:
        if self._rows:
            arrays = [
                pa.array(column, field.type)
                for column, field in zip(zip(*self._rows, strict=True), self._schema, strict=True)
            ]
            with explained(self._path):
                self._file.write_table(pa.Table.from_arrays(arrays, schema=self._schema))
            self._rows = []

    def close(self) -> None:
        if self._file.is_open:
            self._flush()
            with explained(self._path):
                self._file.close()
