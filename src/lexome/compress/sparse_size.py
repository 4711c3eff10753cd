"""How many bytes weights take if their zeros need not be written.

A tensor is written as one bit for every number (is it other than zero?) and then the numbers that are; or as
it is, if that is shorter. All tensors one after the other, through zlib, are the compressed size. Names,
shapes and which of the two forms a tensor has are left out: some tens of bytes for each.
"""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

ZLIB_LEVEL = 9


@dataclass(frozen=True)
class StoredSize:
    """What weights take.

    Attributes:
        dense_bytes: all numbers, as the files of this package have them.
        sparse_bytes: without the zeros.
        compressed_bytes: the same through zlib.
    """

    dense_bytes: int
    sparse_bytes: int
    compressed_bytes: int


def stored_size(weights: Mapping[str, np.ndarray]) -> StoredSize:
    """The size of some weights in all forms."""
    packed = [pack(weight) for weight in weights.values()]
    compressor = zlib.compressobj(ZLIB_LEVEL)
    compressed = sum(len(compressor.compress(part)) for part in packed) + len(compressor.flush())
    dense = sum(weight.nbytes for weight in weights.values())
    return StoredSize(dense, sum(map(len, packed)), compressed)


def pack(weight: np.ndarray) -> bytes:
    """A tensor without its zeros, or as it is if that is not longer."""
    flat = np.ascontiguousarray(weight).ravel()
    is_kept = flat != 0
    dense = flat.tobytes()
    sparse = np.packbits(is_kept).tobytes() + flat[is_kept].tobytes()
    return sparse if len(sparse) < len(dense) else dense


def unpack(packed: bytes, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """What `pack` was given; negative zeros come back as zeros."""
    size = int(np.prod(shape, dtype=np.int64))
    if len(packed) == size * dtype.itemsize:
        return np.frombuffer(packed, dtype).reshape(shape).copy()
    bits = -(-size // 8)
    flat = np.zeros(size, dtype)
    is_kept = np.unpackbits(np.frombuffer(packed[:bits], np.uint8), count=size).astype(bool)
    flat[is_kept] = np.frombuffer(packed[bits:], dtype)
    return flat.reshape(shape)
