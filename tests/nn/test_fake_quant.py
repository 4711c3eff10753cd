"""Grids against slow transcriptions, and their gradients against the formulas."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from lexome.nn.fake_quant import (
    InputRounding,
    input_grid,
    largest,
    round_through,
    rounded_input,
    rounded_layers,
    rounded_weight,
)


def slow_weight(weight: np.ndarray, step: np.ndarray, bits: int) -> np.ndarray:
    """One number after the other: the q from -top to top whose value is nearest, halves to even."""
    top = 2 ** (bits - 1) - 1
    out = np.empty_like(weight)
    for channel, row in enumerate(weight.reshape(len(weight), -1)):
        for place, value in enumerate(row):
            ratio = np.float32(value) / np.float32(step[channel])
            q = min(max(round(float(ratio)), -top), top)
            out.reshape(len(weight), -1)[channel, place] = np.float32(q) * np.float32(step[channel])
    return out


@pytest.mark.parametrize("bits", [2, 3, 4, 7, 8, 16])
def test_weights_are_rounded_as_the_definition_says(bits: int) -> None:
    rng = np.random.default_rng(bits)
    weight = rng.normal(size=(5, 3, 4)).astype(np.float32)
    step = (np.abs(weight).reshape(5, -1).max(1) * 0.7 / largest(bits)).astype(np.float32)
    found = rounded_weight(torch.from_numpy(weight), torch.from_numpy(step), bits).numpy()
    np.testing.assert_array_equal(found, slow_weight(weight, step, bits))
    values = [len(np.unique(row)) for row in found.reshape(5, -1)]
    assert max(values) <= 2 * largest(bits) + 1


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_a_channel_has_as_many_values_as_its_bits_allow(bits: int) -> None:
    weight = torch.linspace(-1, 1, 5001).repeat(2, 1)
    found = rounded_weight(weight, torch.tensor([1 / largest(bits), 2 / largest(bits)]), bits)
    assert len(found[0].unique()) == 2**bits - 1
    assert found[0].abs().max() == pytest.approx(1)


@settings(max_examples=50, deadline=None)
@given(
    st.integers(2, 16), st.floats(-50, 50, width=32), st.floats(-50, 50, width=32),
    st.lists(st.floats(-80, 80, width=32), min_size=1, max_size=20),
)  # fmt: skip
def test_inputs_lie_on_their_grid_and_0_stays_0(
    bits: int, low: float, high: float, values: list[float]
) -> None:
    low, high = min(low, high), max(low, high)
    step, zero = input_grid(low, high, bits)
    x = torch.tensor([*values, 0.0])
    found = rounded_input(x, torch.tensor(step), torch.tensor(zero), bits).double().numpy()
    assert found[-1] == 0
    q = found / np.float32(step) + zero
    assert np.abs(q - np.rint(q)).max() < 1e-2
    assert q.min() > -0.01
    assert q.max() < 2**bits - 1 + 0.01
    inside = (x >= min(low, 0)) & (x <= max(high, 0)) if step < 1 else x == 0
    near = np.abs(found - x.double().numpy())[inside.numpy()]
    assert (
        near.max(initial=0) <= 1.001 * step + 1e-5
    )  # half a step, and half of one where the zero was rounded


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0.0, 51.0, (0.2, 0)), (-1.0, 1.0, (2 / 255, 128)), (2.0, 5.1, (0.02, 0)), (-5.1, -3.0, (0.02, 255)),
     (0.0, 0.0, (1.0, 0))],
)  # fmt: skip
def test_grids_of_ranges(low: float, high: float, expected: tuple[float, float]) -> None:
    assert input_grid(low, high, 8) == pytest.approx(expected)


def test_the_gradient_passes_through_rounding_and_not_through_clipping() -> None:
    x = torch.tensor([0.2, 0.5, 1.5, -2.4], requires_grad=True)
    made = round_through(x)
    assert made.tolist() == [0, 0, 2, -2]
    made.backward(torch.tensor([1.0, 2.0, 3.0, 4.0]))
    assert x.grad is not None
    assert x.grad.tolist() == [1, 2, 3, 4]
    weight = torch.tensor([[0.1, -0.24, 0.9, -5.0]], requires_grad=True)
    rounded_weight(weight, torch.tensor([0.1]), 4).sum().backward()
    assert weight.grad is not None
    assert weight.grad.tolist()[0] == pytest.approx([1, 1, 0, 0])


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_the_gradient_of_a_step_is_that_of_lsq(bits: int) -> None:
    rng = np.random.default_rng(bits)
    weight, upstream = rng.normal(size=(2, 3, 6))
    step = np.array([0.1, 0.02, 0.5])
    top = 2 ** (bits - 1) - 1
    expected = []
    for row, ups, s in zip(weight, upstream, step, strict=True):
        total = 0.0
        for value, up in zip(row, ups, strict=True):
            ratio = value / s
            total += up * (math.copysign(top, ratio) if abs(ratio) > top else round(ratio) - ratio)
        expected.append(total / math.sqrt(len(row) * top))
    found = torch.tensor(step, requires_grad=True)
    (rounded_weight(torch.tensor(weight), found, bits) * torch.tensor(upstream)).sum().backward()
    assert found.grad is not None
    np.testing.assert_allclose(found.grad.numpy(), expected, rtol=1e-6)


def test_the_gradient_of_an_inputs_step_is_that_of_lsq() -> None:
    x, zero, bits = np.array([-1.0, 0.13, 0.77, 9.0]), 3, 3
    step = 0.25
    total = 0.0
    for value in x:
        q = value / step + zero
        total += -zero if q < 0 else 7 - zero if q > 7 else round(q) - zero - value / step
    found = torch.tensor(step, dtype=torch.float64, requires_grad=True)
    given_x = torch.tensor(x, requires_grad=True)
    rounded_input(given_x, found, torch.tensor(zero), bits).sum().backward()
    assert found.grad is not None
    assert float(found.grad) == pytest.approx(total / math.sqrt(4 * 7))
    assert given_x.grad is not None
    assert given_x.grad.tolist() == [0, 1, 1, 0]


def test_the_rounding_of_a_module_takes_its_numbers_only() -> None:
    hook = InputRounding(torch.tensor(0.5), torch.tensor(0.0), 4)
    x, mask = torch.tensor([0.6]), torch.tensor([1])
    assert hook(nn.Linear(1, 1), (x, mask))[0].tolist() == [0.5]
    assert hook(nn.Linear(1, 1), (mask, x))[1] is x
    attention = nn.MultiheadAttention(2, 1)
    assert [t.tolist() for t in hook(attention, (x, x, x))] == [[0.5]] * 3


def test_the_layers_that_have_grids() -> None:
    network = nn.Sequential(
        nn.Conv1d(1, 2, 3), nn.LSTM(2, 3), nn.GRU(3, 2), nn.Linear(2, 2), nn.MultiheadAttention(2, 1),
        nn.Embedding(3, 2), nn.LayerNorm(2),
    )  # fmt: skip
    assert rounded_layers(network) == {
        "0": ("weight",), "1": ("weight_ih_l0", "weight_hh_l0"), "2": ("weight_ih_l0", "weight_hh_l0"),
        "3": ("weight",), "4": ("in_proj_weight",), "4.out_proj": ("weight",),
    }  # fmt: skip
