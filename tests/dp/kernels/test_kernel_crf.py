"""The CRF loss's kernels equal their plain torch twins, in both number types."""

import numpy as np
import pytest
import torch

from lexome.dp import crf
from lexome.dp.kernels import crf as kernels

numbers = pytest.mark.parametrize("dtype", [np.float64, np.float32])


def random_scores(seed: int, steps: int, state_len: int, scale: float) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, scale, (steps, 5 * 4**state_len))


def run_forward(scores_TK: np.ndarray, dtype) -> tuple[np.ndarray, float, np.ndarray]:
    """Weights as the kernels take them, logZ of the scores, and alpha."""
    maximum_T = scores_TK.max(axis=1)
    weights_TK = np.exp(scores_TK - maximum_T[:, None]).astype(dtype)
    alpha_TS = np.full((len(weights_TK) + 1, weights_TK.shape[1] // 5), np.nan, weights_TK.dtype)
    return weights_TK, kernels.forward(weights_TK, alpha_TS) + maximum_T.sum(), alpha_TS


def as_batch(scores_TK: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(scores_TK)[None]


@numbers
@pytest.mark.parametrize("state_len", [1, 2, 3])
def test_forward(dtype, state_len: int) -> None:
    scores_TK = random_scores(1, 50, state_len, 2.0)
    _, log_z, alpha_TS = run_forward(scores_TK, dtype)
    tolerance = 1e-12 if dtype is np.float64 else 1e-6
    assert log_z == pytest.approx(crf.log_partition(as_batch(scores_TK)).item(), rel=tolerance)
    np.testing.assert_allclose(alpha_TS.sum(axis=1), 1.0, atol=100 * tolerance)
    for t in (0, 1, 17, 50):  # alpha is what is known of the state when nothing follows
        known = crf.log_partition(as_batch(scores_TK[:t])).item()
        if t:
            expected = crf.state_posteriors(as_batch(scores_TK[:t]))[0, -1]
            np.testing.assert_allclose(alpha_TS[t], expected, rtol=100 * tolerance)
        else:
            np.testing.assert_allclose(np.exp(known) * alpha_TS[0], 1.0)


@numbers
@pytest.mark.parametrize("state_len", [1, 3])
def test_edge_posteriors(dtype, state_len: int) -> None:
    scores_TK = random_scores(2, 60, state_len, 3.0)
    weights_TK, _, alpha_TS = run_forward(scores_TK, dtype)
    posteriors_TK = np.full_like(weights_TK, np.nan)
    kernels.edge_posteriors(weights_TK, alpha_TS, posteriors_TK)
    tolerance = 1e-12 if dtype is np.float64 else 2e-6
    np.testing.assert_allclose(posteriors_TK, crf.edge_posteriors(as_batch(scores_TK))[0], atol=tolerance)
    np.testing.assert_allclose(posteriors_TK.sum(axis=1), 1.0, atol=10 * tolerance)


def test_the_targets_gradient_is_added_with_its_weight() -> None:
    scores_TK = random_scores(3, 12, 2, 2.0)
    stay_L, move_L = crf.target_entries(np.array([0, 1, 1, 3, 2]), 2)
    gradient_TK = np.full_like(scores_TK, 7.0)
    value = kernels.target_log_sum(scores_TK, stay_L, move_L, gradient_TK, -0.5)
    leaf = as_batch(scores_TK).requires_grad_()
    expected = crf.target_log_sum(leaf, torch.tensor([[1, 2, 2, 4, 3]]), torch.tensor([5]))
    expected.sum().backward()
    assert value == pytest.approx(expected.item(), abs=1e-12)
    assert leaf.grad is not None
    np.testing.assert_allclose((gradient_TK - 7) / -0.5, leaf.grad[0], atol=1e-12)


@pytest.mark.parametrize("steps", [0, 2])
def test_a_lattice_without_room_adds_nothing(steps: int) -> None:
    gradient_TK = np.zeros((steps, 20))
    stay_L, move_L = crf.target_entries(np.zeros(steps + 2, np.int64), 1)
    assert kernels.target_log_sum(np.zeros((steps, 20)), stay_L, move_L, gradient_TK, 1.0) == -np.inf
    nothing = np.zeros(0, np.int64)
    assert kernels.target_log_sum(np.zeros((steps, 20)), nothing, nothing, gradient_TK, 1.0) == -np.inf
    assert not gradient_TK.any()
