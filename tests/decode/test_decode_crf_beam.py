"""The beam decoder: its search from scores of any spread, layout and state, its qualities, its limits."""

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lexome.core.errors import LexomeError
from lexome.decode.crf import CrfDecoder, Decoded
from lexome.decode.crf_beam import CrfBeamDecoder
from lexome.decode.quality import QualityScale
from lexome.dp.kernels.crf_beam import search
from lexome.dp.kernels.crf_log import forward_backward

STAY = 2.0


def random_scores(seed: int, steps: int, entries: int, spread: float) -> np.ndarray:
    """Uniform in -spread to spread, single precision."""
    return np.random.default_rng(seed).uniform(-spread, spread, (steps, entries)).astype(np.float32)


def with_stays(moves_TK: np.ndarray, stay: float) -> np.ndarray:
    moves = moves_TK.reshape(len(moves_TK), -1, 4)
    stays = np.full((*moves.shape[:2], 1), stay, moves.dtype)
    return np.concatenate([stays, moves], 2).reshape(len(moves), -1)


def slow(scores_TK: np.ndarray, width: int, cut: float = 100.0) -> tuple[np.ndarray, np.ndarray]:
    """States and moves of the search in double precision and logs throughout; K = 5 S."""
    scores = scores_TK.astype(np.float64)
    states_T, moves_T, _ = search(scores, math.nan, forward_backward(scores)[1], width, math.log(cut))
    moves_T[0] = 1
    return states_T, moves_T


def check(decoder: CrfBeamDecoder, scores_TK: np.ndarray) -> Decoded:
    decoded = decoder(scores_TK)
    full_TK = scores_TK
    if scores_TK.shape[1] == 4 * 4**decoder.state_len:
        assert decoder.stay_score is not None
        full_TK = with_stays(scores_TK, decoder.stay_score)
    states_T, moves_T = slow(full_TK, decoder.width, decoder.cut)
    np.testing.assert_array_equal(decoded.moves, moves_T)
    np.testing.assert_array_equal(decoded.bases, states_T[moves_T == 1] % 4)
    assert decoded.moves.dtype == decoded.bases.dtype == decoded.qualities.dtype == np.uint8
    assert decoded.moves[0] == 1
    assert decoded.moves.sum() == len(decoded.bases) == len(decoded.qualities)
    return decoded


@pytest.mark.parametrize("spread", [0.5, 5.0, 15.0, 60.0, 100.0, 500.0, 1e4, 1e30])
@pytest.mark.parametrize("state_len", [1, 3])
def test_scores_of_any_spread(state_len: int, spread: float) -> None:
    for width in (2, 32):
        decoder = CrfBeamDecoder(state_len, STAY, width=width)
        for entries in (4, 5):
            check(decoder, random_scores(width, 80, entries * 4**state_len, spread))


@pytest.mark.parametrize("state_len", [4, 5])
def test_four_and_five_base_states(state_len: int) -> None:
    for entries, spread in ((4, 5.0), (5, 5.0), (4, 40.0), (5, 200.0)):
        check(CrfBeamDecoder(state_len, STAY), random_scores(1, 40, entries * 4**state_len, spread))


def test_width_and_cut_reach_the_search() -> None:
    scores_TK = random_scores(2, 200, 320, 2.0)
    settings = [(32, 100.0), (1, 100.0), (32, 1.0), (32, 3.0), (256, math.inf)]
    called = {check(CrfBeamDecoder(3, None, width=w, cut=c), scores_TK).bases.tobytes() for w, c in settings}
    assert len(called) >= 4  # the narrowest two may agree


@pytest.mark.parametrize("stay", [-300.0, -50.0, 80.0, 300.0])
def test_a_fixed_stay_far_from_the_other_scores(stay: float) -> None:
    check(CrfBeamDecoder(2, stay), random_scores(3, 60, 4 * 16, 5.0))


@given(
    st.integers(0, 10**6),
    st.integers(1, 30),
    st.integers(1, 3),
    st.sampled_from([0.1, 3.0, 12.0, 90.0, 300.0]),
)
@settings(max_examples=30)
def test_qualities_follow_the_rule(slow_qualities, seed, steps, state_len, spread) -> None:
    scores_TK = random_scores(seed, steps, 5 * 4**state_len, spread)
    states_T, moves_T = slow(scores_TK, 10)
    for scale, bias in ((1.0, 0.0), (0.9, -3.0), (3.0, 8.0)):
        decoded = check(CrfBeamDecoder(state_len, None, QualityScale(scale, bias), width=10), scores_TK)
        expected = slow_qualities(scores_TK, states_T, moves_T, scale, bias)
        # single precision may fall on the other side of a rounding
        assert np.abs(decoded.qualities.astype(int) - expected).max() <= (1 if spread < 20 else 0)
        assert (decoded.qualities == expected).mean() >= 0.9


def test_the_first_base_is_that_of_the_state_after_the_first_step() -> None:
    scores_TK = np.full((6, 20), -40.0, np.float32)
    scores_TK[:, 10] = 0.0  # G stays
    scores_TK[3, 10], scores_TK[3, 5 + 1 + 2] = -40.0, 0.0  # and at step 3 moves to C,
    scores_TK[4:, 10], scores_TK[4:, 5] = -40.0, 0.0  # which stays
    decoded = CrfBeamDecoder(1, None)(scores_TK)
    assert (decoded.bases.tolist(), decoded.moves.tolist()) == ([2, 1], [1, 0, 0, 1, 0, 0])
    assert decoded.qualities.tolist() == [50, 50]
    assert CrfDecoder(1, None)(scores_TK).moves.tolist() == [0, 0, 0, 1, 0, 0]


@pytest.mark.parametrize("entries", [320, 256])
def test_no_step_and_one_step(entries: int) -> None:
    decoder = CrfBeamDecoder(3, STAY)
    empty = decoder(np.zeros((0, entries), np.float32))
    assert [len(a) for a in (empty.bases, empty.qualities, empty.moves)] == [0, 0, 0]
    scores_TK = np.zeros((1, entries), np.float32)
    scores_TK[0, 6 * entries // 64 + (entries == 320)] = 30.0  # the first move into state 6
    decoded = decoder(scores_TK)
    assert (decoded.bases.tolist(), decoded.moves.tolist()) == ([6 % 4], [1])


@pytest.mark.parametrize(("width", "cut"), [(0, 100.0), (-1, 100.0), (5, 0.5), (5, math.nan)])
def test_a_beam_that_holds_nothing_is_refused(width: int, cut: float) -> None:
    with pytest.raises(ValueError, match="holds nothing"):
        CrfBeamDecoder(3, STAY, width=width, cut=cut)


def test_scores_that_cannot_be_decoded_are_refused() -> None:
    with pytest.raises(ValueError, match="255 scores per step do not belong to a CRF of 64 states"):
        CrfBeamDecoder(3, STAY)(np.zeros((4, 255), np.float32))
    with pytest.raises(ValueError, match="no fixed score"):
        CrfBeamDecoder(3, None)(np.zeros((4, 256), np.float32))
    scores_TK = random_scores(0, 20, 320, 5.0)
    scores_TK[7, 11] = np.nan
    with pytest.raises(LexomeError, match="not finite"):
        CrfBeamDecoder(3, None)(scores_TK)


def test_layout_number_type_and_write_protection_do_not_matter() -> None:
    half = random_scores(0, 60, 320, 5.0).astype(np.float16)
    decoder = CrfBeamDecoder(3, None)
    expected = decoder(half.astype(np.float32))
    protected = half.astype(np.float32)
    protected.flags.writeable = False
    wide = np.zeros((60, 640), np.float32)
    wide[:, ::2] = half
    for scores_TK in (half, half.astype(np.float64), protected, np.asfortranarray(protected), wide[:, ::2]):
        decoded = decoder(scores_TK)
        np.testing.assert_array_equal(decoded.bases, expected.bases)
        np.testing.assert_array_equal(decoded.moves, expected.moves)
    np.testing.assert_array_equal(protected, half)


def test_eight_threads_give_the_same_as_one() -> None:
    decoder = CrfBeamDecoder(3, STAY)
    inputs = [random_scores(seed, 300, 256, spread) for seed in range(8) for spread in (5.0, 30.0, 300.0)]
    expected = [decoder(scores_TK) for scores_TK in inputs]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(3):
            for left, right in zip(pool.map(decoder, inputs), expected, strict=True):
                for a, b in zip(vars(left).values(), vars(right).values(), strict=True):
                    np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(("name", "state_len"), [("lstm_v3", 3), ("lstm_v4", 4)])
def test_golden_scores(shared, name: str, state_len: int) -> None:
    scores = np.load(shared / "golden" / "bonito" / name / "golden.npz")["scores"].transpose(1, 0, 2)
    for scores_TK in scores:
        for width in (5, 32):
            check(CrfBeamDecoder(state_len, None, width=width), np.ascontiguousarray(scores_TK))
