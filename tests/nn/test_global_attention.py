"""Local and global attention: in blocks as by one mask, and the mask as it should be."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lexome.nn.global_attention import (
    LocalGlobalAttention,
    local_global_attention,
    local_global_mask,
    masked_local_global_attention,
)

CPU = torch.device("cpu")


def test_global_places_see_all_and_are_seen_by_all() -> None:
    mask = local_global_mask(2, 6, (1, 2), CPU)
    for i, j in ((i, j) for i in range(8) for j in range(8)):
        assert bool(mask[i, j]) == (i < 2 or j < 2 or -1 <= j - i <= 2)


@given(st.integers(0, 9), st.integers(1, 50), st.integers(0, 20), st.integers(0, 20), st.integers(0, 3))
def test_in_blocks_it_is_the_same(seed: int, steps: int, left: int, right: int, num_global: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    q, k, v = torch.randn(3, 2, num_global + steps, 2, 4, generator=generator)
    found = local_global_attention(q, k, v, (left, right), num_global)
    expected = masked_local_global_attention(q, k, v, (left, right), num_global)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


def test_gradients_are_the_same() -> None:
    torch.manual_seed(0)
    q, k, v = (torch.randn(1, 22, 2, 4, requires_grad=True) for _ in range(3))
    weights = torch.randn(1, 22, 2, 4)
    grads = [
        torch.autograd.grad((attention(q, k, v, (2, 3), 2) * weights).sum(), (q, k, v))
        for attention in (local_global_attention, masked_local_global_attention)
    ]
    for found, expected in zip(*grads, strict=True):
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


def test_the_module_projects_and_joins() -> None:
    torch.manual_seed(0)
    attention = LocalGlobalAttention(6, 3, (1, 1), 2)
    x = torch.randn(2, 9, 6)
    q, k, v = ((x @ w.T).reshape(2, 9, 3, 2) for w in attention.qkv.weight.chunk(3))
    seen = masked_local_global_attention(q, k, v, (1, 1), 2).reshape(2, 9, 6)
    torch.testing.assert_close(attention(x), seen @ attention.out.weight.T)


def test_heads_have_to_fit() -> None:
    with pytest.raises(ValueError, match="6 features do not divide into 4 heads"):
        LocalGlobalAttention(6, 4, (1, 1), 0)
