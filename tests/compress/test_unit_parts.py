"""Where units are in a tensor."""

import numpy as np
import pytest
import torch

from lexome.compress.unit_parts import Part, places_of, tensors_of


@pytest.mark.parametrize(("blocks", "each"), [(1, 1), (4, 1), (1, 3), (3, 2)])
def test_places_are_those_of_a_plain_count(blocks: int, each: int) -> None:
    width, units = 5, np.array([0, 3, 4])
    owner = [unit for _ in range(blocks) for unit in range(width) for _ in range(each)]
    expected = [place for place, unit in enumerate(owner) if unit in units]
    np.testing.assert_array_equal(places_of(Part("w", 0, blocks, each), units, width), expected)
    assert places_of(Part("w", 0, blocks, each), np.array([], int), width).size == 0


def test_counts_of_batches_have_no_units() -> None:
    found = tensors_of("norm", torch.nn.BatchNorm1d(4))
    names = ("weight", "bias", "running_mean", "running_var")
    assert found == [Part(f"norm.{name}") for name in names]
    assert tensors_of("fc", torch.nn.Linear(2, 6, bias=False), 3) == [Part("fc.weight", 0, 3)]
