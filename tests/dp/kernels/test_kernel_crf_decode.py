"""The fast decoder's kernels: weights, forward and best path against numpy and torch, in either layout."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lexome.dp import crf
from lexome.dp.kernels import crf_decode as fast

FLOOR = 1e-8
STAY = 2.0


def random_scores(seed: int, steps: int, state_len: int, spread: float, has_fixed_stay: bool) -> np.ndarray:
    """Scores K = 5 S, the stays all alike if they are to be left out."""
    scores_TK = np.random.default_rng(seed).uniform(-spread, spread, (steps, 5 * 4**state_len))
    if has_fixed_stay:
        scores_TK[:, ::5] = STAY
    return scores_TK.astype(np.float32)


def to_weights(scores_TK: np.ndarray, has_fixed_stay: bool) -> tuple[np.ndarray, np.ndarray]:
    steps, num_states, high = len(scores_TK), scores_TK.shape[1] // 5, scores_TK.max()
    moves_TM = np.full((steps, 4 * num_states), np.nan, np.float32)
    if has_fixed_stay:
        stays_TX = np.full((steps, 1), np.exp(STAY - high), np.float32)
        scores_TK = np.ascontiguousarray(scores_TK.reshape(steps, -1, 5)[:, :, 1:].reshape(steps, -1))
    else:
        stays_TX = np.full((steps, num_states), np.nan, np.float32)
    fast.weights_f32(scores_TK, high, moves_TM, stays_TX)
    return moves_TM, stays_TX


def run(moves_TM: np.ndarray, stays_TX: np.ndarray) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, ...]]:
    """alpha and its factors, and the path; alpha is copied before it is replaced."""
    steps, number = len(moves_TM), moves_TM.dtype
    alpha_TS, scale_T = np.empty((steps + 1, moves_TM.shape[1] // 4), number), np.empty(steps, number)
    fast.forward(moves_TM, stays_TX, alpha_TS, scale_T)
    kept = alpha_TS.copy()
    return kept, scale_T, fast.best_posterior_path(moves_TM, stays_TX, alpha_TS, scale_T, number.type(FLOOR))


@pytest.mark.parametrize("shift", [0.0, 3.25, -40.0])
def test_the_exponential_is_right_to_single_precision(shift: float) -> None:
    x = (np.linspace(-87, 0, 200_001) + shift).astype(np.float32)
    out = np.full_like(x, np.nan)
    fast.exp_row(x, np.float32(shift), out, np.empty(len(x), np.int32))
    expected = np.exp((x - np.float32(shift)).astype(np.float64))
    np.testing.assert_allclose(out, expected, rtol=5e-7)


@pytest.mark.parametrize("has_fixed_stay", [False, True])
@pytest.mark.parametrize("state_len", [1, 3])
def test_weights_lie_by_new_base_dropped_base_and_rest(has_fixed_stay: bool, state_len: int) -> None:
    scores_TK = random_scores(0, 3, state_len, 5.0, has_fixed_stay)
    moves_TM, stays_TX = to_weights(scores_TK, has_fixed_stay)
    weights = np.exp(scores_TK.astype(np.float64) - scores_TK.max()).reshape(3, -1, 4, 5)  # [q][b][stay, j]
    np.testing.assert_allclose(
        moves_TM.reshape(3, 4, 4, -1), weights[..., 1:].transpose(0, 2, 3, 1), rtol=1e-6
    )
    stays = weights[..., 0].reshape(3, -1)
    np.testing.assert_allclose(stays_TX, stays[:, :1] if has_fixed_stay else stays, rtol=1e-6)


@given(
    st.integers(0, 10**6),
    st.integers(1, 40),
    st.integers(1, 3),
    st.sampled_from([0.5, 3.0, 9.0]),
    st.booleans(),
)
@settings(max_examples=40)
def test_decoding_takes_torchs_path(seed, steps, state_len, spread, has_fixed_stay) -> None:
    scores_TK = random_scores(seed, steps, state_len, spread, has_fixed_stay)
    batch = torch.from_numpy(scores_TK.astype(np.float64))[None]
    posterior_TS = crf.state_posteriors(batch)[0].numpy()
    log_posteriors = torch.log(crf.edge_posteriors(batch) + FLOOR)
    best, path_NT = crf.viterbi(log_posteriors)
    moves_TM, stays_TX = to_weights(scores_TK, has_fixed_stay)
    for number, tolerance in ((np.float64, 1e-5), (np.float32, 1e-4)):
        alpha_TS, scale_T, (states_T, moves_T, confidence_T) = run(
            moves_TM.astype(number), stays_TX.astype(number)
        )
        assert alpha_TS.dtype == scale_T.dtype == number
        np.testing.assert_allclose(alpha_TS[1:].sum(axis=1), 1, atol=1e-5)
        np.testing.assert_allclose(alpha_TS[steps], posterior_TS[-1], atol=1e-5)
        log_z = np.log(scale_T.astype(np.float64)).sum() + steps * float(scores_TK.max())
        assert log_z == pytest.approx(crf.log_partition(batch).item(), rel=1e-5, abs=1e-4)
        assert (states_T.dtype, moves_T.dtype, confidence_T.dtype) == (np.int32, np.uint8, np.float32)
        if not has_fixed_stay:  # stays of one score give paths that are truly equal
            np.testing.assert_array_equal(states_T, path_NT[0] // 5)
            np.testing.assert_array_equal(moves_T, path_NT[0] % 5 != 0)
        score = path_score(log_posteriors[0].numpy(), states_T, moves_T)
        assert score == pytest.approx(best.item(), abs=tolerance * steps)
        near = near_states(state_len)[states_T]
        np.testing.assert_allclose(confidence_T, (posterior_TS * near).sum(axis=1), atol=1e-5)
        assert confidence_T.max() <= 1


def path_score(scores_TK: np.ndarray, states_T: np.ndarray, moves_T: np.ndarray) -> float:
    """Score of the path through these states (the best one of those that differ before the first step)."""
    quarter = scores_TK.shape[1] // 20
    total = scores_TK[0, 5 * states_T[0] + 1 : 5 * states_T[0] + 5].max() if moves_T[0] else None
    total = scores_TK[0, 5 * states_T[0]] if total is None else total
    for t in range(1, len(states_T)):
        before, state = states_T[t - 1], states_T[t]
        assert before % quarter == state // 4 if moves_T[t] else before == state
        total += scores_TK[t, 5 * state + (1 + before // quarter if moves_T[t] else 0)]
    return float(total)


def near_states(state_len: int) -> np.ndarray:
    """Whether a state is another one or one move away from it, bool[S, S]."""
    kmers = [np.base_repr(s, 4).zfill(state_len) for s in range(4**state_len)]
    return np.array([[a == b or a[1:] == b[:-1] or b[1:] == a[:-1] for b in kmers] for a in kmers])


def test_of_equal_paths_the_one_that_stays_is_taken() -> None:
    for has_fixed_stay in (False, True):
        moves_TM, stays_TX = to_weights(np.full((20, 320), np.float32(STAY)), has_fixed_stay)
        assert run(moves_TM, stays_TX)[2][1].sum() == 0
