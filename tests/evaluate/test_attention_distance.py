"""Attention distance: every weight looked at one by one, and the values that are known beforehand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexome.evaluate.attention_distance import attention_sums, head_attention, joined
from lexome.evaluate.bootstrap import BootstrapConfig

QUICK = BootstrapConfig(resamples=20)


def band(positions: int, left: int, right: int) -> np.ndarray:
    offset = np.arange(positions) - np.arange(positions)[:, None]
    return (offset >= -left) & (offset <= right)


def some_weights(seed: int, visible_TT: np.ndarray, items: int = 3, heads: int = 2) -> np.ndarray:
    weights = np.random.default_rng(seed).random((items, heads, *visible_TT.shape)) ** 3 * visible_TT
    return (weights / weights.sum(axis=-1, keepdims=True)).astype(np.float32)


def figures(weights: np.ndarray, visible_TT: np.ndarray, counted_NT: np.ndarray):
    sums = attention_sums(weights, visible_TT, counted_NT)
    return head_attention(sums, np.arange(len(weights)), QUICK)


@given(st.integers(0, 99), st.integers(2, 12), st.integers(0, 4), st.integers(0, 4))
def test_every_weight_is_counted(seed: int, positions: int, left: int, right: int) -> None:
    left, right = min(left, positions - 1), min(right, positions - 1)
    visible_TT = band(positions, left, right)
    weights = some_weights(seed, visible_TT)
    counted_NT = np.random.default_rng(seed).random((3, positions)) < 0.7
    counted_NT[0, 0] = True
    for h, found in enumerate(figures(weights, visible_TT, counted_NT)):
        total = dict.fromkeys(("distance", "offset", "entropy_nats", "near", "edge"), 0.0)
        mass = np.zeros(left + right + 1)
        inside = 0
        for n, i in zip(*np.nonzero(counted_NT), strict=True):
            is_inside = i - left >= 0 and i + right < positions
            inside += is_inside
            for j in np.flatnonzero(visible_TT[i]):
                w = float(weights[n, h, i, j])
                total["distance"] += w * abs(j - i)
                total["offset"] += w * (j - i)
                total["entropy_nats"] -= w * math.log(w) if w else 0
                total["near"] += w * (abs(j - i) <= 1)
                total["edge"] += w * (is_inside and j - i in (-left, right))
                mass[j - i + left] += w
        number = int(counted_NT.sum())
        for name in ("distance", "offset", "entropy_nats", "near"):
            assert getattr(found, name) == pytest.approx(total[name] / number, abs=1e-6), name
        assert found.edge == (pytest.approx(total["edge"] / inside, abs=1e-6) if inside else None)
        assert found.mass == pytest.approx(mass / number, abs=1e-6)
        assert sum(found.mass) == pytest.approx(1.0, abs=1e-5)


def test_even_attention_has_the_distance_of_its_band() -> None:
    visible_TT = band(200, 12, 12)
    weights = (visible_TT / visible_TT.sum(axis=1, keepdims=True))[None, None].astype(np.float32)
    counted_NT = np.zeros((1, 200), bool)
    counted_NT[:, 12:-12] = True
    (found,) = figures(weights, visible_TT, counted_NT)
    assert found.distance == pytest.approx(2 * sum(range(13)) / 25)
    assert found.offset == pytest.approx(0, abs=1e-6)
    assert found.entropy_nats == pytest.approx(math.log(25))
    assert found.near == pytest.approx(3 / 25)
    assert found.edge == pytest.approx(2 / 25)


def test_a_head_that_looks_one_to_the_left() -> None:
    visible_TT = band(30, 3, 3)
    weights = np.eye(30, k=-1, dtype=np.float32)[None, None]
    weights[0, 0, 0, 0] = 1
    counted_NT = np.ones((1, 30), bool)
    counted_NT[:, 0] = False
    (found,) = figures(weights, visible_TT, counted_NT)
    assert (found.distance, found.offset, found.entropy_nats) == (1.0, -1.0, 0.0)
    assert (found.near, found.edge) == (1.0, 0.0)


def test_without_a_band_there_is_no_edge() -> None:
    visible_TT = np.ones((6, 6), bool)
    found = figures(some_weights(0, visible_TT), visible_TT, np.ones((3, 6), bool))
    assert [head.edge for head in found] == [None, None]
    assert found[0].intervals["edge"] is None


def test_batches_add_up() -> None:
    visible_TT = band(9, 2, 1)
    weights, counted_NT = some_weights(4, visible_TT, items=5), np.ones((5, 9), bool)
    parts = [attention_sums(weights[s], visible_TT, counted_NT[s]) for s in (slice(0, 2), slice(2, 5))]
    whole = attention_sums(weights, visible_TT, counted_NT)
    assert head_attention(joined(parts), np.arange(5), QUICK) == head_attention(whole, np.arange(5), QUICK)
    wider = attention_sums(some_weights(4, band(9, 3, 1)), band(9, 3, 1), np.ones((3, 9), bool))
    with pytest.raises(ValueError, match="different offsets"):
        joined([parts[0], wider])


def test_intervals_are_of_reads() -> None:
    visible_TT = band(9, 2, 1)
    sums = attention_sums(some_weights(4, visible_TT, items=6), visible_TT, np.ones((6, 9), bool))
    (head, _) = head_attention(sums, np.array([0, 0, 1, 1, 2, 2]), QUICK)
    interval = head.intervals["distance"]
    assert interval is not None
    assert interval[0] < head.distance < interval[1]
    assert head_attention(sums, np.zeros(6, np.int64), QUICK)[0].intervals["distance"] is None


def test_no_position_is_refused() -> None:
    visible_TT = band(9, 2, 1)
    sums = attention_sums(some_weights(4, visible_TT), visible_TT, np.zeros((3, 9), bool))
    with pytest.raises(ValueError, match="no position"):
        head_attention(sums, np.arange(3), QUICK)
