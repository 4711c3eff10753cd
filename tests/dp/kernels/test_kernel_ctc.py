"""CTC kernels: against all paths one by one and against torch; the fast log-sum against the exact one."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lexome.dp import ctc
from lexome.dp.kernels import ctc as kernels
from lexome.dp.kernels.ctc_decode import best_path, log_softmax

sizes = st.sampled_from([(0, 3), (1, 5), (2, 5), (4, 5), (6, 3), (7, 2)])
seeds = st.integers(0, 10**6)


def random_log_probs(seed: int, steps: int, symbols: int = 5, scale: float = 2.0) -> np.ndarray:
    scores_TK = scale * np.random.default_rng(seed).standard_normal((steps, symbols))
    log_probs_TK = np.full_like(scores_TK, np.nan)
    log_softmax(scores_TK, log_probs_TK)
    return log_probs_TK


def posteriors(log_probs_TK: np.ndarray, target: np.ndarray) -> tuple[float, np.ndarray]:
    posterior_TP = np.full((len(log_probs_TK), 2 * len(target) + 1), np.nan)
    return kernels.target_posteriors(log_probs_TK, target, posterior_TP), posterior_TP


def positions_of(path: np.ndarray) -> list[int]:
    """Lattice positions of a path of symbols: two on for each new label, one back for a blank."""
    positions, labels, before = [], 0, 0
    for symbol in path:
        labels += symbol not in (0, before)
        positions.append(2 * labels - (1 if symbol else 0))
        before = symbol
    return positions


@given(sizes, seeds, st.data())
@settings(max_examples=80)
def test_position_posteriors_and_log_sums_are_those_of_all_paths(all_labellings, size, seed, data) -> None:
    steps, symbols = size
    target = tuple(data.draw(st.lists(st.integers(1, symbols - 1), max_size=5)))
    log_probs_TK = random_log_probs(seed, steps, symbols)
    paths = all_labellings(steps, symbols)
    scores_P = paths.path_scores(log_probs_TK, target)
    log_sum = np.logaddexp.reduce(scores_P)
    labels = np.array(target, np.uint8)
    found, posterior_TP = posteriors(log_probs_TK, labels)
    assert found == pytest.approx(log_sum, abs=1e-12)
    assert kernels.target_log_sum(log_probs_TK, labels) == found
    assert kernels.target_log_sum_scaled(np.exp(log_probs_TK), labels) == pytest.approx(log_sum, abs=1e-12)
    expected = np.zeros_like(posterior_TP)
    for number in paths.paths_of.get(target, []):
        for t, position in enumerate(positions_of(paths.paths_PT[number])):
            expected[t, position] += np.exp(scores_P[number] - log_sum)
    np.testing.assert_allclose(posterior_TP, expected, atol=1e-12)


@given(st.integers(1, 60), st.integers(0, 40), seeds, st.sampled_from([0.0, 1.0, 5.0, 100.0]))
@settings(max_examples=60)
def test_numba_equals_torch(steps: int, length: int, seed: int, scale: float) -> None:
    log_probs_TK = random_log_probs(seed, steps, 5, scale)
    target = np.random.default_rng(seed).integers(1, 5, length)
    batch = torch.from_numpy(log_probs_TK)[None]
    arguments = torch.from_numpy(target)[None], torch.tensor([length])
    log_sum, posterior_TP = posteriors(log_probs_TK, target)
    assert log_sum == pytest.approx(ctc.target_log_sum(batch, *arguments).item(), rel=1e-12, abs=1e-12)
    occupancy_TK = np.ones((steps, 5))
    kernels.add_occupancy(posterior_TP, target, -2.0, occupancy_TK)
    np.testing.assert_allclose(
        occupancy_TK, 1 - 2 * ctc.occupancy(batch, *arguments)[0].numpy(), rtol=0, atol=1e-9
    )
    score, positions_T = kernels.best_alignment(log_probs_TK, target, np.inf)
    best, expected = ctc.best_alignment(batch[0], arguments[0][0])
    assert score == pytest.approx(best, rel=1e-12)
    if scale:  # equal scores of different paths differ by their rounding
        assert positions_T.tolist() == expected.tolist()


def test_of_equal_alignments_one_that_goes_on_late_is_taken() -> None:
    log_probs_TK = np.full((5, 3), np.log(1 / 3))
    # read from the end: the label is kept as long as it can be, the blank before it not at all
    assert kernels.best_alignment(log_probs_TK, np.array([1, 2]), np.inf)[1].tolist() == [1, 3, 3, 3, 3]


def slow_alignment(log_probs_TK: np.ndarray, target: np.ndarray, slack: float) -> tuple[float, list[int]]:
    """All positions at once; what lies outside the outermost ones within the slack is given up."""
    symbol_NP, can_jump_NP = ctc.lattice(torch.from_numpy(target)[None], torch.tensor([len(target)]))
    symbol_P, can_jump_P, number = symbol_NP[0].numpy(), can_jump_NP[0].numpy(), symbol_NP.shape[1]
    row = np.append(0.0, np.full(number - 1, -np.inf))
    choices = []
    for t, log_probs_K in enumerate(log_probs_TK):
        padded = np.append([-np.inf, -np.inf], row)
        options = np.stack([row, padded[1:-1], np.where(can_jump_P, padded[:-2], -np.inf)])
        choices.append(options.argmax(axis=0))
        row = options.max(axis=0) + log_probs_K[symbol_P]
        row[np.arange(number) < number - 2 * (len(log_probs_TK) - t)] = -np.inf
        kept = np.flatnonzero(row >= row.max() - slack)
        row[: kept[0]] = row[kept[-1] + 1 :] = -np.inf
    position = number - 2 if number > 1 and row[-2] >= row[-1] else number - 1
    score, positions = row[position], []
    for choice in reversed(choices):
        positions.append(position)
        position -= choice[position]
    return score, positions[::-1]


@pytest.mark.parametrize("slack", [0.0, 0.5, 3.0, 12.0, 1e300])
def test_only_what_is_behind_by_more_than_the_slack_is_given_up(slack: float) -> None:
    for seed in range(150):
        rng = np.random.default_rng(seed)
        steps = int(rng.integers(1, 40))
        target = rng.integers(1, 4, rng.integers(0, steps // 2 + 1))
        log_probs_TK = random_log_probs(seed, steps, 4, 2.0)
        expected, positions = slow_alignment(log_probs_TK, target, slack)
        score, positions_T = kernels.best_alignment(log_probs_TK, target, slack)
        assert score == pytest.approx(expected)
        if score > -np.inf:
            assert positions_T.tolist() == positions


@pytest.mark.parametrize("scale", [0.5, 3.0, 20.0])
def test_what_is_far_behind_is_given_up_without_loss(scale: float) -> None:
    for steps in (1, 30, 1000):
        log_probs_TK = random_log_probs(steps, steps, 5, scale)
        likely = ctc.spelled(torch.from_numpy(best_path(log_probs_TK).astype(np.int64)))[1:]
        best, positions_T = kernels.best_alignment(log_probs_TK, likely, np.inf)
        found, found_T = kernels.best_alignment(log_probs_TK, likely, 276.0)
        assert found == best > -np.inf
        np.testing.assert_array_equal(found_T, positions_T)
        assert kernels.best_alignment(log_probs_TK, likely, 0.0)[0] <= best
    # the label that costs so much has to come late if its path is not to fall behind early
    log_probs_TK = np.log(
        np.array([[0.5, 0.5, 1e-9], [0.5, 0.5, 1e-9], [1e-9, 1.0, 1e-9], [1e-9, 1.0, 1e-9]])
    )
    for slack, expected in ((np.inf, [1, 3, 3, 3]), (30.0, [1, 3, 3, 3]), (10.0, [0, 0, 1, 3])):
        assert kernels.best_alignment(log_probs_TK, np.array([2, 1]), slack)[1].tolist() == expected


@pytest.mark.parametrize("scale", [0.5, 3.0, 20.0])
def test_the_fast_log_sum_is_exact_for_likely_targets_of_any_length(scale: float) -> None:
    for steps in (1, 30, 3000):
        log_probs_TK = random_log_probs(steps, steps, 5, scale)
        greedy = ctc.spelled(torch.from_numpy(best_path(log_probs_TK).astype(np.int64)))
        others = (greedy[1:], greedy[: len(greedy) // 2], np.zeros(0, np.uint8))
        for target in (greedy, *others[: 3 if steps < 3000 else 1]):
            exact = kernels.target_log_sum(log_probs_TK, target)
            assert kernels.target_log_sum_scaled(np.exp(log_probs_TK), target) == pytest.approx(
                exact, rel=1e-11
            )


def test_the_fast_log_sum_without_blanks() -> None:
    for seed in range(50):
        probs_TK = np.exp(random_log_probs(seed, 20, 5, 1.0))
        probs_TK[:, 0] = 0.0
        target = np.arange(seed, seed + 8) % 4 + 1
        with np.errstate(divide="ignore"):
            exact = kernels.target_log_sum(np.log(probs_TK), target)
        assert kernels.target_log_sum_scaled(probs_TK, target) == pytest.approx(exact)


def test_the_fast_log_sum_of_what_is_certain() -> None:
    certain_TK = np.eye(5)[[1, 2, 2, 3, 1, 0, 1]]
    assert kernels.target_log_sum_scaled(certain_TK, np.array([1, 2, 3, 1, 1])) == 0
    assert kernels.target_log_sum_scaled(certain_TK, np.array([1, 2, 3, 1])) == -np.inf


@pytest.mark.parametrize("rest", [1e-9, 1e-30])
def test_the_fast_log_sum_is_a_lower_bound_for_the_others(rest: float) -> None:
    probs_TK = np.array([[rest, 1 - 2 * rest, rest]]).repeat(100, axis=0)  # A, and nothing else
    for target in ([1], [2] * 40, [1, 2] * 40, [2] * 51, [], [1] + [2] * 45):
        labels = np.array(target, np.uint8)
        exact = kernels.target_log_sum(np.log(probs_TK), labels)
        assert (
            kernels.target_log_sum_scaled(probs_TK, labels) <= exact + 1e-9 * abs(exact) or exact == -np.inf
        )
    # to stay in A is likeliest for a long time, but then no time is left for the rest
    assert exact > -7000
    assert kernels.target_log_sum_scaled(probs_TK, labels) == -np.inf
