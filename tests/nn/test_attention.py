"""Attention within a window: in blocks as without, and without as by hand."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.autograd import gradcheck

from lexome.nn.attention import (
    MAX_REACH,
    AttentionConfig,
    SelfAttention,
    banded_attention,
    block_shape,
    blocked_attention,
    surroundings,
    visible_keys,
)

CPU = torch.device("cpu")


Heads = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


def random_heads(seed: int, steps: int, batch: int = 2, heads: int = 2, size: int = 4) -> Heads:
    q, k, v = torch.randn(3, batch, steps, heads, size, generator=torch.Generator().manual_seed(seed))
    return q, k, v


@pytest.mark.parametrize("window", [(2, 3), (0, 0), (0, 4), (50, 1), None])
def test_one_mask_over_all_pairs_is_attention_by_hand(window: tuple[int, int] | None) -> None:
    q, k, v = (x.numpy().astype(np.float64) for x in random_heads(0, 13))
    left, right = window or (13, 13)
    expected = np.empty_like(q)
    for n, t, h in np.ndindex(2, 13, 2):
        keys = slice(max(t - left, 0), t + right + 1)
        weights = np.exp(k[n, keys, h] @ q[n, t, h] / np.sqrt(4))
        expected[n, t, h] = weights / weights.sum() @ v[n, keys, h]
    found = banded_attention(*random_heads(0, 13), window)
    np.testing.assert_allclose(found.numpy(), expected, rtol=0, atol=1e-5)


@given(st.integers(0, 9), st.integers(1, 80), st.integers(0, 40), st.integers(0, 40))
def test_in_blocks_it_is_the_same(seed: int, steps: int, left: int, right: int) -> None:
    q, k, v = random_heads(seed, steps)
    expected = banded_attention(q, k, v, (left, right))
    found = blocked_attention(q, k, v, (left, right), visible_keys(steps, (left, right), CPU))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


def test_in_blocks_it_is_the_same_at_the_published_window() -> None:
    q, k, v = random_heads(1, 1000, batch=1, size=16)
    expected = banded_attention(q, k, v, (127, 128))
    found = blocked_attention(q, k, v, (127, 128), visible_keys(1000, (127, 128), CPU))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


def test_gradients() -> None:
    """Also of a sequence that does not fill its last block, whose filling must not give a NaN."""
    inputs = [x.double().requires_grad_() for x in random_heads(2, 11, batch=1, heads=1, size=2)]
    visible = visible_keys(11, (3, 2), CPU)
    assert gradcheck(lambda q, k, v: blocked_attention(q, k, v, (3, 2), visible), inputs)


@given(st.integers(1, 100), st.integers(0, 40), st.integers(0, 40))
def test_every_query_sees_something(steps: int, left: int, right: int) -> None:
    """Also those that only fill the last block: a softmax over nothing is not a number on some devices."""
    assert visible_keys(steps, (left, right), CPU).any(-1).all()


@given(st.integers(0, 300), st.integers(0, 300))
def test_blocks_hold_all_windows_and_little_else(left: int, right: int) -> None:
    size, before, after = block_shape((left, right))
    assert left <= before * size < left + size
    assert right <= after * size < right + size
    num_keys = (before + after + 1) * size
    assert num_keys <= max(2 * (left + right + 1), 0) + 3 * 8


def test_memory_grows_with_the_length_not_with_its_square() -> None:
    """The masks and the keys around all blocks are the largest tensors that the blocked form makes."""
    window = (127, 128)
    sizes = [visible_keys(steps, window, CPU).numel() for steps in (10_000, 20_000)]
    assert sizes[1] < 2.01 * sizes[0]
    assert sizes[1] < 2 * 20_000 * sum(window)
    heads = torch.empty(1, 10**6, 8, 64, device="meta")
    visible = torch.empty((10**6 + 63) // 64, 64, 320, dtype=torch.bool, device="meta")
    largest = LargestTensor()
    with largest:
        blocked_attention(heads, heads, heads, window, visible)
    assert 0 < largest.elements <= 1.01 * 10**6 * 8 * 320


class LargestTensor(torch.overrides.TorchFunctionMode):
    """Notes the number of elements of the largest tensor that any function gives."""

    elements = 0

    def __torch_function__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if isinstance(result, torch.Tensor):
            self.elements = max(self.elements, result.numel())
        return result


@pytest.mark.parametrize("window", [(5, 3), None])
def test_a_layer_is_its_formula(window: tuple[int, int] | None) -> None:
    torch.manual_seed(0)
    layer = SelfAttention(12, AttentionConfig(3, window, theta=100.0))
    x = torch.randn(2, 30, 12)
    around = surroundings(30, 4, layer.config, CPU)
    assert {name: tuple(p.shape) for name, p in layer.named_parameters()} == {
        "qkv.weight": (36, 12),
        "out.weight": (12, 12),
        "out.bias": (12,),
    }
    q, k, v = (
        (x @ weight.T).unflatten(-1, (3, 4)) for weight in layer.qkv.weight.chunk(3)
    )  # all queries, then all keys, then all values; a head's features side by side
    angles = torch.arange(30)[:, None] * 100.0 ** (-torch.arange(2) / 2)
    turn = torch.polar(torch.ones_like(angles), angles)[:, None]
    q, k = (torch.complex(heads[..., :2], heads[..., 2:]) * turn for heads in (q, k))
    q, k = (torch.cat([heads.real, heads.imag], -1) for heads in (q, k))
    seen = banded_attention(q, k, v, window)
    expected = seen.flatten(2) @ layer.out.weight.T + layer.out.bias
    torch.testing.assert_close(layer(x, around), expected, rtol=0, atol=1e-5)


def test_a_step_hears_of_no_step_outside_its_window() -> None:
    torch.manual_seed(0)
    layer = SelfAttention(8, AttentionConfig(2, (4, 9)))
    around = surroundings(50, 4, layer.config, CPU)
    x = torch.randn(1, 50, 8)
    changed = x.clone()
    changed[0, 20] += 1
    differs = (layer(x, around) - layer(changed, around))[0].abs().amax(-1) > 1e-7
    assert differs.nonzero().flatten().tolist() == list(range(20 - 9, 20 + 4 + 1))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"num_heads": 0, "window": None}, "num_heads must be positive"),
        ({"num_heads": 2, "window": None, "theta": 1.0}, "theta above one"),
        ({"num_heads": 2, "window": (-1, 3)}, "from 0 to"),
        ({"num_heads": 2, "window": (1, MAX_REACH + 1)}, "from 0 to"),
    ],
)
def test_senseless_configurations_are_refused(wrong: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AttentionConfig(**wrong)
