"""Feed-forward blocks against their formulas."""

import pytest
import torch

from lexome.nn.experts import Experts, ExpertsConfig, FastConfig, FastFeedForward
from lexome.nn.feed_forward import DenseConfig, DenseFeedForward, feed_forward


def test_a_dense_block_is_its_formula() -> None:
    torch.manual_seed(0)
    block = feed_forward(4, DenseConfig(7))
    assert isinstance(block, DenseFeedForward)
    torch.nn.init.normal_(block.into.bias)
    x = torch.randn(2, 5, 4)
    hidden = (x @ block.into.weight.T + block.into.bias).clamp(min=0)
    torch.testing.assert_close(block(x), hidden @ block.out.weight.T + block.out.bias)


def test_the_kind_follows_from_the_configuration() -> None:
    assert isinstance(feed_forward(4, ExpertsConfig(7, 3)), Experts)
    assert isinstance(feed_forward(4, FastConfig(2, 2)), FastFeedForward)


def test_dropout_is_between_the_layers() -> None:
    block = DenseFeedForward(4, DenseConfig(7), dropout=1.0 - 1e-9)
    torch.nn.init.ones_(block.out.bias)
    assert torch.equal(block(torch.randn(1, 3, 4)), torch.ones(1, 3, 4))


def test_senseless_blocks_are_refused() -> None:
    with pytest.raises(ValueError, match="must be positive"):
        DenseConfig(0)
