"""Qualities of errors."""

import numpy as np
import pytest

from lexome.decode.quality import QualityScale, quality_scale


def test_qualities_are_scaled_shifted_bounded_and_rounded() -> None:
    error_L = np.array([1.0, 0.5, 0.1, 0.0316, 0.001, 1e-7, 0.0])
    assert QualityScale()(error_L).tolist() == [1, 3, 10, 15, 30, 50, 50]
    assert QualityScale(0.5, 2.0)(error_L).tolist() == [2, 4, 7, 10, 17, 37, 50]
    assert QualityScale(1.0, 0.5)(error_L).tolist() == [1, 4, 11, 16, 31, 50, 50]  # 10.5 goes up
    assert QualityScale(1.0, -20.0)(error_L).tolist() == [1, 1, 1, 1, 10, 50, 50]
    assert QualityScale()(np.zeros(0)).dtype == np.uint8


def test_qualities_level_off_below_the_ceiling() -> None:
    error_L = np.array([0.5, 0.1, 0.01, 1e-7])
    added = -10 * np.log10(error_L + 0.02)  # a ceiling of 17 is an error of one in fifty
    assert QualityScale(ceiling=-10 * np.log10(0.02))(error_L).tolist() == np.floor(added + 0.5).tolist()
    assert QualityScale(2.0, 3.0, 100.0)(error_L).tolist() == QualityScale(2.0, 3.0)(error_L).tolist()


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, QualityScale()),
        ({"qscore_scale": 0.9, "qscore_bias": -0.2, "state_len": 3}, QualityScale(0.9, -0.2)),
        ({"qscore_ceiling": 17.5}, QualityScale(1.0, 0.0, 17.5)),
    ],
)
def test_a_heads_configuration_says_how(config: dict, expected: QualityScale) -> None:
    assert quality_scale(config) == expected
