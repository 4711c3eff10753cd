"""Mamba's recurrence on a CPU: the kernel of `dp.kernels.selective_scan` with its gradient for torch.

Shapes: N batch, T steps, E inner features, S states of an inner feature.
"""

from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from lexome.dp.kernels import selective_scan as kernels


def can_loop(like: Tensor) -> bool:
    """Whether the kernel takes such numbers, and they are there (not on torch's "meta" device)."""
    return like.device.type == "cpu" and like.dtype in (torch.float32, torch.float64) and like.numel() > 0


def selective_scan(
    step_NTE: Float[Tensor, "N T E"],
    added_NTE: Float[Tensor, "N T E"],
    rate_SE: Float[Tensor, "S E"],
    b_NTS: Float[Tensor, "N T S"],
    c_NTS: Float[Tensor, "N T S"],
) -> Float[Tensor, "N T E"]:
    """y[t] = h[t] C[t] with h[t] = exp(-step[t] rate) h[t-1] + added[t] B[t], per feature; see `can_loop`.

    Of a sequence nothing is kept but what went in: its decays and states are worked out again for the
    gradient, as they fit into a cache.
    """
    return _Loop.apply(step_NTE, added_NTE, rate_SE, b_NTS, c_NTS)  # pyright: ignore[reportReturnType]


def _decays(step_TE: Tensor, rate_SE: Tensor) -> np.ndarray:
    """exp(-step rate), (T, S, E): torch has the faster exponential."""
    return torch.mul(step_TE[:, None], rate_SE).neg_().exp_().numpy()


class _Loop(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, step: Tensor, added: Tensor, rate: Tensor, b: Tensor, c: Tensor) -> Tensor:
        parts = tuple(one.detach().contiguous() for one in (step, added, rate, b, c))
        ctx.save_for_backward(*parts)
        y = torch.empty_like(parts[0])
        states = np.empty((step.shape[1], rate.shape[0], step.shape[2]), y.numpy().dtype)
        for n in range(len(step)):
            added_n, b_n, c_n = (parts[i][n].numpy() for i in (1, 3, 4))
            kernels.states(_decays(parts[0][n], parts[2]), added_n, b_n, c_n, states, y[n].numpy())
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        step, added, rate, b, c = ctx.saved_tensors
        of_y = grad_outputs[0].contiguous()
        of_step, of_added, of_b, of_c = (torch.empty_like(one) for one in (step, added, b, c))
        of_rate = torch.zeros_like(rate)
        states = np.empty((step.shape[1], rate.shape[0], step.shape[2]), of_y.numpy().dtype)
        spare = np.empty_like(of_y[0].numpy())
        for n in range(len(step)):
            decays = _decays(step[n], rate)
            kernels.states(decays, added[n].numpy(), b[n].numpy(), c[n].numpy(), states, spare)
            kernels.gradients(
                decays, states, step[n].numpy(), added[n].numpy(), rate.numpy(), b[n].numpy(), c[n].numpy(),
                of_y[n].numpy(), of_step[n].numpy(), of_added[n].numpy(), of_rate.numpy(), of_b[n].numpy(),
                of_c[n].numpy(),
            )  # fmt: skip
        return of_step, of_added, of_rate, of_b, of_c
