"""Mamba-2's layer: a state space whose decay is one number per head.

Shapes: N batch, T steps, D features, E inner features = H heads of P, S states, K chunks of Q steps.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lexome.nn.loops import in_export
from lexome.nn.mamba import CausalConv, MambaLayerConfig, initial_step_bias
from lexome.nn.scan import linear_scan
from lexome.nn.transformer import RmsNorm

CHUNK = 32


class Mamba2(nn.Module):
    """Mamba-2's layer, running forwards: (N, T, D) -> (N, T, D).

    With a step d and a decay rate a of each head, and B and C shared by all heads, the state (P, S) of a head
    is

        h[t] = exp(-d[t] a) h[t-1] + d[t] x[t] B[t]^T,    y[t] = h[t] C[t] + D x[t]

    and the output is linear in the normalised y SiLU(z), z a gate.

    Source: Mamba-2 (Dao and Gu 2024): one group of B and C, without the tensor-parallel parts.
    """

    def __init__(self, config: MambaLayerConfig) -> None:
        super().__init__()
        inner, heads = config.inner, config.inner // config.head_size
        self.sizes = [inner, inner + 2 * config.states, heads]
        self.states = config.states
        self.head_size = config.head_size
        self.input = nn.Linear(config.size, sum(self.sizes), bias=False)
        self.conv = CausalConv(self.sizes[1], config.conv)
        self.step_bias_H = nn.Parameter(initial_step_bias(heads))
        self.log_a_H = nn.Parameter(torch.log(torch.empty(heads).uniform_(1, 16)))
        self.direct_H = nn.Parameter(torch.ones(heads))
        self.norm = RmsNorm(inner)
        self.output = nn.Linear(inner, config.size, bias=False)

    def forward(self, x_NTD: Float[Tensor, "N T D"]) -> Float[Tensor, "N T D"]:
        """Applies the layer."""
        gate_NTE, mixed, step_NTH = self.input(x_NTD).split(self.sizes, dim=-1)
        x_NTE, b_NTS, c_NTS = self.conv(mixed).split([self.sizes[0], self.states, self.states], dim=-1)
        step_NTH = nn.functional.softplus(step_NTH + self.step_bias_H)
        x_NTHP = x_NTE.unflatten(2, (-1, self.head_size))
        run = stepwise_state_space if in_export() else chunked_state_space
        y_NTHP = run(x_NTHP * step_NTH[..., None], -step_NTH * torch.exp(self.log_a_H), b_NTS, c_NTS)
        y_NTE = (y_NTHP + self.direct_H[:, None] * x_NTHP).flatten(2)
        return self.output(self.norm(y_NTE * nn.functional.silu(gate_NTE)))


def chunked_state_space(
    x_NTHP: Float[Tensor, "N T H P"],
    log_decay_NTH: Float[Tensor, "N T H"],
    b_NTS: Float[Tensor, "N T S"],
    c_NTS: Float[Tensor, "N T S"],
    chunk: int = CHUNK,
) -> Float[Tensor, "N T H P"]:
    """y[t] = h[t] C[t] with h[t] = exp(log_decay[t]) h[t-1] + x[t] B[t]^T, h = 0 before the first step.

    Within a chunk of steps as a product of masked matrices, from chunk to chunk by a scan of their states.

    Args:
        x_NTHP: inputs.
        log_decay_NTH: logarithms of the factors that states keep, not positive.
        b_NTS: directions in which inputs enter the states.
        c_NTS: directions in which they are read.
        chunk: Q.

    Source: the block decomposition of Dao and Gu 2024, section 6.
    """
    num_steps = x_NTHP.shape[1]
    fill = -num_steps % chunk  # with steps that keep the state and add nothing
    pad = nn.functional.pad
    x = pad(x_NTHP, (0, 0, 0, 0, 0, fill)).unflatten(1, (-1, chunk))
    b, c = (pad(v, (0, 0, 0, fill)).unflatten(1, (-1, chunk)) for v in (b_NTS, c_NTS))
    sums_NKQH = pad(log_decay_NTH, (0, 0, 0, fill)).unflatten(1, (-1, chunk)).cumsum(2)
    # [n, k, i, j, h]: what is left at step i of what came in at step j
    between = sums_NKQH[:, :, :, None] - sums_NKQH[:, :, None]
    is_later_QQ = torch.ones(chunk, chunk, dtype=torch.bool, device=x.device).triu(1)
    left = between.masked_fill(is_later_QQ[..., None], -torch.inf).exp()
    inside = torch.einsum("nkij,nkijh,nkjhp->nkihp", c @ b.transpose(2, 3), left, x)
    to_end_NKQH = torch.exp(sums_NKQH[:, :, -1:] - sums_NKQH)
    gained = torch.einsum("nkjs,nkjh,nkjhp->nkhps", b, to_end_NKQH, x)
    kept = torch.exp(sums_NKQH[:, :, -1])[..., None, None].expand_as(gained)
    states = linear_scan(kept.flatten(2), gained.flatten(2))
    before = pad(states[:, :-1], (0, 0, 1, 0)).unflatten(2, gained.shape[2:])
    carried = torch.einsum("nkis,nkhps,nkih->nkihp", c, before, torch.exp(sums_NKQH))
    return (inside + carried).flatten(1, 2)[:, :num_steps]


def stepwise_state_space(
    x_NTHP: Float[Tensor, "N T H P"],
    log_decay_NTH: Float[Tensor, "N T H"],
    b_NTS: Float[Tensor, "N T S"],
    c_NTS: Float[Tensor, "N T S"],
) -> Float[Tensor, "N T H P"]:
    """What `chunked_state_space` computes, with the states of all steps: its twin, and what is exported."""
    gained = x_NTHP[..., None] * b_NTS[:, :, None, None]
    kept = torch.exp(log_decay_NTH)[..., None, None].expand_as(gained)
    states = linear_scan(kept.flatten(2), gained.flatten(2)).unflatten(2, gained.shape[2:])
    return (states * c_NTS[:, :, None, None]).sum(-1)
