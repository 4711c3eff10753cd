"""What a minimap2 index file (.mmi) says of itself; minimap2 takes a damaged one without a word."""

import struct
from pathlib import Path
from typing import BinaryIO

import numpy as np

from lexome.core.errors import BadInputError

MAGIC = b"MMI\2"
_PIECE_BYTES = 2**24
_MAX_K, _MAX_W = 28, 255  # minimap2's own bounds
_WITHOUT_BASES, _WITHOUT_NAMES = 2, 4  # bits of the header's flag


def is_minimap_index(path: Path) -> bool:
    """Whether a file begins as an index of some version does, whatever its name is."""
    with path.open("rb") as stream:
        start = stream.read(len(MAGIC))
    return start[:3] == MAGIC[:3] and start[3:] < b" "  # the version is a number


def index_sequences(path: Path) -> list[tuple[str, int]]:
    """Reads the names and lengths (bp) of the sequences in an index, and checks the rest of it.

    That finds an index that is cut off, or that is in several parts: mappy would use what is left, or the
    first part alone, and the reads of the others would silently not map. It also finds places and bases that
    cannot be: with them minimap2 reads outside of its memory.

    Raises:
        BadInputError: for these, and for an index without the bases or names that alignments need.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        magic, w, k, bucket_bits, num_sequences, flag = struct.unpack("<4s5I", _take(path, stream, 24))
        if magic != MAGIC:
            is_other = magic[:3] == MAGIC[:3]
            what = "an index of another version of minimap2" if is_other else "not a minimap2 index"
            raise BadInputError(f"{path}: {what}; build it anew, or give the FASTA file")
        if flag & (_WITHOUT_BASES | _WITHOUT_NAMES):
            raise BadInputError(
                f"{path}: this index holds no bases or no names; build it without --idx-no-seq"
            )
        if not (1 <= k <= _MAX_K and 1 <= w <= _MAX_W):
            raise BadInputError(f"{path}: the index is damaged: k {k}, w {w}")
        if bucket_bits > 32 or 8 * 2**bucket_bits > size or 5 * num_sequences > size:
            raise BadInputError(f"{path}: the index is cut off or damaged")
        sequences = [_sequence(path, stream) for _ in range(num_sequences)]
        lengths = np.array([length for _, length in sequences], np.uint64)
        for _ in range(2**bucket_bits):
            places = _numbers(path, stream, _number(path, stream), size)
            entries = _numbers(path, stream, 2 * _number(path, stream), size).reshape(-1, 2)
            _check(path, places, entries, lengths)
        _check_bases(path, stream, 4 * ((int(lengths.sum()) + 7) // 8), size)
        if stream.tell() != size:
            raise BadInputError(
                f"{path}: the index is in several parts, or something follows it; build it in one part, "
                "with a -I above the reference's number of bases"
            )
    return sequences


def _sequence(path: Path, stream: BinaryIO) -> tuple[str, int]:
    name = _take(path, stream, _take(path, stream, 1)[0])
    return name.decode("utf-8", "replace"), _number(path, stream)


def _number(path: Path, stream: BinaryIO) -> int:
    return int.from_bytes(_take(path, stream, 4), "little")


def _take(path: Path, stream: BinaryIO, count: int) -> bytes:
    data = stream.read(count)
    if len(data) < count:
        raise BadInputError(f"{path}: the index is cut off or damaged")
    return data


def _numbers(path: Path, stream: BinaryIO, count: int, size: int) -> np.ndarray:
    """The next uint64[count]; what the file cannot hold is not asked for."""
    if stream.tell() + 8 * count > size:
        raise BadInputError(f"{path}: the index is cut off or damaged")
    return np.frombuffer(_take(path, stream, 8 * count), "<u8")


def _check(path: Path, places: np.ndarray, entries: np.ndarray, lengths: np.ndarray) -> None:
    """Checks the minimizers of one bucket.

    Args:
        path: of the index.
        places: of those that are in several places: sequence, position and strand in one number.
        entries: of each minimizer its key and its value: if the key is odd, its only place; else where
            its places begin in `places`, and how many there are.
        lengths: of the sequences.
    """
    if not len(entries):
        return
    keys, values = entries.T
    is_single = keys & 1 == 1
    several, all_places = values[~is_single], np.concatenate([places, values[is_single]])
    numbers, positions = all_places >> 32, (all_places & 0xFFFFFFFF) >> 1
    inside = numbers < len(lengths)
    if (
        not inside.all()
        or (positions >= lengths[numbers]).any()
        or ((several >> 32) + (several & 0xFFFFFFFF) > len(places)).any()
    ):
        raise BadInputError(f"{path}: the index is damaged: it names places that there are not")


def _check_bases(path: Path, stream: BinaryIO, count: int, size: int) -> None:
    """Checks `count` bytes of bases, two in a byte, each from 0 to 4 (no base)."""
    if stream.tell() + count > size:
        raise BadInputError(f"{path}: the index is cut off or damaged")
    while count:
        piece = np.frombuffer(_take(path, stream, min(count, _PIECE_BYTES)), np.uint8)
        if ((piece & 15) > 4).any() or (piece >> 4 > 4).any():
            raise BadInputError(f"{path}: the index is damaged: it holds bases that there are not")
        count -= len(piece)
