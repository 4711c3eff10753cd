"""Reversible layers: gradients of the plain twin, with memory that does not grow with depth."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from lexome.nn.lsh_attention import LshAttention, LshConfig
from lexome.nn.reversible import ReversibleBlock, ReversibleStack

SIZE = 6


def stack(depth: int, *, recompute: bool, mixer: Callable[[], nn.Module] | None = None) -> ReversibleStack:
    torch.manual_seed(0)
    return ReversibleStack(
        [
            ReversibleBlock(
                mixer() if mixer else nn.Sequential(nn.Linear(SIZE, SIZE), nn.Tanh()),
                nn.Sequential(nn.LayerNorm(SIZE), nn.Linear(SIZE, 9), nn.GELU(), nn.Linear(9, SIZE)),
            )
            for _ in range(depth)
        ],
        recompute=recompute,
    )


def lsh() -> nn.Module:
    return LshAttention(SIZE, 2, LshConfig(4, 4, 2))


def gradients(one: ReversibleStack, x: Tensor) -> list[Tensor]:
    x = x.clone().requires_grad_()
    y = one(x)
    weights = torch.randn(y.shape, generator=torch.Generator().manual_seed(1), dtype=y.dtype)
    return [y.detach(), *torch.autograd.grad((y * weights).sum(), [x, *one.parameters()])]


@pytest.mark.parametrize("mixer", [None, lsh])
def test_gradients_are_those_of_the_plain_twin(mixer: Callable[[], nn.Module] | None) -> None:
    x = torch.randn(2, 13, SIZE, dtype=torch.float64)
    found = gradients(stack(4, recompute=True, mixer=mixer).double(), x)
    expected = gradients(stack(4, recompute=False, mixer=mixer).double(), x)
    assert len(found) == len(expected) > 20
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


def test_it_is_the_two_sums_of_the_formula() -> None:
    one = stack(2, recompute=True)
    x = torch.randn(1, 5, SIZE)
    first, second = x, x
    for block in one.blocks:
        assert isinstance(block, ReversibleBlock)
        first = first + block.f(second)
        second = second + block.g(first)
    torch.testing.assert_close(one(x), 0.5 * (first + second))
    with torch.no_grad():
        torch.testing.assert_close(one(x), 0.5 * (first + second))


def kept(depth: int, *, recompute: bool) -> int:
    """Numbers that are kept for the backward pass."""
    total = 0

    def pack(tensor: Tensor) -> Tensor:
        nonlocal total
        total += tensor.numel()
        return tensor

    with saved_tensors_hooks(pack, lambda tensor: tensor):
        stack(depth, recompute=recompute)(torch.randn(2, 50, SIZE, requires_grad=True))
    return total


def test_what_is_kept_does_not_grow_with_depth() -> None:
    assert 2 * 2 * 50 * SIZE <= kept(2, recompute=True) == kept(8, recompute=True) < 4 * 2 * 50 * SIZE
    assert kept(8, recompute=False) > 3 * kept(2, recompute=False)


def test_frozen_and_shared_weights() -> None:
    """What does not learn gets no gradient, and what stands in two blocks the sum of both."""
    results = []
    for recompute in (True, False):
        one = stack(3, recompute=recompute).double()
        one.blocks[2] = one.blocks[0]
        frozen = next(one.blocks[1].parameters()).requires_grad_(False)
        one(torch.ones(1, 4, SIZE, dtype=torch.float64)).square().sum().backward()
        assert frozen.grad is None
        results.append([p.grad for p in one.parameters() if p is not frozen])
    for found, expected in zip(*results, strict=True):
        assert found is not None
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)
