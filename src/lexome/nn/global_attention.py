"""Attention within a window and to a few global places: the local and global parts of BigBird.

Legend: N batch, M global places, T steps, L = M + T, D features, H heads, E = D / H features of a head.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from lexome.nn.attention import blocked_attention, visible_keys, window_mask
from lexome.nn.heads import shape_of_heads


def local_global_mask(
    num_global: int, num_steps: int, window: tuple[int, int], device: torch.device
) -> Bool[Tensor, "L L"]:
    """Who (rows) sees whom: global places and all, steps and global places, steps within the window."""
    mask_LL = torch.ones(num_global + num_steps, num_global + num_steps, dtype=torch.bool, device=device)
    mask_LL[num_global:, num_global:] = window_mask(num_steps, window, device)
    return mask_LL


def masked_local_global_attention(
    q_NLHE: Float[Tensor, "N L H E"],
    k_NLHE: Float[Tensor, "N L H E"],
    v_NLHE: Float[Tensor, "N L H E"],
    window: tuple[int, int],
    num_global: int,
) -> Float[Tensor, "N L H E"]:
    """By one mask over all pairs: plain, and the reference for `local_global_attention`."""
    mask_LL = local_global_mask(num_global, q_NLHE.shape[1] - num_global, window, q_NLHE.device)
    q, k, v = (x.transpose(1, 2) for x in (q_NLHE, k_NLHE, v_NLHE))
    return scaled_dot_product_attention(q, k, v, mask_LL).transpose(1, 2)


def local_global_attention(
    q_NLHE: Float[Tensor, "N L H E"],
    k_NLHE: Float[Tensor, "N L H E"],
    v_NLHE: Float[Tensor, "N L H E"],
    window: tuple[int, int],
    num_global: int,
) -> Float[Tensor, "N L H E"]:
    """Attention in time and memory that grow with T * (window + M) instead of L ** 2.

    Args:
        q_NLHE: queries, those of the global places first.
        k_NLHE: keys.
        v_NLHE: values.
        window: (left, right) of the steps.
        num_global: M.

    Returns:
        The values as each query sees them.

    Source: BigBird (Zaheer 2020), its extended construction (ETC: the global places are extra ones). Differs:
    no random pairs, which the thesis did not use either, and a sliding window instead of whole blocks.
    """
    q, k, v = (x[:, num_global:] for x in (q_NLHE, k_NLHE, v_NLHE))
    visible_GBK = visible_keys(q.shape[1], window, q.device)
    if not num_global:
        return blocked_attention(q, k, v, window, visible_GBK)
    shared = k_NLHE[:, :num_global], v_NLHE[:, :num_global]
    local = blocked_attention(q, k, v, window, visible_GBK, shared)
    overview = scaled_dot_product_attention(
        q_NLHE[:, :num_global].transpose(1, 2), k_NLHE.transpose(1, 2), v_NLHE.transpose(1, 2)
    )
    return torch.cat([overview.transpose(1, 2), local], dim=1)


class LocalGlobalAttention(nn.Module):
    """Attention of global places and steps, (N, L, D) -> (N, L, D); no layer has a bias.

    Args:
        size: features D.
        num_heads: heads; they share the features evenly.
        window: (left, right): a step sees so many steps before and after it, itself and all global places.
        num_global: M; 0: local attention alone.
        left: heads that are there; None: all.
    """

    def __init__(
        self, size: int, num_heads: int, window: tuple[int, int], num_global: int, left: int | None = None
    ) -> None:
        super().__init__()
        self.num_heads, self.head_size = shape_of_heads(size, num_heads, left)
        self.window, self.num_global = window, num_global
        self.qkv = nn.Linear(size, 3 * self.num_heads * self.head_size, bias=False)
        self.out = nn.Linear(self.num_heads * self.head_size, size, bias=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new weights."""
        for weight in (*self.qkv.weight.data.chunk(3), self.out.weight):
            nn.init.xavier_uniform_(weight)

    def forward(self, x_NLD: Float[Tensor, "N L D"]) -> Float[Tensor, "N L D"]:
        """Applies the attention."""
        # `unflatten` would fix the number of steps in an exported graph
        batch, length, _ = x_NLD.shape
        heads = self.qkv(x_NLD).reshape(batch, length, 3, self.num_heads, self.head_size)
        q, k, v = heads.unbind(2)
        return self.out(local_global_attention(q, k, v, self.window, self.num_global).flatten(2))
