"""Attention in a band, positions and gated sums: against their definitions."""

import math

import pytest
import torch

from lexome.nn.banded_attention import BandedSelfAttention, FeedForward, Gated, band_mask, sinusoids

CPU = torch.device("cpu")


def attention(dropout: float = 0.0) -> BandedSelfAttention:
    torch.manual_seed(0)
    return BandedSelfAttention(6, 2, dropout).double()


def test_attention_is_its_definition_column_by_column() -> None:
    layer, band = attention(), 2
    x = torch.randn(2, 9, 6, dtype=torch.float64)
    wq, wk, wv = layer.qkv.weight.chunk(3)
    expected = torch.zeros_like(x)
    weights = torch.zeros(2, 2, 9, 9, dtype=torch.float64)
    for n in range(2):
        for t in range(9):
            around = range(max(0, t - band), min(9, t + band + 1))
            heads = []
            for h in range(2):
                part = slice(3 * h, 3 * h + 3)
                q = (wq @ x[n, t])[part] / math.sqrt(3)
                score = torch.stack([q @ (wk @ x[n, s])[part] for s in around]).softmax(0)
                weights[n, h, t, around.start : around.stop] = score
                heads.append(sum(a * (wv @ x[n, s])[part] for a, s in zip(score, around, strict=True)))
            expected[n, t] = layer.out.weight @ torch.cat(heads)
    visible = band_mask(9, band, CPU)
    torch.testing.assert_close(layer(x, visible), expected)
    torch.testing.assert_close(layer.weights(x, visible), weights)


def test_nothing_outside_the_band_is_seen() -> None:
    layer, visible = attention(), band_mask(30, 12, CPU)
    x = torch.randn(1, 30, 6, dtype=torch.float64, requires_grad=True)
    layer(x, visible)[0, 15].sum().backward()
    assert x.grad is not None
    seen = x.grad[0].abs().sum(-1) > 0
    assert seen.nonzero().flatten().tolist() == list(range(3, 28))


def test_dropout_is_for_training_only() -> None:
    layer, visible = attention(0.5), band_mask(9, 3, CPU)
    x = torch.randn(1, 9, 6, dtype=torch.float64)
    assert not torch.equal(layer(x, visible), layer(x, visible))
    layer.eval()
    assert torch.equal(layer(x, visible), layer(x, visible))
    torch.testing.assert_close(layer(x, visible), attention().eval()(x, visible))


def test_positions_are_sines_then_cosines_from_the_shortest_to_the_longest_period() -> None:
    table = sinusoids(50, 8, CPU)
    assert table.shape == (50, 8)
    for column in (0, 1, 49):
        for i in range(4):
            angle = column / 10_000 ** (i / 3)
            assert table[column, i].item() == pytest.approx(math.sin(angle), abs=1e-6)
            assert table[column, 4 + i].item() == pytest.approx(math.cos(angle), abs=1e-6)
    assert sinusoids(3, 2, CPU)[2].tolist() == pytest.approx([math.sin(2), math.cos(2)])


def test_a_new_gate_lets_nothing_through_and_learns_first() -> None:
    torch.manual_seed(0)
    layer = Gated(FeedForward(4, 8))
    x = torch.randn(2, 3, 4)
    assert torch.equal(layer(x), x)
    layer(x).square().sum().backward()
    assert layer.gate.grad is not None
    assert layer.gate.grad.abs() > 0
    assert all(not p.grad.any() for p in layer.inner.parameters() if p.grad is not None)
    with torch.no_grad():
        layer.gate.fill_(0.5)
    torch.testing.assert_close(layer(x), x + 0.5 * layer.inner(x))
    layer.reset_parameters()
    assert layer.gate == 0


def test_feed_forward_is_two_layers_with_biases() -> None:
    torch.manual_seed(0)
    layer = FeedForward(4, 8)
    torch.nn.init.normal_(layer.into.bias)
    torch.nn.init.normal_(layer.out.bias)
    x = torch.randn(1, 3, 4)
    hidden = (x @ layer.into.weight.T + layer.into.bias).clamp(min=0)
    torch.testing.assert_close(layer(x), hidden @ layer.out.weight.T + layer.out.bias)
