"""The beam search against all paths, a plain search by sequences, and fast-ctc-decode."""

import itertools
import math
from collections.abc import Iterator

import fast_ctc_decode
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lexome.checkpoint.store import load
from lexome.core.config import from_dict
from lexome.dp import crf
from lexome.dp.kernels.crf_beam import nth_highest, search
from lexome.dp.kernels.crf_log import forward_backward
from lexome.engine.engine import open_engine
from lexome.features.signal import SignalConfig, normalise
from lexome.io.signal_files import find_signal_files, iter_reads


def random_scores(seed: int, steps: int, state_len: int, spread: float) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-spread, spread, (steps, 5 * 4**state_len))


def guide(scores_TK: np.ndarray) -> np.ndarray:
    return forward_backward(scores_TK)[1]


def beam(scores_TK: np.ndarray, width: int, cut: float = math.inf) -> tuple[np.ndarray, np.ndarray, float]:
    return search(scores_TK, math.nan, guide(scores_TK), width, math.log(cut))


def kmer(state: int, state_len: int) -> tuple[int, ...]:
    return tuple(int(base) for base in np.base_repr(state, 4).zfill(state_len))


def spelled(states_T: np.ndarray, moves_T: np.ndarray) -> list[int]:
    return (states_T[moves_T == 1] % 4).tolist()


def sequences_of(states_T: np.ndarray, moves_T: np.ndarray, state_len: int) -> Iterator[tuple[int, ...]]:
    """The k bases before the first step and those of the moves: four of them if the first step is a move."""
    first, later = kmer(states_T[0], state_len), spelled(states_T[1:], moves_T[1:])
    if moves_T[0]:
        yield from ((dropped, *first, *later) for dropped in range(4))
    else:
        yield (*first, *later)


def log_sum(scores_TK: np.ndarray, sequence: tuple[int, ...]) -> float:
    """Log-sum over all paths of a sequence, the k bases before the first step included."""
    scores, target = torch.from_numpy(scores_TK)[None], torch.tensor([sequence]) + 1
    return crf.target_log_sum(scores, target, torch.tensor([len(sequence)])).item()


def path_sequence(path_T: np.ndarray, state_len: int) -> tuple[int, ...]:
    """The same sequence for a path of edges."""
    first = kmer(path_T[0] // 5, state_len)
    start = first if path_T[0] % 5 == 0 else (path_T[0] % 5 - 1, *first)
    return (*start, *(int(entry) // 5 % 4 for entry in path_T[1:] if entry % 5))


def slow_beam(
    scores_TK: np.ndarray, guide_TS: np.ndarray, width: int, cut: float, state_len: int
) -> tuple[list[int], list[int], float]:
    """The same search over a dictionary of sequences, each with its score, its states and its moves."""
    num_states = 4**state_len
    order = sorted(range(num_states), key=lambda s: -guide_TS[0, s])[:width]
    hypotheses = {kmer(s, state_len): (0.0, [], []) for s in order}
    for t in range(len(scores_TK)):
        options = {}
        for sequence, (score, states, moves) in hypotheses.items():
            state = int("".join(map(str, sequence[-state_len:])), 4)
            options[sequence] = (score + scores_TK[t, 5 * state], [*states, state], [*moves, 0])
        for sequence, (score, states, moves) in hypotheses.items():
            for base in range(4):
                longer = (*sequence, base)
                state = int("".join(map(str, longer[-state_len:])), 4)
                moved = score + scores_TK[t, 5 * state + 1 + sequence[-state_len]]
                if longer in options and longer in hypotheses:
                    stayed = options[longer]
                    high, low = max(moved, stayed[0]), min(moved, stayed[0])
                    kept = ([*states, state], [*moves, 1]) if moved > stayed[0] else stayed[1:]
                    options[longer] = (high + math.log1p(math.exp(low - high)), *kept)
                else:
                    options[longer] = (moved, [*states, state], [*moves, 1])
        ahead = {q: option[0] + guide_TS[t + 1, option[1][-1]] for q, option in options.items()}
        least = max(ahead.values()) - math.log(cut)
        best_first = sorted((q for q in options if ahead[q] >= least), key=lambda q: -ahead[q])
        kept = set(best_first[:width])
        hypotheses = {q: option for q, option in options.items() if q in kept}
    score, states, moves = max(hypotheses.values(), key=lambda h: h[0])
    return states, moves, score


sizes = st.sampled_from([(1, 1), (1, 2), (1, 3), (1, 4), (2, 1), (2, 2), (2, 3)])


@given(sizes, st.integers(0, 10**6), st.sampled_from([0.3, 2.0, 8.0]))
@settings(max_examples=60)
def test_a_wide_beam_finds_the_most_probable_of_all_sequences(all_paths, size, seed, spread) -> None:
    state_len, steps = size
    scores_TK = random_scores(seed, steps, state_len, spread)
    paths = all_paths(state_len, steps)
    scores: dict[tuple[int, ...], float] = {}
    for sequence, score in zip(paths.bases, paths.scores(scores_TK), strict=True):
        scores[sequence] = np.logaddexp(scores.get(sequence, -np.inf), score)
    best = max(scores, key=lambda sequence: scores[sequence])
    states_T, moves_T, found = beam(scores_TK, len(scores))
    assert found == pytest.approx(scores[best], abs=1e-9)
    assert best in sequences_of(states_T, moves_T, state_len)
    assert kmer(states_T[-1], state_len) == best[-state_len:]
    assert spelled(states_T, moves_T) == list(best[state_len:])


@pytest.mark.parametrize(("steps", "spread", "width"), [(10, 2.0, 4000), (25, 6.0, 500)])
def test_a_wide_beam_is_never_less_probable_than_the_best_path_spells(steps, spread, width) -> None:
    more = 0
    for seed in range(12):
        state_len = 1 + seed % 2
        scores_TK = random_scores(seed, steps, state_len, spread)
        states_T, moves_T, found = beam(scores_TK, width)
        own = max(log_sum(scores_TK, sequence) for sequence in sequences_of(states_T, moves_T, state_len))
        assert found <= own + 1e-9  # what was pruned on the way is missing from it
        scores = torch.from_numpy(scores_TK)[None]
        for weighed in (scores, torch.log(crf.edge_posteriors(scores) + 1e-8)):
            path_T = crf.viterbi(weighed)[1][0].numpy()
            other = log_sum(scores_TK, path_sequence(path_T, state_len))
            assert own >= other - 1e-9
            more += own > other + 1e-9
    assert more > 5


@given(
    st.integers(0, 10**6),
    st.integers(1, 25),
    st.integers(1, 3),
    st.sampled_from([0.5, 2.0, 6.0, 300.0]),
    st.sampled_from([1, 2, 5, 17, 100]),
    st.sampled_from([1.0, 3.0, 100.0, math.inf]),
)
@settings(max_examples=60)
def test_any_width_and_cut_search_as_the_plain_search_does(seed, steps, state_len, spread, width, cut):
    scores_TK = random_scores(seed, steps, state_len, spread)
    expected = slow_beam(scores_TK, guide(scores_TK), width, cut, state_len)
    states_T, moves_T, found = beam(scores_TK, width, cut)
    assert (states_T.dtype, moves_T.dtype) == (np.int32, np.uint8)
    assert (states_T.tolist(), moves_T.tolist()) == expected[:2]
    assert found == pytest.approx(expected[2], abs=1e-9, rel=1e-12)


@given(st.integers(0, 10**6), st.integers(1, 15), st.integers(1, 2), st.sampled_from([1, 3, 10]))
@settings(max_examples=40)
def test_ties_are_broken_by_the_order_of_the_beam(seed, steps, state_len, width) -> None:
    scores_TK = np.random.default_rng(seed).integers(-1, 1, (steps, 5 * 4**state_len)).astype(np.float64)
    no_guide_TS = np.zeros((steps + 1, 4**state_len))
    states_T, moves_T, _ = search(scores_TK, math.nan, no_guide_TS, width, math.inf)
    expected = slow_beam(scores_TK, no_guide_TS, width, math.inf, state_len)
    assert (states_T.tolist(), moves_T.tolist()) == expected[:2]


@pytest.mark.parametrize("width", [1, 3, 15])
def test_of_all_equal_the_first_state_is_taken_and_stayed_in(width: int) -> None:
    states_T, moves_T, found = search(np.zeros((9, 80)), math.nan, np.zeros((10, 16)), width, math.log(2))
    assert states_T.tolist() == moves_T.tolist() == [0] * 9
    assert found == 0


def test_what_is_added_to_a_row_of_the_guide_changes_nothing() -> None:
    scores_TK = random_scores(5, 60, 2, 3.0)
    guide_TS = guide(scores_TK)
    shifted_TS = guide_TS + np.random.default_rng(0).uniform(-500, 500, (61, 1))
    for width in (3, 32):
        plain, shifted = (
            search(scores_TK, math.nan, g, width, math.log(100)) for g in (guide_TS, shifted_TS)
        )
        np.testing.assert_array_equal(plain[0], shifted[0])
        np.testing.assert_array_equal(plain[1], shifted[1])
        assert plain[2] == pytest.approx(shifted[2])


def test_stays_of_one_score_may_be_left_out() -> None:
    scores_TK = random_scores(6, 80, 2, 3.0)
    scores_TK[:, ::5] = 1.5
    moves_TK = np.ascontiguousarray(scores_TK.reshape(80, -1, 5)[:, :, 1:].reshape(80, -1))
    expected = beam(scores_TK, 8, 100.0)
    found = search(moves_TK, 1.5, guide(scores_TK), 8, math.log(100))
    for left, right in zip(found, expected, strict=True):
        np.testing.assert_array_equal(left, right)


@given(
    st.lists(st.floats(-1e300, 1e300) | st.sampled_from([0.0, -0.0, 5e-324, -1e-310]), min_size=1),
    st.data(),
)
def test_the_value_of_a_rank(values: list[float], data) -> None:
    rank = data.draw(st.integers(1, len(values)))
    assert nth_highest(np.array(values), rank) == sorted(values, reverse=True)[rank - 1]


def transitions(scores_TK: np.ndarray, guide_TS: np.ndarray) -> np.ndarray:
    """Probability of staying and of adding each base, given the state: float32[T, S, 5]."""
    num_states = scores_TK.shape[1] // 5
    result = np.empty((len(scores_TK), num_states, 5), np.float32)
    for state in range(num_states):
        following = [state, *(state % (num_states // 4) * 4 + base for base in range(4))]
        for choice, after in enumerate(following):
            entry = 5 * after + (0 if choice == 0 else 1 + state // (num_states // 4))
            result[:, state, choice] = np.exp(
                scores_TK[:, entry] + guide_TS[1:, after] - guide_TS[:-1, state]
            )
    return result


def check_against_fast_ctc_decode(scores_TK: np.ndarray, start: int, width: int) -> None:
    """The peer begins in one given state, which ours is told by a step; it cuts nothing but single steps."""
    num_states = scores_TK.shape[1] // 5
    before_K = np.full(5 * num_states, -60.0)
    before_K[5 * start] = 0.0
    states_T, moves_T, _ = beam(np.concatenate([before_K[None], scores_TK]), width)
    certain = np.eye(num_states, dtype=np.float32)[start]
    found, _ = fast_ctc_decode.crf_beam_search(
        transitions(scores_TK, guide(scores_TK)), certain, "NACGT", width, 0.0
    )
    assert states_T[0] == start
    assert not moves_T[0]
    assert "".join("ACGT"[base] for base in spelled(states_T, moves_T)) == found


@pytest.mark.parametrize("width", [1, 5, 32])
@pytest.mark.parametrize("state_len", [1, 2, 3])
def test_random_scores_are_searched_as_fast_ctc_decode_does(state_len: int, width: int) -> None:
    for seed in range(5):
        check_against_fast_ctc_decode(random_scores(seed, 150, state_len, 4.0), seed % 4, width)


@pytest.mark.parametrize(("name", "state_len"), [("lstm_v3", 3), ("lstm_v4", 4)])
def test_golden_scores_are_searched_as_fast_ctc_decode_does(shared, name: str, state_len: int) -> None:
    scores = np.load(shared / "golden" / "bonito" / name / "golden.npz")["scores"].transpose(1, 0, 2)
    for scores_TK in scores.astype(np.float64):
        start = int(guide(scores_TK)[0].argmax())
        for width in (5, 32):
            check_against_fast_ctc_decode(scores_TK, start, width)


def test_the_bundled_models_scores_of_real_reads_are_searched_as_fast_ctc_decode_does(shared) -> None:
    checkpoint = load("r9.4.1_fast")
    config = from_dict(SignalConfig, checkpoint.features, "features")
    folder = shared / "data" / "nanopore" / "kpneumoniae_deepnano"
    reads = itertools.islice(iter_reads(find_signal_files([folder], recursive=False), pytest.fail), 6)
    signals = ((i, normalise(read, config).signal[:10_000]) for i, read in enumerate(reads))
    engine = open_engine(checkpoint, device="cpu", engine="onnx")
    all_scores = [scores_TK for _, scores_TK in engine.run(signals, np.copy)]
    assert len(all_scores) == 6
    for moves_TK in all_scores:
        moves = moves_TK.astype(np.float64).reshape(len(moves_TK), -1, 4)
        scores_TK = np.pad(moves, ((0, 0), (0, 0), (1, 0)), constant_values=engine.stay_score)
        scores_TK = scores_TK.reshape(len(moves), -1)
        start = int(guide(scores_TK)[0].argmax())
        for width in (5, 32):
            check_against_fast_ctc_decode(scores_TK, start, width)
