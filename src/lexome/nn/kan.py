"""Kolmogorov-Arnold layers: a learned function of one variable on every edge, of splines or of sines.

Legend: I features in, O features out, G functions of a basis; N batch, C channels, S samples, T steps.
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import conv1d, silu

Basis = Literal["spline", "sine"]


@dataclass(frozen=True)
class KanConvConfig:
    """A convolution whose product and activation are two Kolmogorov-Arnold layers.

    Attributes:
        size: channels out.
        kernel: width in samples.
        basis: "spline" or "sine".
        hidden: features between the two layers ("wider": more of them).
        stride: samples per step.
        padding: zeros at both ends; None means kernel // 2.
        grid: intervals of the splines between -reach and reach, or sines.
        degree: of the splines.
        reach: where the splines end; beyond it only the smooth part acts.
    """

    size: int
    kernel: int
    basis: Basis
    hidden: int
    stride: int = 1
    padding: int | None = None
    grid: int = 8
    degree: int = 3
    reach: float = 3.0

    def __post_init__(self) -> None:
        if min(self.size, self.kernel, self.stride, self.hidden, self.grid, self.degree) < 1:
            raise ValueError("size, kernel, stride, hidden, grid and degree of a KAN must be positive")
        if not 0 <= (self.padding or 0) <= self.kernel or not self.reach > 0:
            raise ValueError("padding of a KAN is at most its kernel, and its reach positive")


def bsplines(x: Float[Tensor, "..."], grid: int, degree: int, reach: float) -> Float[Tensor, "... G"]:
    """All B-splines of a uniform grid: G = grid + degree of them, 0 outside; they sum to 1 within the reach.

    Args:
        x: where.
        grid: intervals from -reach to reach; as many as the degree continue it at both ends.
        degree: of the splines.
        reach: of the grid.

    Returns:
        The values of all splines at every x.

    Source: the recursion of Cox and de Boor.
    """
    width = 2 * reach / grid
    knots = torch.arange(-degree, grid + degree + 1, device=x.device, dtype=x.dtype) * width - reach
    x = x[..., None]
    values = ((x >= knots[:-1]) & (x < knots[1:])).to(x.dtype)
    for p in range(1, degree + 1):
        rising = (x - knots[: -p - 1]) / (p * width) * values[..., :-1]
        falling = (knots[p + 1 :] - x) / (p * width) * values[..., 1:]
        values = rising + falling
    return values


class SplineLayer(nn.Module):
    """y_o = sum over i of base_oi silu(x_i) + sum over g of spline_oig B_g(x_i): (..., I) -> (..., O).

    Source: KAN (Liu 2024). Differs: the grid stays, and the scale of the splines is in their weights.
    """

    def __init__(self, in_features: int, size: int, grid: int, degree: int, reach: float) -> None:
        super().__init__()
        self.grid, self.degree, self.reach = grid, degree, reach
        self.base = nn.Parameter(torch.empty(size, in_features))
        self.spline = nn.Parameter(torch.empty(size, in_features, grid + degree))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new weights; the splines start small beside the smooth part."""
        nn.init.xavier_uniform_(self.base)
        nn.init.normal_(self.spline, std=0.1 / math.sqrt(self.spline.shape[1]))

    def forward(self, x: Float[Tensor, "... I"]) -> Float[Tensor, "... O"]:
        """Applies the layer."""
        bases = bsplines(x, self.grid, self.degree, self.reach).flatten(-2)
        return silu(x) @ self.base.T + bases @ self.spline.flatten(1).T


class SineLayer(nn.Module):
    """y_o = bias_o + sum over i, g of amplitude_oig sin(frequency_g x_i + phase_ig): (..., I) -> (..., O).

    Frequencies are learned and start at 1, 2, ..., G; phases are fixed and spread over a half turn.

    Source: SineKAN (Reinhardt 2024). Differs: the phases are evenly spread over inputs and sines.
    """

    phase: Tensor

    def __init__(self, in_features: int, size: int, grid: int) -> None:
        super().__init__()
        self.frequency = nn.Parameter(torch.arange(1.0, grid + 1))
        place = torch.arange(in_features)[:, None] / in_features + torch.arange(grid) / grid
        self.register_buffer("phase", place * (math.pi / 2))
        self.amplitude = nn.Parameter(torch.empty(size, in_features, grid))
        self.bias = nn.Parameter(torch.empty(size))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new amplitudes; frequencies start anew."""
        grid = len(self.frequency)
        self.frequency.data = torch.arange(1.0, grid + 1, device=self.frequency.device)
        nn.init.normal_(self.amplitude, std=math.sqrt(2 / (self.amplitude.shape[1] * grid)))
        nn.init.zeros_(self.bias)

    def forward(self, x: Float[Tensor, "... I"]) -> Float[Tensor, "... O"]:
        """Applies the layer."""
        waves = (x[..., None] * self.frequency + self.phase).sin().flatten(-2)
        return waves @ self.amplitude.flatten(1).T + self.bias


class KanConv(nn.Module):
    """A convolution of two Kolmogorov-Arnold layers over every window: (N, C, S) -> (N, size, T).

    T = (S + 2 * padding - kernel) // stride + 1. No activation follows.

    Source: section 4.2.5 of the thesis "Towards faster sequence-to-sequence models for basecalling" (2024),
    in which it replaces the first or second convolution of Bonito.
    """

    def __init__(self, in_channels: int, config: KanConvConfig) -> None:
        super().__init__()
        self.config = config
        self.in_channels = in_channels
        self.first = self._layer(in_channels * config.kernel, config.hidden)
        self.second = self._layer(config.hidden, config.size)

    def _layer(self, in_features: int, size: int) -> nn.Module:
        config = self.config
        if config.basis == "sine":
            return SineLayer(in_features, size, config.grid)
        return SplineLayer(in_features, size, config.grid, config.degree, config.reach)

    def forward(self, x_NCS: Float[Tensor, "N C S"]) -> Float[Tensor, "N D T"]:
        """Applies both layers to every window."""
        config, channels = self.config, self.in_channels
        padding = config.kernel // 2 if config.padding is None else config.padding
        # a convolution that only copies: tap k of channel c becomes feature c * kernel + k
        taps = torch.eye(config.kernel, device=x_NCS.device, dtype=x_NCS.dtype)[:, None].repeat(
            channels, 1, 1
        )
        windows = conv1d(x_NCS, taps, stride=config.stride, padding=padding, groups=channels)
        return self.second(self.first(windows.transpose(1, 2))).transpose(1, 2)
