"""Other ways to show a signal to a network: Taylor coefficients or frequencies of a sliding window.

Shapes: N batch, S samples, F features of a sample.
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import conv1d


@dataclass(frozen=True)
class TaylorConfig:
    """Coefficients f^(k) / k! of the Taylor polynomial around every sample, k = 0 to `degree`.

    Derivatives are central differences, applied k times, so that `window` samples allow a degree of half
    their number; the thesis' best is 17 samples (its degree is printed as 81, read here as 8, the highest one
    that 17 samples have).
    """

    degree: int = 8
    window: int = 17

    def __post_init__(self) -> None:
        if self.window < 1 or self.window % 2 == 0 or not 0 <= self.degree <= self.window // 2:
            raise ValueError("window must be odd and degree from 0 to half of it")

    @property
    def kinds(self) -> int:
        """Features of every sample."""
        return self.degree + 1


@dataclass(frozen=True)
class FourierConfig:
    """The discrete Fourier transform of the window around every sample, its frequencies 0 to window // 2.

    `parts`: "complex" for real parts and (but for frequency 0) imaginary ones, "magnitude" for magnitudes.
    """

    parts: Literal["complex", "magnitude"]
    window: int = 17

    def __post_init__(self) -> None:
        if self.window < 1 or self.window % 2 == 0:
            raise ValueError("window must be odd")

    @property
    def kinds(self) -> int:
        """Features of every sample."""
        return self.window if self.parts == "complex" else self.window // 2 + 1


InputConfig = TaylorConfig | FourierConfig


def taylor_kernels(config: TaylorConfig) -> Float[Tensor, "F W"]:
    """Row k gives the k-th coefficient as a sum over the window."""
    kernels = torch.zeros(config.kinds, config.window, dtype=torch.float64)
    kernels[0, config.window // 2] = 1
    for k in range(1, config.kinds):
        former = torch.nn.functional.pad(kernels[k - 1], (1, 1))
        kernels[k] = (former[:-2] - former[2:]) / (2 * k)
    return kernels


def fourier_kernels(window: int) -> Float[Tensor, "W W"]:
    """Real parts of the frequencies 0 to window // 2, then imaginary parts of 1 to window // 2."""
    turn = 2 * math.pi / window * torch.arange(window, dtype=torch.float64)
    frequency = torch.arange(window // 2 + 1, dtype=torch.float64)[:, None]
    return torch.cat([(frequency * turn).cos(), -(frequency[1:] * turn).sin()])


class WindowedInput(nn.Module):
    """Features of the window around every sample, zeros outside: (N, 1, S) -> (N, F, S). Nothing is learned.

    Source: section 4.3 of the thesis "Towards faster sequence-to-sequence models for basecalling" (2024).
    """

    kernels: Tensor

    def __init__(self, config: InputConfig) -> None:
        super().__init__()
        self.config = config
        is_taylor = isinstance(config, TaylorConfig)
        kernels = taylor_kernels(config) if is_taylor else fourier_kernels(config.window)
        self.register_buffer("kernels", kernels.float()[:, None])

    def forward(self, signal_NCS: Float[Tensor, "N 1 S"]) -> Float[Tensor, "N F S"]:
        """Features of every sample."""
        config = self.config
        y_NFS = conv1d(signal_NCS, self.kernels, padding=config.window // 2)
        if isinstance(config, TaylorConfig) or config.parts == "complex":
            return y_NFS
        real, imaginary = y_NFS[:, : config.kinds], y_NFS[:, config.kinds :]
        constant, others = real[:, :1].abs(), torch.sqrt(real[:, 1:].square() + imaginary.square())
        return torch.cat([constant, others], dim=1)
