"""Layers of a transformer whose normalisation follows the sum (DeepNorm), and the upsampling behind them.

Shapes: N batch, T steps, D features.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lexome.nn.attention import AttentionConfig, SelfAttention, Surroundings

# Torch's own for float32, which gives the scores of bonito 1.1; with 1e-5 they differ in the fifth digit.
NORM_EPS = 1.1920929e-07


def deepnorm_alpha(depth: int) -> float:
    """The factor of the unchanged part in every sum, (2 * depth) ** 0.25 (DeepNet, Wang 2022)."""
    return (2 * depth) ** 0.25


def deepnorm_beta(depth: int) -> float:
    """The gain of the initial weights that make what is added, (8 * depth) ** -0.25."""
    return (8 * depth) ** -0.25


class RmsNorm(nn.Module):
    """Features divided by their root mean square, times a learned weight: (N, T, D) -> (N, T, D).

    Source: Zhang and Sennrich 2019.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))

    def forward(self, x_NTD: Float[Tensor, "N T D"]) -> Float[Tensor, "N T D"]:
        """Applies the normalisation."""
        return x_NTD * torch.rsqrt(x_NTD.square().mean(-1, keepdim=True) + NORM_EPS) * self.weight


class GatedFeedForward(nn.Module):
    """SwiGLU (Shazeer 2020) without biases: the first half of the hidden layer times silu of the second."""

    def __init__(self, size: int, hidden: int) -> None:
        super().__init__()
        self.into = nn.Linear(size, 2 * hidden, bias=False)
        self.out = nn.Linear(hidden, size, bias=False)

    def forward(self, x_NTD: Float[Tensor, "N T D"]) -> Float[Tensor, "N T D"]:
        """Applies the block."""
        values, gates = self.into(x_NTD).chunk(2, dim=-1)
        return self.out(values * nn.functional.silu(gates))


class TransformerLayer(nn.Module):
    """x = norm(attention(x) + alpha * x), then x = norm(feed_forward(x) + alpha * x).

    Weights start as DeepNorm asks: normal after Xavier, with gain beta wherever they make what is added
    (values, joined heads, feed-forward) and gain one for queries and keys.

    Args:
        size: features D.
        attention: heads and window.
        hidden: width of the feed-forward block.
        alpha: factor of the unchanged part.
        beta: gain of the initial weights; without effect on a trained layer.
        heads: that are left of those of `attention`; None: all.
    """

    def __init__(
        self,
        size: int,
        attention: AttentionConfig,
        hidden: int,
        *,
        alpha: float,
        beta: float,
        heads: int | None = None,
    ) -> None:
        super().__init__()
        self.alpha = alpha
        self.beta = beta
        self.attention = SelfAttention(size, attention, heads)
        self.attention_norm = RmsNorm(size)
        self.feed_forward = GatedFeedForward(size, hidden)
        self.feed_forward_norm = RmsNorm(size)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new weights."""
        queries, keys, values = self.attention.qkv.weight.data.chunk(3)
        for weight in (queries, keys):
            nn.init.xavier_normal_(weight)
        feed_forward = self.feed_forward
        for weight in (values, self.attention.out.weight, feed_forward.into.weight, feed_forward.out.weight):
            nn.init.xavier_normal_(weight, gain=self.beta)
        nn.init.zeros_(self.attention.out.bias)
        for norm in (self.attention_norm, self.feed_forward_norm):
            nn.init.ones_(norm.weight)

    def forward(self, x_NTD: Float[Tensor, "N T D"], around: Surroundings) -> Float[Tensor, "N T D"]:
        """Applies the layer; `around` belongs to sequences of this length."""
        x = self.attention_norm(self.attention(x_NTD, around) + self.alpha * x_NTD)
        return self.feed_forward_norm(self.feed_forward(x) + self.alpha * x)


class LinearUpsample(nn.Module):
    """Makes `factor` steps of every step by one linear layer: (N, T, D) -> (N, T * factor, D)."""

    def __init__(self, size: int, factor: int) -> None:
        super().__init__()
        self.factor = factor
        self.linear = nn.Linear(size, factor * size)

    def forward(self, x_NTD: Float[Tensor, "N T D"]) -> Float[Tensor, "N U D"]:
        """Applies the layer."""
        return self.linear(x_NTD).unflatten(-1, (self.factor, -1)).flatten(1, 2)
