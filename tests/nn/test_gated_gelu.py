"""The gated feed-forward block."""

import math

import torch

from lexome.nn.gated_gelu import ROWS, GatedGelu


def test_the_first_half_gates_the_second() -> None:
    torch.manual_seed(0)
    block = GatedGelu(3, 5).double()
    x = torch.randn(4, 3, dtype=torch.float64)
    hidden = x @ block.gated_layers.weight.T
    gate = hidden[:, :5] * 0.5 * (1 + torch.erf(hidden[:, :5] / math.sqrt(2)))  # the exact GELU
    expected = (gate * hidden[:, 5:]) @ block.wo.weight.T + block.wo.bias
    torch.testing.assert_close(block(x), expected)
    assert block.gated_layers.bias is None


def test_dropout_is_for_training_only() -> None:
    block, x = GatedGelu(3, 50, dropout=0.5), torch.randn(4, 3)
    assert not torch.equal(block(x), block(x))
    block.eval()
    assert torch.equal(block(x), block(x))


def test_many_rows_are_done_in_parts() -> None:
    torch.manual_seed(0)
    block, x = GatedGelu(3, 5), torch.randn(2 * ROWS + 7, 3)
    with torch.no_grad():
        found = block(x)
    torch.testing.assert_close(found, block(x).detach())
