"""The decoder's kernels: weights, sums and best path, in weights and in logs, against numpy and torch."""

from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lexome.dp import crf
from lexome.dp.kernels import crf_decode as fast
from lexome.dp.kernels import crf_log, crf_weights

FLOOR = 1e-8
STAY = 2.0
layouts = pytest.mark.parametrize("has_fixed_stay", [False, True])
Path = tuple[np.ndarray, np.ndarray, np.ndarray]


def random_scores(seed: int, steps: int, state_len: int, spread: float, has_fixed_stay: bool) -> np.ndarray:
    """Scores K = 5 S, the stays all alike if they are to be left out."""
    scores_TK = np.random.default_rng(seed).uniform(-spread, spread, (steps, 5 * 4**state_len))
    if has_fixed_stay:
        scores_TK[:, ::5] = STAY
    return scores_TK.astype(np.float32)


def to_weights(scores_TK: np.ndarray, has_fixed_stay: bool, number) -> tuple[np.ndarray, np.ndarray]:
    """Single precision: under the highest score; double: under that of each step."""
    steps, num_states = len(scores_TK), scores_TK.shape[1] // 5
    high_T = np.full(steps, scores_TK.max()) if number is np.float32 else scores_TK.max(axis=1)
    moves_TM = np.full((steps, 4 * num_states), np.nan, number)
    if has_fixed_stay:
        stays_TX = np.exp(STAY - high_T.astype(np.float64))[:, None].astype(number)
        scores_TK = np.ascontiguousarray(scores_TK.reshape(steps, -1, 5)[:, :, 1:].reshape(steps, -1))
    else:
        stays_TX = np.full((steps, num_states), np.nan, number)
    if number is np.float32:
        crf_weights.weights_f32(scores_TK.astype(number), number(high_T[0]), moves_TM, stays_TX)
    else:
        weights_TK = np.exp(scores_TK.astype(number) - high_T[:, None])
        crf_weights.arrange_rows(weights_TK, moves_TM, stays_TX)
    return moves_TM, stays_TX


def run(moves_TM: np.ndarray, stays_TX: np.ndarray, floor: float = FLOOR):
    """alpha, its factors, the path, and the state posteriors that came in alpha's place."""
    steps, number = len(moves_TM), moves_TM.dtype
    alpha_TS, scale_T = np.empty((steps + 1, moves_TM.shape[1] // 4), number), np.empty(steps, number)
    fast.forward(moves_TM, stays_TX, alpha_TS, scale_T)
    kept = alpha_TS.copy()
    path = fast.best_posterior_path(moves_TM, stays_TX, alpha_TS, scale_T, number.type(floor))
    return kept, scale_T, path, alpha_TS[1:]


def in_logs(scores_TK: np.ndarray, floor: float = FLOOR) -> Path:
    return crf_log.decode_log_posteriors(scores_TK.astype(np.float64), floor)


def all_ways(scores_TK: np.ndarray, has_fixed_stay: bool = False, floor: float = FLOOR) -> list[Path]:
    weighted = [
        run(*to_weights(scores_TK, has_fixed_stay, number), floor)[2] for number in (np.float32, np.float64)
    ]
    return [*weighted, in_logs(scores_TK, floor)]


def as_batch(scores_TK: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(scores_TK.astype(np.float64))[None]


def slow_sums(scores_TK: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Log-sums over what leads to every state and over what can follow from it, edge by edge."""
    steps, num_states = len(scores_TK), scores_TK.shape[1] // 5
    source_S5 = crf.source_states(round(np.log2(num_states) / 2)).numpy()
    alpha_TS, beta_TS = np.zeros((steps + 1, num_states)), np.full((steps + 1, num_states), -np.inf)
    beta_TS[steps] = 0.0
    edges_TS5 = scores_TK.astype(np.float64).reshape(steps, num_states, 5)
    for t in range(steps):
        alpha_TS[t + 1] = np.logaddexp.reduce(edges_TS5[t] + alpha_TS[t][source_S5], axis=1)
    for t in range(steps - 1, -1, -1):
        for (s, j), source in np.ndenumerate(source_S5):
            edge = edges_TS5[t, s, j] + beta_TS[t + 1, s]
            beta_TS[t, source] = np.logaddexp(beta_TS[t, source], edge)
    return alpha_TS, beta_TS


@pytest.mark.parametrize("shift", [0.0, 3.25, -40.0])
def test_the_exponential_is_right_to_single_precision(shift: float) -> None:
    x = (np.linspace(-87, 0, 200_001) + shift).astype(np.float32)
    out = np.full_like(x, np.nan)
    crf_weights.exp_row(x, np.float32(shift), out, np.empty(len(x), np.int32))
    expected = np.exp((x - np.float32(shift)).astype(np.float64))
    np.testing.assert_allclose(out, expected, rtol=5e-7)


@layouts
@pytest.mark.parametrize("state_len", [1, 3])
def test_weights_lie_by_new_base_dropped_base_and_rest(has_fixed_stay: bool, state_len: int) -> None:
    scores_TK = random_scores(0, 3, state_len, 5.0, has_fixed_stay)
    highest = {np.float32: scores_TK.max(), np.float64: scores_TK.max(axis=1, keepdims=True)}
    for number, high in highest.items():
        moves_TM, stays_TX = to_weights(scores_TK, has_fixed_stay, number)
        assert moves_TM.dtype == stays_TX.dtype == number
        weights = np.exp(scores_TK.astype(np.float64) - high).reshape(3, -1, 4, 5)  # [q][b][stay, j]
        np.testing.assert_allclose(
            moves_TM.reshape(3, 4, 4, -1), weights[..., 1:].transpose(0, 2, 3, 1), rtol=1e-6
        )
        stays = weights[..., 0].reshape(3, -1)
        np.testing.assert_allclose(stays_TX, stays[:, :1] if has_fixed_stay else stays, rtol=1e-6)


@layouts
@pytest.mark.parametrize("state_len", [1, 2, 3])
def test_what_can_follow_from_a_state(has_fixed_stay: bool, state_len: int) -> None:
    scores_TK = random_scores(1, 25, state_len, 3.0, has_fixed_stay)
    alpha_TS, beta_TS = slow_sums(scores_TK)
    in_logs_alpha_TS, in_logs_beta_TS, log_z = crf_log.forward_backward(scores_TK.astype(np.float64))
    np.testing.assert_allclose(in_logs_alpha_TS, alpha_TS, rtol=1e-12)
    np.testing.assert_allclose(in_logs_beta_TS, beta_TS, rtol=1e-12)
    assert log_z == pytest.approx(crf.log_partition(as_batch(scores_TK)).item(), rel=1e-12)
    shares_TS = np.exp(beta_TS - np.logaddexp.reduce(beta_TS, axis=1, keepdims=True))
    for number, tolerance in ((np.float32, 1e-5), (np.float64, 1e-11)):
        weights = to_weights(scores_TK, has_fixed_stay, number)
        found_TS = np.full(beta_TS.shape, np.nan, number)
        fast.backward(*weights, found_TS)
        assert (found_TS[-1] == 1).all()
        np.testing.assert_allclose(found_TS[:-1], shares_TS[:-1], rtol=tolerance)


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
    batch = as_batch(scores_TK)
    posterior_TS = crf.state_posteriors(batch)[0].numpy()
    log_posteriors = torch.log(crf.edge_posteriors(batch) + FLOOR)
    best, path_NT = crf.viterbi(log_posteriors)
    near_SS = near_states(state_len)

    def check(path: Path, tolerance: float) -> None:
        states_T, moves_T, confidence_T = path
        assert (states_T.dtype, moves_T.dtype, confidence_T.dtype) == (np.int32, np.uint8, np.float32)
        if not has_fixed_stay:  # stays of one score give paths that are truly equal
            np.testing.assert_array_equal(states_T, path_NT[0] // 5)
            np.testing.assert_array_equal(moves_T, path_NT[0] % 5 != 0)
        score = path_score(log_posteriors[0].numpy(), states_T, moves_T)
        assert score == pytest.approx(best.item(), abs=tolerance * steps)
        expected_T = (posterior_TS * near_SS[states_T]).sum(axis=1)
        np.testing.assert_allclose(confidence_T, expected_T, atol=max(tolerance / 10, 1e-6))
        assert confidence_T.max() <= 1

    check(in_logs(scores_TK), 1e-9)
    for number, tolerance in ((np.float64, 1e-11), (np.float32, 1e-4)):
        high_T = scores_TK.max(axis=1) if number is np.float64 else np.full(steps, scores_TK.max())
        alpha_TS, scale_T, path, found_TS = run(*to_weights(scores_TK, has_fixed_stay, number))
        assert alpha_TS.dtype == scale_T.dtype == number
        np.testing.assert_allclose(alpha_TS[1:].sum(axis=1), 1, atol=tolerance)
        np.testing.assert_allclose(alpha_TS[steps], posterior_TS[-1], atol=tolerance)
        np.testing.assert_allclose(found_TS, posterior_TS, atol=tolerance)
        log_z = np.log(scale_T.astype(np.float64)).sum() + high_T.astype(np.float64).sum()
        assert log_z == pytest.approx(crf.log_partition(batch).item(), rel=tolerance, abs=tolerance)
        check(path, tolerance)


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


@cache
def near_states(state_len: int) -> np.ndarray:
    """Whether a state is another one or one move away from it, bool[S, S]."""
    kmers = [np.base_repr(s, 4).zfill(state_len) for s in range(4**state_len)]
    return np.array([[a == b or a[1:] == b[:-1] or b[1:] == a[:-1] for b in kmers] for a in kmers])


@layouts
def test_single_precision_decodes_as_double_does(has_fixed_stay: bool) -> None:
    for seed in range(5):
        single, double, logs = all_ways(random_scores(seed, 200, 3, 6.0, has_fixed_stay), has_fixed_stay)
        for path, tolerance in ((single, 1e-5), (logs, 1e-6)):
            np.testing.assert_array_equal(path[0], double[0])
            np.testing.assert_array_equal(path[1], double[1])
            np.testing.assert_allclose(path[2], double[2], atol=tolerance)


@pytest.mark.parametrize("spread", [100.0, 1000.0, 1e6])
@pytest.mark.parametrize("state_len", [1, 2, 3])
def test_in_logs_any_spread_is_decoded(spread: float, state_len: int) -> None:
    for seed in range(3):
        scores_TK = random_scores(seed, 60, state_len, spread, False)
        states_T, moves_T, confidence_T = in_logs(scores_TK)
        path_T = crf.viterbi(torch.log(crf.edge_posteriors(as_batch(scores_TK)) + FLOOR))[1][0].numpy()
        np.testing.assert_array_equal(states_T, path_T // 5)
        np.testing.assert_array_equal(moves_T, path_T % 5 != 0)
        posterior_TS = crf.state_posteriors(as_batch(scores_TK))[0].numpy()
        expected_T = (posterior_TS * near_states(state_len)[states_T]).sum(axis=1)
        np.testing.assert_allclose(confidence_T, expected_T, atol=1e-6)


def test_the_floor_lets_a_path_use_an_impossible_step() -> None:
    scores_TK = np.full((200, 20), -30.0, np.float32)
    scores_TK[:, ::5] = 0.0
    scores_TK[0, [10, 15]] = scores_TK[100, 0] = -30.0
    scores_TK[100, [11, 16]], scores_TK[100, 5] = np.log(0.3), np.log(0.4)
    for floor, last in ((FLOOR, 1), (1e-30, 2)):  # with a floor this low the path goes on where it can
        for states_T, _, _ in all_ways(scores_TK, floor=floor)[1:]:
            assert states_T.tolist() == [0] * 100 + [last] * 100
    assert all_ways(scores_TK)[0][0].tolist() == [0] * 100 + [1] * 100


@layouts
def test_of_equal_paths_the_one_that_stays_is_taken(has_fixed_stay: bool) -> None:
    for path in all_ways(np.full((20, 320), np.float32(STAY)), has_fixed_stay):
        assert path[1].sum() == 0
