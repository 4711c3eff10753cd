"""Attention to what is near and to a few global tokens, in time and memory linear in the length.

Every token sees the tokens at most `radius` away and k global tokens, each of them the normalised sum of one
of the k even parts of the sequence. All of a sequence's tokens are computed in blocks of `radius`, each of
which sees itself, the block before and the block behind, with what is beyond the radius masked.

Source: ENBED (Malusare 2024, section 2.3) and LongT5's transient global attention (Guo 2022). Differs: k is
fixed (LongT5: one global token for every 16 tokens, which is quadratic again); parts are as even as can be
and of a sequence's own tokens alone, so nothing is left over at its end and padding changes nothing.

Legend: N sequences of T tokens each, D features, H heads, E features of a head, K global tokens, R radius,
B blocks of R tokens, W = 3 R tokens that a block may see.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import dropout as drop
from torch.nn.functional import pad, scaled_dot_product_attention

from lexome.nn.relative_bias import RelativeBias

BLOCKS_AT_ONCE = 8
Extra = tuple[Tensor, Tensor, Tensor]  # of global tokens: keys and values (N, H, K, E), biases (H, B, R, K)


class BiasesOfTokens(nn.Module):
    """The biases of a stack of layers, by distance: between tokens, and between parts of a sequence.

    Args:
        num_heads: H.
        num_buckets: see `RelativeBias`.
        max_distance: see there.
        has_global: whether there are global tokens.
    """

    def __init__(self, num_heads: int, num_buckets: int, max_distance: int, *, has_global: bool) -> None:
        super().__init__()
        self.near = RelativeBias(num_heads, num_buckets, max_distance)
        self.far = RelativeBias(num_heads, num_buckets, max_distance) if has_global else None


def parts_of(length: int, num_parts: int, device: torch.device) -> Tensor:
    """Which of the even parts of a sequence every token is in, 0 to min(num_parts, length) - 1."""
    return torch.arange(length, device=device) * min(num_parts, length) // length


class WindowAttention(nn.Module):
    """Self-attention of T5 within a radius, with global tokens: (N, T, D) -> (N, T, D); no layer has a bias.

    Scores are not divided by the root of E, as in T5: the first weights of the queries are so much smaller.

    Args:
        size: D.
        num_heads: H.
        head_size: E.
        radius: R; None: every token sees all others (dense attention).
        num_global: K at most; a sequence of fewer tokens has one for each. 0: none.
        dropout: part of the attention that is dropped in training.
        norm_eps: of the norm of global tokens.
    """

    def __init__(
        self,
        size: int,
        num_heads: int,
        head_size: int,
        radius: int | None,
        num_global: int,
        dropout: float = 0.0,
        norm_eps: float = 1e-6,
    ) -> None:
        super().__init__()
        self.num_heads, self.head_size = num_heads, head_size
        self.radius, self.num_global, self.dropout = radius, num_global, dropout
        self.q = nn.Linear(size, num_heads * head_size, bias=False)
        self.k = nn.Linear(size, num_heads * head_size, bias=False)
        self.v = nn.Linear(size, num_heads * head_size, bias=False)
        self.out = nn.Linear(num_heads * head_size, size, bias=False)
        self.global_norm = nn.RMSNorm(size, eps=norm_eps) if num_global else None

    def forward(self, x_NTD: Float[Tensor, "N T D"], biases: BiasesOfTokens) -> Float[Tensor, "N T D"]:
        """Applies the attention to sequences of one length; blocks where they are worth it."""
        if self.radius is None or x_NTD.shape[1] <= 3 * self.radius:
            return self.dense(x_NTD, biases)
        return self.in_blocks(x_NTD, biases)

    def _heads(self, x_NTD: Tensor) -> Tensor:
        return x_NTD.unflatten(-1, (self.num_heads, self.head_size)).transpose(1, 2)

    def _globals(self, x_NTD: Tensor) -> Tensor:
        """The global tokens (N, K, D)."""
        assert self.global_norm is not None
        part_T = parts_of(x_NTD.shape[1], self.num_global, x_NTD.device)
        empty = x_NTD.new_zeros(x_NTD.shape[0], min(self.num_global, x_NTD.shape[1]), x_NTD.shape[2])
        return self.global_norm(empty.index_add(1, part_T, x_NTD))

    def _global_bias(self, length: int, biases: BiasesOfTokens, device: torch.device) -> Tensor:
        """Biases (H, T, K), by how many parts a token's own one is from the global token's."""
        assert biases.far is not None
        part_T = parts_of(length, self.num_global, device)
        part_K = torch.arange(min(self.num_global, length), device=device)
        return biases.far(part_K - part_K[:, None])[:, part_T]  # key minus query

    def weights(self, x_NTD: Float[Tensor, "N T D"], biases: BiasesOfTokens) -> Float[Tensor, "N H T TK"]:
        """How much each token looks at each token (first T of the last axis) and global token; sums are 1.

        Memory grows with T ** 2.
        """
        length = x_NTD.shape[1]
        place_T = torch.arange(length, device=x_NTD.device)
        distance_TT = place_T - place_T[:, None]
        query = self._heads(self.q(x_NTD))
        scores = query @ self._heads(self.k(x_NTD)).transpose(2, 3) + biases.near(distance_TT)
        if self.radius is not None:
            scores = scores.masked_fill(distance_TT.abs() > self.radius, -torch.inf)
        if self.num_global:
            keys = self._heads(self.k(self._globals(x_NTD)))
            far = query @ keys.transpose(2, 3) + self._global_bias(length, biases, x_NTD.device)
            scores = torch.cat([scores, far], -1)
        return scores.softmax(-1)

    def dense(self, x_NTD: Float[Tensor, "N T D"], biases: BiasesOfTokens) -> Float[Tensor, "N T D"]:
        """The attention by all pairs of tokens: for short sequences, and the twin of the blocks."""
        weights = drop(self.weights(x_NTD, biases), self.dropout, self.training)
        values = self._heads(self.v(x_NTD))
        if self.num_global:
            values = torch.cat([values, self._heads(self.v(self._globals(x_NTD)))], 2)
        return self.out((weights @ values).transpose(1, 2).flatten(2))

    def in_blocks(self, x_NTD: Float[Tensor, "N T D"], biases: BiasesOfTokens) -> Float[Tensor, "N T D"]:
        """The attention by blocks, for sequences longer than the radius."""
        assert self.radius is not None
        length = x_NTD.shape[1]
        left_over = -length % self.radius
        query_NHBRE = self._blocks(self._heads(self.q(x_NTD)), left_over)
        key_NHBWE, value_NHBWE = (
            self._windows(self._heads(layer(x_NTD)), left_over) for layer in (self.k, self.v)
        )
        near_H1RW = self._near_bias(biases, x_NTD.device)
        there_B1W = self._is_there(length, x_NTD.device)
        extra = None
        if self.num_global:
            extra_NKD = self._globals(x_NTD)
            bias_HTK = self._global_bias(length, biases, x_NTD.device)
            keys, values = (self._heads(layer(extra_NKD)) for layer in (self.k, self.v))
            extra = (keys, values, self._blocks(bias_HTK, left_over))
        attend = self._kept if torch.is_grad_enabled() else self._fused
        seen_NHBRE = attend(query_NHBRE, key_NHBWE, value_NHBWE, near_H1RW, there_B1W, extra)
        seen_NHTE = seen_NHBRE.flatten(2, 3)[:, :, :length]
        return self.out(seen_NHTE.transpose(1, 2).flatten(2))

    def _kept(
        self,
        query_NHBRE: Tensor,
        key_NHBWE: Tensor,
        value_NHBWE: Tensor,
        near_H1RW: Tensor,
        there_B1W: Tensor,
        extra: Extra | None,
    ) -> Tensor:
        """The blocks with their weights kept for the gradient, (N, H, B, R, E)."""
        scores = query_NHBRE @ key_NHBWE.transpose(3, 4) + near_H1RW
        scores = scores.masked_fill(~there_B1W, -torch.inf)
        if extra is None:
            return drop(scores.softmax(-1), self.dropout, self.training) @ value_NHBWE
        key_NHKE, value_NHKE, far_HBRK = extra
        far = query_NHBRE @ key_NHKE[:, :, None].transpose(3, 4) + far_HBRK
        weights = drop(torch.cat([scores, far], -1).softmax(-1), self.dropout, self.training)
        near, far = weights.split([scores.shape[-1], far.shape[-1]], -1)
        return near @ value_NHBWE + far @ value_NHKE[:, :, None]

    def _fused(
        self,
        query_NHBRE: Tensor,
        key_NHBWE: Tensor,
        value_NHBWE: Tensor,
        near_H1RW: Tensor,
        there_B1W: Tensor,
        extra: Extra | None,
    ) -> Tensor:
        """The same by torch's kernel, some blocks at a time so that their biases fit into a cache."""
        batch, blocks = query_NHBRE.shape[0], query_NHBRE.shape[2]
        step = max(1, BLOCKS_AT_ONCE // batch)
        rate = self.dropout if self.training else 0.0
        seen = []
        for first in range(0, blocks, step):
            some = slice(first, first + step)
            bias = near_H1RW.masked_fill(~there_B1W[some], -torch.inf)  # (H, b, R, W)
            keys, values = key_NHBWE[:, :, some], value_NHBWE[:, :, some]
            if extra is not None:
                key_NHKE, value_NHKE, far_HBRK = extra
                bias = torch.cat([bias, far_HBRK[:, some]], -1)
                count = keys.shape[2]
                keys, values = (
                    torch.cat([own, one[:, :, None].expand(-1, -1, count, -1, -1)], 3)
                    for own, one in ((keys, key_NHKE), (values, value_NHKE))
                )
            rows = [x.transpose(1, 2).flatten(0, 1) for x in (query_NHBRE[:, :, some], keys, values)]
            mask = bias.transpose(0, 1).repeat(batch, 1, 1, 1)
            found = scaled_dot_product_attention(*rows, mask, dropout_p=rate, scale=1.0)
            seen.append(found.unflatten(0, (batch, -1)).transpose(1, 2))
        return torch.cat(seen, 2)

    def _blocks(self, x: Tensor, left_over: int) -> Tensor:
        """(..., T, E) -> (..., B, R, E)."""
        assert self.radius is not None
        return pad(x, (0, 0, 0, left_over)).unflatten(-2, (-1, self.radius))

    def _windows(self, x_NHTE: Tensor, left_over: int) -> Tensor:
        """(N, H, T, E) -> (N, H, B, W, E): every block with its neighbours, zeros where there is none."""
        assert self.radius is not None
        padded = pad(x_NHTE, (0, 0, self.radius, self.radius + left_over))
        return padded.unfold(2, 3 * self.radius, self.radius).transpose(3, 4)

    def _near_bias(self, biases: BiasesOfTokens, device: torch.device) -> Tensor:
        """Biases (H, 1, R, W) of a block, minus infinity beyond the radius."""
        assert self.radius is not None
        place_R = torch.arange(self.radius, device=device)
        distance_RW = torch.arange(-self.radius, 2 * self.radius, device=device) - place_R[:, None]
        bias_HRW = biases.near(distance_RW).masked_fill(distance_RW.abs() > self.radius, -torch.inf)
        return bias_HRW[:, None]

    def _is_there(self, length: int, device: torch.device) -> Tensor:
        """Which tokens of each block's window exist, (B, 1, W)."""
        assert self.radius is not None
        first_B1 = torch.arange(-self.radius, length - self.radius, self.radius, device=device)[:, None]
        place_BW = first_B1 + torch.arange(3 * self.radius, device=device)
        return ((place_BW >= 0) & (place_BW < length))[:, None]
