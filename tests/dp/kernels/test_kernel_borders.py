"""Drawn paths against the posterior over all paths, enumerated."""

from itertools import product

import numpy as np
import pytest

from lexome.dp.kernels.borders import draw_path

SIGMA, FLOOR = 0.5, 0.01
STAY, STEP, SKIP = 0.6, 0.3, 0.1


def posterior(signal: np.ndarray, levels: np.ndarray, low: np.ndarray, width: int) -> dict:
    """Every path from the first state to the last one within the band, with its probability."""
    chance = {0: STAY, 1: STEP, 2: SKIP}
    found = {}
    for moves in product(chance, repeat=len(signal) - 1):
        path = np.concatenate([[0], np.cumsum(moves)])
        if path[-1] != len(levels) - 1 or (path < low).any() or (path >= low + width).any():
            continue
        fits = np.exp(-0.5 * ((signal - levels[path]) / SIGMA) ** 2) + FLOOR
        found[tuple(path.tolist())] = float(np.prod([chance[m] for m in moves]) * np.prod(fits[1:]))
    total = sum(found.values())
    return {path: weight / total for path, weight in found.items()}


def draw(
    signal: np.ndarray, levels: np.ndarray, low: np.ndarray, width: int, draws: np.ndarray
) -> np.ndarray:
    return draw_path(signal, levels, low, width, SIGMA, FLOOR, STAY, STEP, SKIP, draws)


@pytest.mark.parametrize(
    ("low", "width"),
    [
        ([0] * 7, 4),
        ([0] * 7, 9),
        ([0, 0, 0, 1, 1, 2, 2], 2),
        ([0, 0, 1, 1, 1, 2, 3], 3),
        ([0, 0, 2, 2, 2, 2, 2], 3),
    ],
)
def test_paths_are_drawn_from_their_posterior(low: list[int], width: int) -> None:
    generator = np.random.default_rng(1)
    levels = np.array([0.0, 0.4, 0.4, -0.3], np.float32)
    signal = np.array([0.1, 0.3, -0.2, 0.5, 0.2, 0.1, -0.4], np.float32)
    low_S = np.array(low)
    expected = posterior(signal, levels, low_S, width)
    assert len(expected) > 2
    count = 20_000
    drawn: dict = {}
    for _ in range(count):
        path = tuple(draw(signal, levels, low_S, width, generator.random(7)).tolist())
        drawn[path] = drawn.get(path, 0) + 1
    assert set(drawn) <= set(expected)
    for path, probability in expected.items():
        sd = np.sqrt(probability * (1 - probability) / count)
        assert abs(drawn.get(path, 0) / count - probability) < 5 * sd + 1e-4


def test_no_path_gives_nothing() -> None:
    levels, draws = np.zeros(9, np.float32), np.zeros(4)
    too_short = np.zeros(4, np.float32)  # three moves of at most two states
    assert not len(draw(too_short, levels, np.zeros(4, np.int64), 9, draws))
    outside = np.zeros(4, np.int64)
    assert not len(draw(too_short, levels[:3], outside, 2, draws))  # the last state is not in the band
    assert not len(draw(np.zeros(0, np.float32), levels, np.zeros(0, np.int64), 3, draws))


def test_a_long_signal_does_not_underflow() -> None:
    generator = np.random.default_rng(2)
    starts = np.arange(0, 30_000, 10)
    levels = generator.normal(0, 1, len(starts)).astype(np.float32)
    signal = levels.repeat(10) + generator.normal(0, 0.1, 30_000).astype(np.float32)
    low_S = np.clip(np.arange(30_000) // 10 - 4, 0, None)
    path = draw_path(signal, levels, low_S, 9, 0.3, 1e-4, 0.9, 0.09, 0.01, generator.random(30_000))
    assert np.abs(path - np.arange(30_000) // 10).mean() < 0.15  # a wrong path is off by hundreds of states
