"""Weights on grids: as many bits in the file as were asked for, the same numbers after reading."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lexome.checkpoint.packing import STEP, Quantization, packed, read_quantization, unpacked
from lexome.core.errors import BadInputError


def layer_of(bits: int, shape: tuple[int, ...], seed: int = 0) -> tuple[dict[str, np.ndarray], dict]:
    rng = np.random.default_rng(seed)
    top = 2 ** (bits - 1) - 1
    q = rng.integers(-top, top + 1, shape)
    q.flat[0], q.flat[-1] = top, -top
    step = rng.uniform(1e-4, 3, shape[0]).astype(np.float32)
    weight = q.astype(np.float32) * step.reshape(-1, *(1,) * (len(shape) - 1))
    stated = {"layers": {"a": {"weight_bits": bits, "weights": {"weight": list(shape)}}}}
    weights = {"a.weight": weight, f"a.weight.{STEP}": step, "a.bias": np.ones(2, np.float32)}
    return weights, stated


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 16), st.lists(st.integers(1, 5), min_size=2, max_size=3), st.integers(0, 99))
def test_what_is_packed_is_read_back_to_the_bit(bits: int, shape: list[int], seed: int) -> None:
    weights, stated = layer_of(bits, tuple(shape), seed)
    file = packed(weights, stated, "here")
    assert file["a.weight"].dtype == np.uint8
    assert file["a.weight"].nbytes == math.ceil(math.prod(shape) * bits / 8)
    back = unpacked(file, stated, "here")
    assert back.keys() == weights.keys()
    for name, weight in weights.items():
        np.testing.assert_array_equal(back[name], weight)


def test_bits_stand_in_the_file_as_the_page_says() -> None:
    stated = {"layers": {"a": {"weight_bits": 3, "weights": {"weight": [1, 3]}}}}
    weights = {
        "a.weight": np.array([[-1.5, 0, 1.0]], np.float32),
        f"a.weight.{STEP}": np.array([0.5], np.float32),
    }
    # q + 3: 0, 3, 5: 000 011 101, filled up with zeros
    assert packed(weights, stated, "here")["a.weight"].tolist() == [0b00001110, 0b10000000]


def test_nothing_quantised_is_nothing_packed() -> None:
    weights = {"a": np.ones((2, 2), np.float32)}
    for stated in (None, {}, {"layers": {"a": {"activation_bits": 8}}}):
        assert packed(weights, stated, "here")["a"] is weights["a"]
        assert unpacked(weights, stated, "here")["a"] is weights["a"]
    assert read_quantization(None, "here") == Quantization()


@pytest.mark.parametrize("change", [0.01, 5.0])
def test_a_weight_off_its_grid_is_never_written(change: float) -> None:
    weights, stated = layer_of(4, (2, 3))
    weights["a.weight"][0, 1] += np.float32(change * weights[f"a.weight.{STEP}"][0] * 3)
    with pytest.raises(ValueError, match="not on its grid of 4 bits"):
        packed(weights, stated, "here")


@pytest.mark.parametrize(
    "damage",
    [
        lambda w: w.pop("a.weight"), lambda w: w.pop(f"a.weight.{STEP}"),
        lambda w: w.update({"a.weight": w["a.weight"][:-1]}),
        lambda w: w.update({"a.weight": w["a.weight"].astype(np.int16)}),
        lambda w: w.update({f"a.weight.{STEP}": np.ones(5, np.float32)}),
    ],
)  # fmt: skip
def test_a_file_that_is_not_as_its_record_says_is_refused(damage: object) -> None:
    weights, stated = layer_of(4, (2, 3))
    file = packed(weights, stated, "here")
    damage(file)  # type: ignore[operator]
    with pytest.raises(BadInputError, match="here: weight 'a.weight' is not packed as its record says"):
        unpacked(file, stated, "here")


@pytest.mark.parametrize(
    "stated",
    [
        {"engine": "int4"}, {"layers": {"a": {"weight_bits": 1}}}, {"layers": {"a": {"weight_bit": 4}}},
        {"layers": {"a": {"input_step": 0.0}}}, {"layers": {"a": 3}}, {"layers": {"a": {"input_zero": -1.0}}},
        {"layers": {"a": {"weight_bits": 4, "weights": {"weight": [10**9, 10**9]}}}},
        {"layers": {"a": {"weight_bits": 4, "weights": {"weight": [-2, -3]}}}},
        {"layers": {"a": {"weight_bits": 4, "weights": {"weight": "x"}}}},
        {"layers": {"a": {"weight_bits": 4, "weights": {"weight": []}}}},
    ],
)  # fmt: skip
def test_records_that_make_no_sense_are_refused(stated: dict) -> None:
    file = packed(*layer_of(4, (2, 3)), "here")
    with pytest.raises(BadInputError, match="^here"):
        unpacked(file, stated, "here")
