"""Kolmogorov-Arnold layers against their formulas, edge by edge."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from lexome.nn.kan import KanConv, KanConvConfig, SineLayer, SplineLayer, bsplines


def spline_value(x: float, g: int, grid: int, degree: int, reach: float) -> float:
    """The g-th uniform B-spline by truncated powers (Schoenberg 1946), no recursion."""
    u = (x + reach) / (2 * reach / grid) + degree - g
    powers = ((-1) ** j * math.comb(degree + 1, j) * max(u - j, 0.0) ** degree for j in range(degree + 2))
    return sum(powers) / math.factorial(degree) if 0 <= u <= degree + 1 else 0.0


@pytest.mark.parametrize(("grid", "degree", "reach"), [(4, 3, 1.0), (5, 2, 2.5), (3, 1, 1.0)])
def test_splines_are_those_of_schoenberg(grid: int, degree: int, reach: float) -> None:
    x = torch.linspace(-2 * reach, 2 * reach, 83, dtype=torch.float64)
    found = bsplines(x, grid, degree, reach)
    expected = [[spline_value(float(v), g, grid, degree, reach) for g in range(grid + degree)] for v in x]
    np.testing.assert_allclose(found.numpy(), expected, rtol=0, atol=1e-9)
    inside = found[x.abs() < reach]
    torch.testing.assert_close(inside.sum(-1), torch.ones(len(inside), dtype=torch.float64))


def test_a_spline_layer_sums_a_function_per_edge() -> None:
    torch.manual_seed(0)
    layer = SplineLayer(3, 2, 4, 3, 2.0).double()
    nn.init.normal_(layer.spline)
    x = torch.randn(5, 3, dtype=torch.float64)
    expected = np.zeros((5, 2))
    for n, o, i in np.ndindex(5, 2, 3):
        v = float(x[n, i])
        expected[n, o] += layer.base[o, i].item() * v / (1 + math.exp(-v))
        expected[n, o] += sum(layer.spline[o, i, g].item() * spline_value(v, g, 4, 3, 2.0) for g in range(7))
    np.testing.assert_allclose(layer(x).detach().numpy(), expected, rtol=0, atol=1e-9)


def test_a_sine_layer_sums_a_function_per_edge() -> None:
    torch.manual_seed(0)
    layer = SineLayer(3, 2, 4).double()
    nn.init.normal_(layer.bias)
    assert layer.frequency.tolist() == [1, 2, 3, 4]
    assert layer.phase.shape == (3, 4)
    assert 0 <= layer.phase.min() <= layer.phase.max() < math.pi
    x = torch.randn(5, 3, dtype=torch.float64)
    expected = np.empty((5, 2))
    for n, o in np.ndindex(5, 2):
        waves = (
            layer.amplitude[o, i, g].item() * math.sin((g + 1) * float(x[n, i]) + layer.phase[i, g].item())
            for i in range(3)
            for g in range(4)
        )
        expected[n, o] = layer.bias[o].item() + sum(waves)
    np.testing.assert_allclose(layer(x).detach().numpy(), expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("basis", ["spline", "sine"])
@pytest.mark.parametrize(("stride", "padding"), [(1, None), (3, 0)])
def test_a_convolution_is_both_layers_over_every_window(basis: Any, stride: int, padding: int | None) -> None:
    torch.manual_seed(0)
    conv = KanConv(2, KanConvConfig(3, 5, basis, 4, stride=stride, padding=padding))
    x = torch.randn(2, 2, 20)
    ends = 2 if padding is None else padding
    padded = nn.functional.pad(x, (ends, ends))
    steps = range(0, padded.shape[2] - 4, stride)
    expected = torch.stack(
        [conv.second(conv.first(padded[:, :, s : s + 5].flatten(1))) for s in steps], dim=2
    )
    torch.testing.assert_close(conv(x), expected)


@pytest.mark.parametrize("wrong", [{"hidden": 0}, {"grid": 0}, {"padding": 6}, {"reach": 0.0}, {"stride": 0}])
def test_senseless_configs_are_refused(wrong: dict[str, Any]) -> None:
    right: dict[str, Any] = {"size": 3, "kernel": 5, "basis": "sine", "hidden": 4}
    with pytest.raises(ValueError, match="of a KAN"):
        KanConvConfig(**(right | wrong))
