"""Groups of examples: their sums, and intervals that resample them whole."""

import numpy as np
import pytest

from lexome.evaluate.bootstrap import DEFAULT_BOOTSTRAP
from lexome.evaluate.groups import group_sums, ratio_intervals


def test_sums_of_groups() -> None:
    values = np.arange(10).reshape(5, 2)
    assert group_sums(values, np.array([7, 3, 7, 3, 9])).tolist() == [[8, 10], [4, 6], [8, 9]]
    assert group_sums(values[:, 0], np.array([0, 0, 1, 1, 1])).tolist() == [2, 18]


def test_examples_of_a_group_are_resampled_together() -> None:
    """Ten groups of a hundred equal examples tell as much as ten examples."""
    value_G = np.array([0.0, 1, 0, 1, 1, 0, 1, 1, 0, 1])
    groups = np.arange(10).repeat(100)
    ones = {"x": np.ones(1000)}
    together = ratio_intervals({"x": value_G.repeat(100)}, ones, groups, DEFAULT_BOOTSTRAP)["x"]
    alone = ratio_intervals({"x": value_G}, {"x": np.ones(10)}, np.arange(10), DEFAULT_BOOTSTRAP)["x"]
    apart = ratio_intervals({"x": value_G.repeat(100)}, ones, np.arange(1000), DEFAULT_BOOTSTRAP)["x"]
    assert together is not None
    assert together == alone
    assert apart is not None
    assert together[1] - together[0] == pytest.approx(10 * (apart[1] - apart[0]), rel=0.15)


def test_ratios_weigh_by_what_is_below() -> None:
    groups = np.array([0, 0, 1, 2])
    above, below = np.array([1.0, 2, 3, 4]), np.array([2.0, 4, 6, 8])
    assert ratio_intervals({"x": above}, {"x": below}, groups, DEFAULT_BOOTSTRAP) == {"x": (0.5, 0.5)}


def test_without_groups_or_anything_below_there_is_no_interval() -> None:
    one = {"x": np.ones(3)}
    assert ratio_intervals(one, one, np.zeros(3, np.int64), DEFAULT_BOOTSTRAP) == {"x": None}
    nothing = {"x": np.zeros(3)}
    assert ratio_intervals(one, nothing, np.arange(3), DEFAULT_BOOTSTRAP) == {"x": None}
