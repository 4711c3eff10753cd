import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lexome.simulate.current import (
    Events,
    autocorrelated_noise,
    current_of,
    draw_dwells,
    draw_heavy_tailed,
    slow_drift,
)


def test_dwells_have_the_measured_quantiles() -> None:
    """Of a real R9.4.1 run: mean 11.1 samples, 5/25/50/75/95% = 3/6/9/15/27."""
    dwell = draw_dwells(200_000, 11.1, 0.66, np.random.default_rng(1))
    assert np.abs(np.quantile(dwell, [0.05, 0.25, 0.5, 0.75, 0.95]) - [3, 6, 9, 15, 27]).max() <= 1
    assert abs(dwell.mean() - 11.1) < 0.15
    assert dwell.min() >= 1


def test_dwells_stay_within_sixteen_bits() -> None:
    dwell = draw_dwells(10_000, 1e5, 2.0, np.random.default_rng(1))
    assert dwell.max() <= np.iinfo(np.uint16).max


@pytest.mark.parametrize("ar", [0.0, 0.15, 0.6, 0.95])
def test_noise_is_the_autoregressive_process(ar: float) -> None:
    """Against its recursion on the same white noise."""
    noise = autocorrelated_noise(4000, ar, np.random.default_rng(3))
    taps = 1 if ar == 0 else int(np.ceil(np.log(1e-4) / np.log(ar)))
    white = np.random.default_rng(3).standard_normal(4000 + taps - 1, dtype=np.float32)
    state, expected = 0.0, []
    for value in white.tolist():
        state = ar * state + np.sqrt(1 - ar**2) * value
        expected.append(state)
    # its first `taps` - 1 values are the recursion's run-up
    np.testing.assert_allclose(noise, expected[taps - 1 :], atol=2e-3)


def test_noise_has_unit_variance_and_its_correlation() -> None:
    noise = autocorrelated_noise(400_000, 0.4, np.random.default_rng(3)).astype(np.float64)
    assert abs(noise.std() - 1) < 0.01
    for lag in (1, 2, 3):
        assert abs((noise[lag:] * noise[:-lag]).mean() - 0.4**lag) < 0.01


def test_heavy_tails() -> None:
    values = draw_heavy_tailed(200_000, 4.0, np.random.default_rng(3)).astype(np.float64)
    assert abs(values.std() - 1) < 0.05
    assert (np.abs(values) > 3).mean() > 3 * 0.0027  # three times as often as a normal variable
    assert np.abs(values).max() <= 5


def test_drift_is_slow_and_of_unit_variance() -> None:
    rng = np.random.default_rng(3)
    drifts = np.stack([slow_drift(20_001, rng) for _ in range(4000)])
    assert drifts.shape == (4000, 20_001)
    assert np.abs(np.diff(drifts)).max() < 2e-3
    for knot in (0, 4000, 20_000):
        assert abs(drifts[:, knot].std() - 1) < 0.05
    assert abs(np.corrcoef(drifts[:, 0], drifts[:, 4000])[0, 1] - 0.8) < 0.03


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.floats(40, 150), st.integers(1, 20)), min_size=1, max_size=20))
def test_events_are_laid_out_in_time(events: list[tuple[float, int]]) -> None:
    """Without noise: a dwell's first sample lies between both levels, the others on its own."""
    level = np.array([e[0] for e in events], np.float32)
    dwell = np.array([e[1] for e in events])
    row = Events(level, np.zeros(len(events), np.float32), dwell)
    current = current_of(row, 0.3, np.random.default_rng(0))
    assert len(current) == dwell.sum()
    at, before = 0, level[0]
    for own, count in zip(level, dwell.tolist(), strict=True):
        assert min(before, own) - 1e-4 <= current[at] <= max(before, own) + 1e-4
        assert (current[at + 1 : at + count] == own).all()
        at, before = at + count, own


def test_each_event_has_its_own_noise() -> None:
    row = Events(
        np.array([90, 90, 90], np.float32), np.array([0, 1, 5], np.float32), np.array([2000, 20_000, 20_000])
    )
    current = current_of(row, 0.3, np.random.default_rng(0))
    assert current[:2000].std() == 0
    assert abs(current[2000:22_000].std() - 1) < 0.05
    assert abs(current[22_000:].std() - 5) < 0.25


def test_joining_rows_of_events() -> None:
    one = Events(np.ones(2, np.float32), np.zeros(2, np.float32), np.array([3, 4]))
    other = Events(np.full(1, 2, np.float32), np.full(1, 3, np.float32), np.array([5]))
    both = one + other
    assert both.level_pa.tolist() == [1, 1, 2]
    assert both.noise_sd_pa.tolist() == [0, 0, 3]
    assert both.dwell.tolist() == [3, 4, 5]
