"""Self-attention with linear biases to both sides (ALiBi): the further apart tokens, the lower their score.

Legend: N sequences, T tokens, P packed tokens of all sequences, D features, H heads, E = D / H features of a
head, K = 2 * longest - 1 distances.
"""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from lexome.nn.heads import shape_of_heads
from lexome.nn.ragged import Ragged

MAX_BIAS_BYTES = 64 << 20


def slopes(num_heads: int) -> list[float]:
    """How much each head's score falls per token of distance.

    With a power of two of heads they fall geometrically, 2 ** (-8 / H) to 2 ** -8. Otherwise the heads up to
    the power of two below have its slopes, and the others every second slope of the power of two above.

    Source: ALiBi (Press 2022), rule for any number of heads included.
    """
    below = 2 ** int(math.log2(num_heads))
    first = [2.0 ** (-8 * i / below) for i in range(1, below + 1)]
    return first + [2.0 ** (-4 * i / below) for i in range(1, 2 * below, 2)][: num_heads - below]


def distance_biases(longest: int, num_heads: int, like: Tensor) -> Float[Tensor, "H K"]:
    """Biases of all heads at the distances -(longest - 1) to longest - 1, in the type and place of `like`."""
    longest = max(longest, 1)  # a batch may hold no token
    distance_K = torch.arange(1 - longest, longest, device=like.device).abs()
    slope_H = torch.tensor(slopes(num_heads), dtype=torch.float64, device=like.device)
    return (-slope_H[:, None] * distance_K).to(like.dtype)


def reversed_biases(biases_HK: Float[Tensor, "H K"], length: int) -> Float[Tensor, "H T T"]:
    """The biases of all pairs of tokens, queries from last to first, as a view that takes no memory.

    The last query but i is `length - 1 - i`, so its distance to key j is `j + i - (length - 1)`: both axes
    walk along the same row of biases.
    """
    middle = biases_HK.shape[1] // 2  # distance 0
    offset = biases_HK.storage_offset() + middle - (length - 1)
    return biases_HK.as_strided((len(biases_HK), length, length), (biases_HK.stride(0), 1, 1), offset)


def attend(
    q_NHTE: Float[Tensor, "N H T E"],
    k_NHTE: Float[Tensor, "N H T E"],
    v_NHTE: Float[Tensor, "N H T E"],
    biases_HK: Float[Tensor, "H K"],
    *,
    dropout: float = 0.0,
    in_blocks: bool = False,
) -> Float[Tensor, "N H T E"]:
    """Attention with biases; memory grows with the number of tokens, not with its square.

    Args:
        q_NHTE: queries.
        k_NHTE: keys.
        v_NHTE: values.
        biases_HK: as from `distance_biases`, for this length or a longer one.
        dropout: part of the attention that is dropped.
        in_blocks: for kernels that take no view of the biases (CUDA's): blocks of queries, each with biases
            of at most 64 MiB of its own, unless one query alone has more.

    Returns:
        The values as each query sees them.
    """
    length = q_NHTE.shape[2]
    biases_HTT = reversed_biases(biases_HK, length)
    queries = q_NHTE.flip(2)
    step = length
    if in_blocks:
        step = max(1, MAX_BIAS_BYTES // (biases_HK.element_size() * len(biases_HK) * length))
    parts = []
    for start in range(0, length, step):
        biases = biases_HTT[:, start : start + step]
        if in_blocks:
            biases = biases.contiguous()
        block = queries[:, :, start : start + step]
        parts.append(scaled_dot_product_attention(block, k_NHTE, v_NHTE, biases[None], dropout_p=dropout))
    return (parts[0] if len(parts) == 1 else torch.cat(parts, 2)).flip(2)


class AlibiSelfAttention(nn.Module):
    """Attention of sequences to themselves, heads side by side: packed tokens (P, D) -> (P, D).

    The layer has the name that it has in MosaicBERT, so that published weights and adapters fit; its outputs
    are queries, keys and values, each of all heads. It gives F features: D, unless heads are gone.

    Args:
        size: features D.
        num_heads: heads; they share the features evenly.
        dropout: part of the attention that is dropped in training.
        left: the heads that are there, by their numbers, because each has a slope of its own; None: all.
    """

    def __init__(
        self, size: int, num_heads: int, dropout: float = 0.0, left: Sequence[int] | None = None
    ) -> None:
        super().__init__()
        self.num_heads, self.head_size = shape_of_heads(size, num_heads, None if left is None else len(left))
        self.left = None if left is None else list(left)
        self.dropout = dropout
        self.Wqkv = nn.Linear(size, 3 * self.num_heads * self.head_size)

    @property
    def out_features(self) -> int:
        """Features of all heads together."""
        return self.num_heads * self.head_size

    def _own(self, biases_HK: Tensor) -> Tensor:
        """The biases of the heads that are there."""
        return biases_HK if self.left is None else biases_HK[self.left]

    def _heads(self, x_PD: Tensor, ragged: Ragged) -> list[tuple[Tensor, Tensor, Tensor]]:
        """Queries, keys and values (N, H, T, E) of every group."""
        split = self.Wqkv(x_PD).unflatten(-1, (3, self.num_heads, self.head_size))
        groups = []
        for group in ragged.groups:
            of_group = split[group.start : group.stop].unflatten(0, (group.count, group.length))
            q, k, v = of_group.permute(2, 0, 3, 1, 4)
            groups.append((q, k, v))
        return groups

    def forward(
        self, x_PD: Float[Tensor, "P D"], ragged: Ragged, biases_HK: Float[Tensor, "H K"]
    ) -> Float[Tensor, "P F"]:
        """Applies the attention; `biases_HK` as from `distance_biases` for the longest sequence."""
        dropout = self.dropout if self.training else 0.0
        biases_HK = self._own(biases_HK)
        seen = [
            attend(q, k, v, biases_HK, dropout=dropout, in_blocks=x_PD.is_cuda).transpose(1, 2).flatten(2)
            for q, k, v in self._heads(x_PD, ragged)
        ]
        return torch.cat([part.flatten(0, 1) for part in seen]) if seen else x_PD[:, : self.out_features]

    def weights(
        self, x_PD: Float[Tensor, "P D"], ragged: Ragged, biases_HK: Float[Tensor, "H K"]
    ) -> list[Tensor]:
        """How much each token (third axis) looks at each (last axis), for analysis: (N, H, T, T) per group.

        All pairs of tokens are computed, so memory grows with T ** 2.
        """
        maps, biases_HK = [], self._own(biases_HK)
        for (q, k, _), group in zip(self._heads(x_PD, ragged), ragged.groups, strict=True):
            scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
            maps.append((scores + reversed_biases(biases_HK, group.length).flip(1)).softmax(-1))
        return maps
