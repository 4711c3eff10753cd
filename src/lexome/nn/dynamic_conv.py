"""Convolutions whose kernels each step makes for itself.

Legend: N batch, T steps, D features, H heads, R = D / H features of a head, K taps.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import dropout, glu, pad


def dynamic_convolution(
    x_NTD: Float[Tensor, "N T D"], weight_NTHK: Float[Tensor, "N T H K"]
) -> Float[Tensor, "N T D"]:
    """y[t, d] = sum over k of weight[t, head of d, k] * x[t + k - K // 2, d], zeros outside.

    Args:
        x_NTD: features; those of a head stand together.
        weight_NTHK: a kernel for every step and head, K odd.

    Returns:
        The sums.

    Source: "Pay less attention with lightweight and dynamic convolutions" (Wu 2019).
    """
    steps, (heads, taps) = x_NTD.shape[1], weight_NTHK.shape[2:]
    padded_NTHR = pad(x_NTD, (0, 0, taps // 2, taps // 2)).unflatten(2, (heads, -1))
    y_NTHR = weight_NTHK[..., :1] * padded_NTHR[:, :steps]
    for k in range(1, taps):  # windows side by side would take `taps` times the memory
        y_NTHR = y_NTHR + weight_NTHK[..., k : k + 1] * padded_NTHR[:, k : k + steps]
    return y_NTHR.flatten(2)


class DynamicConv(nn.Module):
    """Linear with a gate, dynamic convolution, linear: (N, T, D) -> (N, T, D).

    The kernels are linear in the features of their step, without bias, and sum to one over their taps.

    Args:
        size: features D.
        num_heads: kernels at every step; they share the features evenly.
        kernel: taps K, odd.
        weight_dropout: part of the taps that is dropped in training.
    """

    def __init__(self, size: int, num_heads: int, kernel: int, weight_dropout: float = 0.0) -> None:
        super().__init__()
        if num_heads < 1 or size % num_heads:
            raise ValueError(f"the {size} features do not divide into {num_heads} heads")
        if kernel < 1 or kernel % 2 == 0:
            raise ValueError(f"the kernel of a dynamic convolution must be odd, not {kernel}")
        self.num_heads, self.kernel, self.weight_dropout = num_heads, kernel, weight_dropout
        self.into = nn.Linear(size, 2 * size)
        self.weights = nn.Linear(size, num_heads * kernel, bias=False)
        self.out = nn.Linear(size, size)

    def forward(self, x_NTD: Float[Tensor, "N T D"]) -> Float[Tensor, "N T D"]:
        """Applies the block."""
        x: torch.Tensor = glu(self.into(x_NTD), dim=-1)
        weight_NTHK = self.weights(x).unflatten(-1, (self.num_heads, self.kernel)).softmax(-1)
        weight_NTHK = dropout(weight_NTHK, self.weight_dropout, self.training)
        return self.out(dynamic_convolution(x, weight_NTHK))
