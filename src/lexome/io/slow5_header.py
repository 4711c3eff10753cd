"""The head of SLOW5 and BLOW5 files: versions, compression, the metadata of their runs, the fields of a read.

A text file (SLOW5) begins with lines that start with # or @; a binary one (BLOW5) with 64 bytes, the length
of such lines and the lines. Several runs in one file are its read groups: a line @NAME has a value for each.

Source: the SLOW5 specification, versions 0.1 to 1.0.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from lexome.core.errors import BadInputError
from lexome.core.records import RunInfo
from lexome.io.minknow_metadata import run_info
from lexome.io.signal_checks import GZIP_MAGIC

BINARY_MAGIC = b"BLOW5\1"
TEXT_MAGIC = b"#slow5_version\t"
MISSING = "."
_NEWEST = 1  # major version
_BEGIN = struct.Struct("<6s3BBIB")  # magic, version, compression of records, groups, compression of signals
_SIZE_AT = 64
_MAX_HEADER_BYTES = 64 * 2**20

RECORD_COMPRESSIONS = ("none", "zlib", "zstd")
SIGNAL_COMPRESSIONS = ("none", "svb-zd", "ex-zd")
_PRIMARY_FIELDS = (
    *("read_id", "read_group", "digitisation", "offset", "range", "sampling_rate"),
    *("len_raw_signal", "raw_signal"),
)
_TYPES = {
    **{f"{sign}int{bits}_t": code for bits, pair in ((8, "bB"), (16, "hH"), (32, "iI"), (64, "qQ"))
       for sign, code in zip(("", "u"), pair, strict=True)},
    "float": "f",
    "double": "d",
    "char": "c",
}  # fmt: skip

# Names that MinKNOW keeps in context_tags; the others of a header are in tracking_id or columns of POD5.
_CONTEXT_TAGS = frozenset(
    "barcoding_enabled basecall_config_filename department experiment_duration_set experiment_kit "
    "experiment_type fast5_output_fastq_in_hdf fast5_raw fast5_reads_per_folder fastq_enabled "
    "fastq_reads_per_file filename flowcell_type kit_classification local_basecalling local_bc_comp_model "
    "local_bc_temp_model package package_version sample_frequency selected_speed_bases_per_second "
    "sequencing_kit user_filename_input".split()
)
_COLUMNS = frozenset(
    "acquisition_id acquisition_start_time adc_max adc_min experiment_name protocol_name sample_rate "
    "sequencer_position sequencer_position_type software system_name system_type".split()
)
_OF_FILE = frozenset(("file_type", "file_version", "pore_type"))


@dataclass(frozen=True)
class Field:
    """A field that reads have beside the primary ones: `code` as in `struct`; labels if it is an enum."""

    name: str
    code: str
    is_array: bool
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Slow5Header:
    """The head of a file; `data_start` is where its first record begins (bytes)."""

    is_binary: bool
    record_compression: str
    signal_compression: str
    groups: tuple[Mapping[str, str], ...]
    fields: tuple[Field, ...]
    data_start: int


def read_header(file: BinaryIO, path: Path, size: int) -> Slow5Header:
    """Reads the head of an open file.

    Args:
        file: at its beginning.
        path: for messages.
        size: of the file, bytes.

    Raises:
        BadInputError: if it is no SLOW5 or BLOW5 file, or one that this version cannot read.
    """
    begin = file.read(_SIZE_AT + 4)
    if begin.startswith(GZIP_MAGIC):
        raise BadInputError(f"{path}: is compressed with gzip; decompress it first (gunzip)")
    try:
        if begin.startswith(BINARY_MAGIC):
            return _binary_header(begin, file, size)
        if begin.startswith(TEXT_MAGIC):
            file.seek(0)
            return _text_header(file)
    except (ValueError, struct.error) as error:
        raise BadInputError(f"{path}: its header is damaged or cut off ({error})") from error
    raise BadInputError(f"{path}: not a SLOW5 or BLOW5 file")


def group_run(group: Mapping[str, str], sample_rate_hz: float, digitisation: float | None) -> RunInfo:
    """The run of a read group.

    Args:
        group: the group's attributes.
        sample_rate_hz: of its reads.
        digitisation: of its reads; None if not known.

    Raises:
        ValueError: if the sample rate makes no sense.
    """
    context = {name: value for name, value in group.items() if name in _CONTEXT_TAGS}
    columns = {name: value for name, value in group.items() if name in _COLUMNS}
    elsewhere = _CONTEXT_TAGS | _COLUMNS | _OF_FILE
    tracking = {name: value for name, value in group.items() if name not in elsewhere}
    run_id = group.get("acquisition_id") or group.get("run_id", "")
    return run_info(run_id, tracking, context, sample_rate_hz, digitisation, columns)


def header_rate_hz(group: Mapping[str, str]) -> float | None:
    """The sample rate that a read group's attributes name; None if they do not.

    Raises:
        ValueError: if it is no number.
    """
    text = group.get("sample_rate") or group.get("sample_frequency")
    return float(text) if text else None


def _binary_header(begin: bytes, file: BinaryIO, size: int) -> Slow5Header:
    magic, major, minor, patch, record, num_groups, signal = _BEGIN.unpack_from(begin)
    _check_version(major, f"{major}.{minor}.{patch}")
    if record >= len(RECORD_COMPRESSIONS) or signal >= len(SIGNAL_COMPRESSIONS):
        raise ValueError(f"unknown compression {record}, {signal}")
    (length,) = struct.unpack_from("<I", begin, _SIZE_AT)
    data_start = _SIZE_AT + 4 + length
    if length > _MAX_HEADER_BYTES or data_start > size:
        raise ValueError(f"it claims {length} bytes, but the file has {size}")
    groups, fields = _parse_lines(file.read(length).decode("utf-8", "replace"), num_groups)
    compressions = RECORD_COMPRESSIONS[record], SIGNAL_COMPRESSIONS[signal]
    return Slow5Header(True, *compressions, groups, fields, data_start)


def _text_header(file: BinaryIO) -> Slow5Header:
    lines: list[str] = []
    length = 0
    while not (lines and lines[-1].startswith("#read_id")):
        line = file.readline(_MAX_HEADER_BYTES - length)
        length += len(line)
        if not line.endswith(b"\n") or line[:1] not in b"#@":
            raise ValueError("the line with the names of the fields is missing")
        lines.append(line.decode("utf-8", "replace").rstrip("\r\n"))
    version = lines[0].split("\t")[1]
    _check_version(int(version.split(".")[0]), version)
    name, _, num_groups = lines[1].partition("\t")
    if name != "#num_read_groups":
        raise ValueError("it does not say how many read groups there are")
    groups, fields = _parse_lines("\n".join(lines[2:]), int(num_groups))
    return Slow5Header(False, "none", "none", groups, fields, length)


def _check_version(major: int, version: str) -> None:
    if major > _NEWEST:
        raise ValueError(f"version {version} is newer than what this version of lexome reads")


def _parse_lines(text: str, num_groups: int) -> tuple[tuple[Mapping[str, str], ...], tuple[Field, ...]]:
    """The attributes of each read group and the fields after the primary ones."""
    if not 1 <= num_groups <= max(1, len(text)):
        raise ValueError(f"{num_groups} read groups")
    groups: list[dict[str, str]] = [{} for _ in range(num_groups)]
    lines = [line for line in text.split("\n") if line]
    if len(lines) < 2:
        raise ValueError("it does not say which fields the reads have")
    *attributes, types, names = lines
    for line in attributes:
        name, *values = line.split("\t")
        if not name.startswith("@") or len(values) != num_groups:
            raise ValueError(f"'{name[:40]}' has {len(values)} values for {num_groups} read groups")
        for group, value in zip(groups, values, strict=True):
            if value != MISSING:
                group[name[1:]] = value
    return tuple(groups), _parse_fields(types, names)


def _parse_fields(types: str, names: str) -> tuple[Field, ...]:
    type_of = types.removeprefix("#").split("\t")
    name_of = names.removeprefix("#").split("\t")
    if tuple(name_of[: len(_PRIMARY_FIELDS)]) != _PRIMARY_FIELDS or len(type_of) != len(name_of):
        raise ValueError("the names of the fields are not those of a read")
    pairs = zip(name_of[len(_PRIMARY_FIELDS) :], type_of[len(_PRIMARY_FIELDS) :], strict=True)
    return tuple(_field(name, kind) for name, kind in pairs)


def _field(name: str, kind: str) -> Field:
    is_array = kind.endswith("*")
    kind = kind.removesuffix("*")
    if kind.startswith("enum{") and kind.endswith("}"):
        return Field(name, "B", is_array, tuple(kind[len("enum{") : -1].split(",")))
    if kind not in _TYPES:
        raise ValueError(f"field {name[:40]} has the unknown type {kind[:40]}")
    return Field(name, _TYPES[kind], is_array)
