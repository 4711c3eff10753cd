"""T5's biases by distance: the published buckets."""

import pytest
import torch
from transformers.models.t5.modeling_t5 import T5Attention

from lexome.nn.relative_bias import RelativeBias, distance_buckets


@pytest.mark.parametrize("both_sides", [True, False])
@pytest.mark.parametrize(("num_buckets", "max_distance"), [(32, 128), (8, 20), (16, 1000)])
def test_buckets_are_those_of_transformers(both_sides: bool, num_buckets: int, max_distance: int) -> None:
    distance = torch.arange(-2000, 2001)
    found = distance_buckets(distance, num_buckets, max_distance, both_sides=both_sides)
    theirs = T5Attention._relative_position_bucket(distance, both_sides, num_buckets, max_distance)
    assert torch.equal(found, theirs)
    assert found.min() == 0
    assert found.max() == num_buckets - 1


def test_every_head_has_its_own_number_for_a_bucket() -> None:
    bias = RelativeBias(3, 8, 20)
    with torch.no_grad():
        bias.table_BH.copy_(torch.arange(24.0).view(8, 3))
    found = bias(torch.tensor([[0, 1], [-1, 100]]))
    assert found.shape == (3, 2, 2)
    assert found[:, 0, 0].tolist() == [0, 1, 2]
    assert found[1].tolist() == [[1, 5 * 3 + 1], [3 + 1, 7 * 3 + 1]]


@pytest.mark.parametrize(("buckets", "distance", "both"), [(3, 128, True), (32, 8, True), (1, 5, False)])
def test_buckets_that_reach_nowhere_are_refused(buckets: int, distance: int, both: bool) -> None:
    with pytest.raises(ValueError, match="do not reach"):
        RelativeBias(2, buckets, distance, both_sides=both)
