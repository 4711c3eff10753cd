"""Mamba-2: chunks give what the steps give; the layer follows its equations."""

import functools

import numpy as np
import pytest
import torch

from lexome.nn.mamba import MambaLayerConfig
from lexome.nn.mamba2 import Mamba2, chunked_state_space, stepwise_state_space


def step_by_step(x: torch.Tensor, log_decay: torch.Tensor, b: torch.Tensor, c: torch.Tensor) -> torch.Tensor:
    """The recurrence with its states (N, H, P, S)."""
    num_batch, num_steps, heads, size = x.shape
    h = torch.zeros(num_batch, heads, size, b.shape[2], dtype=x.dtype)
    outputs = []
    for t in range(num_steps):
        h = log_decay[:, t].exp()[..., None, None] * h + x[:, t, ..., None] * b[:, t, None, None]
        outputs.append((h * c[:, t, None, None]).sum(-1))
    return torch.stack(outputs, 1)


@pytest.mark.parametrize(("steps", "chunk"), [(1, 4), (4, 4), (5, 4), (23, 4), (16, 8), (7, 32), (9, 1)])
def test_chunks_give_what_steps_give(steps: int, chunk: int) -> None:
    generator = torch.Generator().manual_seed(steps)
    shapes = [(2, steps, 3, 2), (2, steps, 3), (2, steps, 4), (2, steps, 4)]
    x, log_decay, b, c = (
        torch.randn(shape, generator=generator, dtype=torch.float64, requires_grad=True) for shape in shapes
    )
    results = []
    chunked = functools.partial(chunked_state_space, chunk=chunk)
    for function in (step_by_step, chunked, stepwise_state_space):
        y = function(x, -log_decay.abs(), b, c)
        results.append((y, *torch.autograd.grad(y.square().sum(), (x, log_decay, b, c))))
    for slow, *fast in zip(*results, strict=True):
        for values in fast:
            torch.testing.assert_close(values, slow, rtol=1e-10, atol=1e-10)


def test_strong_decays_do_not_overflow() -> None:
    x, b = torch.ones(1, 70, 1, 1), torch.ones(1, 70, 1)
    y = chunked_state_space(x, torch.full((1, 70, 1), -50.0), b, b)
    torch.testing.assert_close(y, torch.ones_like(y))


def test_the_layer_follows_its_equations() -> None:
    torch.manual_seed(0)
    layer = Mamba2(MambaLayerConfig(4, version=2, states=3, head_size=4)).double()
    for parameter in layer.parameters():
        parameter.data += 0.3 * torch.randn_like(parameter)
    w = {name: p.detach().numpy() for name, p in layer.named_parameters()}
    x_TD = np.random.default_rng(0).standard_normal((9, 4))

    def silu(v: np.ndarray) -> np.ndarray:
        return v / (1 + np.exp(-v))

    all_of = x_TD @ w["input.weight"].T  # 8 gates, 8 inputs and 3 + 3 of B and C, 2 heads
    h = np.zeros((8, 3))
    expected = []
    for t in range(9):
        seen = w["conv.conv.bias"].copy()
        for k in range(4):
            if t - 3 + k >= 0:
                seen += w["conv.conv.weight"][:, 0, k] * all_of[t - 3 + k, 8:22]
        u, b, c = np.split(silu(seen), [8, 11])
        step = np.log1p(np.exp(all_of[t, 22:] + w["step_bias_H"]))
        for e in range(8):
            head = e // 4
            h[e] = np.exp(-step[head] * np.exp(w["log_a_H"][head])) * h[e] + step[head] * u[e] * b
        y = (h @ c + np.repeat(w["direct_H"], 4) * u) * silu(all_of[t, :8])
        y = y / np.sqrt((y**2).mean() + 1.1920929e-07) * w["norm.weight"]
        expected.append(w["output.weight"] @ y)
    made = layer(torch.from_numpy(x_TD)[None])[0].detach().numpy()
    np.testing.assert_allclose(made, np.stack(expected), rtol=1e-8, atol=1e-9)
