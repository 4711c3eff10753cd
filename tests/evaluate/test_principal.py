"""Principal components from sums against the singular value decomposition of all vectors at once."""

import numpy as np
import pytest

from lexome.evaluate.principal import Moments


def vectors(seed: int, count: int = 200) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((count, 5)) * [5.0, 3.0, 1.0, 0.5, 0.1] @ rng.standard_normal((5, 5)) + 1000.0


@pytest.mark.parametrize("parts", [[200], [1, 3, 0, 196]])
def test_components_are_those_of_the_decomposition(parts: list[int]) -> None:
    values_ND = vectors(0)
    moments = Moments(5)
    for part in np.split(values_ND, np.cumsum(parts)[:-1]):
        moments.add(part.astype(np.float32).astype(np.float64))
    found = moments.components(3)
    values_ND = values_ND.astype(np.float32).astype(np.float64)
    _, singular, axes = np.linalg.svd(values_ND - values_ND.mean(axis=0), full_matrices=False)
    np.testing.assert_allclose(found.mean_D, values_ND.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(found.explained_C, (singular**2 / (singular**2).sum())[:3], rtol=1e-8)
    np.testing.assert_allclose(np.abs(found.axes_CD @ axes[:3].T), np.eye(3), atol=1e-6)
    strongest = np.abs(found.axes_CD).argmax(axis=1)
    assert (found.axes_CD[np.arange(3), strongest] > 0).all()
    projected = found.project(values_ND)
    np.testing.assert_allclose(projected.mean(axis=0), 0, atol=1e-8)
    np.testing.assert_allclose(projected.var(axis=0), singular[:3] ** 2 / 200, rtol=1e-8)


def test_features_that_do_not_vary_explain_nothing() -> None:
    moments = Moments(2)
    moments.add(np.ones((5, 2)))
    assert moments.components(2).explained_C.tolist() == [0.0, 0.0]


def test_at_most_as_many_components_as_features() -> None:
    moments = Moments(2)
    with pytest.raises(ValueError, match="one vector"):
        moments.components(1)
    moments.add(vectors(1)[:, :2])
    assert moments.components(3).axes_CD.shape == (2, 2)
    with pytest.raises(ValueError, match="at least one"):
        moments.components(0)
