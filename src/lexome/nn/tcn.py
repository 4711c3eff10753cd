"""Causal dilated convolutions: a temporal convolutional network. Shapes: N batch, C channels, T steps."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import conv1d, glu, leaky_relu, pad

SLOPE = 0.01


class WeightNormConv(nn.Module):
    """A causal convolution whose kernels have a length and a direction of their own: (N, C, T) -> (N, D, T).

    The kernel of channel d is gain_d * direction_d / |direction_d|. Step t sees t, t - dilation, ...,
    t - (kernel - 1) * dilation, zeros before the first step.

    Source: weight normalisation (Salimans and Kingma 2016).

    Args:
        in_channels: C.
        size: D.
        kernel: taps.
        dilation: steps from one tap to the next.
    """

    def __init__(self, in_channels: int, size: int, kernel: int, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation
        self.reach = (kernel - 1) * dilation
        self.direction = nn.Parameter(torch.empty(size, in_channels, kernel))
        self.gain = nn.Parameter(torch.empty(size))
        self.bias = nn.Parameter(torch.empty(size))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new directions; every kernel has length one."""
        nn.init.normal_(self.direction)
        nn.init.ones_(self.gain)
        nn.init.zeros_(self.bias)

    def forward(self, x_NCT: Float[Tensor, "N C T"]) -> Float[Tensor, "N D T"]:
        """Applies the convolution."""
        length_D11 = self.direction.square().sum((1, 2), keepdim=True).sqrt()
        weight = self.direction * (self.gain[:, None, None] / length_D11)
        return conv1d(pad(x_NCT, (self.reach, 0)), weight, self.bias, dilation=self.dilation)


class CausalBlock(nn.Module):
    """Two causal convolutions, each with a gate, a residual, batch normalisation: (N, C, T) -> (N, size, T).

    The residual passes a convolution of width one if the number of channels changes; without `residual` there
    is none.

    Source: Causalcall (Zeng 2020), after the TCN of Bai 2018 with the gates (GLU) of Dauphin 2016.
    """

    def __init__(
        self, in_channels: int, size: int, kernel: int, dilation: int, residual: bool = True
    ) -> None:
        super().__init__()
        self.first = WeightNormConv(in_channels, 2 * size, kernel, dilation)
        self.second = WeightNormConv(size, 2 * size, kernel, dilation)
        self.residual = None
        if residual:
            self.residual = nn.Identity() if in_channels == size else nn.Conv1d(in_channels, size, 1)
        self.norm = nn.BatchNorm1d(size)

    def forward(self, x_NCT: Float[Tensor, "N C T"]) -> Float[Tensor, "N D T"]:
        """Applies the block."""
        y = glu(self.second(glu(self.first(x_NCT), dim=1)), dim=1)
        if self.residual is not None:
            y = y + self.residual(x_NCT)
        return leaky_relu(self.norm(y), SLOPE)
