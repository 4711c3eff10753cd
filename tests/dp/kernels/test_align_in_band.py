"""Alignment in a given band: against all paths one by one, and against the kernel that needs no band."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lexome.dp.kernels.align import align_blocks
from lexome.dp.kernels.align_in_band import align_in_band

SIGMA, BONUS, STAY, STEP, SKIP = 0.4, 1.5, np.log(0.6), np.log(0.35), np.log(0.05)
COSTS = {0: STAY, 1: STEP, 2: SKIP}


def run(blocks, levels, lowest, width: int, free: int) -> tuple[np.ndarray, float]:
    arrays = (np.asarray(blocks, np.float32), np.asarray(levels, np.float32), np.asarray(lowest, np.int64))
    return align_in_band(*arrays, width, free, SIGMA, BONUS, STAY, STEP, SKIP)


def gain(block: float, level: float) -> float:
    return BONUS - 0.5 * ((block - level) / SIGMA) ** 2


def best_of_all_paths(blocks, levels, lowest, width: int, free: int) -> float:
    """Every path from the first to the last block within the band, by walking them all."""
    best = -np.inf

    def walk(t: int, p: int, score: float) -> None:
        nonlocal best
        score += gain(blocks[t], levels[p])
        if t + 1 == len(blocks):
            best = max(best, score) if p >= len(levels) - free else best
            return
        for forward, cost in COSTS.items():
            if p + forward < len(levels) and lowest[t + 1] <= p + forward < lowest[t + 1] + width:
                walk(t + 1, p + forward, score + cost)

    for p in range(lowest[0], min(lowest[0] + width, len(levels), free)):
        walk(0, p, 0.0)
    return best


def score_of(begins: np.ndarray, blocks, levels) -> float:
    """Score of the path that the kernel reports, by the definition."""
    used = np.flatnonzero(begins >= 0)
    ends = np.append(begins[used[1:]], len(blocks))
    total = sum(COSTS[int(step)] for step in np.diff(used))
    for p, end in zip(used, ends, strict=True):
        total += sum(gain(blocks[t], levels[p]) for t in range(begins[p], end)) + STAY * (end - begins[p] - 1)
    return total


@given(st.integers(0, 10**6), st.integers(1, 7), st.integers(1, 7), st.integers(1, 7), st.integers(1, 4))
@settings(max_examples=150)
def test_it_finds_the_best_of_all_paths_in_the_band(seed, num_blocks, num_positions, width, free) -> None:
    rng = np.random.default_rng(seed)
    blocks, levels = rng.normal(0, 1, num_blocks), rng.normal(0, 1, num_positions)
    lowest = np.minimum(np.cumsum(rng.integers(0, 3, num_blocks)), max(0, num_positions - 1))
    lowest -= lowest[0]
    expected = best_of_all_paths(blocks, levels, lowest, width, free)
    begins, score = run(blocks, levels, lowest, width, free)
    if np.isneginf(expected):
        assert (begins == -1).all()
        assert score == 0.0
        return
    assert score == pytest.approx(expected, abs=1e-4)
    assert score_of(begins, blocks, levels) == pytest.approx(expected, abs=1e-4)
    used = np.flatnonzero(begins >= 0)
    assert begins[used[0]] == 0
    assert used[0] < free
    assert used[-1] >= num_positions - free


@pytest.mark.parametrize("seed", range(3))
def test_in_a_band_that_holds_everything_it_is_the_alignment_without_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    levels = rng.normal(0, 1, 300)
    blocks = np.repeat(levels, rng.integers(1, 5, 300))
    blocks = (blocks + rng.normal(0, 0.3, len(blocks))).astype(np.float32)
    levels = levels.astype(np.float32)
    # from the first block on, where the first position fits it; this one may not begin later
    free = align_blocks(blocks, levels, SIGMA, BONUS, STAY, STEP, SKIP, 1, 5, 300)
    assert free[2] == len(blocks)
    begins, score = run(blocks, levels, np.zeros(len(blocks)), 300, 5)
    np.testing.assert_array_equal(begins, free[0])
    assert score == pytest.approx(free[1], rel=1e-6)
    # a narrow one around the truth finds the same
    used = np.flatnonzero(begins >= 0)
    truth = np.repeat(used, np.diff(begins[used], append=len(blocks)))
    narrow, narrow_score = run(blocks, levels, np.clip(truth - 20, 0, 260), 40, 5)
    np.testing.assert_array_equal(narrow, begins)
    assert narrow_score == pytest.approx(score, rel=1e-6)


def test_a_band_that_does_not_reach_the_end_has_no_path() -> None:
    begins, score = run(np.zeros(5), np.zeros(20), np.zeros(5), 8, 3)
    assert (begins == -1).all()
    assert score == 0.0
