"""Signal-to-sequence alignment: against all paths one by one, and a plain table without a band."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lexome.dp.kernels.align import align_blocks

SIGMA, BONUS, STAY, STEP, SKIP = 0.4, 1.5, np.log(0.6), np.log(0.35), np.log(0.05)


def run(blocks, levels, start=100, free=100, width=1000) -> tuple[np.ndarray, float, int]:
    arrays = (np.asarray(blocks, np.float32), np.asarray(levels, np.float32))
    return align_blocks(*arrays, SIGMA, BONUS, STAY, STEP, SKIP, start, free, width)


def gain(block: float, level: float) -> float:
    return BONUS - 0.5 * ((block - level) / SIGMA) ** 2


def best_of_all_paths(blocks, levels, start: int, free: int) -> float:
    """Every path, by walking them all."""
    best = -np.inf

    def walk(t: int, p: int, score: float) -> None:
        nonlocal best
        score += gain(blocks[t], levels[p])
        if p >= len(levels) - free:
            best = max(best, score)
        if t + 1 < len(blocks):
            for forward, cost in ((0, STAY), (1, STEP), (2, SKIP)):
                if p + forward < len(levels):
                    walk(t + 1, p + forward, score + cost)

    for t in range(min(start, len(blocks))):
        for p in range(min(free, len(levels))):
            walk(t, p, 0.0)
    return best


def score_of(begins: np.ndarray, end: int, blocks, levels) -> float:
    """Score of the path that the kernel reports, by the definition."""
    used = np.flatnonzero(begins >= 0)
    total = 0.0
    for n, p in enumerate(used):
        last = begins[used[n + 1]] if n + 1 < len(used) else end
        total += sum(gain(blocks[t], levels[p]) for t in range(begins[p], last))
        total += STAY * (last - begins[p] - 1)
        if n:
            total += {1: STEP, 2: SKIP}[int(p - used[n - 1])]
    return total


def simulated(
    seed: int, positions: int, dwell: float = 3.0, noise: float = 0.3
) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    levels = rng.normal(0, 1, positions)
    repeats = rng.geometric(1 / dwell, positions) - (rng.random(positions) < 0.1)
    blocks = np.repeat(levels, np.maximum(repeats, 0))
    return blocks + rng.normal(0, noise, len(blocks)), levels


@given(st.integers(0, 10**6), st.integers(1, 7), st.integers(1, 6), st.integers(1, 7), st.integers(1, 6))
@settings(max_examples=80)
def test_it_finds_the_best_of_all_paths(seed, num_blocks, num_positions, start, free) -> None:
    rng = np.random.default_rng(seed)
    blocks, levels = rng.normal(0, 1, num_blocks), rng.normal(0, 1, num_positions)
    expected = best_of_all_paths(blocks, levels, start, free)
    begins, score, end = run(blocks, levels, start, free)
    if np.isneginf(expected):  # too few blocks to get to the end
        assert end == 0
        assert (begins == -1).all()
        return
    assert score == pytest.approx(expected, abs=1e-4)
    assert score_of(begins, end, blocks, levels) == pytest.approx(expected, abs=1e-4)
    assert begins[begins >= 0][0] < start
    used = np.flatnonzero(begins >= 0)
    assert used[0] < free
    assert used[-1] >= num_positions - free


@pytest.mark.parametrize("seed", range(4))
def test_a_wide_band_finds_what_no_band_finds(seed: int) -> None:
    blocks, levels = simulated(seed, 400)
    adapter = np.random.default_rng(seed).normal(0, 1, 60)
    blocks = np.concatenate([adapter, blocks, adapter])
    everywhere = run(blocks, levels, free=10)
    assert score_of(everywhere[0], everywhere[2], blocks, levels) == pytest.approx(everywhere[1], rel=1e-4)
    for width in (200, 399):  # in a much narrower one the adapter alone can carry the band away
        begins, score, end = run(blocks, levels, free=10, width=width)
        assert (score, end) == everywhere[1:]
        np.testing.assert_array_equal(begins, everywhere[0])
    inside = blocks[60:-60]
    for left, right in zip(run(inside, levels, free=1, width=40), run(inside, levels, free=1), strict=True):
        np.testing.assert_array_equal(left, right)


def test_a_narrow_band_still_reports_a_path_with_its_own_score() -> None:
    blocks, levels = simulated(5, 300)
    begins, score, end = run(blocks, levels, free=20, width=12)
    assert end > 0
    assert score <= run(blocks, levels, free=20)[1] + 1e-3
    assert score_of(begins, end, blocks, levels) == pytest.approx(score, rel=1e-4)


@pytest.mark.parametrize(("blocks", "start"), [([], 10), ([0.0] * 5, 0)])
def test_without_blocks_or_a_start_there_is_no_path(blocks: list[float], start: int) -> None:
    begins, score, end = run(blocks, [0.0, 1.0, 0.0], start=start)
    assert (begins == -1).all()
    assert (score, end) == (0.0, 0)
