"""Levels with a wider context: planted effects come back, and what is not there is not used."""

import numpy as np
import pytest

from lexome.core.records import KmerLevels
from lexome.simulate.context_levels import (
    AFTER,
    BEFORE,
    MIN_CONTEXTS,
    WIDTH,
    ContextLevels,
    context_windows,
    fit_context_levels,
    unit_levels,
)

K, CENTRE = 6, 2
GENERATOR = np.random.default_rng(0)
TABLE = KmerLevels(
    "t", K, CENTRE, GENERATOR.normal(90, 12, 4**K).astype(np.float32), np.ones(4**K, np.float32)
)


def kmer_level(windows_NW: np.ndarray) -> np.ndarray:
    index = np.zeros(len(windows_NW), np.int64)
    for j in range(K):
        index = 4 * index + windows_NW[:, BEFORE - CENTRE + j]
    return unit_levels(TABLE)[index]


def contexts(count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Windows of one random sequence, their k-mers' levels, and their groups (300 bases each)."""
    codes = np.random.default_rng(seed).integers(0, 4, count + WIDTH - 1).astype(np.uint8)
    windows_NW = context_windows(codes)
    return windows_NW, kmer_level(windows_NW), np.arange(count) // 300


def test_a_prediction_is_the_sum_of_the_tables_at_every_base() -> None:
    generator = np.random.default_rng(1)
    terms = (tuple(range(-2, 4)), (-7,), (8,), (0, 1, -3), (3, 4))
    levels = ContextLevels(terms, tuple(generator.normal(0, 1, 4 ** len(term)) for term in terms))
    codes = generator.integers(0, 4, 60).astype(np.uint8)
    predicted = levels.predict(codes)
    padded = [codes[0]] * BEFORE + codes.tolist() + [codes[-1]] * AFTER
    for i in range(len(codes)):
        expected = 0.0
        for term, table in zip(terms, levels.tables, strict=True):
            number = "".join(str(padded[BEFORE + i + offset]) for offset in term)
            expected += table[int(number, 4)]
        assert predicted[i] == pytest.approx(expected, abs=1e-5)


def test_planted_effects_are_found_and_hold_on_other_sequence() -> None:
    windows_NW, levels_N, groups_N = contexts(20_000, 2)
    generator = np.random.default_rng(3)
    far, near = generator.normal(0, 0.05, 4), generator.normal(0, 0.05, (4, 4, 4))

    def effect(w: np.ndarray) -> np.ndarray:
        return far[w[:, BEFORE - 6]] + near[w[:, BEFORE], w[:, BEFORE + 1], w[:, BEFORE + 4]]

    means_N = levels_N + effect(windows_NW) + generator.normal(0, 0.02, 20_000)
    fit = fit_context_levels(windows_NW, means_N, np.full(20_000, 30), groups_N, TABLE)
    assert fit.chosen == "wider context"
    assert fit.held_out_sd["wider context"] < 0.03 < 0.05 < fit.held_out_sd["k-mers refitted"]
    assert fit.level_sd == pytest.approx(means_N.std())
    codes = generator.integers(0, 4, 3000).astype(np.uint8)
    others = context_windows(codes)
    inner = fit.levels.predict(codes)[BEFORE : len(codes) - AFTER]
    truth = kmer_level(others) + effect(others)
    assert np.std(inner - truth) < 0.25 * np.std(kmer_level(others) - truth)


def test_wrong_levels_of_the_table_are_mended() -> None:
    windows_NW, levels_N, groups_N = contexts(20_000, 4)
    means_N = np.where(levels_N > 0, levels_N + 0.3, levels_N)
    fit = fit_context_levels(windows_NW, means_N, np.full(20_000, 30), groups_N, TABLE)
    assert fit.held_out_sd["k-mers refitted"] < 0.8 * fit.held_out_sd["as given"]
    assert fit.chosen != "as given"


def test_effects_that_are_not_there_are_not_used() -> None:
    windows_NW, levels_N, groups_N = contexts(6_000, 5)
    means_N = levels_N + np.random.default_rng(6).normal(0, 0.3, 6_000)
    fit = fit_context_levels(windows_NW, means_N, np.full(6_000, 2), groups_N, TABLE)
    assert fit.chosen == "as given"
    assert fit.levels.terms == (tuple(range(-CENTRE, K - CENTRE)),)
    assert np.array_equal(fit.levels.tables[0], unit_levels(TABLE).astype(np.float64))


def test_the_held_out_groups_are_not_fitted() -> None:
    """An effect in the left out groups alone must not be found in them."""
    windows_NW, levels_N, groups_N = contexts(20_000, 7)
    odd = (groups_N % 8 == 0) & (windows_NW[:, BEFORE - 5] == 2)
    fit = fit_context_levels(windows_NW, levels_N + 0.4 * odd, np.full(20_000, 30), groups_N, TABLE)
    assert fit.held_out_sd["wider context"] > 0.95 * fit.held_out_sd["as given"]


def test_few_contexts_leave_the_table_as_it_is() -> None:
    windows_NW, levels_N, groups_N = contexts(MIN_CONTEXTS - 1, 8)
    fit = fit_context_levels(windows_NW, levels_N + 1, np.full(len(levels_N), 9), groups_N, TABLE)
    assert (fit.chosen, fit.held_out_sd) == ("as given", {})
    none = fit_context_levels(windows_NW[:0], levels_N[:0], groups_N[:0], groups_N[:0], TABLE)
    assert none.level_sd == 0.0


def test_units_have_median_zero_and_unit_spread() -> None:
    units = unit_levels(TABLE)
    assert np.median(units) == pytest.approx(0, abs=1e-5)
    assert 1.4826 * np.median(np.abs(units)) == pytest.approx(1, abs=1e-5)
    assert np.corrcoef(units, TABLE.mean_pa)[0, 1] == pytest.approx(1)
