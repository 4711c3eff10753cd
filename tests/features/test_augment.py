"""Augmentation: the same seed gives the same batch; lengths, spreads and noise are as configured."""

import numpy as np
import pytest

from lexome.features.augment import AugmentConfig, augment


def varied(signal_NS: np.ndarray, seed: int = 0, **config: float) -> np.ndarray:
    return augment(signal_NS, AugmentConfig(**config), np.random.default_rng(seed))


def batch(chunks: int = 6, samples: int = 400) -> np.ndarray:
    return np.random.default_rng(9).normal(0, 1, (chunks, samples)).astype(np.float32)


def test_the_same_generator_gives_the_same_batch() -> None:
    config = {"min_stretch": 0.8, "max_stretch": 1.2, "gain_sd": 0.1, "offset_sd": 0.1, "noise_sd": 0.1}
    np.testing.assert_array_equal(varied(batch(), 3, **config), varied(batch(), 3, **config))
    assert not np.array_equal(varied(batch(), 3, **config)[:, :300], varied(batch(), 4, **config)[:, :300])
    assert varied(batch(), 3, **config).dtype == np.float32


def test_switched_off_it_changes_nothing_and_never_its_input() -> None:
    signal_NS = batch()
    np.testing.assert_array_equal(varied(signal_NS), signal_NS)
    kept = signal_NS.copy()
    varied(signal_NS, min_stretch=0.7, max_stretch=0.7, gain_sd=1.0, offset_sd=1.0, noise_sd=1.0)
    np.testing.assert_array_equal(signal_NS, kept)


def test_gain_and_offset_are_one_pair_per_chunk_with_the_spread_asked_for() -> None:
    signal_NS = np.tile(np.array([-1.0, 1.0], np.float32), (4000, 5))
    result = varied(signal_NS, gain_sd=0.1, offset_sd=0.3)
    gain, offset = (result[:, 1] - result[:, 0]) / 2, (result[:, 1] + result[:, 0]) / 2
    np.testing.assert_allclose(result, signal_NS * gain[:, None] + offset[:, None], atol=1e-5)
    assert (gain.mean(), gain.std()) == pytest.approx((1.0, 0.1), abs=0.01)
    assert (offset.mean(), offset.std()) == pytest.approx((0.0, 0.3), abs=0.02)
    assert abs(np.corrcoef(gain, offset)[0, 1]) < 0.05


def test_noise_is_white_and_its_sd_uniform_up_to_the_bound() -> None:
    result = varied(np.zeros((800, 1000), np.float32), noise_sd=0.2)
    sd = result.std(axis=1)
    assert sd.max() < 0.22
    assert np.quantile(sd, [0.25, 0.5, 0.75]) == pytest.approx([0.05, 0.1, 0.15], abs=0.015)
    loud = result[sd > 0.1]
    assert abs(np.mean(loud[:, 1:] * loud[:, :-1]) / np.mean(loud**2)) < 0.01


@pytest.mark.parametrize("factor", [0.5, 0.72, 0.999, 1.001, 1.3, 2.0])
def test_stretching_keeps_the_order_of_samples_and_their_share(factor: float) -> None:
    ramp = np.tile(np.arange(1000, dtype=np.float32), (3, 1))
    result = varied(ramp, min_stretch=factor, max_stretch=factor)
    assert result.shape == (3, round(1000 * factor))
    np.testing.assert_array_equal(result[0], result[1])  # the whole batch by one factor
    assert (np.diff(result[0]) >= 0).all()
    ideal = (np.arange(result.shape[1]) + 0.5) / factor
    assert np.abs(result[0] - ideal).max() <= 1 + 1 / factor
    assert np.abs((result[0] - ideal).mean()) < 1
    assert set(result[0]) <= set(ramp[0])  # samples are picked, none is invented


def test_speed_is_uniform_in_its_logarithm() -> None:
    signal_NS = np.zeros((1, 2000), np.float32)
    config, rng = AugmentConfig(min_stretch=0.5, max_stretch=2.0), np.random.default_rng(1)
    logs = np.log2([augment(signal_NS, config, rng).shape[1] / 2000 for _ in range(600)])
    assert -1 <= logs.min() < -0.95
    assert 0.95 < logs.max() <= 1
    assert np.quantile(logs, [0.25, 0.5, 0.75]) == pytest.approx([-0.5, 0.0, 0.5], abs=0.1)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"min_stretch": 0.0}, "stretch must rise"),
        ({"min_stretch": 1.2, "max_stretch": 1.1}, "stretch must rise"),
        ({"noise_sd": -0.1}, "must not be negative"),
        ({"gain_sd": -0.1}, "must not be negative"),
    ],
)
def test_impossible_variations_are_refused(config: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AugmentConfig(**config)
