"""Sublayers that all of ONT's models have."""

from typing import Any

import pytest

from lexome.checkpoint.ont_sublayers import (
    convolution,
    expect,
    expect_known,
    expect_type,
    reading,
    scores,
)

CONVOLUTION = {"type": "convolution", "insize": 4, "size": 16, "winlen": 9, "norm": "batchnorm"}


def test_a_convolution_and_the_names_of_its_weights() -> None:
    config, names = convolution(CONVOLUTION | {"stride": 3, "padding": 4, "bias": False}, 4, "bonito")
    assert config == {
        "size": 16, "kernel": 9, "stride": 3, "padding": 4, "bias": False, "activation": "none",
        "batch_norm": True, "clamp": None,
    }  # fmt: skip
    norm = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    assert names == {"conv.weight": "conv.weight"} | {f"norm.bn.{name}": f"norm.{name}" for name in norm}


def test_dorado_has_the_normalisation_in_the_weights() -> None:
    config, names = convolution(CONVOLUTION | {"bias": False}, 4, "dorado")
    assert (config["bias"], config["batch_norm"]) == (True, False)
    assert names == {"conv.weight": "conv.weight", "conv.bias": "conv.bias"}


def test_scores() -> None:
    config, names = scores({"insize": 4, "state_len": 5, "scale": 5, "bias": False}, 4)
    assert config == {
        "state_len": 5, "blank_score": None, "bias": False, "activation": "none", "scale": 5.0, "clamp": None,
    }  # fmt: skip
    assert names == {"linear.weight": "linear.weight"}


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"insize": 5}, "insize must be 4"),
        ({"stride": 0}, "stride 0 is not positive"),
        ({"norm": "layernorm"}, "norm 'layernorm'"),
        ({"activation": "gelu"}, "activation 'gelu'"),
    ],
)
def test_convolutions_that_are_not_supported(change: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        convolution(CONVOLUTION | change, 4, "bonito")


@pytest.mark.parametrize("error", [KeyError("size"), ValueError("size"), TypeError("size")])
def test_complaints_name_the_place(error: Exception) -> None:
    with pytest.raises(ValueError, match=r"^\[there\]: .*size"), reading("[there]"):
        raise error


def test_what_is_expected() -> None:
    expect(True, "nothing")
    expect_known({"a": 1}, frozenset("ab"))
    expect_type({"type": "stack"}, "stack")
    with pytest.raises(ValueError, match="keys c, d are not known"):
        expect_known({"a": 1, "d": 2, "c": 3}, frozenset("ab"))
    with pytest.raises(ValueError, match="type 'None' is not supported here, only 'stack'"):
        expect_type({}, "stack")
