"""Self-attention within a window, in blocks, so that time and memory grow with T * window instead of T ** 2.

Legend: N batch, T steps, D features, H heads, E = D / H features of a head, G blocks of B queries each, K
keys that a block of queries looks at.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import pad, scaled_dot_product_attention

from lexome.nn.heads import shape_of_heads
from lexome.nn.position import THETA, rotate, rotation

MAX_REACH = 4096
MIN_BLOCK = 8
BLOCKS_PER_WINDOW = 4


@dataclass(frozen=True)
class AttentionConfig:
    """How the steps of a sequence look at each other.

    Attributes:
        num_heads: heads; they share the features evenly.
        window: (left, right): a step looks at itself and at so many steps before and after; None: at all.
        theta: base of the rotary frequencies.
    """

    num_heads: int
    window: tuple[int, int] | None
    theta: float = THETA

    def __post_init__(self) -> None:
        if self.num_heads < 1 or not self.theta > 1:
            raise ValueError("num_heads must be positive and theta above one")
        if self.window is not None and not all(0 <= reach <= MAX_REACH for reach in self.window):
            raise ValueError(f"a window reaches from 0 to {MAX_REACH} steps to each side, not {self.window}")


@dataclass(frozen=True)
class Surroundings:
    """What the attention of all layers has in common for sequences of one length.

    Attributes:
        cos_TF: cosines of the rotation.
        sin_TF: its sines.
        visible_GBK: which of its block's keys a query may look at; None without a window.
    """

    cos_TF: Tensor
    sin_TF: Tensor
    visible_GBK: Tensor | None


def surroundings(
    num_steps: int | Tensor, head_size: int, config: AttentionConfig, device: torch.device
) -> Surroundings:
    """Rotation and visibility for sequences of `num_steps`; computed once, used by every layer."""
    cos_TF, sin_TF = rotation(num_steps, head_size, config.theta, device)
    visible = None if config.window is None else visible_keys(num_steps, config.window, device)
    return Surroundings(cos_TF, sin_TF, visible)


def block_shape(window: tuple[int, int]) -> tuple[int, int, int]:
    """Queries in a block, and the blocks of keys before and after it that hold all its windows.

    Small blocks waste few products on keys outside the windows, large ones have few matrices to start; a
    quarter of the window is near the best of both.
    """
    left, right = window
    size = max(MIN_BLOCK, (left + right + 1) // BLOCKS_PER_WINDOW)
    return size, -(-left // size), -(-right // size)


def visible_keys(
    num_steps: int | Tensor, window: tuple[int, int], device: torch.device
) -> Bool[Tensor, "G B K"]:
    """Which keys the queries of each block may look at: those in their window that exist.

    Queries behind the end of the sequence, which only fill the last block, look at their whole window, so
    that no softmax runs over nothing.
    """
    size, before, after = block_shape(window)
    num_blocks = (num_steps + size - 1) // size
    query_B1 = torch.arange(size, device=device)[:, None]
    key_K = torch.arange(-before * size, (after + 1) * size, device=device)
    in_window_BK = (key_K >= query_B1 - window[0]) & (key_K <= query_B1 + window[1])
    block_G = torch.arange(num_blocks, device=device)  # pyright: ignore[reportCallIssue, reportArgumentType]
    start_G11 = block_G[:, None, None] * size
    exists_G1K = (start_G11 + key_K >= 0) & (start_G11 + key_K < num_steps)
    return in_window_BK & (exists_G1K | (start_G11 + query_B1 >= num_steps))


def blocked_attention(
    q_NTHE: Float[Tensor, "N T H E"],
    k_NTHE: Float[Tensor, "N T H E"],
    v_NTHE: Float[Tensor, "N T H E"],
    window: tuple[int, int],
    visible_GBK: Bool[Tensor, "G B K"],
    shared: tuple[Float[Tensor, "N M H E"], Float[Tensor, "N M H E"]] | None = None,
) -> Float[Tensor, "N T H E"]:
    """Attention within a window.

    Each block of queries meets the blocks of keys around it; what lies outside a query's window is masked.

    Args:
        q_NTHE: queries.
        k_NTHE: keys.
        v_NTHE: values.
        window: (left, right).
        visible_GBK: as from `visible_keys`.
        shared: M further keys and values that every query sees, wherever it stands; None: none.

    Returns:
        The values as each query sees them; equal to `banded_attention` without shared ones.

    Source: sliding-window attention of Longformer (Beltagy 2020). Differs: blocks of a quarter window.
    """
    num_steps, num_heads, head_size = q_NTHE.shape[1:]
    size, before, after = block_shape(window)
    num_blocks = visible_GBK.shape[0]

    def cut(x_NTHE: Tensor, first: int) -> Tensor:
        """Blocks (G, N, H, B, E) of a padded sequence from step `first` on."""
        part = x_NTHE[:, first : first + num_blocks * size]
        return part.reshape(-1, num_blocks, size, num_heads, head_size).permute(1, 0, 3, 2, 4)

    def around(x_NTHE: Tensor) -> Tensor:
        """The keys (or values) around every block, (G, N * H, K, E)."""
        padded = pad(x_NTHE, (0, 0, 0, 0, before * size, (after + 1) * size))
        return torch.cat([cut(padded, i * size) for i in range(before + after + 1)], dim=3).flatten(1, 2)

    queries = cut(pad(q_NTHE, (0, 0, 0, 0, 0, size)), 0).flatten(1, 2)
    keys, values, visible = around(k_NTHE), around(v_NTHE), visible_GBK[:, None]
    if shared is not None:
        keys, values = (
            torch.cat([own, x_NMHE.transpose(1, 2).flatten(0, 1).expand(num_blocks, -1, -1, -1)], dim=2)
            for own, x_NMHE in zip((keys, values), shared, strict=True)
        )
        visible = pad(visible, (0, shared[0].shape[1]), value=True)
    seen = scaled_dot_product_attention(queries, keys, values, visible)
    seen = seen.reshape(num_blocks, -1, num_heads, size, head_size).permute(1, 0, 3, 2, 4)
    return seen.flatten(1, 2)[:, :num_steps]


def window_mask(num_steps: int, window: tuple[int, int], device: torch.device) -> Bool[Tensor, "T T"]:
    """Which steps (second axis) each step may look at."""
    step_T = torch.arange(num_steps, device=device)
    offset_TT = step_T - step_T[:, None]
    return (offset_TT >= -window[0]) & (offset_TT <= window[1])


def banded_attention(
    q_NTHE: Float[Tensor, "N T H E"],
    k_NTHE: Float[Tensor, "N T H E"],
    v_NTHE: Float[Tensor, "N T H E"],
    window: tuple[int, int] | None,
) -> Float[Tensor, "N T H E"]:
    """The same by one mask over all pairs of steps: plain, and the reference for `blocked_attention`."""
    visible_TT = None if window is None else window_mask(q_NTHE.shape[1], window, q_NTHE.device)
    q, k, v = (x.transpose(1, 2) for x in (q_NTHE, k_NTHE, v_NTHE))
    return scaled_dot_product_attention(q, k, v, visible_TT).transpose(1, 2)


class SelfAttention(nn.Module):
    """Attention of a sequence to itself: (N, T, D) -> (N, T, D).

    Queries, keys and values come from one linear layer without bias; queries and keys are rotated by their
    positions. The layer that joins the heads has a bias.

    Args:
        size: features D.
        config: heads and window.
        heads: that are left of those of `config`; None: all.
    """

    def __init__(self, size: int, config: AttentionConfig, heads: int | None = None) -> None:
        super().__init__()
        self.config = config
        self.num_heads, self.head_size = shape_of_heads(size, config.num_heads, heads)
        self.qkv = nn.Linear(size, 3 * self.num_heads * self.head_size, bias=False)
        self.out = nn.Linear(self.num_heads * self.head_size, size)

    def _heads(self, x_NTD: Tensor, around: Surroundings) -> tuple[Tensor, Tensor, Tensor]:
        """Queries and keys, both rotated, and values, (N, T, H, E)."""
        qkv = self.qkv(x_NTD).unflatten(-1, (3, self.num_heads, self.head_size))
        q, k, v = qkv.unbind(2)
        q, k = (rotate(x, around.cos_TF, around.sin_TF) for x in (q, k))
        return q, k, v

    def forward(self, x_NTD: Float[Tensor, "N T D"], around: Surroundings) -> Float[Tensor, "N T D"]:
        """Applies the attention; `around` belongs to sequences of this length."""
        q, k, v = self._heads(x_NTD, around)
        if self.config.window is None or around.visible_GBK is None:
            seen = banded_attention(q, k, v, self.config.window)
        else:
            seen = blocked_attention(q, k, v, self.config.window, around.visible_GBK)
        return self.out(seen.flatten(2))

    def weights(self, x_NTD: Float[Tensor, "N T D"], around: Surroundings) -> Float[Tensor, "N H T T"]:
        """How much each step (third axis) looks at each (last axis), for analysis; rows sum to 1.

        All pairs of steps are computed, so memory grows with T ** 2.
        """
        q, k, _ = (x.transpose(1, 2) for x in self._heads(x_NTD, around))
        scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
        if self.config.window is not None:
            visible_TT = window_mask(x_NTD.shape[1], self.config.window, x_NTD.device)
            scores = scores.masked_fill(~visible_TT, -torch.inf)
        return scores.softmax(-1)
