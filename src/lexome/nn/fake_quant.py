"""Numbers on a grid of few bits, in float32, with gradients that pass through the rounding.

Weights are symmetric, with a step for every output channel: q * step, |q| at most 2^(bits-1) - 1. What goes
into a layer has one step and one zero: (q - zero) * step, q from 0 to 2^bits - 1. Rounding is to the nearest,
halves to even, as in torch, numpy and ONNX.

Source: Jacob et al. 2018 (quantisation in training, affine activations, symmetric weights), Esser et al. 2020
(LSQ: the step is learnt; its gradient is that of the formula with rounding passed through, times
1 / sqrt(numbers * largest q)). What differs: the zero of an input is not learnt.

Shapes: C output channels.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

FLOAT = 32  # "bits" of what is not quantised
LEAST_BITS, MOST_BITS = 2, 16
LEAST_STEP = 1e-30  # far above what float32 cannot divide by


def largest(bits: int) -> int:
    """The largest q of a weight.

    >>> largest(8)
    127
    """
    return 2 ** (bits - 1) - 1


class _Round(torch.autograd.Function):
    """Rounding, whose gradient is that of doing nothing."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.round()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # type: ignore[override]
        return gradient


class _Scale(torch.autograd.Function):
    """Nothing, but for a gradient that is scaled."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, factor: float) -> Tensor:
        ctx.factor = factor
        return x.view_as(x)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        return gradient * ctx.factor, None


def round_through(x: Tensor) -> Tensor:
    """Rounds; the gradient passes through as it is."""
    # a graph is exported without gradients, and the exporter knows no custom functions
    return _Round.apply(x) if torch.is_grad_enabled() and x.requires_grad else x.round()  # type: ignore[no-any-return]


def rounded_weight(weight: Tensor, step_C: Tensor, bits: int) -> Tensor:
    """A weight on its grid.

    Args:
        weight: channels first, of any shape behind.
        step_C: above 0, one for each channel.
        bits: 2 to 16.

    Returns:
        The nearest values of the grid. The gradient of the weight passes where it is not clipped; that of a
        step is q - weight / step there, and q where it is clipped, scaled as in LSQ.
    """
    top = largest(bits)
    step = step_C.view(-1, *(1,) * (weight.dim() - 1))
    if step.requires_grad:
        step = _Scale.apply(step, (weight[0].numel() * top) ** -0.5)
    return round_through((weight / step).clamp(-top, top)) * step


def rounded_input(x: Tensor, step: Tensor, zero: Tensor, bits: int) -> Tensor:
    """Numbers on the grid of a layer's input.

    Args:
        x: any shape.
        step: above 0, one number.
        zero: a whole number from 0 to 2^bits - 1: the q of 0.
        bits: 2 to 16.

    Returns:
        The nearest values of the grid; gradients as in `rounded_weight`.
    """
    top = 2**bits - 1
    if step.requires_grad:
        step = _Scale.apply(step, (x.numel() * top) ** -0.5)
    return (round_through((x / step + zero).clamp(0, top)) - zero) * step


def input_grid(low: float, high: float, bits: int) -> tuple[float, float]:
    """Step and zero of a range; 0 is always in it, and on the grid.

    >>> input_grid(0.0, 51.0, 8)
    (0.2, 0.0)
    """
    low, high = min(low, 0.0), max(high, 0.0)
    step = (high - low) / (2**bits - 1)
    if not step > LEAST_STEP:
        return 1.0, 0.0
    return step, float(min(2**bits - 1, max(0, round(-low / step))))


@dataclass
class InputRounding:
    """Rounds what goes into a module: to be registered as its forward pre-hook.

    Attributes:
        step: one number, a tensor.
        zero: one number, a tensor.
        bits: 2 to 16.
    """

    step: Tensor
    zero: Tensor
    bits: int

    def __call__(self, module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        """The inputs as the module gets them; of an attention, query, key and value."""
        count = 3 if isinstance(module, nn.MultiheadAttention) else 1
        return (
            *(
                rounded_input(x, self.step, self.zero, self.bits) if is_number(x) else x
                for x in inputs[:count]
            ),
            *inputs[count:],
        )


def is_number(x: object) -> bool:
    """Whether something is a tensor of real numbers."""
    return isinstance(x, Tensor) and x.is_floating_point()


def rounded_layers(network: nn.Module) -> dict[str, tuple[str, ...]]:
    """The layers whose weights can be put on a grid: module name -> names of its weights.

    Convolutions, linear layers, every kind of recurrent layer (weights of input and state) and the joint
    projection of torch's attention. Embeddings, splines, mixtures of experts and what state spaces make their
    kernels of are left as they are.
    """
    layers = {}
    for name, module in network.named_modules():
        own = [n for n, weight in module.named_parameters(recurse=False) if weight.dim() > 1]
        if isinstance(module, nn.Conv1d | nn.Conv2d | nn.Linear):
            kept = [n for n in own if n == "weight"]
        elif isinstance(module, nn.MultiheadAttention):
            kept = [n for n in own if n == "in_proj_weight"]
        else:
            kept = [n for n in own if n.startswith(("weight_ih", "weight_hh"))]
        if kept:
            layers[name] = tuple(kept)
    return layers
