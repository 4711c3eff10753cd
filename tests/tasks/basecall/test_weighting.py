"""Chunks whose labels fit badly are trusted less."""

import pytest
import torch

from lexome.tasks.basecall.weighting import WeightingConfig, chunk_weights


def weights(losses: list[float], whole: list[float] | None = None, **settings: float) -> list[float]:
    config = WeightingConfig(True, **settings)
    given = torch.tensor(losses)
    return chunk_weights(given, given if whole is None else torch.tensor(whole), config).tolist()


def test_up_to_the_tolerance_all_count_in_full_and_then_ever_less() -> None:
    found = weights([0.2, 0.4, 0.4, 0.4, 0.6, 0.8, 1.2, 60.0], tolerance=1.5, min_weight=0.1)
    assert found == pytest.approx([1, 1, 1, 1, 1, 0.75, 0.5, 0.1])


def test_the_median_is_that_of_the_whole_batch_without_what_does_not_fit() -> None:
    assert weights([1.0, 2.0], whole=[0.5, 0.5, 0.5, 1.0, 2.0], tolerance=1.0) == pytest.approx([0.5, 0.25])
    inf = float("inf")
    assert weights([inf, 1.0, 2.0, 1.0], tolerance=1.0) == pytest.approx([0.1, 1.0, 0.5, 1.0])
    assert weights([inf, inf]) == [1.0, 1.0]


def test_nan_goes_on() -> None:
    first, second = weights([float("nan"), 1.0])
    assert first != first
    assert second == 1


def test_a_perfect_batch_is_no_division_by_zero() -> None:
    assert weights([0.0, 0.0, 0.0]) == [1.0] * 3


@pytest.mark.parametrize("settings", [{"tolerance": 0.9}, {"min_weight": 1.5}, {"min_weight": -0.1}])
def test_what_makes_no_sense_is_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be"):
        WeightingConfig(True, **settings)
