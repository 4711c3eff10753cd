"""The CRF kernels equal their plain torch twins, in both layouts and number types, and in logs."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lexome.dp import crf
from lexome.dp.kernels import crf as kernels
from lexome.dp.kernels.crf_log import decode_log_posteriors

FLOOR = 1e-8
STAY = 2.0
layouts = pytest.mark.parametrize("has_fixed_stay", [False, True])
numbers = pytest.mark.parametrize("dtype", [np.float64, np.float32])


def random_scores(seed: int, steps: int, state_len: int, scale: float, has_fixed_stay: bool) -> np.ndarray:
    """Scores with the stays, K = 5 S; all stays have one score if they are to be left out later."""
    scores_TK = np.random.default_rng(seed).normal(0, scale, (steps, 5 * 4**state_len))
    if has_fixed_stay:
        scores_TK[:, ::5] = STAY
    return scores_TK


def to_weights(
    scores_TK: np.ndarray, has_fixed_stay: bool, dtype
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights and stays as the kernels take them, and the maxima that were taken off."""
    maximum_T = scores_TK.max(axis=1)
    weights_TK = np.exp(scores_TK - maximum_T[:, None]).astype(dtype)
    if not has_fixed_stay:
        return weights_TK, np.empty(0, dtype), maximum_T
    moves = weights_TK.reshape(len(scores_TK), -1, 5)[:, :, 1:].reshape(len(scores_TK), -1)
    return np.ascontiguousarray(moves), np.exp(STAY - maximum_T).astype(dtype), maximum_T


def run_forward(weights_TK: np.ndarray, stay_T: np.ndarray, state_len: int) -> tuple[float, np.ndarray]:
    alpha_TS = np.full((len(weights_TK) + 1, 4**state_len), np.nan, weights_TK.dtype)
    return kernels.forward(weights_TK, stay_T, alpha_TS), alpha_TS


def as_batch(scores_TK: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(scores_TK)[None]


def torch_path(scores_TK: np.ndarray) -> np.ndarray:
    """Entries of the best path through the edge posteriors, by torch."""
    return crf.viterbi(torch.log(crf.edge_posteriors(as_batch(scores_TK)) + FLOOR))[1][0].numpy()


def path_score(scores_TK: np.ndarray, states_T: np.ndarray, moves_T: np.ndarray) -> float:
    """Score of the path through these states (the best one of those that differ before the first step)."""
    total = 0.0
    for t, (state, move) in enumerate(zip(states_T, moves_T, strict=True)):
        entries = scores_TK[t, 5 * state : 5 * state + 5]
        if not move:
            assert t == 0 or states_T[t - 1] == state
            total += entries[0]
        elif t == 0:
            total += entries[1:].max()
        else:
            assert states_T[t - 1] % (scores_TK.shape[1] // 20) == state // 4
            total += entries[1 + states_T[t - 1] // (scores_TK.shape[1] // 20)]
    return total


def slow_confidence(scores_TK: np.ndarray, states_T: np.ndarray, state_len: int) -> np.ndarray:
    """Probability of the states whose k-mer is the path's, or is its k-mer moved on or back by one base."""
    names = [np.base_repr(s, 4).zfill(state_len) for s in range(4**state_len)]
    posterior_TS = crf.state_posteriors(as_batch(scores_TK))[0].numpy()
    result = []
    for posterior, own in zip(posterior_TS, (names[s] for s in states_T), strict=True):
        near = [n == own or n[1:] == own[:-1] or n[:-1] == own[1:] for n in names]
        result.append(posterior[near].sum())
    return np.array(result)


@layouts
@numbers
@pytest.mark.parametrize("state_len", [1, 2, 3])
def test_forward(has_fixed_stay: bool, dtype, state_len: int) -> None:
    scores_TK = random_scores(1, 50, state_len, 2.0, has_fixed_stay)
    weights_TK, stay_T, maximum_T = to_weights(scores_TK, has_fixed_stay, dtype)
    log_z, alpha_TS = run_forward(weights_TK, stay_T, state_len)
    tolerance = 1e-12 if dtype is np.float64 else 1e-6
    assert log_z + maximum_T.sum() == pytest.approx(
        crf.log_partition(as_batch(scores_TK)).item(), rel=tolerance
    )
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
    scores_TK = random_scores(2, 60, state_len, 3.0, False)
    weights_TK, stay_T, _ = to_weights(scores_TK, False, dtype)
    _, alpha_TS = run_forward(weights_TK, stay_T, state_len)
    posteriors_TK = np.full_like(weights_TK, np.nan)
    kernels.edge_posteriors(weights_TK, alpha_TS, posteriors_TK)
    tolerance = 1e-12 if dtype is np.float64 else 2e-6
    np.testing.assert_allclose(posteriors_TK, crf.edge_posteriors(as_batch(scores_TK))[0], atol=tolerance)
    np.testing.assert_allclose(posteriors_TK.sum(axis=1), 1.0, atol=10 * tolerance)


@given(
    st.integers(0, 10**6),
    st.integers(1, 40),
    st.integers(1, 3),
    st.sampled_from([0.5, 2.0, 6.0]),
    st.booleans(),
)
@settings(max_examples=40)
def test_decoding_takes_torchs_path(seed, steps, state_len, scale, has_fixed_stay) -> None:
    scores_TK = random_scores(seed, steps, state_len, scale, has_fixed_stay)
    weights_TK, stay_T, _ = to_weights(scores_TK, has_fixed_stay, np.float64)
    _, alpha_TS = run_forward(weights_TK, stay_T, state_len)
    decoded = kernels.decode_posteriors(weights_TK, stay_T, alpha_TS, FLOOR)
    states_T, moves_T, confidence_T = decoded
    if not has_fixed_stay:  # stays of one score give paths that are truly equal
        path_T = torch_path(scores_TK)
        np.testing.assert_array_equal(states_T, path_T // 5)
        np.testing.assert_array_equal(moves_T, path_T % 5 != 0)
    log_posteriors = torch.log(crf.edge_posteriors(as_batch(scores_TK)) + FLOOR)
    best = crf.viterbi(log_posteriors)[0].item()
    assert path_score(log_posteriors[0].numpy(), states_T, moves_T) == pytest.approx(best, abs=1e-9)
    assert (states_T.dtype, moves_T.dtype, confidence_T.dtype) == (np.int32, np.uint8, np.float32)
    np.testing.assert_allclose(confidence_T, slow_confidence(scores_TK, states_T, state_len), atol=1e-6)
    assert confidence_T.max() <= 1
    np.testing.assert_allclose(alpha_TS[1:], crf.state_posteriors(as_batch(scores_TK))[0], atol=1e-12)
    in_logs = decode_log_posteriors(scores_TK, FLOOR)
    if not has_fixed_stay:
        for plain, other in zip(decoded, in_logs, strict=True):
            np.testing.assert_allclose(plain, other, atol=1e-6)
    assert path_score(log_posteriors[0].numpy(), *in_logs[:2]) == pytest.approx(best, abs=1e-9)


@layouts
def test_single_precision_decodes_as_double_does(has_fixed_stay: bool) -> None:
    for seed in range(5):
        scores_TK = random_scores(seed, 200, 3, 3.0, has_fixed_stay)
        results = []
        for dtype in (np.float32, np.float64):
            weights_TK, stay_T, _ = to_weights(scores_TK, has_fixed_stay, dtype)
            _, alpha_TS = run_forward(weights_TK, stay_T, 3)
            results.append(kernels.decode_posteriors(weights_TK, stay_T, alpha_TS, dtype(FLOOR)))
        np.testing.assert_array_equal(results[0][0], results[1][0])
        np.testing.assert_array_equal(results[0][1], results[1][1])
        np.testing.assert_allclose(results[0][2], results[1][2], atol=1e-5)


@pytest.mark.parametrize("scale", [100.0, 1000.0, 1e6])
@pytest.mark.parametrize("state_len", [1, 2, 3])
def test_in_logs_any_spread_is_decoded(scale: float, state_len: int) -> None:
    for seed in range(3):
        scores_TK = random_scores(seed, 60, state_len, scale, False)
        states_T, moves_T, confidence_T = decode_log_posteriors(scores_TK, FLOOR)
        path_T = torch_path(scores_TK)
        np.testing.assert_array_equal(states_T, path_T // 5)
        np.testing.assert_array_equal(moves_T, path_T % 5 != 0)
        np.testing.assert_allclose(confidence_T, slow_confidence(scores_TK, states_T, state_len), atol=1e-6)


def test_the_floor_lets_a_path_use_an_impossible_step() -> None:
    scores_TK = np.full((200, 20), -30.0)
    scores_TK[:, ::5] = 0.0
    scores_TK[0, [10, 15]] = scores_TK[100, 0] = -30.0
    scores_TK[100, [11, 16]], scores_TK[100, 5] = np.log(0.3), np.log(0.4)
    for floor, last in ((FLOOR, 1), (1e-30, 2)):  # with a floor this low the path goes on where it can
        weights_TK, stay_T, _ = to_weights(scores_TK, False, np.float64)
        _, alpha_TS = run_forward(weights_TK, stay_T, 1)
        for states_T, _, _ in (
            kernels.decode_posteriors(weights_TK, stay_T, alpha_TS, floor),
            decode_log_posteriors(scores_TK, floor),
        ):
            assert states_T.tolist() == [0] * 100 + [last] * 100


def test_of_equal_paths_the_one_that_stays_is_taken() -> None:
    scores_TK = np.zeros((20, 320))
    weights_TK, stay_T, _ = to_weights(scores_TK, False, np.float64)
    _, alpha_TS = run_forward(weights_TK, stay_T, 3)
    for decoded in (
        kernels.decode_posteriors(weights_TK, stay_T, alpha_TS, FLOOR),
        decode_log_posteriors(scores_TK, FLOOR),
    ):
        assert decoded[1].sum() == 0
    assert (torch_path(scores_TK) % 5 == 0).all()


def test_the_targets_gradient_is_added_with_its_weight() -> None:
    scores_TK = random_scores(3, 12, 2, 2.0, False)
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
