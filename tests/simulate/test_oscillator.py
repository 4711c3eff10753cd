"""The oscillator against the matrix exponential, a fine numerical integration and what energy does."""

import dataclasses

import numpy as np
import pytest
import torch

from lexome.core.errors import UsageError
from lexome.simulate.oscillator import (
    OscillatorConfig,
    draw_heights,
    positions,
    simulate_oscillator,
    step_matrix,
)

SWINGING = OscillatorConfig(mass=1.3, damping=0.4, stiffness=0.5)
CREEPING = OscillatorConfig(mass=0.8, damping=3.0, stiffness=0.5)
CRITICAL = OscillatorConfig(mass=2.0, damping=4.0, stiffness=2.0)
FREE = OscillatorConfig(damping=0.0)


@pytest.mark.parametrize("config", [SWINGING, CREEPING, CRITICAL, FREE])
@pytest.mark.parametrize("samples", [0.3, 1.0, 7.0])
def test_a_step_is_the_matrix_exponential(config: OscillatorConfig, samples: float) -> None:
    rates = [[0.0, 1.0], [-config.stiffness / config.mass, -config.damping / config.mass]]
    exact = torch.matrix_exp(samples * torch.tensor(rates, dtype=torch.float64)).numpy()
    np.testing.assert_allclose(step_matrix(config, samples), exact, atol=1e-13)


def integrated(config: OscillatorConfig, rest_S: np.ndarray, velocity: float, substeps: int) -> np.ndarray:
    """Classical Runge-Kutta of fourth order on the equation as it is written."""

    def rate(state: np.ndarray, rest: float) -> np.ndarray:
        x, v = state
        return np.array([v, (-config.damping * v - config.stiffness * (x - rest)) / config.mass])

    state, h, found = np.array([rest_S[0], velocity]), 1 / substeps, []
    for rest in rest_S:
        found.append(state[0])
        for _ in range(substeps):
            a = rate(state, rest)
            b = rate(state + h / 2 * a, rest)
            c = rate(state + h / 2 * b, rest)
            d = rate(state + h * c, rest)
            state = state + h / 6 * (a + 2 * b + 2 * c + d)
    return np.array(found)


@pytest.mark.parametrize("config", [SWINGING, CREEPING, CRITICAL])
def test_the_motion_is_that_of_a_fine_integration(config: OscillatorConfig) -> None:
    rest_S = np.repeat([0.3, -1.0, 0.7, 1.0], [3, 9, 1, 12])
    found = positions(config, rest_S[None], np.array([0.4]))
    np.testing.assert_allclose(found[0], integrated(config, rest_S, 0.4, 60), atol=1e-7)


def test_energy_falls_by_what_damping_takes() -> None:
    """Without damping it stays; with it, it never rises between jumps."""
    rest = np.full((1, 200), 0.5)
    for config in (FREE, SWINGING):
        x = positions(config, rest, np.array([1.0]))[0] - 0.5
        step = step_matrix(config)
        v = (x[1:] - step[0, 0] * x[:-1]) / step[0, 1]  # that of the earlier of two samples
        energy = config.mass * v**2 / 2 + config.stiffness * x[:-1] ** 2 / 2
        if config is FREE:
            np.testing.assert_allclose(energy, 0.5, rtol=1e-9)
        else:
            assert (np.diff(energy) < 1e-15).all()
            assert energy[50] < 1e-4


def test_intervals_are_poisson_and_heights_even() -> None:
    config = OscillatorConfig(heights=3, mean_samples=6.0)
    number_NS = draw_heights(config, 200, 500, np.random.default_rng(0))
    lengths, jumps = [], []
    for row in number_NS.astype(int):
        at = np.flatnonzero(np.diff(row)) + 1
        lengths += np.diff(at).tolist()
        jumps += ((row[at] - row[at - 1]) % 3).tolist()
    assert np.mean(lengths) == pytest.approx(6.0, abs=0.1)
    assert np.var(lengths) == pytest.approx(6.0, abs=0.4)
    assert min(lengths) == 1
    np.testing.assert_allclose(np.bincount(number_NS.ravel()) / number_NS.size, 1 / 3, atol=0.01)
    np.testing.assert_allclose(np.bincount(jumps)[1:] / len(jumps), 0.5, atol=0.02)
    # a signal begins anywhere in an interval: its first sample is as often the first of one as any other
    begins = (number_NS[:, 1] != number_NS[:, 0]).mean()
    assert begins == pytest.approx(1 / 6, abs=0.08)


def test_noise_is_added_and_multiplied() -> None:
    plain = dataclasses.replace(SWINGING, noise=0.0, noise_factor=0.0)
    made = simulate_oscillator(plain, 3, 50, np.random.default_rng(1))
    np.testing.assert_allclose(made.signal_NS, made.position_NS, rtol=1e-6)
    added = simulate_oscillator(dataclasses.replace(plain, noise=0.3), 50, 400, np.random.default_rng(1))
    assert (added.signal_NS - added.position_NS).std() == pytest.approx(0.3, rel=0.03)
    factor = dataclasses.replace(plain, noise_factor=0.3)
    times = simulate_oscillator(factor, 50, 400, np.random.default_rng(1))
    assert (times.signal_NS / times.position_NS - 1).std() == pytest.approx(0.3, rel=0.03)


def test_the_same_seed_gives_the_same_and_the_truth_fits() -> None:
    config = OscillatorConfig(damping=2.0, noise=0.0, noise_factor=0.0, mean_samples=60.0)
    one, two = (simulate_oscillator(config, 4, 300, np.random.default_rng(7)) for _ in range(2))
    np.testing.assert_array_equal(one.signal_NS, two.signal_NS)
    # long intervals and strong damping: the position is soon at the height that the truth names
    nearest = np.abs(one.position_NS[:, :, None] - one.heights).argmin(axis=2)
    assert (nearest == one.height_NS).mean() > 0.9


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"mass": 0.0}, "more than 0"), ({"noise": -1.0}, "negative"), ({"heights": 1}, "2 to 64"),
        ({"damping": float("nan")}, "finite"),
    ],
)  # fmt: skip
def test_what_makes_no_oscillator_is_refused(changes: dict, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        OscillatorConfig(**changes)


def test_no_signals_are_refused() -> None:
    with pytest.raises(UsageError, match="got 0 of 5"):
        simulate_oscillator(FREE, 0, 5, np.random.default_rng(0))
