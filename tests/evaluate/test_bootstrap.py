"""Bootstrap intervals: the same every time, as wide as theory says, absent where they would mean nothing."""

import numpy as np
import pytest

from lexome.evaluate.bootstrap import BootstrapConfig, intervals

VALUES = np.random.default_rng(3).normal(10.0, 2.0, 400)


def mean_and_median(drawn: np.ndarray) -> dict[str, float]:
    return {"mean": float(VALUES[drawn].mean()), "median": float(np.median(VALUES[drawn]))}


def test_the_same_seed_gives_the_same_interval_and_another_does_not() -> None:
    one, two = (intervals(mean_and_median, 400, BootstrapConfig(200, seed=5)) for _ in range(2))
    assert one == two
    assert one != intervals(mean_and_median, 400, BootstrapConfig(200, seed=6))


def test_the_width_is_the_one_of_the_normal_approximation() -> None:
    found = intervals(mean_and_median, 400, BootstrapConfig(4000))
    standard_error = VALUES.std() / 20
    assert found["mean"] == pytest.approx(VALUES.mean() + np.array([-1.96, 1.96]) * standard_error, abs=0.02)
    assert found["median"] is not None
    width = found["median"][1] - found["median"][0]
    assert width == pytest.approx(2 * 1.96 * 1.2533 * standard_error, rel=0.25)


def test_the_level_is_kept() -> None:
    half = intervals(mean_and_median, 400, BootstrapConfig(4000, level=0.5))["mean"]
    assert half is not None
    assert half[1] - half[0] == pytest.approx(2 * 0.6745 * VALUES.std() / 20, rel=0.1)


def test_drawn_reads_are_as_many_as_there_are_with_repeats() -> None:
    seen: list[np.ndarray] = []

    def statistics(drawn: np.ndarray) -> dict[str, float]:
        seen.append(drawn)
        return {"n": float(len(drawn))}

    assert intervals(statistics, 7, BootstrapConfig(50)) == {"n": (7.0, 7.0)}
    assert all(len(drawn) == 7 and 0 <= drawn.min() and drawn.max() < 7 for drawn in seen)
    assert any(len(set(drawn.tolist())) < 7 for drawn in seen)


@pytest.mark.parametrize("num_reads", [0, 1])
def test_no_interval_with_fewer_than_two_reads(num_reads: int) -> None:
    assert intervals(lambda drawn: {"a": 1.0}, num_reads, BootstrapConfig(10)) == {"a": None}


def test_resamples_without_a_number_are_left_out() -> None:
    def statistics(drawn: np.ndarray) -> dict[str, float]:
        return {"never": np.nan, "sometimes": 2.0 if 0 in drawn else np.nan}

    assert intervals(statistics, 3, BootstrapConfig(50)) == {"never": None, "sometimes": (2.0, 2.0)}
