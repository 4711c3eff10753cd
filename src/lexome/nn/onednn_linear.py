"""Linear layers that learn, with float32 products of oneDNN on a CPU.

Torch gives float32 products to MKL, which is slow on some CPUs (measured on an AMD EPYC with AVX-512: 105
GFLOP/s a core against 235 forwards and 150 to 240 backwards here). `packed_linear` is for inference.

Shapes: I features in, O features out.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.functional import linear


def has_onednn() -> bool:
    """Whether this build of torch has what is needed."""
    return torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")


def _product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """X @ weight.T + bias."""
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")


class _Linear(torch.autograd.Function):
    """The product of a linear layer and its gradients, of rows (rows, I)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:  # noqa: D102
        ctx.save_for_backward(x, weight)
        return _product(x, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # noqa: D102  # type: ignore[override]
        x, weight = ctx.saved_tensors
        gradient = gradient.contiguous()
        needs_x, needs_weight, needs_bias = ctx.needs_input_grad
        return (
            _product(gradient, weight.t().contiguous()) if needs_x else None,
            _product(gradient.t(), x.t()) if needs_weight else None,
            gradient.sum(0) if needs_bias else None,
        )


class OnednnLinear(nn.Linear):
    """The same layer; whatever is no float32 on the CPU, or empty, goes the usual way."""

    def forward(self, input: Float[Tensor, "... I"]) -> Float[Tensor, "... O"]:
        """Applies the layer."""
        weight = self.weight
        is_plain = input.dtype == weight.dtype == torch.float32 and input.device.type == "cpu"
        if not (is_plain and input.numel() and weight.numel() and input.is_contiguous() and has_onednn()):
            return linear(input, weight, self.bias)
        rows = input.reshape(-1, self.in_features)
        if not (torch.is_grad_enabled() and (weight.requires_grad or input.requires_grad)):
            made = _product(rows, weight, self.bias)
        else:
            made = _Linear.apply(rows, weight, self.bias)
        return made.view(*input.shape[:-1], self.out_features)


def use_onednn(module: nn.Module) -> int:
    """Lets all linear layers inside a network compute with oneDNN; their weights and names stay as they are.

    Args:
        module: the network, changed in place.

    Returns:
        How many layers there are.
    """
    count = 0
    for part in module.modules():
        if type(part) is nn.Linear:
            part.__class__ = OnednnLinear  # the parameters, hooks and names of a layer in use stay
            count += 1
    return count
