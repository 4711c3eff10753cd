"""Structured state spaces (S4) of short kernels, in both directions.

Shapes: N batch, T steps, H features, S complex states of a feature, L kernel length.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Complex, Float
from torch import Tensor, nn

from lexome.nn.loops import in_export


@dataclass(frozen=True)
class S4BlockConfig:
    """One block.

    Attributes:
        size: features H, in and out.
        states: complex states S of every feature and direction, each with its conjugate.
        kernel: steps L that the response is kept for, 64 at most.
        dropout: part of the features dropped in training.
        residual: whether the input is added to the output.
    """

    size: int
    states: int = 16
    kernel: int = 64
    dropout: float = 0.1
    residual: bool = False

    def __post_init__(self) -> None:
        if min(self.size, self.states) < 1 or not 1 <= self.kernel <= 64:
            raise ValueError("size and states of an S4 block must be positive, its kernel 1 to 64 steps")
        if not 0 <= self.dropout < 1:
            raise ValueError("dropout must be at least 0 and below 1")


class S4Kernel(nn.Module):
    """The response of one linear system per feature to an impulse: () -> (H, L).

    x' = A x + B u, y = 2 Re(C x), with A = diag(lambda) - p p*, discretised by the bilinear rule with a step
    of its own for every feature.

    Source: S4 (Gu 2022), its diagonal plus low-rank form, with the sign of Goel 2022, which keeps it stable.
    Ordonez Cardenas 2024 takes the "original S4 kernel (no HiPPO ...)"; so the states start as oscillations
    of equally spaced frequencies that fade alike. Differs: powers of A are multiplied out, which kernels of
    64 steps allow, instead of the generating function.
    """

    def __init__(self, config: S4BlockConfig) -> None:
        super().__init__()
        self.length = config.kernel
        shape = (config.size, config.states)
        self.log_dt = nn.Parameter(torch.empty(config.size))
        self.log_decay = nn.Parameter(torch.empty(shape))
        self.frequency = nn.Parameter(torch.empty(shape))
        self.low_rank = nn.Parameter(torch.empty(*shape, 2))
        self.b = nn.Parameter(torch.empty(*shape, 2))
        self.c = nn.Parameter(torch.empty(*shape, 2))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new weights: steps of 0.01 to 0.3, so that responses fade within about the kernel."""
        states = self.frequency.shape[1]
        nn.init.uniform_(self.log_dt, math.log(0.01), math.log(0.3))
        nn.init.constant_(self.log_decay, math.log(0.5))
        with torch.no_grad():
            self.frequency.copy_(math.pi * torch.arange(states).expand_as(self.frequency))
        nn.init.normal_(self.low_rank, std=0.5 / states**0.5)
        nn.init.normal_(self.b, std=0.5**0.5)
        nn.init.normal_(self.c, std=0.5**0.5)

    def system(
        self,
    ) -> tuple[Complex[Tensor, "H S S"], Complex[Tensor, "H S"], Complex[Tensor, "H S"]]:
        """The discrete system: x[k] = A x[k-1] + B u[k], y[k] = 2 Re(C x[k])."""
        p = torch.view_as_complex(self.low_rank)
        a = torch.diag_embed(torch.complex(-torch.exp(self.log_decay), self.frequency))
        a = a - p[:, :, None] * p.conj()[:, None]
        dt = torch.exp(self.log_dt)[:, None]
        one = torch.eye(a.shape[1], dtype=a.dtype, device=a.device)
        half = 0.5 * dt[..., None] * a
        right = torch.cat([one + half, (dt * torch.view_as_complex(self.b))[..., None]], dim=2)
        solved = torch.linalg.solve(one - half, right)
        return solved[..., :-1], solved[..., -1], torch.view_as_complex(self.c)

    def forward(self) -> Float[Tensor, "H L"]:
        """The kernel: entry k is the output k steps behind an impulse."""
        power, b, c = self.system()
        states = b[..., None]  # of the steps so far; each round doubles them
        while states.shape[2] < self.length:
            states = torch.cat([states, power @ states], dim=2)
            power = power @ power
        return 2 * torch.einsum("hs,hsl->hl", c, states[..., : self.length]).real


class S4Block(nn.Module):
    """Batch normalisation, state spaces in both directions, GELU, dropout, linear: (N, T, H) -> (N, T, H).

    Source: Ordonez Cardenas 2024, section 4.2.3, around S4 (Gu 2022) as its authors' program has it: the
    direct term D u, and the linear layer behind GELU and dropout, without which features would never mix; a
    bidirectional layer adds the response of a second kernel to what comes behind.
    """

    def __init__(self, config: S4BlockConfig) -> None:
        super().__init__()
        self.config = config
        self.norm = nn.BatchNorm1d(config.size)
        self.past, self.future = S4Kernel(config), S4Kernel(config)
        self.direct = nn.Parameter(torch.ones(config.size))
        self.dropout = nn.Dropout(config.dropout)
        self.linear = nn.Linear(config.size, config.size)

    def forward(self, x_NTH: Float[Tensor, "N T H"]) -> Float[Tensor, "N T H"]:
        """Applies the block, as a convolution."""
        length = self.config.kernel
        u_NHT = self.norm(x_NTH.transpose(1, 2))
        padded = nn.functional.pad(u_NHT, (length - 1, length))
        y_NHT = nn.functional.conv1d(padded, self._taps()[:, None], groups=self.config.size)
        y_NHT = y_NHT + self.direct[:, None] * u_NHT
        y_NTH = self.linear(self.dropout(nn.functional.gelu(y_NHT)).transpose(1, 2))
        return x_NTH + y_NTH if self.config.residual else y_NTH

    def _taps(self) -> Tensor:
        """Weights (H, 2 L) of the input from L - 1 steps before to L steps behind."""
        taps = torch.cat([self.past().flip(1), self.future()], dim=1)
        if in_export():  # exported graphs have no complex numbers; the kernel is a constant there anyway
            return torch.from_numpy(taps.detach().numpy())
        return taps


def recurrent_response(kernel: S4Kernel, u_NTH: Float[Tensor, "N T H"]) -> Float[Tensor, "N T H"]:
    """The response of the system to an input, step by step: the recurrent form, whose memory has no end.

    Over as many steps as the kernel has it is the convolution with the kernel.
    """
    a, b, c = kernel.system()
    state = torch.zeros(u_NTH.shape[0], *b.shape, dtype=b.dtype, device=u_NTH.device)
    outputs = []
    for u_NH in u_NTH.unbind(1):
        state = torch.einsum("hij,nhj->nhi", a, state) + b * u_NH[..., None]
        outputs.append(2 * (c * state).sum(-1).real)
    return torch.stack(outputs, 1)
