"""Reversible residual layers: what a layer was given is computed again from what it gave.

Shapes: N batch, T steps, D features.
"""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn


class ReversibleBlock(nn.Module):
    """y1 = x1 + f(x2), y2 = x2 + g(y1), of modules (N, T, D) -> (N, T, D) that leave nothing to chance."""

    def __init__(self, f: nn.Module, g: nn.Module) -> None:
        super().__init__()
        self.f = f
        self.g = g

    def forward(
        self, first_NTD: Float[Tensor, "N T D"], second_NTD: Float[Tensor, "N T D"]
    ) -> tuple[Float[Tensor, "N T D"], Float[Tensor, "N T D"]]:
        """Applies the block."""
        first = first_NTD + self.f(second_NTD)
        return first, second_NTD + self.g(first)


class ReversibleStack(nn.Module):
    """Reversible blocks over two copies of their input, then the mean of both: (N, T, D) -> (N, T, D).

    For gradients only the outputs of the last block are kept; the inputs of every block are computed again,
    from last to first. Memory does not grow with the number of blocks, and each is computed twice.

    Source: reversible residual networks (Gomez 2017), in the Reformer (Kitaev 2020).

    Args:
        blocks: from first to last.
        recompute: False keeps all activations, as any other network does: the plain twin.
    """

    def __init__(self, blocks: Sequence[ReversibleBlock], *, recompute: bool = True) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.recompute = recompute

    def forward(self, x_NTD: Float[Tensor, "N T D"]) -> Float[Tensor, "N T D"]:
        """Applies all blocks."""
        first, second = x_NTD, x_NTD
        if self.recompute and torch.is_grad_enabled() and not torch.jit.is_tracing():
            learned = [p for p in self.blocks.parameters() if p.requires_grad]
            first, second = _Recomputed.apply(first, second, self.blocks, *learned)  # type: ignore[misc]
        else:
            for block in self.blocks:
                first, second = block(first, second)
        return (first + second) / 2


class _Recomputed(torch.autograd.Function):
    """All blocks, with a backward pass that runs them backwards."""

    @staticmethod
    def forward(
        ctx: Any, first: Tensor, second: Tensor, blocks: nn.ModuleList, *learned: Tensor
    ) -> tuple[Tensor, Tensor]:
        for block in blocks:
            first, second = block(first, second)
        ctx.blocks, ctx.learned = blocks, learned
        ctx.save_for_backward(first, second)
        return first, second

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        first, second = ctx.saved_tensors
        of_first, of_second = grads
        of_learned: dict[int, Tensor] = {}
        for block in reversed(ctx.blocks):
            second, added = _without(second, block.g, first, of_second, of_learned)
            of_first = of_first + added
            first, added = _without(first, block.f, second, of_first, of_learned)
            of_second = of_second + added
        return of_first, of_second, None, *(of_learned.get(id(p)) for p in ctx.learned)


def _without(
    total: Tensor, module: nn.Module, x: Tensor, of_total: Tensor, of_learned: dict[int, Tensor]
) -> tuple[Tensor, Tensor]:
    """Takes module(x) off a sum; returns the rest and the gradient for x, and notes those of the weights."""
    learned = [p for p in module.parameters() if p.requires_grad]
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        y = module(x)
    of_x, *others = torch.autograd.grad(y, [x, *learned], of_total, allow_unused=True)
    for parameter, gradient in zip(learned, others, strict=True):
        if gradient is not None:
            known = of_learned.get(id(parameter))
            of_learned[id(parameter)] = gradient if known is None else known + gradient
    return total - y.detach(), torch.zeros_like(x) if of_x is None else of_x
