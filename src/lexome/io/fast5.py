"""FAST5 files: single-read and multi-read, with all metadata; read in a process of its own.

HDF5's library hangs or crashes on some damaged files. `io.fast5_file` reads the files, `io.isolated` runs and
watches it; nothing here loads h5py.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from lexome.core.errors import BadInputError
from lexome.core.records import RawRead, RunInfo, Skipped
from lexome.io import isolated
from lexome.io.signal_checks import GZIP_MAGIC, SignalTotals

_READER = "lexome.io.fast5_file"


def iter_reads(
    path: Path, on_skip: Callable[[Skipped], None], wanted: Callable[[str], bool] | None = None
) -> Iterator[RawRead]:
    """Yields the reads of a FAST5 file, of a multi-read file in the order of their groups' names.

    Args:
        path: the file.
        on_skip: told of every read that cannot be used, and why; the rest goes on.
        wanted: asked with the read id before the signal is decoded; a read not wanted is passed over.

    Returns:
        Reads with their whole metadata, under POD5's names in `extra` where POD5 has the same.

    Raises:
        BadInputError: if the file is missing, cut off, damaged or no FAST5 file, or still being written.
    """
    _check(path)
    yield from isolated.iter_reads(_READER, path, on_skip, wanted)


def read_runs(path: Path) -> list[RunInfo]:
    """The runs that the reads of a FAST5 file belong to.

    Raises:
        BadInputError: as `iter_reads`.
    """
    _check(path)
    return isolated.read_runs(_READER, path)


def count(path: Path) -> SignalTotals:
    """Numbers of reads and samples of a FAST5 file; no signal is decoded, a damaged read does not count.

    Raises:
        BadInputError: as `iter_reads`.
    """
    _check(path)
    return isolated.count(_READER, path)


def _check(path: Path) -> None:
    """Refuses what needs no library to be refused."""
    if not path.is_file():
        raise BadInputError(f"{path}: no such file")
    try:
        with path.open("rb") as file:
            begin = file.read(len(GZIP_MAGIC))
    except OSError as error:
        raise BadInputError(f"{path}: cannot be read ({error.strerror})") from error
    if not begin:
        raise BadInputError(f"{path}: the file is empty")
    if begin == GZIP_MAGIC:
        raise BadInputError(f"{path}: is compressed with gzip; decompress it first (gunzip)")
