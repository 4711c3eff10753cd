"""What CTC decoding does step by step: against torch and against all paths one by one."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lexome.dp import ctc
from lexome.dp.kernels.ctc_decode import best_path, label_shares, log_softmax


@pytest.mark.parametrize("number", [np.float32, np.float64])
@pytest.mark.parametrize("scale", [0.0, 3.0, 1e4, 1e37])
def test_log_softmax_is_torchs(number, scale: float) -> None:
    scores_TK = (scale * np.random.default_rng(0).standard_normal((50, 5))).astype(number)
    log_probs_TK = np.full((50, 5), np.nan)
    log_softmax(scores_TK, log_probs_TK)
    expected = torch.from_numpy(scores_TK.astype(np.float64)).log_softmax(-1)
    np.testing.assert_allclose(log_probs_TK, expected, rtol=1e-6 if number == np.float32 else 1e-14)


def test_of_equal_symbols_the_first_is_taken() -> None:
    assert best_path(np.array([[1.0, 1.0, 0.0], [0.0, 2.0, 2.0], [3.0, 3.0, 3.0]])).tolist() == [0, 1, 0]


@given(st.integers(0, 40), st.integers(2, 6), st.integers(0, 10**6))
def test_the_best_path_is_torchs(steps: int, symbols: int, seed: int) -> None:
    scores_TK = np.random.default_rng(seed).standard_normal((steps, symbols)).astype(np.float32)
    found = best_path(scores_TK)
    assert found.dtype == np.uint8
    assert found.tolist() == ctc.best_path(torch.from_numpy(scores_TK)[None])[0].tolist()


@given(
    st.lists(st.integers(1, 5), min_size=1, max_size=3), st.integers(0, 2), st.integers(2, 4),
    st.integers(0, 10**6), st.sampled_from([0.5, 3.0, 8.0])
)  # fmt: skip
@settings(max_examples=60)
def test_a_share_is_of_all_paths_of_the_labels_steps(
    all_labellings, sizes, before, symbols, seed, scale
) -> None:
    rng = np.random.default_rng(seed)
    begins_L = before + np.append(0, np.cumsum(sizes))[:-1]
    weights_TK = np.exp(scale * rng.standard_normal((before + sum(sizes), symbols)))
    probs_TK = weights_TK / weights_TK.sum(axis=1, keepdims=True)
    labels_L = rng.integers(1, symbols, len(sizes)).astype(np.uint8)
    found = label_shares(probs_TK, labels_L, begins_L)
    for label, begin, size, share in zip(labels_L, begins_L, sizes, found, strict=True):
        sums = all_labellings(size, symbols).log_sums(np.log(probs_TK[begin : begin + size]))
        few = {labels: np.exp(s) for labels, s in sums.items() if len(labels) <= 1}
        assert share == pytest.approx(few[int(label),] / sum(few.values()), abs=1e-12)


def test_shares_of_long_and_of_impossible_steps() -> None:
    probs_TK = np.full((5_000, 5), 0.2)  # 0.2 ** 5,000 is no number
    share_1, share_2 = label_shares(probs_TK, np.array([3, 1], np.uint8), np.array([0, 2_500]))
    assert share_1 == share_2 == pytest.approx(0.25, abs=1e-3)
    certain_TK = np.eye(5)[[1, 0, 2, 2, 1]]
    shares = label_shares(certain_TK, np.array([1, 2], np.uint8), np.array([0, 2]))
    assert shares.tolist() == [1.0, 0.0], "the last steps spell two labels"
    assert len(label_shares(certain_TK, np.zeros(0, np.uint8), np.zeros(0, np.int64))) == 0
