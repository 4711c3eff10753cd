"""Paired differences: against numbers done by hand, and intervals that hold what they claim."""

import numpy as np
import pytest

from lexome.evaluate.bootstrap import BootstrapConfig
from lexome.evaluate.paired import T_975, difference, mean_interval


def test_by_hand() -> None:
    first = np.array([[0.8, 0.6], [0.9, 0.7], [0.7, 0.9]])
    second = np.array([[0.7, 0.6], [0.8, 0.8], [0.5, 0.8]])
    found = difference(first, second)
    assert found.by_seed == pytest.approx((0.05, 0.0, 0.15))
    assert found.mean == pytest.approx(0.2 / 3)
    assert found.over_seeds is not None
    half = 4.303 * np.std([0.05, 0.0, 0.15], ddof=1) / np.sqrt(3)
    assert found.over_seeds == pytest.approx((0.2 / 3 - half, 0.2 / 3 + half))
    assert not found.is_clear


def test_what_two_networks_share_does_not_widen_the_interval() -> None:
    """Hard chunks are hard for both: the pairs differ by little although the chunks differ by much."""
    rng = np.random.default_rng(0)
    hard = rng.normal(0.7, 0.2, 400)
    first, second = (hard + rng.normal(shift, 0.01, 400) for shift in (0.01, 0.0))
    found = difference(first[None], second[None])
    assert found.over_chunks is not None
    assert found.over_chunks[1] - found.over_chunks[0] < 0.004
    assert found.over_seeds is None
    assert found.is_consistent
    assert not found.is_clear  # of one seed each nothing can be said of others
    assert difference(second[None], first[None]).mean == -found.mean


def test_clear_and_consistent() -> None:
    rng = np.random.default_rng(3)
    noise = rng.normal(0, 0.001, 50)
    seeds = np.array([0.020, 0.021, 0.019])[:, None]
    assert difference(seeds + noise, np.zeros((3, 50))).is_clear
    wide = np.array([0.001, 0.040, 0.010])[:, None]
    found = difference(wide + noise, np.zeros((3, 50)))
    assert found.is_consistent
    assert not found.is_clear
    turned = np.array([-0.001, 0.040, 0.010])[:, None]
    assert not difference(turned + noise, np.zeros((3, 50))).is_consistent


def test_over_chunks_holds_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    config = BootstrapConfig(resamples=200)
    held = 0
    for _ in range(200):
        found = difference(rng.normal(0.02, 0.1, (1, 80)), np.zeros((1, 80)), config).over_chunks
        assert found is not None
        held += found[0] <= 0.02 <= found[1]
    assert 178 <= held <= 199  # 95 % of 200, give or take


def test_over_seeds_holds_the_truth_as_often_as_it_says() -> None:
    """Also with three seeds, where a bootstrap over seeds would be far too narrow."""
    rng = np.random.default_rng(2)
    held = 0
    for _ in range(1000):
        seeds = rng.normal(0.0, 1.0, 3)
        low, high = difference(seeds[:, None], np.zeros((3, 1))).over_seeds or (0, 0)
        held += low <= 0.0 <= high
    assert 930 <= held <= 970
    assert list(T_975) == sorted(T_975, reverse=True)


def test_refused() -> None:
    with pytest.raises(ValueError, match="nothing to pair"):
        difference(np.zeros((0, 3)), np.zeros((0, 3)))
    assert mean_interval(np.array([0.5])) is None
