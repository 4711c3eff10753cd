"""Attention to those of the same hash: the first half of the Reformer.

Legend: N batch, T steps, D features, H heads, E = D / H features of a head, R rounds of hashing, F = half of
the buckets, G groups of B steps each.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import normalize, pad

from lexome.nn.heads import shape_of_heads

HIDDEN = -1e9  # of those that are not seen
ITSELF = -1e5  # a step sees itself only if it sees nobody else


@dataclass(frozen=True)
class LshConfig:
    """How steps find each other.

    Attributes:
        group: steps B of a group, in the order of their buckets; a step sees those of its bucket that are in
            its group or in the one before it.
        num_buckets: buckets of each round, an even number.
        num_rounds: rounds R of hashing, each with directions of its own.
    """

    group: int = 32
    num_buckets: int = 8
    num_rounds: int = 2

    def __post_init__(self) -> None:
        if min(self.group, self.num_buckets, self.num_rounds) < 1 or self.num_buckets % 2:
            raise ValueError("group, num_buckets and num_rounds must be positive, num_buckets even")


def buckets_of(
    x_NHTE: Float[Tensor, "N H T E"], directions_RHEF: Float[Tensor, "R H E F"]
) -> Int[Tensor, "R N H T"]:
    """The bucket of every step in every round: the direction, or its opposite, to which it is nearest."""
    along = torch.einsum("nhte,rhef->rnhtf", x_NHTE, directions_RHEF)
    return torch.cat([along, -along], dim=-1).argmax(-1)


def lsh_round(
    q_NHTE: Float[Tensor, "N H T E"],
    k_NHTE: Float[Tensor, "N H T E"],
    v_NHTE: Float[Tensor, "N H T E"],
    bucket_NHT: Int[Tensor, "N H T"],
    config: LshConfig,
) -> tuple[Float[Tensor, "N H T E"], Float[Tensor, "N H T"]]:
    """One round: steps are sorted by bucket, then place, and meet their own group and the one before.

    Returns:
        The values as each step sees them, and the log-sum of the weights that it gave.
    """
    size = config.group
    batch, heads, num_steps, width = q_NHTE.shape
    num_groups = (num_steps + size - 1) // size
    length = num_groups * size

    def filled(x: Tensor) -> Tensor:
        """Up to a whole number of groups."""
        return pad(x, (0, 0, 0, size))[:, :, :length]

    place_T = torch.arange(length, device=q_NHTE.device)  # pyright: ignore[reportCallIssue, reportArgumentType]
    # what only fills the last group has a bucket of its own, behind all others
    bucket = pad(bucket_NHT, (0, size), value=config.num_buckets)[:, :, :length]
    order = (bucket * length + place_T).argsort(-1)

    def split(x: Tensor, *rest: int | Tensor) -> Tensor:
        """In groups, (N, H, G, B, ...); `unflatten` would fix their number in an exported graph."""
        return x.reshape(batch, heads, num_groups, size, *rest)  # pyright: ignore[reportArgumentType]

    def grouped(x: Tensor) -> Tensor:
        """In sorted order, (N, H, G, B, E)."""
        return split(filled(x).gather(2, order[..., None].expand(-1, -1, -1, width)), width)

    def with_former(x: Tensor) -> Tensor:
        """Every group behind the one before it, (N, H, G, 2 B, ...); before the first stands the last."""
        return torch.cat([x.roll(1, 2), x], dim=3)

    bucket_NHGB, place_NHGB = (split(x) for x in (bucket.gather(2, order), order))
    queries, keys, values = grouped(q_NHTE), with_former(grouped(k_NHTE)), with_former(grouped(v_NHTE))
    logits = queries @ keys.transpose(-1, -2) * width**-0.5
    same = with_former(bucket_NHGB)[..., None, :] == bucket_NHGB[..., None]
    itself = with_former(place_NHGB)[..., None, :] == place_NHGB[..., None]
    # the last group is not before the first one
    group_G = torch.arange(num_groups, device=q_NHTE.device)  # pyright: ignore[reportCallIssue, reportArgumentType]
    in_own = torch.arange(2 * size, device=q_NHTE.device) >= size
    exists = (group_G > 0)[:, None, None] | in_own
    logits = logits.masked_fill(itself, ITSELF).masked_fill(~(same & exists), HIDDEN)
    total = logits.logsumexp(-1, keepdim=True)
    seen = (logits - total).exp() @ values
    back = order.argsort(-1)[:, :, :num_steps]
    seen = seen.reshape(batch, heads, length, width).gather(2, back[..., None].expand(-1, -1, -1, width))
    return seen, total.reshape(batch, heads, length).gather(2, back)


class LshAttention(nn.Module):
    """Attention of a sequence to itself within buckets: (N, T, D) -> (N, T, D); no layer has a bias.

    Queries are keys too, the keys being of length one. The rounds are weighted by what they found. A step
    that is found in several rounds counts in each.

    Source: Reformer (Kitaev 2020). Differs: the directions are drawn once and saved with the weights, so that
    a network gives the same whenever it is asked; their number does not follow the length; rounds are sorted
    each by itself and the first group has none before it; steps of other buckets are never seen.

    Args:
        size: features D.
        num_heads: heads; they share the features evenly.
        config: groups, buckets, rounds.
        left: heads that are there; None: all.
    """

    directions_RHEF: Tensor

    def __init__(self, size: int, num_heads: int, config: LshConfig, left: int | None = None) -> None:
        super().__init__()
        self.num_heads, self.head_size = shape_of_heads(size, num_heads, left)
        self.config = config
        width = self.num_heads * self.head_size
        self.queries = nn.Linear(size, width, bias=False)
        self.values = nn.Linear(size, width, bias=False)
        self.out = nn.Linear(width, size, bias=False)
        shape = (config.num_rounds, self.num_heads, self.head_size, config.num_buckets // 2)
        self.register_buffer("directions_RHEF", torch.empty(shape))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new weights and directions."""
        for layer in (self.queries, self.values, self.out):
            nn.init.xavier_uniform_(layer.weight)
        nn.init.normal_(self.directions_RHEF)

    def forward(self, x_NTD: Float[Tensor, "N T D"]) -> Float[Tensor, "N T D"]:
        """Applies the attention."""
        batch, num_steps, _ = x_NTD.shape
        shape = (batch, num_steps, self.num_heads, self.head_size)
        q, v = (y.reshape(shape).transpose(1, 2) for y in (self.queries(x_NTD), self.values(x_NTD)))
        k = normalize(q, dim=-1)
        buckets = buckets_of(q, self.directions_RHEF)
        rounds = [lsh_round(q, k, v, bucket, self.config) for bucket in buckets.unbind(0)]
        share_RNHT = torch.stack([total for _, total in rounds]).softmax(0)
        seen = (torch.stack([seen for seen, _ in rounds]) * share_RNHT[..., None]).sum(0)
        return self.out(seen.transpose(1, 2).flatten(2))
