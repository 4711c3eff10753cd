"""What a minimap2 index file (.mmi) says of itself; minimap2 takes a damaged one without a word."""

import struct
from pathlib import Path
from typing import BinaryIO

from lexome.core.errors import BadInputError

MAGIC = b"MMI\2"
_WITHOUT_BASES, _WITHOUT_NAMES = 2, 4  # bits of the header's flag


def is_minimap_index(path: Path) -> bool:
    """Whether a file begins as an index does, whatever its name is."""
    with path.open("rb") as stream:
        return stream.read(len(MAGIC)) == MAGIC


def index_sequences(path: Path) -> list[tuple[str, int]]:
    """Reads the names and lengths (bp) of the sequences in an index, and walks over the rest of it.

    The walk finds an index that is cut off, or that is in several parts: mappy would use what is left, or the
    first part alone, and the reads of the others would silently not map.

    Raises:
        BadInputError: for these, and for an index without the bases or names that alignments need.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        magic, _, _, bucket_bits, num_sequences, flag = struct.unpack("<4s5I", _take(path, stream, 24))
        if magic != MAGIC:
            raise BadInputError(f"{path}: not a minimap2 index")
        if flag & (_WITHOUT_BASES | _WITHOUT_NAMES):
            raise BadInputError(
                f"{path}: this index holds no bases or no names; build it without --idx-no-seq"
            )
        if bucket_bits > 32 or 8 * 2**bucket_bits > size or 5 * num_sequences > size:
            raise BadInputError(f"{path}: the index is cut off or damaged")
        sequences = [_sequence(path, stream) for _ in range(num_sequences)]
        for _ in range(2**bucket_bits):
            _skip(path, stream, 8 * _number(path, stream), size)
            _skip(path, stream, 16 * _number(path, stream), size)
        packed_words = (sum(length for _, length in sequences) + 7) // 8
        _skip(path, stream, 4 * packed_words, size)
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


def _skip(path: Path, stream: BinaryIO, count: int, size: int) -> None:
    if stream.tell() + count > size:
        raise BadInputError(f"{path}: the index is cut off or damaged")
    stream.seek(count, 1)
