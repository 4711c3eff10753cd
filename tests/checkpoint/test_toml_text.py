"""What is written is what the standard library reads."""

import math
import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexome.checkpoint.toml_text import to_toml

TEXT = st.text(st.characters(codec="utf-8"), max_size=8)
SCALARS = st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | TEXT
TABLES = st.recursive(
    st.dictionaries(TEXT, SCALARS | st.lists(SCALARS, max_size=3), max_size=3),
    lambda inner: st.dictionaries(
        TEXT, SCALARS | inner | st.lists(inner, min_size=1, max_size=3), max_size=3
    ),
    max_leaves=8,
)


def kinds(value: Any) -> Any:
    """The value with the type of every number, which `==` does not tell apart."""
    if isinstance(value, dict):
        return {key: kinds(inner) for key, inner in value.items()}
    return [kinds(inner) for inner in value] if isinstance(value, list) else (type(value), value)


@given(TABLES)
def test_what_is_written_is_read_back(config: dict[str, Any]) -> None:
    assert kinds(tomllib.loads(to_toml(config))) == kinds(config)


def test_it_looks_as_people_write_it() -> None:
    config = {
        "title": "a",
        "encoder": {"sublayers": [{"type": "clamp", "min": -5.0}, {"dims": (2, 0, 1)}], "type": "serial"},
        "qscore": {"scale": 1.0, "on": True, "a b": 1e-05},
    }
    assert to_toml(config) == (
        'title = "a"\n\n[encoder]\ntype = "serial"\n\n[[encoder.sublayers]]\ntype = "clamp"\nmin = -5.0\n\n'
        '[[encoder.sublayers]]\ndims = [2, 0, 1]\n\n[qscore]\nscale = 1.0\non = true\n"a b" = 1e-05\n'
    )


def test_special_numbers() -> None:
    read = tomllib.loads(to_toml({"a": math.inf, "b": -math.inf, "c": math.nan}))
    assert (read["a"], read["b"]) == (math.inf, -math.inf)
    assert math.isnan(read["c"])


@pytest.mark.parametrize("value", [None, b"x", [None], [{"a": 1}, 2]])
def test_what_toml_has_not_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="cannot be written as TOML"):
        to_toml({"a": value})
