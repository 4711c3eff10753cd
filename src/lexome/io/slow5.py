"""SLOW5 and BLOW5 files (text and binary): reads with their signal and all metadata.

Records are read one by one, so memory holds one of them, whatever the size of the file. Every length in a
record is compared with what is there before anything is allocated; an index file is not needed.

Source: the SLOW5 specification (versions 0.1 to 1.0); own reader: the published library ends the process on
damaged files.
"""

import os
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from lexome.core.errors import BadInputError
from lexome.core.records import RawRead, RunInfo, Skipped
from lexome.io.minknow_metadata import calibration, check_rate, read_info
from lexome.io.signal_checks import MAX_SAMPLES, SignalTotals, first_line
from lexome.io.slow5_header import Slow5Header, group_run, header_rate_hz, read_header
from lexome.io.slow5_records import (
    COMPRESSED_HEAD_BYTES,
    HEAD_BYTES,
    MAX_RECORD_BYTES,
    RecordHead,
    binary_fields,
    binary_head,
    binary_signal,
    decompress,
    text_fields,
    text_head,
    text_signal,
)

_END_MARKER = b"5WOLB"
_RECORD_SIZE = struct.Struct("<Q")
_LEAST_RECORD_BYTES = 16  # below this it is damage, such as a block of zeros
_MAX_LINE_BYTES = 8 * MAX_SAMPLES
_ENDS_EARLY = "was it cut off, or is it still being written? Its complete reads are used"

OnSkip = Callable[[Skipped], None]


@dataclass(frozen=True)
class _Opened:
    """A file at its first record; `size` in bytes is what it had when it was opened."""

    file: BinaryIO
    path: Path
    size: int
    header: Slow5Header


def iter_reads(path: Path, on_skip: OnSkip, wanted: Callable[[str], bool] | None = None) -> Iterator[RawRead]:
    """Yields the reads of a SLOW5 or BLOW5 file in the file's order.

    Args:
        path: the file.
        on_skip: told of every read that cannot be used, and of a file that ends too early; the reads before
            its end are used.
        wanted: asked with the read id before the signal is decoded; a read not wanted is passed over.

    Returns:
        Reads with their whole metadata; fields that POD5 has, too, are under POD5's names in `extra`. Fields
        that hold several numbers are left out.

    Raises:
        BadInputError: if the file is missing, empty or no SLOW5 or BLOW5 file.
    """
    with _opened(path) as source:
        runs: dict[int, RunInfo] = {}
        for place, record in _records(source, on_skip, MAX_RECORD_BYTES):
            try:
                head = _head(record, source.header)
            except ValueError as error:
                on_skip(Skipped(place, first_line(error)))
                continue
            if wanted is not None and not wanted(head.read_id):
                continue
            try:
                read = _read(record, head, source, runs)
            except ValueError as error:
                on_skip(Skipped(head.read_id, first_line(error)))
                continue
            yield read


def read_runs(path: Path) -> list[RunInfo]:
    """The runs that a file names: its read groups, each with the sample rate of its reads.

    The records are gone through, their beginnings only, until every group was met.

    Raises:
        BadInputError: if the file is missing, empty or no SLOW5 or BLOW5 file.
    """
    with _opened(path) as source:
        groups = source.header.groups
        runs: dict[int, RunInfo] = {}
        for _, record in _records(source, _ignore, COMPRESSED_HEAD_BYTES):
            try:
                _run_of(_head(record, source.header), source.header, runs)
            except ValueError:
                continue  # `iter_reads` reports it
            if len(runs) == len(groups):
                break
        for number, group in enumerate(groups):
            if number not in runs:
                try:
                    runs[number] = group_run(group, header_rate_hz(group) or 0, None)
                except ValueError:
                    continue  # a group of which nothing can be said, and which has no reads
    found: dict[str, RunInfo] = {}
    for _, run in sorted(runs.items()):
        found.setdefault(run.run_id, run)
    return list(found.values())


def count(path: Path) -> SignalTotals:
    """Numbers of reads and samples of a file, from the beginnings of its records; damaged ones do not count.

    Raises:
        BadInputError: if the file is missing, empty or no SLOW5 or BLOW5 file.
    """
    reads = samples = 0
    with _opened(path) as source:
        for _, record in _records(source, _ignore, COMPRESSED_HEAD_BYTES):
            try:
                num_samples = _head(record, source.header).num_samples
            except ValueError:
                continue  # `iter_reads` reports it; here it would only be said twice
            if num_samples <= MAX_SAMPLES:
                samples += num_samples
                reads += 1
    return SignalTotals(reads, samples)


@contextmanager
def _opened(path: Path) -> Iterator[_Opened]:
    if not path.is_file():
        raise BadInputError(f"{path}: no such file")
    try:
        file = path.open("rb")
    except OSError as error:
        raise BadInputError(f"{path}: cannot be read ({error.strerror})") from error
    with file:
        size = os.fstat(file.fileno()).st_size
        if size == 0:
            raise BadInputError(f"{path}: the file is empty")
        try:
            header = read_header(file, path, size)
            file.seek(header.data_start)
        except OSError as error:
            raise BadInputError(f"{path}: cannot be read ({error.strerror})") from error
        yield _Opened(file, path, size, header)


def _records(source: _Opened, on_skip: OnSkip, limit: int) -> Iterator[tuple[str, bytes]]:
    """Yields every record (a line, or bytes, of which `limit` are enough) with a name for messages."""
    records = _binary_records if source.header.is_binary else _text_records
    try:
        yield from records(source, on_skip, limit)
    except OSError as error:
        raise BadInputError(f"{source.path}: cannot be read ({error.strerror})") from error


def _binary_records(source: _Opened, on_skip: OnSkip, limit: int) -> Iterator[tuple[str, bytes]]:
    name = source.path.name
    at, number = source.header.data_start, 0
    while True:
        left = source.size - at
        start = source.file.read(_RECORD_SIZE.size)
        if left < len(start):  # it has grown since
            start = start[:left]
        if start == _END_MARKER:
            return
        if len(start) < _RECORD_SIZE.size:
            on_skip(Skipped(name, f"the file has no end marker: {_ENDS_EARLY}"))
            return
        (size,) = _RECORD_SIZE.unpack(start)
        if not _LEAST_RECORD_BYTES <= size <= left - _RECORD_SIZE.size:
            on_skip(
                Skipped(name, f"the file ends within read {number + 1} or is damaged there: {_ENDS_EARLY}")
            )
            return
        number += 1
        place = f"{name}, read {number}"
        if size > MAX_RECORD_BYTES:
            on_skip(Skipped(place, f"it takes {size} bytes, more than the {MAX_RECORD_BYTES} allowed"))
        else:
            yield place, source.file.read(min(size, limit))
        at += _RECORD_SIZE.size + size
        source.file.seek(at)


def _text_records(source: _Opened, on_skip: OnSkip, limit: int) -> Iterator[tuple[str, bytes]]:
    number = 0
    while line := source.file.readline(_MAX_LINE_BYTES):
        number += 1
        if not line.endswith(b"\n"):
            reason = f"the file ends within the line of read {number}: {_ENDS_EARLY}"
            on_skip(Skipped(source.path.name, reason))
            return
        yield f"{source.path.name}, read {number}", line.rstrip(b"\r\n")


def _head(record: bytes, header: Slow5Header) -> RecordHead:
    if not header.is_binary:
        return text_head(record.split(b"\t"))
    return binary_head(decompress(record, header.record_compression, HEAD_BYTES), header.signal_compression)


def _read(record: bytes, head: RecordHead, source: _Opened, runs: dict[int, RunInfo]) -> RawRead:
    header = source.header
    run = _run_of(head, header, runs)
    scale, offset = calibration(head.digitisation, head.range_pa, head.offset, head.num_samples)
    if header.is_binary:
        record = decompress(record, header.record_compression, MAX_RECORD_BYTES)
        raw = binary_signal(record, head, header.signal_compression)
        fields = binary_fields(record, head, header.fields)
    else:
        columns = record.split(b"\t")
        raw = text_signal(columns, head)
        fields = text_fields(columns, header.fields)
    fields.setdefault("pore_type", header.groups[head.group].get("pore_type"))
    return RawRead(read_info(head.read_id, fields, len(raw), run, source.path.name), raw, scale, offset)


def _run_of(head: RecordHead, header: Slow5Header, runs: dict[int, RunInfo]) -> RunInfo:
    """The run of a record, kept in `runs` from its first use on."""
    if not 0 <= head.group < len(header.groups):
        raise ValueError(f"its read group {head.group} is not in the file")
    run = runs.get(head.group)
    if run is None:
        group = header.groups[head.group]
        named_hz = header_rate_hz(group)
        rate_hz = head.sample_rate_hz if named_hz is None else named_hz
        run = runs[head.group] = group_run(group, rate_hz, head.digitisation)
    check_rate(head.sample_rate_hz, run)
    return run


def _ignore(skipped: Skipped) -> None:
    """`iter_reads` reports it; here it would only be said twice."""
