"""Weights without their zeros come back, and their size is the one that is defined."""

import zlib

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lexome.compress.sparse_size import pack, stored_size, unpack


@given(st.integers(0, 999), st.sampled_from([0.0, 0.02, 0.5, 0.97, 1.0]), st.sampled_from(["f4", "f8", "i8"]))
def test_what_is_packed_comes_back(seed: int, sparsity: float, kind: str) -> None:
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(0, 6, rng.integers(0, 4)).tolist())
    weight = np.where(rng.random(shape) < sparsity, 0, rng.normal(0, 9, shape)).astype(kind)
    packed = pack(weight)
    back = unpack(packed, shape, weight.dtype)
    assert back.dtype == weight.dtype
    np.testing.assert_array_equal(back, weight)
    assert len(packed) <= weight.nbytes


def test_the_size_of_known_weights() -> None:
    half = np.where(np.arange(80) % 2, 1.5, 0).astype(np.float32).reshape(8, 10)
    full = np.arange(1, 9, dtype=np.float32)
    found = stored_size({"half": half, "full": full})
    # one bit for each of 80, the 40 numbers that are left, and 8 numbers as they are
    assert (found.dense_bytes, found.sparse_bytes) == (352, 10 + 40 * 4 + 32)
    together = np.packbits(half != 0).tobytes() + half[half != 0].tobytes() + full.tobytes()
    assert found.compressed_bytes == len(zlib.compress(together, 9))
