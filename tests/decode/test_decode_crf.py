"""The CRF decoder against its plain torch twin, on golden, wide, constant and tiny scores; the qualities."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lexome.core.errors import LexomeError
from lexome.decode.crf import CrfDecoder, Decoded
from lexome.decode.quality import QualityScale
from lexome.dp import crf

STAY = 2.0


def twin_path(scores_TK: np.ndarray) -> np.ndarray:
    """Edges of the best path by plain torch in double precision."""
    posteriors = crf.edge_posteriors(torch.from_numpy(scores_TK.astype(np.float64))[None])
    return crf.viterbi(torch.log(posteriors + 1e-8))[1][0].numpy()


def twin(scores_TK: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bases and moves of that path."""
    path_T = twin_path(scores_TK)
    return crf.path_bases(torch.from_numpy(path_T)[None])[0], (path_T % 5 != 0).astype(np.uint8)


def with_stays(moves_TK: np.ndarray, stay: float) -> np.ndarray:
    moves = moves_TK.reshape(len(moves_TK), -1, 4)
    return np.concatenate([np.full((*moves.shape[:2], 1), stay, moves.dtype), moves], 2).reshape(
        len(moves), -1
    )


def random_scores(seed: int, steps: int, entries: int, spread: float) -> np.ndarray:
    """Uniform in -spread to spread, single precision."""
    return np.random.default_rng(seed).uniform(-spread, spread, (steps, entries)).astype(np.float32)


def check_against_twin(decoder: CrfDecoder, scores_TK: np.ndarray) -> Decoded:
    decoded = decoder(scores_TK)
    full_TK = scores_TK
    if scores_TK.shape[1] == 4 * 4**decoder.state_len:
        assert decoder.stay_score is not None
        full_TK = with_stays(scores_TK, decoder.stay_score)
    bases, moves = twin(full_TK)
    np.testing.assert_array_equal(decoded.moves, moves)
    np.testing.assert_array_equal(decoded.bases, bases)
    return decoded


@pytest.mark.parametrize(("name", "state_len"), [("lstm_v3", 3), ("lstm_v4", 4)])
def test_golden_scores_decode_as_the_twin_does(shared, name: str, state_len: int) -> None:
    scores = np.load(shared / "golden" / "bonito" / name / "golden.npz")["scores"].transpose(1, 0, 2)
    for scores_TK in scores:
        decoded = check_against_twin(CrfDecoder(state_len, None), scores_TK)
        assert decoded.moves.sum() == len(decoded.bases) == len(decoded.qualities)


@pytest.mark.parametrize("spread", [0.5, 5.0, 15.0, 60.0, 100.0, 500.0, 1e4, 1e30])
@pytest.mark.parametrize("state_len", [1, 2, 3])
def test_scores_of_any_spread_decode_as_the_twin_does(state_len: int, spread: float) -> None:
    for seed in range(2):
        decoder = CrfDecoder(state_len, STAY)
        decoded = check_against_twin(decoder, random_scores(seed, 80, 5 * 4**state_len, spread))
        assert 0 < len(decoded.bases)
        check_against_twin(decoder, random_scores(seed, 80, 4 * 4**state_len, spread))


def test_five_base_states_decode_as_the_twin_does() -> None:
    for spread in (5.0, 40.0, 200.0):
        check_against_twin(CrfDecoder(5, STAY), random_scores(1, 40, 4 * 4**5, spread))


@pytest.mark.parametrize("stay", [-300.0, -50.0, 80.0, 300.0])
def test_a_fixed_stay_far_from_the_other_scores(stay: float) -> None:
    moves_TK = random_scores(3, 60, 4 * 16, 5.0)
    check_against_twin(CrfDecoder(2, stay), moves_TK)
    moves_TK[::7] -= np.float32(60.0)  # steps at which nothing fits
    check_against_twin(CrfDecoder(2, stay), moves_TK)


@given(
    st.integers(0, 10**6),
    st.integers(0, 30),
    st.integers(1, 3),
    st.sampled_from([0.1, 3.0, 12.0, 90.0, 300.0]),
)
@settings(max_examples=40)
def test_qualities_follow_the_rule(slow_qualities, seed, steps, state_len, spread) -> None:
    scores_TK = random_scores(seed, steps, 5 * 4**state_len, spread)
    path_T = twin_path(scores_TK) if steps else np.zeros(0, np.int64)
    for scale, bias in ((1.0, 0.0), (1.05, 0.2), (0.9, -3.0), (3.0, 8.0)):
        decoded = CrfDecoder(state_len, None, QualityScale(scale, bias))(scores_TK)
        assert decoded.moves.dtype == decoded.bases.dtype == decoded.qualities.dtype == np.uint8
        assert len(decoded.moves) == steps
        assert decoded.moves.sum() == len(decoded.bases) == len(decoded.qualities)
        if not steps:
            continue
        expected = slow_qualities(scores_TK, path_T // 5, decoded.moves, scale, bias)
        # single precision may fall on the other side of a rounding
        assert np.abs(decoded.qualities.astype(int) - expected).max(initial=0) <= (1 if spread < 20 else 0)
        assert (decoded.qualities == expected).mean() >= 0.9 if expected else True
        assert 1 <= decoded.qualities.min(initial=50)
        assert decoded.qualities.max(initial=1) <= 50


@pytest.mark.parametrize("number", [np.float32, np.float64])
def test_a_path_may_use_an_impossible_step_where_it_gains_more_than_it_costs(number) -> None:
    scores_TK = np.full((200, 20), -30.0, number)
    scores_TK[:, ::5] = 0.0  # stays
    scores_TK[0, [10, 15]] = -30.0  # nothing begins in G or T
    scores_TK[100, 0] = -30.0  # A ends here: to G and T with 0.3 each; C stays throughout with 0.4
    scores_TK[100, [11, 16]], scores_TK[100, 5] = np.log(0.3), np.log(0.4)
    decoded = check_against_twin(CrfDecoder(1, None), scores_TK)
    # A is the likeliest first half, C the likeliest second one, though no path of any weight joins them
    assert (decoded.bases.tolist(), np.flatnonzero(decoded.moves).tolist()) == ([1], [100])


def test_a_certain_path_has_the_highest_quality_and_an_uncertain_one_the_lowest() -> None:
    scores_TK = np.zeros((12, 20), np.float32)
    for t in range(12):  # A C G T A C G T ...: state t % 4, the base before it drops out
        scores_TK[t, 5 * (t % 4) + 1 + (t - 1) % 4] = 60.0
    decoded = CrfDecoder(1, None)(scores_TK)
    assert decoded.bases.tolist() == [t % 4 for t in range(12)]
    assert decoded.qualities.tolist() == [50] * 12
    decoded = CrfDecoder(3, None)(random_scores(0, 200, 320, 0.1))
    assert len(decoded.qualities) > 10
    assert decoded.qualities.max() <= 3


@pytest.mark.parametrize("value", [-3.0, 0.0, 7.0])
@pytest.mark.parametrize("entries", [320, 256])
def test_constant_scores(value: float, entries: int) -> None:
    decoded = check_against_twin(CrfDecoder(3, value), np.full((50, entries), value, np.float32))
    assert len(decoded.bases) == 0


@pytest.mark.parametrize("entries", [320, 256])
def test_no_step_and_one_step(entries: int) -> None:
    decoder = CrfDecoder(3, STAY)
    empty = decoder(np.zeros((0, entries), np.float32))
    assert [len(a) for a in (empty.bases, empty.qualities, empty.moves)] == [0, 0, 0]
    for value, bases in ((30.0, [6 % 4]), (-30.0, [])):
        scores_TK = np.zeros((1, entries), np.float32)
        scores_TK[0, 6 * entries // 64 + (entries == 320)] = value  # the first move into state 6
        decoded = decoder(scores_TK)
        assert decoded.bases.tolist() == (bases if entries == 320 or value > 0 else [])
        assert decoded.moves.tolist() == [len(decoded.bases)]


@pytest.mark.parametrize("entries", [0, 64, 255, 320 * 4, 1])
def test_scores_of_another_crf_are_refused(entries: int) -> None:
    with pytest.raises(ValueError, match=f"{entries} scores per step do not belong to a CRF of 64 states"):
        CrfDecoder(3, STAY)(np.zeros((4, entries), np.float32))


def test_without_stays_a_fixed_score_is_needed() -> None:
    with pytest.raises(ValueError, match="no fixed score"):
        CrfDecoder(3, None)(np.zeros((4, 256), np.float32))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_scores_that_are_not_finite_are_an_error(value: float) -> None:
    scores_TK = random_scores(0, 20, 320, 5.0)
    scores_TK[7, 11] = value
    with pytest.raises(LexomeError, match="not finite"):
        CrfDecoder(3, None)(scores_TK)


def test_layout_number_type_and_write_protection_do_not_matter() -> None:
    half = random_scores(0, 60, 320, 5.0).astype(np.float16)
    expected = CrfDecoder(3, None)(half.astype(np.float32))
    protected = half.astype(np.float32)
    protected.flags.writeable = False
    wide = np.zeros((60, 640), np.float32)
    wide[:, ::2] = half
    for scores_TK in (half, half.astype(np.float64), protected, np.asfortranarray(protected), wide[:, ::2]):
        decoded = CrfDecoder(3, None)(scores_TK)
        np.testing.assert_array_equal(decoded.bases, expected.bases)
        np.testing.assert_array_equal(decoded.moves, expected.moves)
    np.testing.assert_array_equal(protected, half)


def test_eight_threads_give_the_same_as_one() -> None:
    decoder = CrfDecoder(3, STAY)
    inputs = [random_scores(seed, 300, 256, spread) for seed in range(8) for spread in (5.0, 30.0, 300.0)]
    expected = [decoder(scores_TK) for scores_TK in inputs]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(3):
            for left, right in zip(pool.map(decoder, inputs), expected, strict=True):
                for a, b in zip(vars(left).values(), vars(right).values(), strict=True):
                    np.testing.assert_array_equal(a, b)
