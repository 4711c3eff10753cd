"""Writers of FAST5, SLOW5 and BLOW5 files for tests: plain and slow, from the formats' descriptions.

A read is written with the fields that its format has; what POD5 alone has is lost.
"""

import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import vbz_h5py_plugin  # noqa: F401 - teaches HDF5 the compression VBZ

from lexome.core.records import RawRead, RunInfo

RECORD_CODES = {"none": 0, "zlib": 1, "zstd": 2}
SIGNAL_CODES = {"none": 0, "svb-zd": 1, "ex-zd": 2}
REASONS = ("unknown", "partial", "mux_change", "unblock_mux_change", "data_service_unblock_mux_change",
           "signal_positive", "signal_negative")  # fmt: skip
# field, type in SLOW5, code of struct, type in FAST5
FIELDS = (
    ("median_before", "double", "d", "f8"),
    ("num_minknow_events", "uint64_t", "Q", "u8"),
    ("num_reads_since_mux_change", "uint32_t", "I", "u4"),
    ("predicted_scaling_scale", "float", "f", "f4"),
    ("predicted_scaling_shift", "float", "f", "f4"),
    ("time_since_mux_change", "float", "f", "f4"),
    ("tracked_scaling_scale", "float", "f", "f4"),
    ("tracked_scaling_shift", "float", "f", "f4"),
)
PRIMARY = ("read_id", "read_group", "digitisation", "offset", "range", "sampling_rate", "len_raw_signal",
           "raw_signal")  # fmt: skip
PRIMARY_TYPES = ("char*", "uint32_t", "double", "double", "double", "double", "uint64_t", "int16_t*")
OTHERS = (
    ("end_reason", f"enum{{{','.join(REASONS)}}}"),
    ("channel_number", "char*"),
    ("read_number", "int32_t"),
    ("start_mux", "uint8_t"),
    ("start_time", "uint64_t"),
)


def digitisation_of(run: RunInfo) -> int:
    return run.extra["adc_max"] - run.extra["adc_min"] + 1 if run.extra.get("adc_max") else 8192


def stream_vbyte(numbers: Sequence[int]) -> bytes:
    sizes, data = [], b""
    for number in numbers:
        size = max(1, (int(number).bit_length() + 7) // 8)
        sizes.append(size - 1)
        data += int(number).to_bytes(size, "little")
    control = bytearray((len(sizes) + 3) // 4)
    for n, size in enumerate(sizes):
        control[n // 4] |= size << (2 * (n % 4))
    return bytes(control) + data


def zigzag(number: int) -> int:
    return 2 * number if number >= 0 else -2 * number - 1


def svb_zd(signal: np.ndarray) -> bytes:
    codes = [zigzag(int(step)) for step in np.diff(signal.astype(int), prepend=0)]
    return struct.pack("<I", len(signal)) + stream_vbyte(codes)


def ex_zd(signal: np.ndarray) -> bytes:
    bits = next(bits for bits in range(5, -1, -1) if not (signal & ((1 << bits) - 1)).any())
    steps = np.diff((signal >> bits).astype(int), prepend=0).astype(np.int16)  # wraps around
    codes = [zigzag(int(step)) for step in steps]
    places = [n for n, code in enumerate(codes[1:]) if code > 255]
    large = [codes[1:][n] - 256 for n in places]
    out = struct.pack("<BQBHI", 0, len(signal), bits, codes[0], len(places))
    if len(places) == 1:
        out += struct.pack("<II", places[0], large[0])
    elif places:
        distances = [places[0], *(b - a - 1 for a, b in zip(places, places[1:], strict=False))]
        for block in (stream_vbyte(distances), stream_vbyte(large)):
            out += struct.pack("<I", len(block)) + block
    return out + bytes(code for code in codes[1:] if code < 256)


def attributes_of(run: RunInfo) -> dict[str, str]:
    """What SLOW5 keeps of a run: all names in one list."""
    columns = {name: str(value) for name, value in run.extra.items() if not isinstance(value, dict)}
    columns |= {"acquisition_id": run.run_id, "acquisition_start_time": run.start_time_utc}
    columns |= {"run_id": run.run_id, "sample_rate": str(run.sample_rate_hz), "flow_cell_id": run.flow_cell}
    return columns | run.extra.get("context_tags", {}) | run.extra.get("tracking_id", {})


def header_lines(runs: Sequence[RunInfo]) -> str:
    groups = [attributes_of(run) for run in runs]
    lines = ""
    for name in sorted(set().union(*groups)):
        lines += "\t".join([f"@{name}", *(group.get(name) or "." for group in groups)]) + "\n"
    names = [name for name, _ in OTHERS] + [name for name, *_ in FIELDS]
    types = [kind for _, kind in OTHERS] + [kind for _, kind, *_ in FIELDS]
    lines += "#" + "\t".join([*PRIMARY_TYPES, *types]) + "\n"
    return lines + "#" + "\t".join([*PRIMARY, *names]) + "\n"


def runs_of(reads: Sequence[RawRead]) -> list[RunInfo]:
    return list({read.info.run.run_id: read.info.run for read in reads}.values())


def primary_of(read: RawRead, runs: Sequence[RunInfo]) -> tuple[int, float, float, float, float]:
    info = read.info
    group = [run.run_id for run in runs].index(info.run.run_id)
    digitisation = digitisation_of(info.run)
    return group, digitisation, read.offset, read.scale * digitisation, info.run.sample_rate_hz


def binary_record(read: RawRead, runs: Sequence[RunInfo], signal: str) -> bytes:
    info = read.info
    raw = {"none": lambda s: s.astype("<i2").tobytes(), "svb-zd": svb_zd, "ex-zd": ex_zd}[signal](read.raw)
    read_id = info.read_id.encode()
    record = struct.pack("<H", len(read_id)) + read_id + struct.pack("<I4d", *primary_of(read, runs))
    record += struct.pack("<Q", len(read.raw) if signal == "none" else len(raw)) + raw
    channel = str(info.channel).encode()
    record += struct.pack("<BQ", REASONS.index(info.end_reason), len(channel)) + channel
    record += struct.pack("<iBQ", info.read_number, info.mux, info.start_sample)
    for name, _, code, _ in FIELDS:
        missing = float("nan") if code in "df" else 2 ** (8 * struct.calcsize(code)) - 1
        record += struct.pack(f"<{code}", info.extra.get(name, missing))
    return record


def blow5_bytes(
    reads: Sequence[RawRead], record: str = "zlib", signal: str = "svb-zd", end: bytes = b"5WOLB"
) -> bytes:
    runs = runs_of(reads)
    lines = header_lines(runs).encode()
    begin = b"BLOW5\1" + struct.pack("<3BBIB", 1, 0, 0, RECORD_CODES[record], len(runs), SIGNAL_CODES[signal])
    data = begin.ljust(64, b"\0") + struct.pack("<I", len(lines)) + lines
    press = {"none": bytes, "zlib": zlib.compress, "zstd": lambda b: pa.compress(b, "zstd", asbytes=True)}
    for read in reads:
        packed = press[record](binary_record(read, runs, signal))
        data += struct.pack("<Q", len(packed)) + packed
    return data + end


def slow5_bytes(reads: Sequence[RawRead]) -> bytes:
    runs = runs_of(reads)
    text = f"#slow5_version\t1.0.0\n#num_read_groups\t{len(runs)}\n" + header_lines(runs)
    for read in reads:
        info = read.info
        columns: list[Any] = [info.read_id, *primary_of(read, runs), len(read.raw)]
        columns += [",".join(map(str, read.raw.tolist())), REASONS.index(info.end_reason), info.channel]
        columns += [info.read_number, info.mux, info.start_sample]
        columns += [info.extra.get(name, ".") for name, *_ in FIELDS]
        text += "\t".join(map(str, columns)) + "\n"
    return text.encode()


def write_fast5(path: Path, reads: Sequence[RawRead], compression: str = "vbz", text: str = "bytes") -> None:
    """A multi-read file; `text` says how words are kept: fixed "bytes" or variable "str"."""
    with h5py.File(path, "w") as file:
        file.attrs["file_type"], file.attrs["file_version"] = (
            as_text("multi-read", text),
            as_text("2.2", text),
        )
        for read in reads:
            group = file.create_group(f"read_{read.read_id}")
            group.attrs["run_id"] = as_text(read.info.run.run_id, text)
            if read.info.extra.get("pore_type"):
                group.attrs["pore_type"] = as_text(read.info.extra["pore_type"], text)
            fill_raw(group.create_group("Raw"), read, compression, text)
            fill_run(group, read, text)


def write_single_fast5(path: Path, read: RawRead, compression: str = "gzip", text: str = "bytes") -> None:
    """An old file of one read."""
    with h5py.File(path, "w") as file:
        file.attrs["file_version"] = 1.0
        place = file.create_group(f"Raw/Reads/Read_{read.info.read_number}")
        fill_raw(place, read, compression, text)
        fill_run(file.create_group("UniqueGlobalKey"), read, text)


def as_text(word: str, text: str) -> Any:
    return np.bytes_(word) if text == "bytes" and word else word


def fill_raw(group: h5py.Group, read: RawRead, compression: str, text: str) -> None:
    info = read.info
    how: dict[str, Any] = {
        "vbz": {"compression": 32020, "compression_opts": (0, 2, 1, 1)},
        "gzip": {"compression": "gzip", "shuffle": True},
        "none": {},
    }[compression]
    if how:
        how |= {"chunks": (max(1, min(len(read.raw), 4000)),), "maxshape": (None,)}
    group.create_dataset("Signal", data=read.raw.astype(np.int16), **how)
    group.attrs["read_id"] = as_text(info.read_id, text)
    group.attrs["start_time"] = np.uint64(info.start_sample)
    group.attrs["duration"] = np.uint32(len(read.raw))
    group.attrs["read_number"] = np.int32(info.read_number)
    group.attrs["start_mux"] = np.uint8(info.mux)
    labels = h5py.enum_dtype({word: number for number, word in enumerate(REASONS)}, "u1")
    group.attrs.create("end_reason", REASONS.index(info.end_reason), dtype=labels)
    for name, _, _, kind in FIELDS:
        if name in info.extra:
            group.attrs.create(name, info.extra[name], dtype=kind)


def fill_run(group: h5py.Group, read: RawRead, text: str) -> None:
    run = read.info.run
    channel = group.create_group("channel_id")
    _, digitisation, offset, pa_range, rate = primary_of(read, [run])
    values = {"digitisation": digitisation, "offset": offset, "range": pa_range, "sampling_rate": rate}
    for name, value in values.items():
        channel.attrs[name] = np.float64(value)
    channel.attrs["channel_number"] = as_text(str(read.info.channel), text)
    for name in ("tracking_id", "context_tags"):
        tags = group.create_group(name)
        for key, value in run.extra.get(name, {}).items():
            tags.attrs[key] = as_text(value, text)
    group["tracking_id"].attrs["run_id"] = as_text(run.run_id, text)
