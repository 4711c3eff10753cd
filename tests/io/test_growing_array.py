"""An .npy file that grows."""

from pathlib import Path

import numpy as np
import pytest

from lexome.io.growing_array import GrowingArray


def test_rows_come_back(tmp_path: Path) -> None:
    rows = np.arange(60, dtype=np.uint16).reshape(20, 3)
    array = GrowingArray(tmp_path / "a.npy", rows.dtype, (3,))
    array.add(rows[:7])
    array.add(rows[7:7])
    array.add(rows[7:])
    assert array.length == 20
    array.finish()
    assert np.array_equal(np.load(tmp_path / "a.npy", mmap_mode="r"), rows)


def test_rows_of_another_shape_are_refused(tmp_path: Path) -> None:
    array = GrowingArray(tmp_path / "a.npy", np.dtype(np.int8), (3,))
    with pytest.raises(ValueError, match=r"rows of the shape \(2,\) in an array of \(3,\)"):
        array.add(np.zeros((1, 2), np.int8))
    array.close()
