"""The kernel of the soft edit distance by itself; `test_dp_edit` holds it against all walks and its twin."""

import numpy as np

from lexome.dp.kernels.edit_loss import FORGOTTEN, soft_edit_cost


def cost_of(log_probs: np.ndarray, target: list[int], low: list[int], high: list[int], temperature=0.1):
    gradient = np.full_like(log_probs, np.nan)
    labels = np.array(target, np.int64)
    bounds = np.array(low), np.array(high)
    return soft_edit_cost(log_probs, labels, 10.0, temperature, *bounds, gradient), gradient


def test_a_certain_window_costs_nothing_and_its_gradient_is_its_path() -> None:
    log_probs = np.full((3, 5), -50.0)
    for column, symbol in enumerate([2, 0, 4]):
        log_probs[column, symbol] = 0.0
    cost, gradient = cost_of(log_probs, [2, 4], [0] * 4, [2] * 4)
    expected = np.zeros((3, 5))
    expected[[0, 1, 2], [2, 0, 4]] = -1
    assert cost == 0
    np.testing.assert_allclose(gradient, expected, atol=1e-12)


def test_a_lacking_base_costs_a_deletion() -> None:
    log_probs = np.full((2, 5), -50.0)
    log_probs[:, 1] = 0.0
    assert cost_of(log_probs, [1, 1, 1], [0] * 3, [3] * 3, 0.0)[0] == 10
    # three places for it, all equal: the soft minimum is lower by r log 3
    assert abs(cost_of(log_probs, [1, 1, 1], [0] * 3, [3] * 3)[0] - (10 - 0.1 * np.log(3))) < 1e-12


def test_a_band_that_reaches_neither_end_has_no_walk() -> None:
    log_probs = np.log(np.full((2, 5), 0.2))
    for low, high in (([1, 1, 1], [1, 1, 1]), ([0, 0, 0], [0, 0, 0])):
        cost, gradient = cost_of(log_probs, [1], low, high)
        assert cost == np.inf
        assert not gradient.any()


def test_bounds_outside_the_target_are_taken_as_its_ends() -> None:
    log_probs = np.log(np.random.default_rng(0).dirichlet(np.ones(5), 4))
    wide = cost_of(log_probs, [1, 3], [-5] * 5, [9] * 5)
    full = cost_of(log_probs, [1, 3], [0] * 5, [2] * 5)
    assert wide[0] == full[0]
    assert np.array_equal(wide[1], full[1])


def test_an_empty_window_and_an_empty_target() -> None:
    assert cost_of(np.zeros((0, 5)), [1, 2], [0], [2])[0] == 20
    assert cost_of(np.zeros((0, 5)), [], [0], [0])[0] == 0
    log_probs = np.log(np.full((3, 5), 0.2))
    cost, gradient = cost_of(log_probs, [], [0] * 4, [0] * 4)
    np.testing.assert_allclose(cost, -3 * np.log(0.2))
    assert gradient[:, 0].tolist() == [-1, -1, -1]


def test_what_is_forgotten_is_below_the_last_digit() -> None:
    assert np.exp(-FORGOTTEN) < np.finfo(np.float64).eps / 2
