"""Attention with linear biases: against its definition, written out pair by pair."""

import pytest
import torch

from lexome.nn import alibi
from lexome.nn.alibi import AlibiSelfAttention, attend, distance_biases, reversed_biases, slopes
from lexome.nn.ragged import full, joined

TWELVE = [2.0**-i for i in range(1, 9)] + [0.70710678, 0.35355339, 0.1767767, 0.08838835]


def test_slopes_are_the_published_ones() -> None:
    assert slopes(12) == pytest.approx(TWELVE)
    assert slopes(8) == pytest.approx(TWELVE[:8])
    assert slopes(1) == [2**-8]
    assert slopes(16) == pytest.approx([2 ** (-i / 2) for i in range(1, 17)])
    assert slopes(3) == pytest.approx([2**-4, 2**-8, 2**-2])


@pytest.mark.parametrize("heads", range(1, 34))
def test_every_number_of_heads_has_its_own_slopes(heads: int) -> None:
    found = slopes(heads)
    assert len(set(found)) == len(found) == heads
    assert all(2**-8 <= slope < 1 for slope in found)


def plain_biases(length: int, heads: int) -> torch.Tensor:
    rows = [[[-s * abs(i - j) for j in range(length)] for i in range(length)] for s in slopes(heads)]
    return torch.tensor(rows, dtype=torch.float64)


@pytest.mark.parametrize(("length", "longest"), [(1, 1), (1, 5), (4, 4), (5, 9), (9, 9)])
def test_the_view_holds_the_biases_of_all_pairs(length: int, longest: int) -> None:
    biases = distance_biases(longest, 3, torch.zeros(0, dtype=torch.float64))
    view = reversed_biases(biases, length)
    torch.testing.assert_close(view.flip(1), plain_biases(length, 3))
    assert view.untyped_storage().nbytes() == biases.untyped_storage().nbytes() == 3 * (2 * longest - 1) * 8


@pytest.mark.parametrize("in_blocks", [False, True])
def test_attention_is_its_definition(in_blocks: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alibi, "MAX_BIAS_BYTES", 3 * 7 * 8 * 2)  # blocks of two queries
    torch.manual_seed(0)
    q, k, v = (torch.randn(2, 3, 7, 4, dtype=torch.float64, requires_grad=True) for _ in range(3))
    expected = (q @ k.transpose(2, 3) / 2 + plain_biases(7, 3)).softmax(-1) @ v
    found = attend(q, k, v, distance_biases(11, 3, q), in_blocks=in_blocks)
    torch.testing.assert_close(found, expected)
    weights = torch.randn_like(v)
    gradients = torch.autograd.grad((found * weights).sum(), (q, k, v))
    for gradient, wanted in zip(
        gradients, torch.autograd.grad((expected * weights).sum(), (q, k, v)), strict=True
    ):
        torch.testing.assert_close(gradient, wanted)


def test_blocks_hold_one_query_at_least(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alibi, "MAX_BIAS_BYTES", 1)
    q = torch.randn(1, 2, 5, 4)
    biases = distance_biases(5, 2, q)
    torch.testing.assert_close(attend(q, q, q, biases, in_blocks=True), attend(q, q, q, biases))


def test_the_layer_keeps_heads_and_sequences_apart() -> None:
    torch.manual_seed(1)
    layer = AlibiSelfAttention(6, 3).double()
    x = torch.randn(2 * 5, 6, dtype=torch.float64)
    biases = distance_biases(5, 3, x)
    found = layer(x, full(2, 5), biases).view(2, 5, 6)
    wq, wk, wv = layer.Wqkv.weight.chunk(3)
    bq, bk, bv = layer.Wqkv.bias.chunk(3)
    for n in range(2):
        rows = x[5 * n : 5 * n + 5]
        for h in range(3):
            part = slice(2 * h, 2 * h + 2)
            q, k, v = ((rows @ w.T + b)[:, part] for w, b in ((wq, bq), (wk, bk), (wv, bv)))
            weights = (q @ k.T / 2**0.5 + plain_biases(5, 3)[h]).softmax(-1)
            torch.testing.assert_close(found[n, :, part], weights @ v)
            torch.testing.assert_close(layer.weights(x, full(2, 5), biases)[0][n, h], weights)


def test_the_output_follows_from_the_weights_in_every_group() -> None:
    torch.manual_seed(2)
    layer = AlibiSelfAttention(8, 2)
    ragged = joined([4, 2, 4, 1], torch.device("cpu"))
    x = ragged.pack(torch.randn(11, 8))
    biases = distance_biases(4, 2, x)
    values = layer.Wqkv(x)[:, 16:]
    for weights, group in zip(layer.weights(x, ragged, biases), ragged.groups, strict=True):
        torch.testing.assert_close(weights.sum(-1), torch.ones(group.count, 2, group.length))
        v = values[group.start : group.stop].view(group.count, group.length, 2, 4).transpose(1, 2)
        expected = (weights @ v).transpose(1, 2).reshape(-1, 8)
        torch.testing.assert_close(layer(x, ragged, biases)[group.start : group.stop], expected)


def test_dropout_is_for_training_only() -> None:
    torch.manual_seed(3)
    layer = AlibiSelfAttention(4, 2, dropout=0.5)
    x = torch.randn(9, 4)
    biases = distance_biases(9, 2, x)
    assert not torch.equal(layer(x, full(1, 9), biases), layer(x, full(1, 9), biases))
    layer.eval()
    assert torch.equal(layer(x, full(1, 9), biases), layer(x, full(1, 9), biases))
