"""Convolution blocks against plain numpy, and folding of batch normalisation."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from lexome.nn.conv import ConvBlock, ConvConfig, fold_batchnorm


def by_hand(block: ConvBlock, x_CS: np.ndarray) -> np.ndarray:
    """Convolution, activation and clamp of one signal, sample by sample in float64."""
    config = block.config
    weight = block.conv.weight.detach().numpy().astype(np.float64)
    bias = np.zeros(config.size) if block.conv.bias is None else block.conv.bias.detach().numpy()
    padding = config.kernel // 2 if config.padding is None else config.padding
    padded = np.pad(x_CS.astype(np.float64), ((0, 0), (padding, padding)))
    steps = (padded.shape[1] - config.kernel) // config.stride + 1
    y = np.empty((config.size, steps))
    for t in range(steps):
        window = padded[:, t * config.stride : t * config.stride + config.kernel]
        y[:, t] = (weight * window).sum((1, 2)) + bias
    if block.norm is not None:
        assert block.norm.running_mean is not None
        assert block.norm.running_var is not None
        mean, var = block.norm.running_mean.numpy()[:, None], block.norm.running_var.numpy()[:, None]
        gain, shift = block.norm.weight.detach().numpy()[:, None], block.norm.bias.detach().numpy()[:, None]
        y = (y - mean) / np.sqrt(var + block.norm.eps) * gain + shift
    activations = {
        "swish": lambda v: v / (1 + np.exp(-v)),
        "tanh": np.tanh,
        "relu": lambda v: np.maximum(v, 0),
        "leaky_relu": lambda v: np.where(v > 0, v, 0.01 * v),
        "gelu": lambda v: v * 0.5 * (1 + np.vectorize(math.erf)(v / math.sqrt(2))),
        "none": lambda v: v,
    }
    y = activations[config.activation](y)
    return y if config.clamp is None else np.clip(y, *config.clamp)


def randomise(block: ConvBlock, seed: int) -> ConvBlock:
    generator = torch.Generator().manual_seed(seed)
    for parameter in block.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator)
    if block.norm is not None:
        block.norm.running_mean = torch.randn(block.config.size, generator=generator)
        block.norm.running_var = torch.rand(block.config.size, generator=generator) * 0.01
    return block.eval()


CONFIGS = [
    ConvConfig(4, 5),
    ConvConfig(3, 19, stride=6, activation="tanh"),
    ConvConfig(5, 4, stride=2, padding=0, bias=False, activation="relu"),
    ConvConfig(5, 4, activation="leaky_relu"),
    ConvConfig(5, 4, activation="gelu"),
    ConvConfig(4, 5, activation="none", clamp=(-0.5, 3.5)),
    ConvConfig(4, 5, stride=3, batch_norm=True, clamp=(-0.5, 3.5)),
    ConvConfig(4, 5, bias=False, batch_norm=True, activation="tanh"),
]


@pytest.mark.parametrize("config", CONFIGS)
def test_a_block_computes_what_its_config_says(config: ConvConfig) -> None:
    block = randomise(ConvBlock(2, config), 0)
    x = np.random.default_rng(1).standard_normal((3, 2, 50)).astype(np.float32)
    y = block(torch.from_numpy(x)).detach().numpy()
    expected = np.stack([by_hand(block, signal) for signal in x])
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("config", [c for c in CONFIGS if c.batch_norm])
def test_folding_keeps_the_outputs_and_removes_the_norm(config: ConvConfig) -> None:
    stack = nn.Sequential(
        randomise(ConvBlock(2, config), 2), nn.Sequential(randomise(ConvBlock(4, config), 3))
    )
    x = torch.randn(3, 2, 60, generator=torch.Generator().manual_seed(4))
    folded = fold_batchnorm(stack)
    assert not any(isinstance(m, nn.BatchNorm1d) for m in folded.modules())
    assert any(isinstance(m, nn.BatchNorm1d) for m in stack.modules())
    torch.testing.assert_close(folded(x), stack(x), rtol=1e-3, atol=1e-3)


def test_folding_uses_running_statistics_whatever_the_mode() -> None:
    block = randomise(ConvBlock(1, ConvConfig(4, 5, batch_norm=True)), 5).train()
    x = torch.randn(2, 1, 40, generator=torch.Generator().manual_seed(6))
    folded = fold_batchnorm(block)
    assert block.training
    torch.testing.assert_close(folded(x), block.eval()(x), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    "wrong", [{"size": 0}, {"kernel": 0}, {"stride": 0}, {"padding": -1}, {"clamp": (1.0, 1.0)}]
)
def test_senseless_configs_are_refused(wrong: dict[str, Any]) -> None:
    right: dict[str, Any] = {"size": 4, "kernel": 5}
    with pytest.raises(ValueError, match=r"must be positive|lower bound"):
        ConvConfig(**(right | wrong))
