"""Attention within a radius and to global tokens: blocks, all pairs, and the definition."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lexome.nn.t5_weights import draw_t5_weights
from lexome.nn.window_attention import BiasesOfTokens, WindowAttention, parts_of


def layer(radius: int | None, num_global: int, **more: float) -> tuple[WindowAttention, BiasesOfTokens]:
    torch.manual_seed(0)
    attention = WindowAttention(12, 3, 4, radius, num_global, **more).double().eval()  # type: ignore[arg-type]
    biases = BiasesOfTokens(3, 8, 20, has_global=num_global > 0).double()
    for module in (attention, biases):
        draw_t5_weights(module, 4)
    if attention.global_norm is not None:
        torch.nn.init.uniform_(attention.global_norm.weight, 0.5, 2.0)
    return attention, biases


def by_hand(attention: WindowAttention, biases: BiasesOfTokens, x_TD: np.ndarray) -> np.ndarray:
    """One sequence, one query after the other."""
    weight = {n: p.detach().numpy() for n, p in attention.named_parameters()}
    length, heads, size = len(x_TD), attention.num_heads, attention.head_size
    count = min(attention.num_global, length)
    members = [[i for i in range(length) if i * count // length == part] for part in range(count)]
    assert all(members)
    extra = []
    for of_part in members:
        total = x_TD[of_part].sum(0)
        extra.append(total / np.sqrt((total**2).mean() + 1e-6) * weight["global_norm.weight"])
    tokens = np.stack([*x_TD, *extra])
    out = []
    for i in range(length):
        parts = []
        for head in range(heads):
            rows = slice(head * size, (head + 1) * size)
            query = weight["q.weight"][rows] @ x_TD[i]
            scores, values = [], []
            for j, token in enumerate(tokens):
                is_token = j < length
                if is_token and attention.radius is not None and abs(j - i) > attention.radius:
                    continue
                own = i * count // length if count else 0
                distance = j - i if is_token else (j - length) - own
                table = biases.near if is_token else biases.far
                assert table is not None
                bias = float(table(torch.tensor([distance]))[head, 0].detach())
                scores.append(query @ (weight["k.weight"][rows] @ token) + bias)
                values.append(weight["v.weight"][rows] @ token)
            share = np.exp(np.array(scores) - max(scores))
            parts.append((share / share.sum()) @ np.stack(values))
        out.append(weight["out.weight"] @ np.concatenate(parts))
    return np.stack(out)


@pytest.mark.parametrize(("radius", "num_global"), [(3, 0), (3, 4), (None, 0), (2, 50), (5, 1)])
def test_both_ways_follow_the_definition(radius: int | None, num_global: int) -> None:
    attention, biases = layer(radius, num_global)
    x = torch.randn(2, 23, 12, dtype=torch.float64)
    expected = np.stack([by_hand(attention, biases, one.numpy()) for one in x])
    np.testing.assert_allclose(attention.dense(x, biases).detach().numpy(), expected, rtol=1e-9, atol=1e-11)
    if radius is not None:
        found = attention.in_blocks(x, biases).detach().numpy()
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-11)


@settings(max_examples=40, deadline=None)
@given(length=st.integers(1, 60), radius=st.integers(1, 12), num_global=st.integers(0, 9))
def test_blocks_equal_all_pairs(length: int, radius: int, num_global: int) -> None:
    attention, biases = layer(radius, num_global)
    x = torch.randn(2, length, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(length))
    expected = attention.dense(x, biases)
    torch.testing.assert_close(attention.in_blocks(x, biases), expected)
    with torch.no_grad():  # another kernel
        torch.testing.assert_close(attention.in_blocks(x, biases), expected)


def test_the_gradients_are_the_same() -> None:
    attention, biases = layer(4, 3)
    x = torch.randn(2, 31, 12, dtype=torch.float64)
    found = []
    for way in (attention.dense, attention.in_blocks):
        inputs = [x.clone().requires_grad_(), *attention.parameters(), *biases.parameters()]
        found.append(torch.autograd.grad(way(inputs[0], biases).square().sum(), inputs))
    for one, other in zip(*found, strict=True):
        assert one.abs().sum() > 0
        torch.testing.assert_close(one, other)


def test_a_window_that_covers_the_sequence_is_dense_attention() -> None:
    windowed, biases = layer(40, 0)
    dense, _ = layer(None, 0)
    dense.load_state_dict(windowed.state_dict())
    x = torch.randn(1, 41, 12, dtype=torch.float64)
    torch.testing.assert_close(windowed.in_blocks(x, biases), dense(x, biases))


def test_nothing_beyond_the_radius_is_seen_without_global_tokens() -> None:
    attention, biases = layer(3, 0)
    x = torch.randn(1, 30, 12, dtype=torch.float64)
    other = x.clone()
    other[0, 14] += 1
    moved = (attention(x, biases) - attention(other, biases))[0].abs().amax(-1) > 1e-9
    assert moved.nonzero().flatten().tolist() == list(range(11, 18))


def test_a_global_token_tells_of_what_is_far() -> None:
    attention, biases = layer(3, 2)
    x = torch.randn(1, 30, 12, dtype=torch.float64)
    other = x.clone()
    other[0, 29] += 1
    assert (attention(x, biases) - attention(other, biases))[0, 0].abs().max() > 1e-6


@pytest.mark.parametrize(("length", "parts"), [(10, 3), (3, 10), (7, 7), (1, 4), (16384, 32)])
def test_parts_are_even_and_none_is_empty(length: int, parts: int) -> None:
    counts = torch.bincount(parts_of(length, parts, torch.device("cpu")))
    assert len(counts) == min(length, parts)
    assert counts.min() >= 1
    assert counts.max() - counts.min() <= 1


def test_weights_add_up_to_one() -> None:
    attention, biases = layer(3, 4)
    weights = attention.weights(torch.randn(2, 15, 12, dtype=torch.float64), biases)
    assert weights.shape == (2, 3, 15, 19)
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 3, 15, dtype=torch.float64))
    assert not weights[..., 0, 4:15].any()


def test_dropout_drops_attention_in_training_alone() -> None:
    attention, biases = layer(3, 2, dropout=0.5)
    x = torch.randn(1, 20, 12, dtype=torch.float64)
    assert torch.equal(attention(x, biases), attention(x, biases))
    attention.train()
    assert not torch.equal(attention.in_blocks(x, biases), attention.in_blocks(x, biases))
    assert attention(x, biases).isfinite().all()
