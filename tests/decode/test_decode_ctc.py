"""The CTC decoder: best path, beam, moves and qualities against the plain torch twins."""

import itertools
import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lexome.core.errors import LexomeError
from lexome.decode.crf import Decoded
from lexome.decode.ctc import CtcDecoder
from lexome.decode.quality import QualityScale
from lexome.dp import ctc

steps = st.integers(0, 60)
seeds = st.integers(0, 10**6)
spreads = st.sampled_from([0.1, 2.0, 6.0, 40.0])


def random_scores(seed: int, num_steps: int, spread: float) -> np.ndarray:
    """Normal, single precision, blanks a little likelier."""
    scores_TK = np.random.default_rng(seed).standard_normal((num_steps, 5)) * spread
    scores_TK[:, 0] += 0.5 * spread
    return scores_TK.astype(np.float32)


def log_probs(scores_TK: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(scores_TK.astype(np.float64)).log_softmax(-1)


def log_sum(scores_TK: np.ndarray, bases: np.ndarray) -> float:
    target = torch.from_numpy(bases.astype(np.int64) + 1)
    return ctc.target_log_sum(log_probs(scores_TK)[None], target[None], torch.tensor([len(bases)])).item()


def slow_qualities(scores_TK: np.ndarray, decoded: Decoded, scale: float, bias: float) -> list[int]:
    """Base by base, the five short labellings of its steps by the reference."""
    probs = log_probs(scores_TK)
    begins = [*np.flatnonzero(decoded.moves).tolist(), len(scores_TK)]
    found = []
    for base, (begin, end) in zip(decoded.bases, itertools.pairwise(begins), strict=True):
        targets = torch.tensor([[0], [1], [2], [3], [4]])
        sums = ctc.target_log_sum(probs[begin:end].expand(5, -1, -1), targets, torch.tensor([0, 1, 1, 1, 1]))
        error = 1 - float(sums.softmax(0)[int(base) + 1])
        found.append(math.floor(min(max(-10 * math.log10(max(error, 1e-10)) * scale + bias, 1), 50) + 0.5))
    return found


def assert_whole(decoded: Decoded, num_steps: int) -> None:
    assert decoded.moves.dtype == decoded.bases.dtype == decoded.qualities.dtype == np.uint8
    assert len(decoded.moves) == num_steps
    assert set(decoded.moves.tolist()) <= {0, 1}
    assert decoded.moves.sum() == len(decoded.bases) == len(decoded.qualities)
    assert decoded.bases.max(initial=0) <= 3
    assert decoded.qualities.min(initial=50) >= 1
    assert decoded.qualities.max(initial=1) <= 50


@given(steps, seeds, spreads)
@settings(max_examples=60)
def test_without_a_beam_it_spells_the_best_path(num_steps: int, seed: int, spread: float) -> None:
    scores_TK = random_scores(seed, num_steps, spread)
    decoded = CtcDecoder()(scores_TK)
    assert_whole(decoded, num_steps)
    path_T = ctc.best_path(log_probs(scores_TK)[None])[0]
    assert (decoded.bases + 1).tolist() == ctc.spelled(path_T).tolist()
    path = path_T.tolist()
    begins = [t for t in range(num_steps) if path[t] and (t == 0 or path[t] != path[t - 1])]
    assert np.flatnonzero(decoded.moves).tolist() == begins


@given(steps, seeds, spreads, st.sampled_from([1, 2, 5, 40]), st.sampled_from([1.0, 1000.0, math.inf]))
@settings(max_examples=80)
def test_the_beam_is_never_worse_and_its_bases_begin_on_their_best_alignment(
    num_steps, seed, spread, width, cut
) -> None:
    scores_TK = random_scores(seed, num_steps, spread)
    greedy, decoded = CtcDecoder()(scores_TK), CtcDecoder(width, cut=cut)(scores_TK)
    assert_whole(decoded, num_steps)
    if decoded.bases.tolist() == greedy.bases.tolist():
        assert decoded.moves.tolist() == greedy.moves.tolist()
        return
    assert log_sum(scores_TK, decoded.bases) > log_sum(scores_TK, greedy.bases) - 1e-9
    target = torch.from_numpy(decoded.bases.astype(np.int64) + 1)
    _, positions_T = ctc.best_alignment(log_probs(scores_TK), target)
    position_list = positions_T.tolist()
    begins = [position_list.index(2 * i + 1) for i in range(len(target))]
    assert np.flatnonzero(decoded.moves).tolist() == begins


def test_a_wide_beam_finds_what_the_best_path_misses() -> None:
    # A in one of two steps is likelier than none, though each is less likely than the blank
    scores_TK = np.log(np.array([[0.55, 0.45, 0, 0, 0], [0.6, 0.4, 0, 0, 0]]) + 1e-12)
    assert len(CtcDecoder()(scores_TK).bases) == 0
    decoded = CtcDecoder(3)(scores_TK)
    assert (decoded.bases.tolist(), decoded.moves.tolist()) == ([0], [1, 0])


def test_every_base_begins_somewhere_even_if_all_of_its_paths_were_once_far_behind(monkeypatch) -> None:
    monkeypatch.setattr("lexome.decode.ctc.SLACK", 0.0)
    for seed in range(100):
        assert_whole(CtcDecoder(8)(random_scores(seed, 40, 1.0)), 40)


def test_a_narrow_beam_that_loses_its_way_gives_the_best_path() -> None:
    lost = 0
    for seed in range(300):
        scores_TK = random_scores(seed, 12, 0.7)
        narrow, greedy = CtcDecoder(1, cut=1.0)(scores_TK), CtcDecoder()(scores_TK)
        assert log_sum(scores_TK, narrow.bases) >= log_sum(scores_TK, greedy.bases) - 1e-9
        lost += narrow.bases.tolist() == greedy.bases.tolist()
    assert 0 < lost < 300


@given(steps, seeds, spreads, st.sampled_from([None, 4]))
@settings(max_examples=60)
def test_qualities_follow_the_rule(num_steps, seed, spread, width) -> None:
    scores_TK = random_scores(seed, num_steps, spread)
    for scale, bias in ((1.0, 0.0), (1.05, 0.2), (3.0, -8.0)):
        decoded = CtcDecoder(width, QualityScale(scale, bias))(scores_TK)
        expected = np.array(slow_qualities(scores_TK, decoded, scale, bias), int)
        # what is exactly half-way may fall on either side
        assert np.abs(decoded.qualities - expected).max(initial=0) <= 1
        assert (decoded.qualities == expected).sum() >= len(expected) - 1


def test_qualities_of_what_is_certain_and_of_what_is_not() -> None:
    certain = np.zeros((9, 5), np.float32)
    certain[np.arange(9), [0, 1, 1, 0, 1, 2, 0, 0, 4]] = 60.0
    decoded = CtcDecoder()(certain)
    assert decoded.bases.tolist() == [0, 0, 1, 3]
    assert decoded.moves.tolist() == [0, 1, 0, 0, 1, 1, 0, 0, 1]
    assert decoded.qualities.tolist() == [50] * 4
    unsure = random_scores(0, 300, 0.05)
    unsure[:, 0] -= 1.0
    decoded = CtcDecoder()(unsure)
    assert len(decoded.bases) > 100
    assert decoded.qualities.max() <= 2


def test_when_a_base_came_matters_less_than_whether_and_which() -> None:
    """A in the first or the second step, but A; then A or C in one step."""
    probs = np.array([[0.45, 0.55, 0, 0, 0], [0.45, 0.55, 0, 0, 0], [1, 0, 0, 0, 0], [0, 0.55, 0.45, 0, 0]])
    first, second = CtcDecoder()(np.log(probs + 1e-9)).qualities
    assert (first, second) == (7, 3)  # 0.55^2 + 2 * 0.55 * 0.45 of 1, and 0.55


@pytest.mark.parametrize("width", [None, 3])
@pytest.mark.parametrize("value", [-3.0, 0.0, 7.0])
def test_constant_scores_and_no_step(width: int | None, value: float) -> None:
    decoded = CtcDecoder(width)(np.full((50, 5), value, np.float32))
    assert_whole(decoded, 50)
    assert_whole(CtcDecoder(width)(np.zeros((0, 5), np.float32)), 0)


@pytest.mark.parametrize("width", [None, 8])
def test_scores_of_any_spread(width: int | None) -> None:
    for spread in (1e6, 1e12, 1e30):
        scores_TK = random_scores(1, 80, spread)
        decoded = CtcDecoder(width)(scores_TK)
        assert_whole(decoded, 80)
        assert decoded.bases.tolist() == CtcDecoder()(scores_TK).bases.tolist()
        assert decoded.qualities.min() == 50


@pytest.mark.parametrize("symbols", [0, 1, 4, 6, 20])
def test_scores_of_another_head_are_refused(symbols: int) -> None:
    with pytest.raises(
        ValueError, match=f"{symbols} scores per step are not those of a blank and four bases"
    ):
        CtcDecoder()(np.zeros((4, symbols), np.float32))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_scores_that_are_not_finite_are_an_error(value: float) -> None:
    scores_TK = random_scores(0, 20, 5.0)
    scores_TK[7, 3] = value
    with pytest.raises(LexomeError, match="not finite"):
        CtcDecoder(5)(scores_TK)


@pytest.mark.parametrize(("width", "cut"), [(0, 10.0), (-1, 10.0), (5, 0.5), (5, math.nan)])
def test_a_beam_that_holds_nothing_is_refused(width: int, cut: float) -> None:
    with pytest.raises(ValueError, match="holds nothing"):
        CtcDecoder(width, cut=cut)


@pytest.mark.parametrize("width", [None, 5])
def test_layout_number_type_shift_and_write_protection_do_not_matter(width: int | None) -> None:
    half = random_scores(0, 60, 3.0).astype(np.float16)
    expected = CtcDecoder(width)(half.astype(np.float32))
    protected = half.astype(np.float64)
    protected.flags.writeable = False
    wide = np.zeros((60, 10), np.float32)
    wide[:, ::2] = half
    shifted = half + np.arange(60)[:, None].astype(np.float64)
    for scores_TK in (half, protected, np.asfortranarray(protected), wide[:, ::2], shifted):
        decoded = CtcDecoder(width)(scores_TK)
        for a, b in zip(vars(decoded).values(), vars(expected).values(), strict=True):
            np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(protected, half)


@pytest.mark.parametrize("width", [None, 8])
def test_eight_threads_give_the_same_as_one(width: int | None) -> None:
    decoder = CtcDecoder(width)
    inputs = [random_scores(seed, 300, spread) for seed in range(8) for spread in (0.5, 3.0, 30.0)]
    expected = [decoder(scores_TK) for scores_TK in inputs]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(3):
            for left, right in zip(pool.map(decoder, inputs), expected, strict=True):
                for a, b in zip(vars(left).values(), vars(right).values(), strict=True):
                    np.testing.assert_array_equal(a, b)
