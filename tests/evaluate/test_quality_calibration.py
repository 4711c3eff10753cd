"""The fit of qualities: against a search on a grid, against qualities whose truth is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lexome.core.errors import LexomeError
from lexome.decode.consensus import Calibration, parse_calibration
from lexome.evaluate.quality_calibration import (
    as_text,
    calibration_error,
    corrected_qualities,
    fit_calibration,
    quality_rows,
)


def counts_of(rng: np.random.Generator, bases_Q: np.ndarray, true_Q: np.ndarray) -> np.ndarray:
    """Bases whose errors are as `true_Q` says; a third of the errors are lost bases."""
    counts_Q3 = np.zeros((94, 3), np.int64)
    errors_Q = rng.binomial(bases_Q, np.minimum(1, 10 ** (-true_Q / 10)))
    counts_Q3[:, 2] = errors_Q // 3
    counts_Q3[:, 1] = errors_Q - counts_Q3[:, 2]
    counts_Q3[:, 0] = bases_Q - errors_Q
    return counts_Q3


def bases(rng: np.random.Generator, most: int, low: int = 3, high: int = 45) -> np.ndarray:
    bases_Q = np.zeros(94, np.int64)
    bases_Q[low:high] = rng.integers(1, most, high - low)
    return bases_Q


def log_likelihood(counts_Q3: np.ndarray, scale: float, bias: float) -> float:
    n, errors = counts_Q3.sum(axis=1), counts_Q3[:, 1] + counts_Q3[:, 2]
    rate = 10 ** (-(scale * np.arange(94) + bias) / 10)
    return float(errors @ np.log(rate) - n @ rate)


@pytest.mark.parametrize(("scale", "bias"), [(1.0, 0.0), (0.8, 1.4), (1.2, -1.0), (0.5, 6.0)])
def test_it_finds_what_the_errors_follow(scale: float, bias: float) -> None:
    rng = np.random.default_rng(2)
    counts_Q3 = counts_of(rng, bases(rng, 2_000_000), scale * np.arange(94) + bias)
    found = fit_calibration(counts_Q3)
    assert found.threshold == 0
    assert found.scale == pytest.approx(scale, abs=0.02)
    assert found.bias == pytest.approx(bias, abs=0.3)


@settings(max_examples=20)
@given(st.integers(0, 10**6))
def test_no_other_line_is_likelier(seed: int) -> None:
    rng = np.random.default_rng(seed)
    counts_Q3 = counts_of(rng, bases(rng, 3000), np.arange(94) * rng.uniform(0.6, 1.1) + 2)
    found = fit_calibration(counts_Q3)
    if found.threshold == 0:
        best = log_likelihood(counts_Q3, found.scale, found.bias)
        for scale in found.scale + np.array([-0.1, -0.003, 0, 0.003, 0.1]):
            for bias in found.bias + np.array([-1.0, -0.03, 0, 0.03, 1.0]):
                assert log_likelihood(counts_Q3, scale, bias) <= best + 1e-6


def test_a_threshold_is_found_where_there_is_one() -> None:
    rng = np.random.default_rng(3)
    q = np.arange(94)
    true_Q = np.where(q > 20, 0.6 * q + 8, q)
    found = fit_calibration(counts_of(rng, bases(rng, 400_000), true_Q))
    assert 15 <= found.threshold <= 21
    assert found.scale == pytest.approx(0.6, abs=0.03)


@settings(max_examples=20)
@given(st.integers(0, 10**6))
def test_the_order_of_qualities_stays(seed: int) -> None:
    rng = np.random.default_rng(seed)
    q = np.arange(94)
    true_Q = np.where(q > 20, 0.6 * q + rng.uniform(0, 8), q)  # mostly a fall at 20
    found_Q = fit_calibration(counts_of(rng, bases(rng, 100_000), true_Q))(q.astype(float))
    assert (np.diff(found_Q) >= 0).all()


def test_with_or_without_lost_bases() -> None:
    rng = np.random.default_rng(4)
    counts_Q3 = counts_of(rng, bases(rng, 500_000), np.arange(94.0))
    counts_Q3[:, 2] = counts_Q3[:, 1] * 2
    with_them, without = fit_calibration(counts_Q3), fit_calibration(counts_Q3, deletions=False)
    assert with_them(np.array([30.0]))[0] < without(np.array([30.0]))[0] - 3
    rows = quality_rows(counts_Q3), quality_rows(counts_Q3, deletions=False)
    assert [row.bases for row in rows[0]] == [row.bases for row in rows[1]]
    assert [row.errors for row in rows[1]] == counts_Q3[3:45, 1].tolist()
    assert [row.errors for row in rows[0]] == (counts_Q3[3:45, 1] * 3).tolist()


def test_too_few_errors_are_said_so() -> None:
    counts_Q3 = np.zeros((94, 3), np.int64)
    counts_Q3[20:40, 0] = 1000
    counts_Q3[20, 1] = 500  # of one quality alone: any slope fits
    with pytest.raises(LexomeError, match="500 wrong bases of 1 qualities"):
        fit_calibration(counts_Q3)
    counts_Q3[20:22, 1] = 14
    with pytest.raises(LexomeError, match="28 wrong bases of 2 qualities"):
        fit_calibration(counts_Q3)


def test_qualities_that_say_the_opposite_are_said_so() -> None:
    counts_Q3 = np.zeros((94, 3), np.int64)
    counts_Q3[10:30, 0] = 1000
    counts_Q3[10:30, 1] = np.arange(20) * 10
    with pytest.raises(LexomeError, match="not more often right"):
        fit_calibration(counts_Q3)


def test_rows_and_error_by_hand() -> None:
    counts_Q3 = np.zeros((94, 3), np.int64)
    counts_Q3[10] = [80, 15, 5]
    counts_Q3[20] = [100, 0, 0]
    first, second = quality_rows(counts_Q3)
    assert (first.q_predicted, first.bases, first.errors) == (10, 100, 20)
    assert first.q_empirical == pytest.approx(6.9897, abs=1e-4)
    assert (second.q_predicted, second.q_empirical, second.bases, second.errors) == (20, None, 100, 0)
    # 0.2 instead of 0.1, 0 instead of 0.01
    assert calibration_error(counts_Q3, None) == pytest.approx((0.1 + 0.01) / 2)
    assert calibration_error(counts_Q3, None, deletions=False) == pytest.approx((0.05 + 0.01) / 2)
    # both become Q10: 0.1 as predicted
    assert calibration_error(counts_Q3, Calibration(15.0, 0.0, 10.0)) == pytest.approx(0.0)
    assert calibration_error(np.zeros((94, 3), np.int64), None) is None


def test_corrected_qualities_are_rounded_and_bounded() -> None:
    to_Q = corrected_qualities(Calibration(10.0, 2.0, -5.25))
    assert to_Q[:11].tolist() == list(range(11))
    assert to_Q[[11, 12, 60]].tolist() == [17.0, 19.0, 93.0]


@given(st.floats(0, 40), st.floats(0.01, 3), st.floats(-20, 20))
def test_the_text_is_read_back(threshold: float, scale: float, bias: float) -> None:
    read = parse_calibration(as_text(Calibration(threshold, scale, bias)))
    assert read is not None
    assert (read.threshold, read.scale, read.bias) == pytest.approx((threshold, scale, bias), abs=6e-6)
    assert as_text(Calibration(0.0, 1.197654, -0.0)) == "0,1.19765,0"
