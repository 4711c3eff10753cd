"""What the readers of all signal formats share: how much a file holds, and what makes a read unusable."""

import math
import re
from dataclasses import dataclass

# 5 hours at 5 kHz: a longer read is a blocked pore or damage, and would claim more memory than we promise
MAX_SAMPLES = 90_000_000

GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True)
class SignalTotals:
    """How much a signal file holds: reads and samples, as its tables say (nothing is decoded)."""

    reads: int
    samples: int


def check_signal(num_samples: int, scale: float, offset: float) -> None:
    """Refuses a read that cannot be called.

    Args:
        num_samples: length of its signal, as its file says.
        scale: of its calibration, pA = scale * (raw + offset).
        offset: likewise.

    Raises:
        ValueError: if it has no signal, too long a one, or no calibration.
    """
    if not math.isfinite(scale) or scale == 0 or not math.isfinite(offset):
        raise ValueError(f"its calibration makes no sense (scale {scale}, offset {offset})")
    if num_samples == 0:
        raise ValueError("it has no signal")
    if num_samples > MAX_SAMPLES:
        raise ValueError(f"it has {num_samples} samples, more than the {MAX_SAMPLES} allowed")


def check_read_id(read_id: str) -> str:
    """The id, if it can stand as a name in SAM and FASTQ.

    Raises:
        ValueError: if it cannot: it is empty or too long, or has letters that are not allowed there.
    """
    if not re.fullmatch(r"[!-?A-~]{1,254}", read_id):
        raise ValueError(f"its id {read_id[:40]!r} cannot be the name of a read")
    return read_id


def first_line(error: BaseException) -> str:
    """What an error says, in one line; its type if it says nothing."""
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
