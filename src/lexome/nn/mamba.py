"""Selective state spaces: Mamba's layer.

Shapes: N batch, T steps, D features, E = expand * D inner features, S states of an inner feature, R rank of
the steps' projection.
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lexome.nn.scan import linear_scan

MIN_STEP, MAX_STEP = 1e-3, 1e-1


@dataclass(frozen=True)
class MambaLayerConfig:
    """One layer.

    Attributes:
        size: features D, in and out.
        version: 1 (Mamba) or 2 (Mamba-2).
        reverse: whether it runs from the last step to the first.
        states: S.
        expand: inner features for each of D.
        conv: width of the causal convolution in front of the state space.
        rank: R, of version 1; None: a 16th of D, rounded up.
        head_size: inner features that share a decay, in version 2.
    """

    size: int
    version: Literal[1, 2] = 1
    reverse: bool = False
    states: int = 16
    expand: int = 2
    conv: int = 4
    rank: int | None = None
    head_size: int = 32

    def __post_init__(self) -> None:
        sizes = (self.size, self.states, self.expand, self.conv, self.head_size)
        if min(sizes) < 1 or (self.rank is not None and self.rank < 1):
            raise ValueError("all sizes of a Mamba layer must be positive")
        if self.version == 2 and self.inner % self.head_size:
            raise ValueError(f"{self.inner} inner features do not divide into heads of {self.head_size}")
        if self.version == 2 and self.rank is not None:
            raise ValueError("Mamba-2 has no rank")

    @property
    def inner(self) -> int:
        """Inner features E."""
        return self.expand * self.size


class CausalConv(nn.Module):
    """A depthwise convolution of the steps up to each one, then SiLU: (N, T, E) -> (N, T, E)."""

    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(size, size, width, groups=size)

    def forward(self, x_NTE: Float[Tensor, "N T E"]) -> Float[Tensor, "N T E"]:
        """Applies the convolution."""
        seen_NET = nn.functional.pad(x_NTE.transpose(1, 2), (self.conv.kernel_size[0] - 1, 0))
        return nn.functional.silu(self.conv(seen_NET)).transpose(1, 2)


def initial_step_bias(size: int) -> Float[Tensor, " E"]:
    """Biases whose softplus, the length of a step, is spread from 0.001 to 0.1 on a logarithmic scale."""
    steps = torch.exp(torch.empty(size).uniform_(math.log(MIN_STEP), math.log(MAX_STEP)))
    return steps + torch.log(-torch.expm1(-steps))


class Mamba(nn.Module):
    """Mamba's layer, running forwards: (N, T, D) -> (N, T, D).

    x and a gate z come from the input; x passes a causal convolution, then for every inner feature

        h[t] = exp(d[t] A) h[t-1] + d[t] x[t] B[t],    y[t] = C[t] . h[t] + D x[t]

    where the step d and the vectors B and C depend on x; the output is linear in y SiLU(z).

    Source: Mamba (Gu and Dao 2023), as its authors' program has it (A is exact in the exponent, B multiplied
    by the step), with a scan in plain torch (`nn.scan`) instead of a CUDA kernel: all T E S states are held
    in memory at once.
    """

    def __init__(self, config: MambaLayerConfig) -> None:
        super().__init__()
        inner, states = config.inner, config.states
        self.rank = config.rank or -(-config.size // 16)
        self.states = states
        self.input = nn.Linear(config.size, 2 * inner, bias=False)
        self.conv = CausalConv(inner, config.conv)
        self.selection = nn.Linear(inner, self.rank + 2 * states, bias=False)
        self.step = nn.Linear(self.rank, inner)
        self.log_a_ES = nn.Parameter(torch.log(torch.arange(1.0, states + 1)).repeat(inner, 1))
        self.direct_E = nn.Parameter(torch.ones(inner))
        self.output = nn.Linear(inner, config.size, bias=False)
        with torch.no_grad():
            self.step.bias.copy_(initial_step_bias(inner))

    def forward(self, x_NTD: Float[Tensor, "N T D"]) -> Float[Tensor, "N T D"]:
        """Applies the layer."""
        x_NTE, gate_NTE = self.input(x_NTD).chunk(2, dim=-1)
        x_NTE = self.conv(x_NTE)
        of_step, b_NTS, c_NTS = self.selection(x_NTE).split([self.rank, self.states, self.states], dim=-1)
        step_NTE = nn.functional.softplus(self.step(of_step))
        decay_NTES = torch.exp(step_NTE[..., None] * -torch.exp(self.log_a_ES))
        added_NTES = (step_NTE * x_NTE)[..., None] * b_NTS[:, :, None]
        h_NTES = linear_scan(decay_NTES.flatten(2), added_NTES.flatten(2)).unflatten(2, self.log_a_ES.shape)
        y_NTE = (h_NTES * c_NTS[:, :, None]).sum(-1) + self.direct_E * x_NTE
        return self.output(y_NTE * nn.functional.silu(gate_NTE))
