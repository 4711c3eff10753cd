"""Mamba's layer against its equations, step by step."""

from typing import Any

import numpy as np
import pytest
import torch

from lexome.nn.mamba import CausalConv, Mamba, MambaLayerConfig, initial_step_bias


def silu(v: np.ndarray) -> np.ndarray:
    return v / (1 + np.exp(-v))


def by_hand(layer: Mamba, x_TD: np.ndarray) -> np.ndarray:
    """One sequence in float64, with one state after the other."""
    w = {name: p.detach().numpy() for name, p in layer.named_parameters()}
    inner, states = w["log_a_ES"].shape
    width = w["conv.conv.weight"].shape[2]
    both = x_TD @ w["input.weight"].T
    into, gate = both[:, :inner], both[:, inner:]
    h = np.zeros((inner, states))
    out = []
    for t in range(len(x_TD)):
        seen = w["conv.conv.bias"].copy()
        for k in range(width):
            if t - width + 1 + k >= 0:
                seen += w["conv.conv.weight"][:, 0, k] * into[t - width + 1 + k]
        u = silu(seen)
        chosen = w["selection.weight"] @ u
        rank = len(chosen) - 2 * states
        b, c = chosen[rank : rank + states], chosen[rank + states :]
        step = np.log1p(np.exp(w["step.weight"] @ chosen[:rank] + w["step.bias"]))
        for e in range(inner):
            for s in range(states):
                h[e, s] = np.exp(-step[e] * np.exp(w["log_a_ES"][e, s])) * h[e, s] + step[e] * b[s] * u[e]
        y = h @ c + w["direct_E"] * u
        out.append(w["output.weight"] @ (y * silu(gate[t])))
    return np.stack(out)


@pytest.mark.parametrize("config", [{}, {"expand": 1, "conv": 1, "rank": 2}, {"states": 1}])
def test_forward_follows_the_equations(config: dict[str, Any]) -> None:
    torch.manual_seed(0)
    small: dict[str, Any] = {"size": 4, "states": 3}
    layer = Mamba(MambaLayerConfig(**(small | config))).double()
    for parameter in layer.parameters():
        parameter.data += 0.5 * torch.randn_like(parameter)
    x = torch.randn(2, 11, 4, dtype=torch.float64)
    expected = np.stack([by_hand(layer, sequence.numpy()) for sequence in x])
    np.testing.assert_allclose(layer(x).detach().numpy(), expected, rtol=1e-9, atol=1e-10)


def test_steps_begin_between_a_thousandth_and_a_tenth() -> None:
    torch.manual_seed(0)
    steps = torch.nn.functional.softplus(initial_step_bias(4000))
    assert 0.00099 < float(steps.min()) < 0.0011
    assert 0.095 < float(steps.max()) < 0.1001
    assert 0.009 < float(steps.log().mean().exp()) < 0.011


def test_the_convolution_sees_a_step_and_those_before_it() -> None:
    torch.manual_seed(0)
    conv, x = CausalConv(3, 4), torch.randn(1, 9, 3)
    other = x.clone()
    other[0, 4] += 1
    assert (conv(x) - conv(other))[0].abs().amax(-1).gt(1e-7).nonzero().flatten().tolist() == [4, 5, 6, 7]


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": 0},
        {"states": 0},
        {"rank": 0},
        {"version": 2, "head_size": 5},
        {"version": 2, "head_size": 4, "rank": 2},
    ],
)
def test_senseless_configs_are_refused(wrong: dict[str, Any]) -> None:
    right: dict[str, Any] = {"size": 8}
    with pytest.raises(ValueError, match="must be positive|do not divide|has no rank"):
        MambaLayerConfig(**(right | wrong))
