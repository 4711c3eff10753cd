"""What a process that reads files says to the one that asked it: lengths, JSON, raw samples.

Messages are dicts with one of the keys `ready`, `id`, `skipped`, `run`, `read`, `runs`, `count`, `refused`,
`failed`, `end`. A run travels once, before its first read; reads name it by its number.
"""

import json
import struct
from dataclasses import asdict
from typing import Any, BinaryIO

import numpy as np

from lexome.core.records import RawRead, ReadInfo, RunInfo
from lexome.io.signal_checks import MAX_SAMPLES

LENGTHS = struct.Struct("<II")  # of the JSON and of the samples, bytes
_MAX_JSON_BYTES = 2**26


def send(stream: BinaryIO, message: dict[str, Any], samples: np.ndarray | None = None) -> None:
    """Writes a message; `samples` is int16[S]."""
    text = json.dumps(message).encode()
    signal = np.ascontiguousarray(samples, "<i2").tobytes() if samples is not None else b""
    stream.write(LENGTHS.pack(len(text), len(signal)) + text)
    stream.write(signal)
    stream.flush()


def check_lengths(begin: bytes | bytearray) -> tuple[int, int]:
    """The two lengths at the beginning of a message.

    Raises:
        ValueError: if no sane process says such a thing.
    """
    text, signal = LENGTHS.unpack(begin)
    if text > _MAX_JSON_BYTES or signal > 2 * MAX_SAMPLES or signal % 2:
        raise ValueError(f"a message of {text} and {signal} bytes")
    return text, signal


def parse(text: bytes | bytearray) -> dict[str, Any]:
    """The message of this JSON.

    Raises:
        ValueError: if it is none.
    """
    message = json.loads(text)
    if not isinstance(message, dict):
        raise ValueError("a message that is none")
    return message


def run_message(run: RunInfo) -> dict[str, Any]:
    """A run as JSON can hold it; `run_of` gives it back."""
    return asdict(run)


def run_of(message: dict[str, Any]) -> RunInfo:
    """The run of a message."""
    return RunInfo(**message)


def read_message(read: RawRead, run: int) -> dict[str, Any]:
    """A read but for its samples as JSON can hold it; `run` is the number of its run."""
    info = {name: value for name, value in vars(read.info).items() if name != "run"}
    return {"info": info, "run": run, "scale": read.scale, "offset": read.offset}


def read_of(message: dict[str, Any], samples: bytearray, runs: list[RunInfo]) -> RawRead:
    """The read of a message.

    Raises:
        ValueError: if its samples are not as many as it says.
    """
    info = ReadInfo(**message["info"], run=runs[message["run"]])
    raw = np.frombuffer(samples, "<i2").astype(np.int16, copy=False)
    if len(raw) != info.num_samples:
        raise ValueError(f"{len(raw)} of {info.num_samples} samples arrived")
    return RawRead(info, raw, message["scale"], message["offset"])
