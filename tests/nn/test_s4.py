"""State spaces: both forms agree, the discrete system is the continuous one's, the block its formula."""

import math
from typing import Any

import numpy as np
import pytest
import torch

from lexome.nn.s4 import S4Block, S4BlockConfig, S4Kernel, recurrent_response


def double_kernel(length: int = 64, states: int = 4, size: int = 3) -> S4Kernel:
    torch.manual_seed(0)
    return S4Kernel(S4BlockConfig(size, states=states, kernel=length)).double()


def test_the_convolution_is_the_recurrence_within_the_kernel() -> None:
    kernel = double_kernel(20)
    u = torch.randn(2, 20, 3, dtype=torch.float64)
    k_HL = kernel()
    convolved = torch.stack(
        [sum(k_HL[:, j] * u[:, t - j] for j in range(t + 1)) for t in range(20)],  # pyright: ignore
        dim=1,
    )
    torch.testing.assert_close(convolved, recurrent_response(kernel, u), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("length", [1, 2, 5, 8, 64])
def test_kernels_of_all_lengths_begin_alike(length: int) -> None:
    kernel = double_kernel(length)
    whole = double_kernel(64)
    assert kernel().shape == (3, length)
    torch.testing.assert_close(kernel(), whole()[:, :length])


def test_the_system_is_the_bilinear_rule_of_the_equations() -> None:
    """(x[k] - x[k-1]) / dt = A (x[k] + x[k-1]) / 2 + B u[k], with A spelt out."""
    kernel = double_kernel()
    w = {name: p.detach().numpy() for name, p in kernel.named_parameters()}
    a_bar, b_bar, _ = (value.detach().numpy() for value in kernel.system())
    rng = np.random.default_rng(1)
    for h in range(3):
        p = w["low_rank"][h, :, 0] + 1j * w["low_rank"][h, :, 1]
        a = np.diag(-np.exp(w["log_decay"][h]) + 1j * w["frequency"][h]) - np.outer(p, p.conj())
        b = w["b"][h, :, 0] + 1j * w["b"][h, :, 1]
        before, u = rng.standard_normal(4) + 1j * rng.standard_normal(4), 0.7
        after = a_bar[h] @ before + b_bar[h] * u
        rate = (after - before) / np.exp(w["log_dt"][h])
        np.testing.assert_allclose(rate, a @ (after + before) / 2 + b * u, rtol=1e-9, atol=1e-9)
        assert np.abs(np.linalg.eigvals(a_bar[h])).max() < 1, "stable"


def test_the_block_follows_its_formula() -> None:
    torch.manual_seed(0)
    block = S4Block(S4BlockConfig(3, states=4, kernel=5, residual=True)).double().eval()
    assert block.norm.running_mean is not None
    assert block.norm.running_var is not None
    block.norm.running_mean.normal_()
    block.norm.running_var.uniform_(0.5, 2)
    x = torch.randn(2, 12, 3, dtype=torch.float64)
    u = (x - block.norm.running_mean) / (block.norm.running_var + 1e-5).sqrt()
    past, future = block.past(), block.future()
    y = torch.zeros_like(u)
    for t in range(12):
        y[:, t] = block.direct * u[:, t]
        for j in range(5):
            if t - j >= 0:
                y[:, t] += past[:, j] * u[:, t - j]
            if t + 1 + j < 12:
                y[:, t] += future[:, j] * u[:, t + 1 + j]
    y = y * 0.5 * (1 + torch.erf(y / math.sqrt(2)))
    expected = x + y @ block.linear.weight.T + block.linear.bias
    torch.testing.assert_close(block(x), expected, rtol=1e-9, atol=1e-9)


def test_a_new_block_keeps_its_input_alive() -> None:
    torch.manual_seed(0)
    block = S4Block(S4BlockConfig(32, dropout=0.0))
    y = block(torch.randn(4, 200, 32)).detach()
    assert 0.1 < float(y.std()) < 3


@pytest.mark.parametrize(
    "wrong", [{"size": 0}, {"states": 0}, {"kernel": 65}, {"kernel": 0}, {"dropout": 1.0}]
)
def test_senseless_configs_are_refused(wrong: dict[str, Any]) -> None:
    right: dict[str, Any] = {"size": 8}
    with pytest.raises(ValueError, match=r"must be (positive|at least)|1 to 64"):
        S4BlockConfig(**(right | wrong))
