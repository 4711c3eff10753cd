"""Whether the calls will fit on the disk: asked before hours of work, answered with a cautious guess."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lexome.core.errors import LexomeError
from lexome.io.output import ending_of

# Measured: the first 200 reads (8.8 M samples, 12.1 for each base) of an R9.4.1 run at 4 kHz, called with
# r9.4.1_fast; bytes of output for each sample of signal, without and with the move table.
BYTES_PER_SAMPLE = {
    ".bam": (0.0718, 0.1125),
    ".sam": (0.1730, 0.5698),
    ".cram": (0.0539, 0.0770),
    ".fastq": (0.1733, 0.1733),
    ".fastq.gz": (0.0711, 0.0711),
    ".fasta": (0.0907, 0.0907),
    ".fasta.gz": (0.0255, 0.0255),
}
# Slower pores, larger strides and better compressible qualities give less for each sample; 260 bases/s at
# 4 kHz are 15.4 samples for each base. What needs less than this is not stopped.
SURELY = 0.6


def least_bytes(output: Path, total_samples: int, emit_moves: bool = False) -> int:
    """What the calls of so many samples take at least, in bytes."""
    ending = ending_of(output).replace(".fq", ".fastq")
    kind = ending if ending in BYTES_PER_SAMPLE else ending.replace(".fa", ".fasta")
    return int(BYTES_PER_SAMPLE[kind][emit_moves] * SURELY * total_samples)


def check_free_disk(
    output: Path | None,
    total_samples: int,
    emit_moves: bool = False,
    free: Callable[[Path], Any] = shutil.disk_usage,
) -> None:
    """Refuses work whose output cannot fit on the disk.

    Args:
        output: the output, in a folder that exists; None (stdout) is not checked.
        total_samples: of all reads that are to be called.
        emit_moves: whether records will hold the move table.
        free: gives for a folder an object whose `free` is the number of free bytes.

    Raises:
        LexomeError: if even a cautious estimate needs more than there is.
    """
    if output is None:
        return
    try:
        have = int(free(output.parent).free)
    except OSError:
        return  # a file system that does not tell; a full disk will show itself
    need = least_bytes(output, total_samples, emit_moves)
    if need > have:
        raise LexomeError(
            f"{output}: the calls need at least {file_size(need)}, but {output.parent} has "
            f"{file_size(have)} free; choose another place or a smaller format, or go on anyway with --force"
        )


def file_size(size: float) -> str:
    """12345678 -> '12.3 MB'."""
    for limit, unit in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB")):
        if size >= limit:
            return f"{size / limit:.1f} {unit}"
    return f"{size / 1e3:.0f} kB"
