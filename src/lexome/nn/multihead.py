"""Attention of all to all, to oneself or to a memory. Legend: N batch, T queries, M memories, D features."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from lexome.nn.heads import shape_of_heads


class MultiHeadAttention(nn.Module):
    """Every query sees every memory: (N, T, D), (N, M, D) -> (N, T, D); no layer has a bias.

    Without a memory a sequence looks at itself.

    Source: Vaswani 2017.

    Args:
        size: features D.
        num_heads: heads; they share the features evenly.
        dropout: part of the attention that is dropped in training.
        left: heads that are there; None: all.
    """

    def __init__(self, size: int, num_heads: int, dropout: float = 0.0, left: int | None = None) -> None:
        super().__init__()
        self.num_heads, self.head_size = shape_of_heads(size, num_heads, left)
        self.dropout = dropout
        width = self.num_heads * self.head_size
        self.queries = nn.Linear(size, width, bias=False)
        self.keys = nn.Linear(size, width, bias=False)
        self.values = nn.Linear(size, width, bias=False)
        self.out = nn.Linear(width, size, bias=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new weights."""
        for layer in (self.queries, self.keys, self.values, self.out):
            nn.init.xavier_uniform_(layer.weight)

    def forward(
        self, x_NTD: Float[Tensor, "N T D"], memory_NMD: Float[Tensor, "N M D"] | None = None
    ) -> Float[Tensor, "N T D"]:
        """Applies the attention."""
        memory = x_NTD if memory_NMD is None else memory_NMD
        q, k, v = (
            y.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
            for y in (self.queries(x_NTD), self.keys(memory), self.values(memory))
        )
        dropout = self.dropout if self.training else 0.0
        seen: torch.Tensor = scaled_dot_product_attention(q, k, v, dropout_p=dropout)
        return self.out(seen.transpose(1, 2).flatten(2))
