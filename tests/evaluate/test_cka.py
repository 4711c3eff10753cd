"""Linear CKA: equal to the Gram matrices of its definition, and blind to what it should be blind to."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexome.evaluate.cka import LinearCka


def hsic_by_pairs(x_ND: np.ndarray, y_NE: np.ndarray) -> tuple[float, float]:
    """HSIC from Gram matrices of all pairs of examples: biased (Kornblith 2019) and unbiased (Song 2012)."""
    n = len(x_ND)
    k, l = x_ND @ x_ND.T, y_NE @ y_NE.T  # noqa: E741
    h = np.eye(n) - 1 / n
    biased = np.trace(k @ h @ l @ h)
    k, l = k - np.diag(np.diag(k)), l - np.diag(np.diag(l))  # noqa: E741
    one = np.ones(n)
    unbiased = (
        np.trace(k @ l)
        + (one @ k @ one) * (one @ l @ one) / ((n - 1) * (n - 2))
        - 2 / (n - 2) * (one @ k @ l @ one)
    )
    return biased, unbiased / (n * (n - 3))


def cka_by_pairs(x_ND: np.ndarray, y_NE: np.ndarray) -> tuple[float, float]:
    both, x, y = hsic_by_pairs(x_ND, y_NE), hsic_by_pairs(x_ND, x_ND), hsic_by_pairs(y_NE, y_NE)
    biased, unbiased = (b / np.sqrt(v * w) for b, v, w in zip(both, x, y, strict=True))
    return float(biased), float(unbiased)


def cka(x_ND: np.ndarray, y_NE: np.ndarray, batches: int = 1) -> tuple[float, float]:
    sums = LinearCka(1, 1)
    for x, y in zip(np.array_split(x_ND, batches), np.array_split(y_NE, batches), strict=True):
        sums.add([x], [y])
    result = sums.result()
    assert result.examples.tolist() == [[len(x_ND)]]
    return float(result.biased[0, 0]), float(result.unbiased[0, 0])


def related(seed: int, examples: int, d: int = 5, e: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Features of two layers that have something to do with each other, far from zero on average."""
    rng = np.random.default_rng(seed)
    x_ND = rng.normal(size=(examples, d)) * rng.uniform(0.2, 3, d) + rng.normal(0, 5, d)
    y_NE = x_ND @ rng.normal(size=(d, e)) + rng.normal(size=(examples, e)) - 20
    return x_ND, y_NE


@given(st.integers(0, 999), st.integers(12, 40), st.integers(1, 4), st.integers(1, 9), st.integers(1, 4))
def test_it_is_what_the_gram_matrices_give(seed: int, examples: int, d: int, e: int, batches: int) -> None:
    x_ND, y_NE = related(seed, examples, d, e)
    assert cka(x_ND, y_NE, batches) == pytest.approx(cka_by_pairs(x_ND, y_NE), abs=1e-9)


@given(st.integers(0, 999))
def test_it_does_not_see_rotation_scale_or_shift(seed: int) -> None:
    x_ND, y_NE = related(seed, 50)
    rng = np.random.default_rng(seed)
    rotation, _ = np.linalg.qr(rng.normal(size=(5, 5)))
    other = 0.03 * x_ND @ rotation + rng.normal(0, 9, 5)
    assert cka(x_ND, other) == pytest.approx((1.0, 1.0), abs=1e-9)
    assert cka(other, y_NE) == pytest.approx(cka(x_ND, y_NE), abs=1e-9)


def test_it_does_see_other_linear_maps() -> None:
    x_ND, _ = related(3, 200)
    stretched = x_ND * [1, 1, 1, 1, 20]
    assert max(cka(x_ND, stretched)) < 0.9


def test_a_layer_is_like_itself() -> None:
    x_ND, _ = related(1, 30)
    assert cka(x_ND, x_ND) == pytest.approx((1.0, 1.0), abs=1e-12)


def test_independent_features_are_only_unalike_without_the_bias() -> None:
    rng = np.random.default_rng(0)
    found = [cka(rng.normal(size=(100, 60)), rng.normal(size=(100, 60))) for _ in range(20)]
    biased, unbiased = np.mean(found, axis=0)
    assert biased > 0.3
    assert abs(unbiased) < 0.01


def test_far_from_zero_nothing_cancels() -> None:
    x_ND, y_NE = related(5, 60)
    assert cka(x_ND + 1e6, y_NE - 1e6, 3) == pytest.approx(cka(x_ND, y_NE), abs=1e-8)


def test_every_layer_with_every_layer_of_as_many_examples() -> None:
    x, y = related(7, 40)
    fine = np.random.default_rng(1).normal(size=(80, 2))
    second = [fine**2, y, np.abs(y[:, :2])]
    sums = LinearCka(3, 3)
    for half in (0, 1):
        some, more = slice(20 * half, 20 * half + 20), slice(40 * half, 40 * half + 40)
        sums.add([x[some], fine[more], x[some] ** 2], [second[0][more], second[1][some], second[2][some]])
    result = sums.result()
    assert result.examples.tolist() == [[0, 40, 40], [80, 0, 0], [0, 40, 40]]
    for i, j in zip(*np.nonzero(result.examples), strict=True):
        expected = cka_by_pairs([x, fine, x**2][i], second[j])
        assert (result.biased[i, j], result.unbiased[i, j]) == pytest.approx(expected, abs=1e-9)
    assert np.isnan(result.unbiased[result.examples == 0]).all()


def test_a_constant_layer_is_like_nothing() -> None:
    x_ND, _ = related(2, 20)
    for constant in (1.0, 0.0, 0.1, -1e5 / 3):
        assert np.isnan(cka(x_ND, np.full((20, 3), constant), batches=3)).all()
    hardly = 1e5 + 1e-3 * np.random.default_rng(0).normal(size=(20, 3))
    assert cka(hardly, hardly) == pytest.approx((1.0, 1.0))


def test_what_cannot_be_added() -> None:
    x_ND, y_NE = related(2, 20)
    sums = LinearCka(1, 1)
    with pytest.raises(ValueError, match="at least 4 examples"):
        sums.result()
    with pytest.raises(ValueError, match="2 and 1 layers instead of 1 and 1"):
        sums.add([x_ND, x_ND], [y_NE])
    sums.add([x_ND[:3]], [y_NE[:3]])
    with pytest.raises(ValueError, match="at least 4 examples"):
        sums.result()
    with pytest.raises(ValueError, match="equally many examples"):
        sums.add([x_ND[3:9]], [y_NE[3:8]])
