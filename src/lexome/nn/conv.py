"""Convolution blocks over the signal. Shapes: N batch, C channels, S samples (or steps) in, T steps out."""

import copy
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import nn

Activation = Literal["swish", "tanh", "relu", "leaky_relu", "gelu", "none"]


@dataclass(frozen=True)
class ConvConfig:
    """One convolution block.

    Attributes:
        size: channels out.
        kernel: width in samples.
        stride: samples per step.
        padding: zeros at both ends; None means kernel // 2.
        bias: whether the convolution has a bias.
        activation: what follows the convolution (and its normalisation).
        batch_norm: whether a batch normalisation stands between convolution and activation.
        clamp: bounds (low, high) of the output, or None.
    """

    size: int
    kernel: int
    stride: int = 1
    padding: int | None = None
    bias: bool = True
    activation: Activation = "swish"
    batch_norm: bool = False
    clamp: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if self.size < 1 or self.kernel < 1 or self.stride < 1 or (self.padding or 0) < 0:
            raise ValueError(
                "size, kernel and stride of a convolution must be positive, padding not negative"
            )
        if self.padding is not None and self.padding > self.kernel:
            raise ValueError(
                f"padding {self.padding} of a convolution is wider than its kernel {self.kernel}"
            )
        if self.clamp is not None and self.clamp[0] >= self.clamp[1]:
            raise ValueError("clamp needs its lower bound first")


class ConvBlock(nn.Module):
    """Convolution, optional batch normalisation, activation, optional clamp: (N, C, S) -> (N, size, T).

    T = (S + 2 * padding - kernel) // stride + 1. Weights start orthogonal with zero bias; call
    `nn.initialise.scale_to_data` on the whole network before training.
    """

    def __init__(self, in_channels: int, config: ConvConfig) -> None:
        super().__init__()
        self.config = config
        padding = config.kernel // 2 if config.padding is None else config.padding
        self.conv = nn.Conv1d(
            in_channels, config.size, config.kernel, stride=config.stride, padding=padding, bias=config.bias
        )
        self.norm = nn.BatchNorm1d(config.size) if config.batch_norm else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new weights."""
        nn.init.orthogonal_(self.conv.weight)
        if self.conv.bias is not None:
            nn.init.zeros_(self.conv.bias)
        if self.norm is not None:
            self.norm.reset_parameters()

    def forward(self, x_NCS: Float[torch.Tensor, "N C S"]) -> Float[torch.Tensor, "N D T"]:
        """Applies the block."""
        y = self.conv(x_NCS)
        if self.norm is not None:
            y = self.norm(y)
        y = activate(y, self.config.activation)
        return y if self.config.clamp is None else y.clamp(*self.config.clamp)


def activate(x: torch.Tensor, activation: Activation) -> torch.Tensor:
    """Applies an activation by name; the shape stays."""
    match activation:
        case "swish":
            return nn.functional.silu(x)
        case "tanh":
            return torch.tanh(x)
        case "relu":
            return nn.functional.relu(x)
        case "leaky_relu":
            return nn.functional.leaky_relu(x)
        case "gelu":
            return nn.functional.gelu(x)
        case "none":
            return x


def fold_batchnorm(module: nn.Module) -> nn.Module:
    """Copies a module in evaluation mode with every batch normalisation folded into its convolution.

    Args:
        module: any module that holds `ConvBlock`s; it is not changed.

    Returns:
        The copy: same outputs as `module.eval()` up to rounding, no normalisation layers left in its blocks.
    """
    folded = copy.deepcopy(module).eval()
    for block in folded.modules():
        if isinstance(block, ConvBlock) and block.norm is not None:
            block.conv = _fold(block.conv, block.norm)
            block.norm = None
    return folded


def _fold(conv: nn.Conv1d, norm: nn.BatchNorm1d) -> nn.Conv1d:
    if norm.running_mean is None or norm.running_var is None:
        raise ValueError("a batch normalisation without running statistics cannot be folded")
    gain = norm.weight.detach() / torch.sqrt(norm.running_var + norm.eps)
    bias = torch.zeros_like(norm.running_mean) if conv.bias is None else conv.bias.detach()
    folded = copy.deepcopy(conv)  # with what rounds its input, if something does
    folded.weight = nn.Parameter(conv.weight.detach() * gain[:, None, None])
    folded.bias = nn.Parameter((bias - norm.running_mean) * gain + norm.bias.detach())
    return folded.eval()
