"""Linear layers that learn, with float32 products of oneDNN on a CPU.

Torch gives float32 products to MKL, which is slow on some CPUs (measured on an AMD EPYC with AVX-512: 105
GFLOP/s a core against 235 forwards and 150 to 240 backwards here). `packed_linear` is for inference.

oneDNN compiles code for every new number of rows (about 10 ms and a megabyte each), and batches of sequences
of several lengths have ever new ones. So rows are filled up with zeros to one of few numbers.

Shapes: I features in, O features out, R rows.
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


def rounded(rows: int) -> int:
    """The number to which rows are filled up: the next of 16 steps within each power of two, 32 at least."""
    step = max(32, 1 << max(0, rows.bit_length() - 5))
    return -(-rows // step) * step


def filled_up(x_RI: Float[Tensor, "R I"]) -> Float[Tensor, "_ I"]:
    """Rows with zeros behind them, as many as `rounded` says."""
    missing = rounded(len(x_RI)) - len(x_RI)
    return torch.nn.functional.pad(x_RI, (0, 0, 0, missing)) if missing else x_RI


def _product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """X @ weight.T + bias."""
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")


class _Linear(torch.autograd.Function):
    """The product of a linear layer and its gradients, of rows (rows, I)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        full = filled_up(x)
        ctx.save_for_backward(full, weight)
        return _product(full, weight, bias)[: len(x)]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        full, weight = ctx.saved_tensors
        needs_x, needs_weight, needs_bias = ctx.needs_input_grad
        of_full = filled_up(gradient.contiguous())
        return (
            _product(of_full, weight.t().contiguous())[: len(gradient)] if needs_x else None,
            _product(of_full.t(), full.t()) if needs_weight else None,
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
            made = _product(filled_up(rows), weight, self.bias)[: len(rows)]
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
