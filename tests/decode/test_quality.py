"""Qualities of errors."""

import numpy as np

from lexome.decode.quality import qualities


def test_qualities_are_scaled_shifted_bounded_and_rounded() -> None:
    error_L = np.array([1.0, 0.5, 0.1, 0.0316, 0.001, 1e-7, 0.0])
    assert qualities(error_L, 1.0, 0.0).tolist() == [1, 3, 10, 15, 30, 50, 50]
    assert qualities(error_L, 0.5, 2.0).tolist() == [2, 4, 7, 10, 17, 37, 50]
    assert qualities(error_L, 1.0, 0.5).tolist() == [1, 4, 11, 16, 31, 50, 50]  # 10.5 goes up
    assert qualities(error_L, 1.0, -20.0).tolist() == [1, 1, 1, 1, 10, 50, 50]
    assert qualities(np.zeros(0), 1.0, 0.0).dtype == np.uint8
