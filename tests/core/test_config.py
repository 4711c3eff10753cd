"""Strict configuration: what is accepted, what is refused and how the refusal reads."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexome.core.config import apply_overrides, from_dict, read_toml, to_dict
from lexome.core.errors import UsageError


@dataclass(frozen=True)
class Layer:
    kernel: int
    activation: Literal["swish", "relu"] = "swish"


@dataclass(frozen=True)
class Network:
    width: int
    dropout: float = 0.0
    bias: bool = True
    name: str = "net"
    clip: float | None = None
    layers: tuple[Layer, ...] = ()
    span: tuple[int, float] = (1, 2.0)
    first: Layer | None = None
    level: Literal[1, 2] = 1
    options: dict[str, Any] = field(default_factory=dict)
    anything: Any = None

    def __post_init__(self) -> None:
        if self.width <= 0:
            raise ValueError(f"width must be positive, is {self.width}")


layers = st.builds(Layer, st.integers(1, 99), st.sampled_from(["swish", "relu"]))
networks = st.builds(
    Network,
    width=st.integers(1, 999),
    dropout=st.floats(0, 1),
    bias=st.booleans(),
    name=st.text(max_size=5),
    clip=st.none() | st.floats(-9, 9),
    layers=st.lists(layers, max_size=3).map(tuple),
    span=st.tuples(st.integers(), st.floats(allow_nan=False)),
    first=st.none() | layers,
    level=st.sampled_from([1, 2]),
    options=st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)


@given(networks)
def test_a_config_survives_json(network: Network) -> None:
    assert from_dict(Network, json.loads(json.dumps(to_dict(network))), "here") == network


def test_defaults_fill_what_is_not_given() -> None:
    assert from_dict(Network, {"width": 3}, "here") == Network(3)


def test_whole_numbers_are_floats_where_floats_are_asked_for() -> None:
    network = from_dict(Network, {"width": 3, "dropout": 1, "clip": 2}, "here")
    assert (type(network.dropout), type(network.clip)) == (float, float)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"widht": 3}, "recipe a.toml: unknown key 'widht'; did you mean 'width'?"),
        ({}, "recipe a.toml: key 'width' is missing"),
        ({"width": "3"}, "recipe a.toml, key 'width': expected int, got '3'"),
        ({"width": 3.0}, "recipe a.toml, key 'width': expected int, got 3.0"),
        ({"width": True}, "recipe a.toml, key 'width': expected int, got True"),
        ({"width": None}, "recipe a.toml, key 'width': expected int, got None"),
        ({"width": 3, "dropout": True}, "key 'dropout': expected float, got True"),
        ({"width": 3, "bias": 1}, "key 'bias': expected bool, got 1"),
        ({"width": 3, "clip": "no"}, "key 'clip': expected float, got 'no'"),
        ({"width": 3, "layers": 5}, "key 'layers': expected a list, got 5"),
        ({"width": 3, "layers": "ab"}, "key 'layers': expected a list, got 'ab'"),
        (
            {"width": 3, "layers": [{"kernel": 1}, {"kernal": 1}]},
            "'layers'[1]: unknown key 'kernal'; did you mean",
        ),
        ({"width": 3, "layers": [7]}, "'layers'[0]: expected a table, got int"),
        ({"width": 3, "span": [1]}, "key 'span': expected 2 values, got 1"),
        (
            {"width": 3, "first": {"kernel": 1, "activation": "relo"}},
            "'relo' is not allowed; did you mean 'relu'?",
        ),
        ({"width": 3, "level": 3}, "key 'level': 3 is not allowed; known: 1, 2"),
        ({"width": 3, "level": True}, "key 'level': True is not allowed"),
        ({"width": 3, "options": [1]}, "key 'options': expected a table, got [1]"),
        ({"width": -1}, "recipe a.toml: width must be positive, is -1"),
        ([1, 2], "recipe a.toml: expected a table, got list"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(data: Any, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        from_dict(Network, data, "recipe a.toml")
    assert message in str(caught.value)


def test_read_toml(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text("[a]\nb = [1, 2]\n", encoding="utf-8")
    assert read_toml(path) == {"a": {"b": [1, 2]}}


@pytest.mark.parametrize("content", [b"a = ", b"a = 1\na = 2", b"\xff\xfe"])
def test_read_toml_refuses_what_is_no_toml(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "recipe.toml"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="not a valid TOML file"):
        read_toml(path)


def test_read_toml_says_when_there_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        read_toml(tmp_path / "none.toml")
    with pytest.raises(UsageError, match="cannot be read"):
        read_toml(tmp_path)


def test_overrides_reach_into_tables_and_leave_the_original_alone() -> None:
    original = {"optim": {"lr": 0.1}, "layers": [{"kernel": 1}]}
    changed = apply_overrides(
        original, ["optim.lr=0.5", "optim.name=adam", "new.deep.key=[1, 2]", "flag=true"]
    )
    assert changed == {
        "optim": {"lr": 0.5, "name": "adam"},
        "layers": [{"kernel": 1}],
        "new": {"deep": {"key": [1, 2]}},
        "flag": True,
    }
    changed["layers"][0]["kernel"] = 9
    assert original == {"optim": {"lr": 0.1}, "layers": [{"kernel": 1}]}


@pytest.mark.parametrize(
    ("text", "value"),
    [("3", 3), ("3.0", 3.0), ('"3"', "3"), ("true", True), ("{a = 1}", {"a": 1}), ("a=b", "a=b"), ("", "")],
)
def test_values_of_overrides_are_toml_or_else_text(text: str, value: Any) -> None:
    result = apply_overrides({}, [f"key={text}"])["key"]
    assert result == value
    assert type(result) is type(value)


@pytest.mark.parametrize("override", ["optim.lr", "=3", " =3", "optim.lr.deeper=3"])
def test_overrides_that_make_no_sense_are_refused(override: str) -> None:
    with pytest.raises(UsageError, match="--set"):
        apply_overrides({"optim": {"lr": 0.1}}, [override])


def test_to_dict_of_a_mapping_field_is_plain() -> None:
    plain = to_dict(Network(1, options={"a": (1, Layer(2))}))
    assert plain["options"] == {"a": [1, {"kernel": 2, "activation": "swish"}]}
    assert isinstance(plain["options"], Mapping)


@dataclass(frozen=True)
class Circle:
    radius: float


@dataclass(frozen=True)
class Box:
    width: float
    height: float = 1.0


@dataclass(frozen=True)
class Drawing:
    shape: Circle | Box


def test_of_several_tables_the_one_that_was_meant_complains() -> None:
    assert from_dict(Drawing, {"shape": {"width": 2}}, "x").shape == Box(2.0)
    with pytest.raises(UsageError, match="unknown key 'heigth'; did you mean 'height'"):
        from_dict(Drawing, {"shape": {"width": 2, "heigth": 3}}, "x")
    with pytest.raises(UsageError, match="radius"):
        from_dict(Drawing, {"shape": {"radius": "wide"}}, "x")
