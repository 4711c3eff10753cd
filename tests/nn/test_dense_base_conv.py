"""The block of DenseBaseConv against its formula."""

import math

import numpy as np
import pytest
import torch

from lexome.nn.dense_base_conv import DenseBaseConvBlock, DenseBaseConvBlockConfig


def gelu(v: np.ndarray) -> np.ndarray:
    return v * 0.5 * (1 + np.vectorize(math.erf)(v / math.sqrt(2)))


@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_forward_follows_the_formula(kernel: int) -> None:
    torch.manual_seed(0)
    block = DenseBaseConvBlock(DenseBaseConvBlockConfig(4, kernel))
    for name, value in (*block.named_parameters(), *block.named_buffers()):
        if value.is_floating_point():
            value.data = 0.6 * torch.randn(value.shape).abs() if "var" in name else torch.randn(value.shape)
    block.eval()
    w = {name: value.detach().double().numpy() for name, value in block.state_dict().items()}
    x_DT = np.random.default_rng(1).standard_normal((4, 9))
    padded = np.pad(x_DT, ((0, 0), (kernel // 2, kernel // 2)))
    y_DT = np.empty((4, 9))
    for t in range(9):
        seen = np.einsum("ock,ck->o", w["conv.conv.weight"], padded[:, t : t + kernel])
        inner = w["linear.weight"] @ gelu(seen + w["conv.conv.bias"]) + w["linear.bias"]
        total = x_DT[:, t] + gelu(inner)
        scaled = (total - w["norm.running_mean"]) / np.sqrt(w["norm.running_var"] + 1e-5)
        y_DT[:, t] = scaled * w["norm.weight"] + w["norm.bias"]
    made = block(torch.from_numpy(x_DT[None].astype(np.float32)))[0].detach().numpy()
    np.testing.assert_allclose(made, y_DT, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("size", "kernel"), [(0, 5), (4, 4), (4, -1)])
def test_senseless_configs_are_refused(size: int, kernel: int) -> None:
    with pytest.raises(ValueError, match="positive"):
        DenseBaseConvBlockConfig(size, kernel)
