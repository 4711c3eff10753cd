"""T5's bias of attention by distance: learned, one number a head for every bucket of distances.

Legend: H heads, B buckets.
"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn


def distance_buckets(
    distance: Int[Tensor, "*shape"], num_buckets: int, max_distance: int, *, both_sides: bool
) -> Int[Tensor, "*shape"]:
    """The bucket of every distance, key minus query.

    Half of a side's buckets hold one distance each, from 0 on; the others share those up to `max_distance`
    evenly on a logarithmic scale; all beyond are in the last.

    Args:
        distance: places from query to key.
        num_buckets: in all.
        max_distance: see above.
        both_sides: half of the buckets for keys behind the query; else those are in bucket 0, with its own.

    Source: T5 (Raffel 2020).
    """
    side = num_buckets
    first = torch.zeros_like(distance)
    if both_sides:
        side //= 2
        first = (distance > 0) * side
        distance = distance.abs()
    else:
        distance = (-distance).clamp(min=0)
    exact = side // 2
    # in this order powers of two land on their border exactly
    share = (distance.clamp(min=1).double() / exact).log() / math.log(max_distance / exact)
    far = exact + (share * (side - exact)).long()
    return first + torch.where(distance < exact, distance, far.clamp(max=side - 1))


class RelativeBias(nn.Module):
    """Biases by distance, added to the scores of attention.

    Args:
        num_heads: H.
        num_buckets: B, at least 4.
        max_distance: distances from here on have one bucket; above half of a side's buckets.
        both_sides: see `distance_buckets`.
    """

    def __init__(
        self, num_heads: int, num_buckets: int = 32, max_distance: int = 128, *, both_sides: bool = True
    ) -> None:
        super().__init__()
        exact = num_buckets // (4 if both_sides else 2)
        if exact < 1 or max_distance <= exact:
            raise ValueError(f"{num_buckets} buckets do not reach to a distance of {max_distance}")
        self.num_buckets, self.max_distance, self.both_sides = num_buckets, max_distance, both_sides
        self.table_BH = nn.Parameter(torch.empty(num_buckets, num_heads))

    def forward(self, distance: Int[Tensor, "*shape"]) -> Float[Tensor, "H *shape"]:
        """The biases of all heads at these distances (key minus query)."""
        buckets = distance_buckets(distance, self.num_buckets, self.max_distance, both_sides=self.both_sides)
        return self.table_BH[buckets].movedim(-1, 0)
