"""A linear recurrence over all steps at once. Shapes: N batch, T steps, D values, each by itself."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from lexome.nn.loops import in_export, loop_over_steps


def linear_scan(a_NTD: Float[Tensor, "N T D"], b_NTD: Float[Tensor, "N T D"]) -> Float[Tensor, "N T D"]:
    """h[t] = a[t] h[t-1] + b[t] from h = 0, in log2(T) rounds; a loop in an exported graph.

    The gradient is the same recurrence against time, so nothing but `a` and the result is kept for it.

    Args:
        a_NTD: factors; |a| <= 1, or the products overflow sooner or later.
        b_NTD: what is added.

    Returns:
        All states h.

    Source: the scan of Hillis and Steele 1986 with the product of Blelloch 1990 for linear recurrences.
    """
    if in_export():
        return linear_loop(a_NTD, b_NTD)
    return _LinearScan.apply(a_NTD, b_NTD)  # pyright: ignore[reportReturnType]


@loop_over_steps
def linear_loop(a_NTD: Tensor, b_NTD: Tensor) -> Tensor:
    """What `linear_scan` computes, step by step: the slow twin."""
    h = torch.zeros_like(b_NTD[:, 0])
    states: list[Tensor] = []
    for t in range(b_NTD.shape[1]):
        h = a_NTD[:, t] * h + b_NTD[:, t]
        states.append(h)
    return torch.stack(states, 1)


def _doubling(a_NTD: Tensor, b_NTD: Tensor) -> Tensor:
    """Round k joins every stretch of 2**k steps with the one before it."""
    reach, num_steps = 1, b_NTD.shape[1]
    while reach < num_steps:
        joined = torch.addcmul(b_NTD[:, reach:], a_NTD[:, reach:], b_NTD[:, :-reach])
        b_NTD = torch.cat([b_NTD[:, :reach], joined], 1)
        a_NTD = torch.cat([a_NTD[:, :reach], a_NTD[:, reach:] * a_NTD[:, :-reach]], 1)
        reach *= 2
    return b_NTD


class _LinearScan(torch.autograd.Function):
    @staticmethod
    def forward(ctx, a_NTD: Tensor, b_NTD: Tensor):
        h_NTD = _doubling(a_NTD, b_NTD)
        ctx.save_for_backward(a_NTD, h_NTD)
        return h_NTD

    @staticmethod
    @once_differentiable
    def backward(ctx, *grad_outputs):  # pyright: ignore[reportIncompatibleMethodOverride]
        a_NTD, h_NTD = ctx.saved_tensors
        # what a state gets from the one behind it passes that one's factor
        behind_NTD = torch.cat([a_NTD[:, 1:], torch.zeros_like(a_NTD[:, :1])], 1)
        grad_b_NTD = _doubling(behind_NTD.flip(1), grad_outputs[0].flip(1)).flip(1)
        before_NTD = torch.cat([torch.zeros_like(h_NTD[:, :1]), h_NTD[:, :-1]], 1)
        return grad_b_NTD * before_NTD, grad_b_NTD
