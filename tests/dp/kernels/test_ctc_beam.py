"""Prefix beam search: against all labellings, a plain one that keeps prefixes in a dict, and a peer."""

import fast_ctc_decode
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lexome.dp.kernels import ctc as kernels
from lexome.dp.kernels.ctc_beam import beam_search
from lexome.dp.kernels.ctc_decode import best_path

EVERYTHING = 10_000  # places for all prefixes of the sizes below

sizes = st.sampled_from([(1, 5), (2, 5), (4, 5), (6, 3), (7, 2), (8, 2)])
seeds = st.integers(0, 10**6)
scales = st.sampled_from([0.1, 1.0, 3.0])


def random_probs(seed: int, steps: int, symbols: int = 5, scale: float = 1.0) -> np.ndarray:
    weights_TK = np.exp(scale * np.random.default_rng(seed).standard_normal((steps, symbols)))
    return weights_TK / weights_TK.sum(axis=1, keepdims=True)


def network_like(seed: int, steps: int, peak: float) -> np.ndarray:
    """Mostly blanks with bases of one or two steps between them, more or less surely."""
    rng = np.random.default_rng(seed)
    symbols_T = np.where(rng.random(steps) < 0.4, rng.integers(1, 5, steps), 0)
    scores_TK = rng.standard_normal((steps, 5))
    scores_TK[np.arange(steps), symbols_T] += peak
    return np.exp(scores_TK) / np.exp(scores_TK).sum(axis=1, keepdims=True)


def greedy(probs_TK: np.ndarray) -> np.ndarray:
    path_T = best_path(probs_TK)
    return path_T[(path_T != 0) & (np.diff(path_T, prepend=np.uint8(0)) != 0)]


def log_sum(probs_TK: np.ndarray, labels: np.ndarray) -> float:
    return kernels.target_log_sum(np.log(probs_TK), labels)


def slow_beam_search(probs_TK: np.ndarray, width: int, cut: float) -> tuple[list[int], float]:
    """The rules in a dict: prefix -> probability of its paths that end in a blank, in its last label."""
    beam, log_scale = {(): (1.0, 0.0)}, 0.0
    for p in probs_TK:
        following: dict[tuple[int, ...], list[float]] = {}
        for prefix, (blank, label) in beam.items():
            following.setdefault(prefix, [0.0, 0.0])[0] += (blank + label) * p[0]
            for k in range(1, len(p)):
                if prefix and k == prefix[-1]:
                    following.setdefault(prefix, [0.0, 0.0])[1] += label * p[k]
                    following.setdefault((*prefix, k), [0.0, 0.0])[1] += blank * p[k]
                else:
                    following.setdefault((*prefix, k), [0.0, 0.0])[1] += (blank + label) * p[k]
        top = max(sum(ends) for ends in following.values())
        log_scale += np.log(top)
        places = list(beam)

        def order(prefix: tuple[int, ...], places=places) -> tuple[int, int]:
            is_old = prefix in places
            return (0, places.index(prefix)) if is_old else (prefix[-1], places.index(prefix[:-1]))

        in_order = sorted(following, key=order)
        kept = set(sorted(in_order, key=lambda prefix: -sum(following[prefix]))[:width])
        beam = {
            prefix: (following[prefix][0] / top, following[prefix][1] / top)
            for prefix in in_order
            if prefix in kept and sum(following[prefix]) >= cut * top
        }
    best = max(beam, key=lambda prefix: sum(beam[prefix]))
    return list(best), float(log_scale + np.log(sum(beam[best])))


@given(sizes, seeds, scales)
@settings(max_examples=80)
def test_a_wide_beam_finds_the_likeliest_of_all_labellings(all_labellings, size, seed, scale) -> None:
    steps, symbols = size
    probs_TK = random_probs(seed, steps, symbols, scale)
    sums = all_labellings(steps, symbols).log_sums(np.log(probs_TK))
    best = max(sums, key=lambda labels: sums[labels])
    labels_L, log_prob = beam_search(probs_TK, EVERYTHING, 0.0)
    assert labels_L.dtype == np.uint8
    assert tuple(labels_L.tolist()) == best
    assert log_prob == pytest.approx(sums[best], abs=1e-12)


@given(
    st.integers(1, 60), st.integers(1, 9), seeds, st.sampled_from([0.0, 1e-4, 0.3]), scales, st.integers(2, 5)
)
@settings(max_examples=80)
def test_it_keeps_the_rules_at_any_width_and_cut(steps, width, seed, cut, scale, symbols) -> None:
    probs_TK = random_probs(seed, steps, symbols, scale)
    labels_L, log_prob = beam_search(probs_TK, width, cut)
    expected, expected_log_prob = slow_beam_search(probs_TK, width, cut)
    assert labels_L.tolist() == expected
    assert log_prob == pytest.approx(expected_log_prob, abs=1e-9)
    assert log_prob <= log_sum(probs_TK, labels_L) + 1e-9


def test_two_ways_to_a_prefix_are_added() -> None:
    # A blank / blank A / A A: none is the best path, together they are the best labelling
    probs_TK = np.array([[0.6, 0.4], [0.6, 0.4]])
    labels_L, log_prob = beam_search(probs_TK, 2, 0.0)
    assert labels_L.tolist() == [1]
    assert log_prob == pytest.approx(np.log(1 - 0.36))
    # the same label twice needs a blank between
    assert beam_search(np.array([[0.1, 0.9], [0.1, 0.9], [0.1, 0.9]]), 8, 0.0)[0].tolist() == [1]
    assert beam_search(np.array([[0.1, 0.9], [0.9, 0.1], [0.1, 0.9]]), 8, 0.0)[0].tolist() == [1, 1]


def test_of_equal_prefixes_no_more_are_kept_than_there_are_places() -> None:
    probs_TK = np.full((30, 5), 0.2)
    labels_L, log_prob = beam_search(probs_TK, 1, 0.0)
    assert (len(labels_L), log_prob) == (0, pytest.approx(30 * np.log(0.2)))  # no label is likelier than none
    for width in (2, 3, 4, 7):
        labels_L, log_prob = beam_search(probs_TK, width, 0.0)
        expected, expected_log_prob = slow_beam_search(probs_TK, width, 0.0)
        assert (labels_L.tolist(), log_prob) == (expected, pytest.approx(expected_log_prob))


def test_a_prefix_that_left_the_beam_can_come_back() -> None:
    labels_L, log_prob = beam_search(random_probs(3, 400, 5, 0.5), 2, 0.0)
    expected, expected_log_prob = slow_beam_search(random_probs(3, 400, 5, 0.5), 2, 0.0)
    assert labels_L.tolist() == expected
    assert log_prob == pytest.approx(expected_log_prob)


@pytest.mark.parametrize("width", [1, 5, 300])
def test_one_path_without_doubt(width: int) -> None:
    path = [0, 1, 1, 0, 1, 4, 0, 0, 3, 2, 2]
    labels_L, log_prob = beam_search(np.eye(5)[path], width, 1e-3)
    assert labels_L.tolist() == [1, 1, 4, 3, 2]
    assert log_prob == 0


def test_no_step_no_label_and_many_steps() -> None:
    for probs_TK in (np.zeros((0, 5)), np.eye(5)[[0, 0, 0]]):
        labels_L, log_prob = beam_search(probs_TK, 5, 0.0)
        assert (len(labels_L), log_prob) == (0, 0)
    probs_TK = random_probs(0, 3_000)  # e^-3,000 is no number any more
    labels_L, log_prob = beam_search(probs_TK, 4, 0.0)
    assert 1_000 < len(labels_L) < 3_000
    assert -4_000 < log_prob <= log_sum(probs_TK, labels_L)


@pytest.mark.parametrize("peak", [2.0, 4.0, 8.0])
def test_a_wider_beam_is_better_and_all_are_better_than_the_best_path_on_average(peak: float) -> None:
    inputs = [network_like(seed, 150, peak) for seed in range(20)]
    greedily = np.mean([log_sum(probs_TK, greedy(probs_TK)) for probs_TK in inputs])
    narrow, wide = (
        np.mean([log_sum(probs_TK, beam_search(probs_TK, width, 1e-4)[0]) for probs_TK in inputs])
        for width in (4, 32)
    )
    assert greedily <= narrow <= wide
    assert greedily < wide or peak == 8.0


@pytest.mark.parametrize("peak", [1.0, 3.0, 6.0])
@pytest.mark.parametrize("width", [5, 32])
def test_the_peer_finds_the_same_sequences(peak: float, width: int) -> None:
    same, gain = 0, []
    for seed in range(30):
        probs_TK = network_like(seed, 200, peak)
        own, _ = beam_search(probs_TK, width, 0.0)
        sequence, _ = fast_ctc_decode.beam_search(probs_TK.astype(np.float32), "NACGT", width, 0.0)
        peer = np.array(["NACGT".index(base) for base in sequence], np.uint8)
        same += own.tolist() == peer.tolist()
        gain.append(log_sum(probs_TK, own) - log_sum(probs_TK, peer))
    assert same >= 29
    assert min(gain) > -0.01  # single precision may take the other one of two that are as likely
