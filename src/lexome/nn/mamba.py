"""Selective state spaces: Mamba's layer.

Shapes: N batch, T steps, D features, E = expand * D inner features, S states of an inner feature, R rank of
the steps' projection.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from lexome.nn.loops import in_export
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


StateSpace = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor], Tensor]


class Mamba(nn.Module):
    """Mamba's layer, running forwards: (N, T, D) -> (N, T, D).

    x and a gate z come from the input; x passes a causal convolution, then for every inner feature

        h[t] = exp(d[t] A) h[t-1] + d[t] x[t] B[t],    y[t] = C[t] . h[t] + D x[t]

    where the step d and the vectors B and C depend on x; the output is linear in y SiLU(z).

    Source: Mamba (Gu and Dao 2023), as its authors' program has it (A is exact in the exponent, B multiplied
    by the step), with a scan in plain torch (`nn.scan`) instead of a CUDA kernel.

    Args:
        config: its shape.
        state_space: computes the states; takes and gives what `by_scans` does, which is the default.
    """

    def __init__(self, config: MambaLayerConfig, state_space: StateSpace | None = None) -> None:
        super().__init__()
        self.state_space = state_space or by_scans
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
        state_space = in_one_loop if in_export() else self.state_space
        y_NTE = state_space(step_NTE, step_NTE * x_NTE, self.log_a_ES, b_NTS, c_NTS)
        y_NTE = y_NTE + self.direct_E * x_NTE
        return self.output(y_NTE * nn.functional.silu(gate_NTE))


def in_one_loop(
    step_NTE: Tensor, added_NTE: Tensor, log_a_ES: Tensor, b_NTS: Tensor, c_NTS: Tensor
) -> Float[Tensor, "N T E"]:
    """`by_scans` with all states at once, for an exported graph."""
    decay_NTES = torch.exp(step_NTE[..., None] * -torch.exp(log_a_ES))
    gained_NTES = added_NTE[..., None] * b_NTS[:, :, None]
    h_NTES = linear_scan(decay_NTES.flatten(2), gained_NTES.flatten(2)).unflatten(2, log_a_ES.shape)
    return (h_NTES * c_NTS[:, :, None]).sum(-1)


def by_scans(
    step_NTE: Float[Tensor, "N T E"],
    added_NTE: Float[Tensor, "N T E"],
    log_a_ES: Float[Tensor, "E S"],
    b_NTS: Float[Tensor, "N T S"],
    c_NTS: Float[Tensor, "N T S"],
) -> Float[Tensor, "N T E"]:
    """y[t] = h[t] C[t] with h[t] = exp(-step[t] exp(log_a)) h[t-1] + added[t] B[t], per inner feature.

    One state after the other, each worked out again for its gradient, so that a state's share of the memory
    is needed and not that of all.
    """
    y_NTE = torch.zeros_like(step_NTE)
    for log_a_E, b_NT, c_NT in zip(log_a_ES.unbind(1), b_NTS.unbind(2), c_NTS.unbind(2), strict=True):
        state = (step_NTE, added_NTE, log_a_E, b_NT, c_NT)
        if torch.is_grad_enabled():
            y_NTE = y_NTE + checkpoint(_one_state, *state, use_reentrant=False)
        else:
            y_NTE += _one_state(*state)
    return y_NTE


def _one_state(step_NTE: Tensor, added_NTE: Tensor, log_a_E: Tensor, b_NT: Tensor, c_NT: Tensor) -> Tensor:
    decay_NTE = torch.exp(step_NTE * -torch.exp(log_a_E))
    return linear_scan(decay_NTE, added_NTE * b_NT[..., None]) * c_NT[..., None]
