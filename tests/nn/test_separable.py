"""Separable convolution blocks against sums written out."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from lexome.models.quartznet import QuartzNetConfig
from lexome.nn.separable import NORM_EPS, SeparableBlock, SeparableConfig, SeparableConv


def randomise(module: nn.Module, seed: int) -> nn.Module:
    """Weights and statistics as after some training."""
    generator = torch.Generator().manual_seed(seed)
    for name, value in module.state_dict().items():
        if value.dtype.is_floating_point:
            value.copy_(torch.randn(value.shape, generator=generator) * 0.5)
            if name.endswith("running_var"):
                value.abs_().add_(0.5)
    return module.eval()


def normalised(y_CT: np.ndarray, norm: nn.BatchNorm1d) -> np.ndarray:
    mean, var, gain, shift = (
        v.detach().numpy().astype(np.float64)[:, None]  # type: ignore[union-attr]
        for v in (norm.running_mean, norm.running_var, norm.weight, norm.bias)
    )
    return (y_CT - mean) / np.sqrt(var + NORM_EPS) * gain + shift


def by_hand(conv: SeparableConv, x_CS: np.ndarray, config: SeparableConfig, stride: int) -> np.ndarray:
    """Every output as a sum over taps (and channels) that lie inside the signal."""
    along = conv.along_time.weight.detach().numpy().astype(np.float64)
    channels, samples = x_CS.shape
    steps = -(-samples // stride)
    y = np.zeros((along.shape[0], steps))
    for o, t, tap in np.ndindex(along.shape[0], steps, config.kernel):
        s = t * stride + (tap - config.kernel // 2) * config.dilation
        if 0 <= s < samples:
            y[o, t] += along[o, 0, tap] * x_CS[o, s] if config.separable else along[o, :, tap] @ x_CS[:, s]
    if config.separable:
        assert isinstance(conv.across_channels, nn.Conv1d)
        y = conv.across_channels.weight.detach().numpy()[..., 0].astype(np.float64) @ y
    return normalised(y, conv.norm)


@pytest.mark.parametrize("separable", [True, False])
@pytest.mark.parametrize(("kernel", "stride", "dilation"), [(5, 1, 1), (5, 3, 1), (3, 2, 4), (1, 1, 1)])
def test_a_convolution_is_its_sums(separable: bool, kernel: int, stride: int, dilation: int) -> None:
    config = SeparableConfig(4, kernel, stride=stride, dilation=dilation, separable=separable)
    conv = SeparableConv(3, config, stride)
    randomise(conv, 0)
    x = torch.randn(2, 3, 20, generator=torch.Generator().manual_seed(1))
    expected = np.stack([by_hand(conv, row.numpy().astype(np.float64), config, stride) for row in x])
    np.testing.assert_allclose(conv(x).detach().numpy(), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("residual", [True, False])
def test_a_block_repeats_and_adds_its_input_before_the_last_activation(residual: bool) -> None:
    config = SeparableConfig(4, 5, repeat=3, residual=residual)
    block = SeparableBlock(3, config, "relu", 0.5)
    randomise(block, 2)
    x = torch.randn(1, 3, 20, generator=torch.Generator().manual_seed(3))
    y = x[0].numpy().astype(np.float64)
    for i, conv in enumerate(block.convs):
        assert isinstance(conv, SeparableConv)
        y = by_hand(conv, y, config, 1)
        if i == 2 and block.residual is not None:
            one = SeparableConfig(4, 1, separable=False)
            y = y + by_hand(block.residual, x[0].numpy().astype(np.float64), one, 1)
        y = np.maximum(y, 0)
    assert residual == (block.residual is not None)
    np.testing.assert_allclose(block(x)[0].detach().numpy(), y, rtol=0, atol=1e-4)


def test_dropout_only_in_training() -> None:
    block = SeparableBlock(1, SeparableConfig(8, 3), "none", 0.5)
    x = torch.randn(2, 1, 50, generator=torch.Generator().manual_seed(3))
    assert (block(x) == 0).float().mean() > 0.3
    assert (block.eval()(x) != 0).all()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"size": 0}, "must be positive"),
        ({"kernel": 4}, "must be odd"),
        ({"repeat": 0}, "must be positive"),
        ({"residual": True, "stride": 2}, "stride of one"),
    ],
)
def test_senseless_configs_are_refused(wrong: dict[str, Any], message: str) -> None:
    right: dict[str, Any] = {"size": 4, "kernel": 5}
    with pytest.raises(ValueError, match=message):
        SeparableConfig(**(right | wrong))


def test_groups_mix_the_channels_within_them_and_no_others() -> None:
    """The same as an ordinary convolution whose weights between groups are zero."""
    conv = SeparableConv(6, SeparableConfig(4, 5, groups_of=3), 1)
    randomise(conv, 0)
    weight = torch.zeros(6, 6, 5)
    for out in range(6):
        first = out // 3 * 3
        weight[out, first : first + 3] = conv.along_time.weight[out]
    x = torch.randn(2, 6, 20, generator=torch.Generator().manual_seed(1))
    expected = torch.nn.functional.conv1d(x, weight, padding=2)
    torch.testing.assert_close(conv.along_time(x), expected, rtol=0, atol=1e-5)


def test_groups_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="groups_of of a block must be positive"):
        SeparableConfig(4, 5, groups_of=0)
    with pytest.raises(ValueError, match="groups_of is for separable blocks"):
        SeparableConfig(4, 5, groups_of=2, separable=False)
    for sizes in ((4, 8), (8, 4)):  # of the block before, and of the block that repeats
        blocks = (SeparableConfig(sizes[0], 3), SeparableConfig(sizes[1], 3, repeat=2, groups_of=8))
        with pytest.raises(ValueError, match="block 1: groups_of 8 does not divide 4 channels"):
            QuartzNetConfig(blocks)
