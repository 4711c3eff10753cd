"""One record of a SLOW5 or BLOW5 file -> one read: fields, compression, signal; nothing about files.

A record is a line of text (SLOW5) or, after it is decompressed as a whole, a row of bytes (BLOW5), in which
the signal may be compressed once more. What its beginning says (`RecordHead`) can be had without the rest.
"""

import io
import struct
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from lexome.dp.kernels.signal_codecs import (
    decode_differences,
    decode_exceptions,
    decode_numbers,
    parse_samples,
)
from lexome.io.signal_checks import MAX_SAMPLES, check_read_id
from lexome.io.slow5_header import MISSING, Field

MAX_RECORD_BYTES = 2 * MAX_SAMPLES + 2**24
_MAX_ID_BYTES = 1024
_HEAD = struct.Struct("<I4dQ")  # read group, digitisation, offset, range, sampling rate, length of the signal
_SIZES = struct.Struct("<BQB")  # ex-zd: version, samples, zero bits cut off
# Enough of a record to know all that `RecordHead` says of it.
HEAD_BYTES = 2 + _MAX_ID_BYTES + _HEAD.size + _SIZES.size
# Enough of a compressed one for that: zstd gives nothing before the end of a block, which has up to 128 kB.
COMPRESSED_HEAD_BYTES = 2**17 + 2**12


@dataclass(frozen=True)
class RecordHead:
    """The primary fields of a record; `num_samples` as it claims; the signal begins at `signal_start`."""

    read_id: str
    group: int
    digitisation: float
    offset: float
    range_pa: float
    sample_rate_hz: float
    num_samples: int
    signal_bytes: int
    signal_start: int


def decompress(data: bytes, compression: str, limit: int) -> bytes:
    """Decompresses a record, or as much of it as is asked for.

    Args:
        data: the record, or its beginning.
        compression: one of `RECORD_COMPRESSIONS`.
        limit: no more than this many bytes come back.

    Raises:
        ValueError: if it is damaged.
    """
    if compression == "none":
        return data[:limit]
    try:
        if compression == "zlib":
            return zlib.decompressobj().decompress(data, limit)
        import pyarrow as pa  # only here: it takes a while to load

        with pa.CompressedInputStream(io.BytesIO(data), "zstd") as stream:
            return stream.read(limit)
    except (zlib.error, OSError, EOFError) as error:
        raise ValueError(f"its record is damaged ({error})") from error


def binary_head(record: bytes, signal_compression: str) -> RecordHead:
    """The primary fields of a binary record, of which the first `HEAD_BYTES` are enough.

    Raises:
        ValueError: if it is cut off or damaged.
    """
    try:
        (length,) = struct.unpack_from("<H", record)
        if length > _MAX_ID_BYTES:
            raise ValueError(f"its id has {length} letters")
        read_id = check_read_id(record[2 : 2 + length].decode("latin-1"))
        group, digitisation, offset, range_pa, rate_hz, signal_size = _HEAD.unpack_from(record, 2 + length)
        start = 2 + length + _HEAD.size
        num_samples, signal_bytes = signal_size, signal_size
        if signal_compression == "none":
            signal_bytes = 2 * signal_size
        elif signal_compression == "svb-zd":
            (num_samples,) = struct.unpack_from("<I", record, start)
        else:
            _, num_samples, _ = _SIZES.unpack_from(record, start)
    except struct.error as error:
        raise ValueError(f"its record is damaged ({error})") from error
    return RecordHead(
        read_id, group, digitisation, offset, range_pa, rate_hz, num_samples, signal_bytes, start
    )


def binary_signal(record: bytes, head: RecordHead, signal_compression: str) -> np.ndarray:
    """The signal of a binary record, int16[S].

    Raises:
        ValueError: if it is damaged.
    """
    data = memoryview(record)[head.signal_start : head.signal_start + head.signal_bytes]
    if len(data) != head.signal_bytes:
        raise ValueError(f"its signal has {len(data)} of the {head.signal_bytes} bytes it should have")
    if signal_compression == "none":
        return np.frombuffer(data, "<i2").astype(np.int16)
    # every sample takes a byte at least: nothing is allocated that the record cannot fill
    if head.num_samples > min(MAX_SAMPLES, len(data)):
        raise ValueError(f"its signal is damaged ({head.num_samples} samples in {len(data)} bytes)")
    return _decode_differences(data, head) if signal_compression == "svb-zd" else _decode_exceptions(data)


def binary_fields(record: bytes, head: RecordHead, fields: tuple[Field, ...]) -> dict[str, Any]:
    """The fields after the signal of a binary record; None is "not known".

    Raises:
        ValueError: if they are damaged.
    """
    at = head.signal_start + head.signal_bytes
    values: dict[str, Any] = {}
    try:
        for field in fields:
            count = 1
            if field.is_array:
                (count,) = struct.unpack_from("<Q", record, at)
                at += 8
            size = struct.calcsize(field.code) * count
            if at + size > len(record):
                raise ValueError(f"its field {field.name} is cut off")
            if not field.is_array:
                values[field.name] = _known(struct.unpack_from(f"<{field.code}", record, at)[0], field)
            elif field.code == "c":
                values[field.name] = record[at : at + size].decode("utf-8", "replace") or None
            at += size
    except struct.error as error:
        raise ValueError(f"its fields are damaged ({error})") from error
    if at != len(record):
        raise ValueError(f"its record has {len(record)} bytes, its fields {at}")
    return values


def text_head(columns: list[bytes]) -> RecordHead:
    """The primary fields of a line, given its columns.

    Raises:
        ValueError: if it is cut off or damaged.
    """
    if len(columns) < 8:
        raise ValueError(f"its line has {len(columns)} fields")
    try:
        read_id = check_read_id(columns[0].decode("latin-1"))
        digitisation, offset, range_pa, rate_hz = (float(column) for column in columns[2:6])
        group, num_samples = int(columns[1]), int(columns[6])
    except ValueError as error:
        raise ValueError(f"its line is damaged ({error})") from error
    return RecordHead(
        read_id, group, digitisation, offset, range_pa, rate_hz, num_samples, len(columns[7]), 0
    )


def text_signal(columns: list[bytes], head: RecordHead) -> np.ndarray:
    """The signal of a line, int16[S].

    Raises:
        ValueError: if it is damaged.
    """
    text = np.frombuffer(columns[7], np.uint8)
    if not 0 <= head.num_samples <= min(MAX_SAMPLES, len(text)):  # each takes a letter at least
        raise ValueError(f"its signal is damaged ({head.num_samples} samples in {len(text)} letters)")
    signal = np.empty(head.num_samples, np.int16)
    found = parse_samples(text, signal)
    if found != head.num_samples:
        what = "numbers that are none" if found < 0 else f"{found} of {head.num_samples} samples"
        raise ValueError(f"its signal is damaged ({what})")
    return signal


def text_fields(columns: list[bytes], fields: tuple[Field, ...]) -> dict[str, Any]:
    """The fields after the signal of a line; None is "not known".

    Raises:
        ValueError: if they are damaged.
    """
    if len(columns) != 8 + len(fields):
        raise ValueError(f"its line has {len(columns)} fields, not {8 + len(fields)}")
    values: dict[str, Any] = {}
    for field, column in zip(fields, columns[8:], strict=True):
        text = column.decode("utf-8", "replace")
        if text == MISSING:
            values[field.name] = None
        elif field.code == "c":
            values[field.name] = text
        elif field.labels and text in field.labels:
            values[field.name] = text
        elif not field.is_array:
            number = float(text) if field.code in "fd" else int(text)
            values[field.name] = _label(number, field) if field.labels else number
    return values


def _decode_differences(data: memoryview, head: RecordHead) -> np.ndarray:
    signal = np.empty(head.num_samples, np.int16)
    if 4 + decode_differences(np.frombuffer(data[4:], np.uint8), signal) != len(data):
        raise ValueError("its signal is damaged (svb-zd)")
    return signal


def _decode_exceptions(data: memoryview) -> np.ndarray:
    try:
        version, num_samples, zero_bits = _SIZES.unpack_from(data)
        if version != 0 or zero_bits > 5 or num_samples == 0:
            raise ValueError(f"its signal is damaged (ex-zd {version}, {zero_bits}, {num_samples})")
        signal = np.empty(num_samples, np.int16)
        first, count = struct.unpack_from("<HI", data, _SIZES.size)
        at = _SIZES.size + 6
        if count > num_samples:
            raise ValueError("its signal is damaged (ex-zd)")
        if count == 1:
            pair = np.array(struct.unpack_from("<2I", data, at), np.uint32)
            positions, large, at = pair[:1], pair[1:], at + 8
        else:
            positions, at = _number_block(data, at, count)
            large, at = _number_block(data, at, count)
    except struct.error as error:
        raise ValueError(f"its signal is damaged ({error})") from error
    small = np.frombuffer(data[at:], np.uint8)
    if decode_exceptions(small, positions, large, first, signal) < 0:
        raise ValueError("its signal is damaged (ex-zd)")
    return signal << zero_bits


def _number_block(data: memoryview, at: int, count: int) -> tuple[np.ndarray, int]:
    """A block of numbers after its length in bytes (no block at all if there are none), and where it ends."""
    numbers = np.empty(count, np.uint32)
    if count == 0:
        return numbers, at
    (size,) = struct.unpack_from("<I", data, at)
    if decode_numbers(np.frombuffer(data[at + 4 : at + 4 + size], np.uint8), numbers) != size:
        raise ValueError("its signal is damaged (ex-zd)")
    return numbers, at + 4 + size


def _known(value: Any, field: Field) -> Any:
    """The value, or None if it is the one that stands for "not known": the largest of its type."""
    if field.labels:
        return _label(value, field)
    if field.code == "c":
        return None if value == b"\0" else value.decode("latin-1")
    if field.code in "fd":
        return value
    bits = 8 * struct.calcsize(field.code) - field.code.islower()
    return None if value == 2**bits - 1 else value


def _label(number: Any, field: Field) -> str | None:
    return field.labels[number] if 0 <= number < len(field.labels) else None
