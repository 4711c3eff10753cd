"""The weights that attention modules tell are those with which they make their output."""

import pytest
import torch

from lexome.nn.attention import AttentionConfig, SelfAttention, surroundings
from lexome.nn.banded_attention import BandedSelfAttention, band_mask

CPU = torch.device("cpu")


def joined_by(weights_NHTT: torch.Tensor, x_NTD: torch.Tensor, layer) -> torch.Tensor:
    """The output of a layer, made of its values and the weights that it tells."""
    value_weight = layer.qkv.weight.chunk(3)[2]
    values_NHTE = (x_NTD @ value_weight.T).unflatten(-1, (weights_NHTT.shape[1], -1)).transpose(1, 2)
    return layer.out((weights_NHTT @ values_NHTE).transpose(1, 2).flatten(2))


@pytest.mark.parametrize("window", [(2, 3), (0, 4), (30, 30), None])
def test_weights_of_windowed_attention(window: tuple[int, int] | None) -> None:
    torch.manual_seed(0)
    config = AttentionConfig(3, window)
    layer = SelfAttention(24, config).double()
    x_NTD = 3 * torch.randn(2, 37, 24, dtype=torch.float64)
    around = surroundings(37, 8, config, CPU)
    weights = layer.weights(x_NTD, around)
    assert weights.shape == (2, 3, 37, 37)
    torch.testing.assert_close(joined_by(weights, x_NTD, layer), layer(x_NTD, around))
    assert weights.std() > 0.01  # not all the same


def test_weights_of_banded_attention() -> None:
    torch.manual_seed(1)
    layer, visible_TT = BandedSelfAttention(24, 3).double(), band_mask(37, 5, CPU)
    x_NTD = 3 * torch.randn(2, 37, 24, dtype=torch.float64)
    weights = layer.weights(x_NTD, visible_TT)
    torch.testing.assert_close(joined_by(weights, x_NTD, layer), layer(x_NTD, visible_TT))


def test_features_of_zero_are_looked_at_evenly() -> None:
    config = AttentionConfig(3, (2, 3))
    zero_NTD = torch.zeros(1, 20, 24)
    weights = SelfAttention(24, config).weights(zero_NTD, surroundings(20, 8, config, CPU))[0, 0]
    offset = torch.arange(20) - torch.arange(20)[:, None]
    visible = ((offset >= -2) & (offset <= 3)).float()
    torch.testing.assert_close(weights, visible / visible.sum(1, keepdim=True))
