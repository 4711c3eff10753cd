"""FAST5 files by way of h5py: single-read and multi-read, old and new; runs in a process of its own.

HDF5's library can crash, hang or ask for all memory on a damaged file, so `io.fast5` starts a process that
runs this and watches it. What can be checked beforehand is checked here: the types of all objects, the size
of a signal, its pieces and their filters, and that everything lies in this one file.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import vbz_h5py_plugin  # noqa: F401 - teaches HDF5 the compression of MinKNOW's signals

from lexome.core.errors import BadInputError
from lexome.core.records import RawRead, RunInfo, Skipped
from lexome.io.minknow_metadata import calibration, check_rate, read_info, run_info
from lexome.io.signal_checks import MAX_SAMPLES, SignalTotals, check_read_id, first_line

# What h5py raises on damaged files.
_UNREADABLE = (OSError, RuntimeError, ValueError, LookupError, ArithmeticError, TypeError, MemoryError)
_MULTI_READ = "read_"  # how the groups of a multi-read file are called
_FILTERS = {1: "gzip", 2: "shuffle", 3: "fletcher32", 32020: "VBZ"}


@dataclass(frozen=True)
class _Parts:
    """The groups that hold a read: its own (None in single-read files), its signal's, channel's and run's."""

    name: str
    own: h5py.Group | None
    raw: h5py.Group
    channel: h5py.Group
    tracking: h5py.Group | None
    context: h5py.Group | None


def iter_reads(
    path: Path, on_skip: Callable[[Skipped], None], wanted: Callable[[str], bool] | None = None
) -> Iterator[RawRead]:
    """As `io.fast5.iter_reads`, in this process."""
    runs: dict[str, RunInfo] = {}
    with _opened(path) as file:
        for name in _read_names(file, path):
            try:
                parts = _parts(file, name)
                fields = _values(parts.raw)
                read_id = _read_id(fields, parts.name)
            except _UNREADABLE as error:
                on_skip(Skipped(f"{path.name}, {_text(name)}", first_line(error)))
                continue
            if wanted is not None and not wanted(read_id):
                continue
            try:
                read = _read(read_id, parts, fields, runs, path.name)
            except _UNREADABLE as error:
                on_skip(Skipped(read_id, first_line(error)))
                continue
            yield read


def read_runs(path: Path) -> list[RunInfo]:
    """As `io.fast5.read_runs`, in this process."""
    runs: dict[str, RunInfo] = {}
    with _opened(path) as file:
        for name in _read_names(file, path):
            try:
                _run(_parts(file, name), runs)
            except _UNREADABLE:
                continue  # `iter_reads` reports it
    return list(runs.values())


def count(path: Path) -> SignalTotals:
    """As `io.fast5.count`, in this process."""
    reads = samples = 0
    with _opened(path) as file:
        for name in _read_names(file, path):
            try:
                length = len(_dataset(_parts(file, name).raw))
            except _UNREADABLE:
                continue  # `iter_reads` reports it
            if length <= MAX_SAMPLES:
                samples += length
                reads += 1
    return SignalTotals(reads, samples)


@contextmanager
def _opened(path: Path) -> Iterator[h5py.File]:
    try:
        # where a file system knows no locks, files are read without
        file = h5py.File(path, "r", locking="best-effort")
    except BlockingIOError as error:
        raise BadInputError(f"{path}: is still being written; try again when it is finished") from error
    except _UNREADABLE as error:
        raise BadInputError(
            f"{path}: not a readable FAST5 file ({first_line(error)}); if it is still being written, "
            "try again when it is finished"
        ) from error
    try:
        yield file
    finally:
        file.close()


def _read_names(file: h5py.File, path: Path) -> list[str | bytes]:
    """The groups of the reads: of a multi-read file `read_<id>`, of a single-read one `Read_<number>`.

    A name that is no text comes as bytes.
    """
    try:
        names = list(file)
        multi = [name for name in names if _text(name).startswith(_MULTI_READ)]
        if multi:
            return multi
        raw = _group(file, "Raw", needed=False)
        reads = _group(raw, "Reads", needed=False) if raw is not None else None
        if reads is not None:
            return list(reads)
        if raw is not None or "IntermediateData" in names:
            raise BadInputError(f"{path}: a bulk FAST5 file, which holds whole channels and no reads")
        if not names or file.attrs.get("file_type") is not None:
            return []  # a multi-read file of none
    except _UNREADABLE as error:
        raise BadInputError(f"{path}: its list of reads is damaged ({first_line(error)})") from error
    raise BadInputError(f"{path}: an HDF5 file, but not FAST5: it has no group of a read and no raw signal")


def _parts(file: h5py.File, name: str | bytes) -> _Parts:
    if _text(name).startswith(_MULTI_READ):
        own = home = _group(file, name)
        raw = _group(own, "Raw")
    else:
        own, home = None, _group(file, "UniqueGlobalKey")
        raw = _group(_group(_group(file, "Raw"), "Reads"), name)
    return _Parts(
        name=_text(name),
        own=own,
        raw=raw,
        channel=_group(home, "channel_id"),
        tracking=_group(home, "tracking_id", needed=False),
        context=_group(home, "context_tags", needed=False),
    )


def _group(parent: h5py.Group, name: str | bytes, needed: bool = True) -> Any:
    """A group within a group; None if it is not there and need not be."""
    found = _member(parent, name)
    if found is None and needed:
        raise ValueError(f"its group {_text(name)} is missing")
    if found is not None and not isinstance(found, h5py.Group):
        raise ValueError(f"its group {_text(name)} is none")
    return found


def _member(parent: h5py.Group, name: str | bytes) -> Any:
    """What has this name in a group; None if nothing has. Links are not followed: they can lead elsewhere."""
    kind = parent.get(name, getclass=True, getlink=True)
    if kind is None:
        return None
    if kind is not h5py.HardLink:
        raise ValueError(f"its {_text(name)} is a link to somewhere else")
    return parent[name]


def _dataset(raw: h5py.Group) -> h5py.Dataset:
    """The signal, checked but for its values: reading it takes no more memory than its length says."""
    signal = _member(raw, "Signal")
    if not isinstance(signal, h5py.Dataset):
        raise ValueError("it has no raw signal")
    if signal.ndim != 1 or signal.dtype.kind != "i" or signal.dtype.itemsize != 2:
        raise ValueError(f"its signal has the type {signal.dtype} and {signal.ndim} dimensions")
    if signal.is_virtual or signal.external is not None:
        raise ValueError("its signal lies in another file")
    filters = signal.id.get_create_plist()
    strange = {filters.get_filter(n)[0] for n in range(filters.get_nfilters())} - _FILTERS.keys()
    if strange:
        known = ", ".join(_FILTERS.values())
        raise ValueError(
            f"its signal is compressed with HDF5 filter {min(strange)}, which is none of {known}"
        )
    return signal


def _samples(signal: h5py.Dataset) -> np.ndarray:
    """The values of a checked signal, int16[S]; ValueError if a part of it was never written."""
    length = len(signal)
    if signal.chunks is not None:
        (piece,) = signal.chunks
        if piece > MAX_SAMPLES:
            raise ValueError(f"its signal comes in pieces of {piece} samples")
        there, needed = signal.id.get_num_chunks(), -(-length // piece)
    else:
        there, needed = signal.id.get_storage_size() // 2, length
    if there < needed:
        raise ValueError("its signal is not complete")
    samples = np.empty(length, np.int16)
    signal.read_direct(samples)
    return samples


def _values(group: h5py.Group | None) -> dict[str, Any]:
    """The attributes of a group as plain Python values; those that are not single values are left out."""
    values: dict[str, Any] = {}
    if group is not None:
        for name in group.attrs:
            value = _value(group.attrs, name)
            if value is not None:
                values[_text(name)] = value
    return values


def _value(attributes: h5py.AttributeManager, name: str) -> str | int | float | None:
    """One attribute; None if it is missing, empty or not a single value."""
    if name not in attributes:
        return None
    identity = attributes.get_id(name)
    if identity.shape not in ((), (1,)):
        return None
    value = np.asarray(attributes[name]).ravel()
    if len(value) != 1:
        return None
    value = value[0]
    labels = h5py.check_enum_dtype(identity.dtype)
    if labels is not None:
        words = {int(number): word for word, number in labels.items()}
        return _text(words.get(int(value), "")) or int(value)
    if isinstance(value, bytes):
        value = _text(value)
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, str):
        return value.rstrip("\0")
    return value if isinstance(value, int | float) else None


def _text(text: str | bytes) -> str:
    return text.decode("utf-8", "replace") if isinstance(text, bytes) else text


def _texts(group: h5py.Group | None) -> dict[str, str]:
    return {name: str(value) for name, value in _values(group).items()}


def _read_id(fields: dict[str, Any], name: str) -> str:
    """The id in the fields, else the one in the name of a multi-read file's group."""
    in_name = name.removeprefix(_MULTI_READ) if name.startswith(_MULTI_READ) else ""
    return check_read_id(str(fields.get("read_id") or in_name))


def _number(values: dict[str, Any], name: str) -> float:
    try:
        return float(values[name])
    except (KeyError, ValueError) as error:
        raise ValueError(f"its channel does not say its {name}") from error


def _read(
    read_id: str, parts: _Parts, fields: dict[str, Any], runs: dict[str, RunInfo], source: str
) -> RawRead:
    run, channel = _run(parts, runs), _values(parts.channel)
    check_rate(_number(channel, "sampling_rate"), run)
    signal = _dataset(parts.raw)
    scale, offset = calibration(
        _number(channel, "digitisation"), _number(channel, "range"), _number(channel, "offset"), len(signal)
    )
    length = int(fields.pop("duration", len(signal)))
    if length != len(signal):
        raise ValueError(f"its signal has {len(signal)} of the {length} samples it should have")
    fields = {name: value for name, value in fields.items() if name != "read_id"}
    fields["channel_number"] = channel.get("channel_number")
    if parts.own is not None:
        fields["pore_type"] = _value(parts.own.attrs, "pore_type")
    if fields.get("read_number") is None and parts.name.startswith("Read_"):
        fields["read_number"] = parts.name.removeprefix("Read_")
    info = read_info(read_id, fields, len(signal), run, source)
    return RawRead(info, _samples(signal), scale, offset)


def _run(parts: _Parts, runs: dict[str, RunInfo]) -> RunInfo:
    """The run of a read, kept in `runs` from its first use on."""
    run_id = _value(parts.own.attrs, "run_id") if parts.own is not None else None
    if run_id is None and parts.tracking is not None:
        run_id = _value(parts.tracking.attrs, "run_id")
    key = str(run_id or "")
    if key not in runs:
        channel = _values(parts.channel)
        rate_hz, digitisation = _number(channel, "sampling_rate"), _number(channel, "digitisation")
        runs[key] = run_info(key, _texts(parts.tracking), _texts(parts.context), rate_hz, digitisation)
    return runs[key]
