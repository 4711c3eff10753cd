"""POD5 files: reads with their signal and all metadata, in both directions.

The tables are read batch by batch and the signal read by read, so memory holds one batch of metadata and one
signal, whatever the size of the file. Every batch is validated before its values are used: pyarrow checks
neither offsets nor dictionary indices by itself, and a damaged file could make it read outside its buffers.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pyarrow as pa
from pod5.api_utils import Pod5ApiException
from pod5.pod5_types import RunInfo as Pod5RunInfo
from pod5.reader import Reader
from pod5.signal_tools import vbz_decompress_signal_into
from pod5.writer import Writer

from lexome.core.errors import BadInputError, LexomeError, UsageError
from lexome.core.records import RawRead, RunInfo, Skipped
from lexome.io.pod5_records import pod5_read, pod5_run, read_info, run_info
from lexome.io.signal_checks import SignalTotals, first_line

# Files are read, not mapped into memory: the pages of a mapped file count as ours, up to the whole file, and
# one that is cut off while it is read would kill the process instead of giving an error.
os.environ.setdefault("POD5_DISABLE_MMAP_OPEN", "1")

# What pod5, its C++ core and pyarrow raise on damaged tables; TypeError is a null where a value must be,
# MemoryError a length beyond all memory (one that fits is never filled: the file has no more).
_UNREADABLE = (
    Pod5ApiException,
    pa.ArrowException,
    OSError,
    RuntimeError,
    ValueError,
    LookupError,
    ArithmeticError,
    TypeError,
    MemoryError,
)


def iter_reads(
    path: Path, on_skip: Callable[[Skipped], None], wanted: Callable[[str], bool] | None = None
) -> Iterator[RawRead]:
    """Yields the reads of a POD5 file in the file's order.

    Args:
        path: the file.
        on_skip: told of every read (or batch of reads) that cannot be used, and why; the rest goes on.
        wanted: asked with the read id before the signal is decoded; a read not wanted is passed over.

    Returns:
        Reads with their whole metadata: `extra` of the read and of its run hold POD5's further columns under
        POD5's names (numbers that are NaN, POD5's "not known", are left out).

    Raises:
        BadInputError: if the file is missing, truncated or no POD5 file.
    """
    with _open(path) as reader:
        runs = {run.run_id: run for run in _runs(reader, path)}
        signals = _SignalTable(reader)
        for index in range(reader.batch_count):
            try:
                rows = _rows(_batch(reader.read_table, index))
            except _UNREADABLE as error:
                name = f"{path.name}, batch {index + 1} of {reader.batch_count}"
                on_skip(Skipped(name, f"its reads cannot be read ({first_line(error)})"))
                continue
            for row in rows:
                if wanted is not None and not wanted(row["read_id"]):
                    continue
                try:
                    info = read_info(row, runs, path.name)
                    raw = signals.decode(row["signal"], info.num_samples)
                except _UNREADABLE as error:
                    on_skip(Skipped(row["read_id"], first_line(error)))
                    continue
                yield RawRead(info, raw, row["calibration_scale"], row["calibration_offset"])


def read_runs(path: Path) -> list[RunInfo]:
    """The runs that a POD5 file names, from its run table alone.

    Raises:
        BadInputError: if the file is missing, truncated or no POD5 file.
    """
    with _open(path) as reader:
        return _runs(reader, path)


def count(path: Path) -> SignalTotals:
    """Numbers of reads and samples of a POD5 file, from its read table alone; a damaged batch is not counted.

    Raises:
        BadInputError: if the file is missing, truncated or no POD5 file.
    """
    reads = samples = 0
    with _open(path) as reader:
        for index in range(reader.batch_count):
            try:
                batch = _batch(reader.read_table, index)
                samples += int(batch.column("num_samples").to_numpy().sum())
                reads += batch.num_rows
            except _UNREADABLE:
                continue  # `iter_reads` reports it; here it would only be said twice
    return SignalTotals(reads, samples)


def write_pod5(path: Path, reads: Iterable[RawRead]) -> int:
    """Writes reads with all their metadata; what `iter_reads` gives comes back equal.

    The file appears under its name when it is complete; until then it is called `<name>.partial`. Two files
    of the same reads differ in the random file identifier that POD5 demands. Of several runs with one id the
    first is kept.

    Args:
        path: the file; an existing one is replaced.
        reads: the reads; their ids must be UUIDs. Entries of `extra` that POD5 has no column for are dropped.

    Returns:
        The number of reads written.

    Raises:
        UsageError: if the folder does not exist.
        BadInputError: if a value does not fit POD5 (an id that is no UUID, an unknown end reason).
        LexomeError: if the file cannot be written.
    """
    if not path.parent.is_dir():
        raise UsageError(f"{path}: the folder {path.parent} does not exist")
    partial = path.with_name(path.name + ".partial")
    runs: dict[str, Pod5RunInfo] = {}
    written = 0
    try:
        partial.unlink(missing_ok=True)
        writer = Writer(partial, software_name="lexome")
    except (OSError, RuntimeError, Pod5ApiException) as error:
        raise LexomeError(f"{path}: cannot be written ({first_line(error)})") from error
    with writer:
        for read in reads:
            try:
                if read.info.run.run_id not in runs:
                    runs[read.info.run.run_id] = pod5_run(read.info.run)
                writer.add_read(pod5_read(read, runs[read.info.run.run_id]))
            except (ValueError, TypeError, KeyError, OverflowError) as error:
                reason = first_line(error)
                raise BadInputError(f"read {read.read_id}: cannot be written to POD5 ({reason})") from error
            except (OSError, RuntimeError) as error:
                raise LexomeError(f"{path}: cannot be written ({first_line(error)})") from error
            written += 1
    # pod5 swallows errors on closing (a full disk): look whether everything arrived
    if count(partial).reads != written:
        raise LexomeError(f"{path}: could not be written completely; is the disk full?")
    partial.replace(path)
    return written


@contextmanager
def _open(path: Path) -> Iterator[Reader]:
    if not path.is_file():
        raise BadInputError(f"{path}: no such file")
    if path.stat().st_size == 0:
        raise BadInputError(f"{path}: the file is empty")
    try:
        reader = Reader(path)
    except _UNREADABLE as error:
        raise BadInputError(
            f"{path}: not a readable POD5 file ({first_line(error)}); if it is still being written, try "
            "again when it is finished; if it was cut off, 'pod5 recover' may save its reads"
        ) from error
    with reader:
        yield reader


def _batch(table: pa.RecordBatchFileReader, index: int) -> pa.RecordBatch:
    """One batch of a table, checked: values of an unchecked one may lie outside its buffers."""
    batch = table.get_batch(index)
    batch.validate(full=True)
    return batch


def _rows(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    rows = batch.to_pylist()
    for row in rows:
        row["read_id"] = str(UUID(bytes=row["read_id"]))
    return rows


def _runs(reader: Reader, path: Path) -> list[RunInfo]:
    table = reader.run_info_table
    runs: dict[str, RunInfo] = {}
    try:
        for index in range(table.num_record_batches):
            batch = _batch(table, index)
            columns = {name: batch.column(name) for name in batch.schema.names}
            # as whole milliseconds: a Python datetime would depend on the zone data of the machine
            for name in ("acquisition_start_time", "protocol_start_time"):
                columns[name] = columns[name].cast(pa.int64())
            values = {name: column.to_pylist() for name, column in columns.items()}
            for row in range(batch.num_rows):
                run = run_info({name: column[row] for name, column in values.items()})
                runs.setdefault(run.run_id, run)
    except _UNREADABLE as error:
        raise BadInputError(f"{path}: its run information is damaged ({first_line(error)})") from error
    return list(runs.values())


class _SignalTable:
    """The signal table of an open file; keeps the batch used last, since neighbouring reads share it."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._index = -1
        self._batch: pa.RecordBatch | None = None

    def decode(self, rows: list[int], num_samples: int) -> np.ndarray:
        """Joins the pieces of one read, int16[num_samples]; ValueError if they are damaged."""
        signal = np.empty(num_samples, np.int16)
        try:
            filled = 0
            for row in rows:
                filled += self._decode_piece(row, signal[filled:])
        except _UNREADABLE as error:
            raise ValueError(f"its signal is damaged ({first_line(error)})") from error
        if filled != num_samples:
            raise ValueError(f"its signal has {filled} of the {num_samples} samples it should have")
        return signal

    def _decode_piece(self, row: int, target: np.ndarray) -> int:
        """Fills the beginning of `target` with one row of the table; how many samples these are."""
        index, row_in_batch = divmod(row, self._reader.signal_batch_row_count)
        batch = self._load(index)
        piece = batch.column("signal")[row_in_batch]
        length = batch.column("samples")[row_in_batch].as_py()
        if length > len(target):
            raise ValueError("more samples than it should have")
        if self._reader.is_vbz_compressed:
            vbz_decompress_signal_into(memoryview(piece.as_buffer()), target[:length])
        else:
            target[:length] = piece.values.to_numpy()
        return length

    def _load(self, index: int) -> pa.RecordBatch:
        if self._batch is None or index != self._index:
            self._batch = _batch(self._reader.signal_table, index)
            self._index = index
        return self._batch
