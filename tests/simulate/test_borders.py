"""Borders of bases, drawn anew from coarse ones."""

import numpy as np

from lexome.simulate.borders import draw_starts

BLOCK = 3


def a_read(levels: np.ndarray, seed: int, noise: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    """Signal with gamma-distributed dwells of 11 samples on average, and the true starts."""
    generator = np.random.default_rng(seed)
    dwell = np.maximum(1, np.rint(generator.gamma(2, 5.5, len(levels)))).astype(np.int64)
    starts = np.concatenate([[0], np.cumsum(dwell)])
    signal = levels.repeat(dwell) + generator.normal(0, noise, starts[-1])
    return signal.astype(np.float32), starts


def coarse(starts: np.ndarray) -> np.ndarray:
    """As an alignment on blocks gives them: whole blocks, a base shorter than that skipped."""
    rounded = starts // BLOCK * BLOCK
    rounded[-1] = starts[-1]
    return rounded


def test_borders_become_exact() -> None:
    levels = np.random.default_rng(1).choice([-1.5, -0.5, 0.5, 1.5], 600)
    levels[1:][np.diff(levels) == 0] += 0.25
    signal, truth = a_read(levels, 2)
    drawn = draw_starts(signal, levels, coarse(truth), np.random.default_rng(3))
    assert drawn is not None
    assert drawn[0] == 0
    assert drawn[-1] == len(signal)
    assert (np.diff(drawn) >= 1).all()
    is_clear = np.concatenate([[False], np.abs(np.diff(levels)) > 0.7, [False]])
    assert np.mean(drawn[is_clear] == truth[is_clear]) > 0.95
    assert np.mean(coarse(truth)[is_clear] == truth[is_clear]) < 0.45


def test_bases_of_a_homopolymer_share_its_time_as_independent_dwells_do() -> None:
    levels = np.concatenate([[1.0], np.zeros(8), [1.0]])
    dwells, totals = [], []
    for seed in range(300):
        signal, truth = a_read(levels, seed)
        cut_anywhere = truth.copy()
        cut_anywhere[2:9] = truth[1] + 3 * np.arange(1, 8)  # the last base gets nearly all
        if cut_anywhere[8] >= truth[9]:
            continue
        drawn = draw_starts(signal, levels, cut_anywhere, np.random.default_rng(seed))
        assert drawn is not None
        dwells.append(np.diff(drawn)[1:9])
        totals.append(truth[9] - truth[1])
        assert abs(int(drawn[1] - truth[1])) <= 2
        assert abs(int(drawn[9] - truth[9])) <= 2
    dwell = np.array(dwells)
    means = dwell.mean(axis=0)
    assert means.max() / means.min() < 1.25
    assert 0.55 < dwell.std() / dwell.mean() < 0.9
    # of independent dwells the total varies by 1 / sqrt(8) as much
    assert 0.2 < np.std(totals) / np.mean(totals) < 0.3


def test_more_bases_than_samples_have_no_borders() -> None:
    signal = np.zeros(5, np.float32)
    starts = np.concatenate([np.arange(5), [5] * 8])
    assert draw_starts(signal, np.zeros(12), starts, np.random.default_rng(0)) is None


def test_the_same_seed_gives_the_same_borders() -> None:
    levels = np.random.default_rng(5).normal(0, 1, 80)
    signal, truth = a_read(levels, 6, noise=0.4)
    first, again, other = (
        draw_starts(signal, levels, coarse(truth), np.random.default_rng(s)) for s in (1, 1, 2)
    )
    assert first is not None
    assert again is not None
    assert other is not None
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
