"""Strict configuration: frozen dataclasses from plain dicts, TOML and JSON; an unknown key is an error."""

import dataclasses
import tomllib
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from lexome.core.errors import UsageError, nearest

T = TypeVar("T")


def from_dict(cls: type[T], data: Mapping[str, Any], where: str) -> T:
    """Builds a (nested) frozen dataclass from a dict and checks every key and type.

    Args:
        cls: a dataclass; its fields may be int, float, bool, str, `X | None`, Literal, tuples of these,
            dicts, or dataclasses.
        data: the values.
        where: what to call the place in an error, for example "recipe bonito_fast.toml, [architecture]".

    Returns:
        An instance of `cls`.

    Raises:
        UsageError: for an unknown key (with the nearest valid one), a missing key or a value of a wrong type.
    """
    if not isinstance(data, Mapping):
        raise UsageError(f"{where}: expected a table, got {type(data).__name__}")
    fields = {f.name: f for f in dataclasses.fields(typing.cast(Any, cls)) if f.init}
    for key in data:
        if key not in fields:
            raise UsageError(f"{where}: unknown key '{key}'; {nearest(str(key), fields)}")
    hints = typing.get_type_hints(cls)
    values: dict[str, Any] = {}
    for name, f in fields.items():
        if name in data:
            values[name] = _convert(hints[name], data[name], f"{where}, key '{name}'")
        elif f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING:
            raise UsageError(f"{where}: key '{name}' is missing")
    try:
        return cls(**values)
    except ValueError as error:
        raise UsageError(f"{where}: {error}") from error


def _known_keys(option: Any, value: Any) -> int:
    """How many keys of a table an option has; 0 if it is none."""
    if not dataclasses.is_dataclass(option) or not isinstance(value, Mapping):
        return 0
    return len({f.name for f in dataclasses.fields(option)} & set(value))


def _convert(hint: Any, value: Any, where: str) -> Any:
    origin = typing.get_origin(hint)
    if hint is Any:
        return value
    if origin in (typing.Union, types.UnionType):
        options = typing.get_args(hint)
        if value is None and type(None) in options:
            return None
        errors = []
        for option in options:
            if option is type(None):
                continue
            try:
                return _convert(option, value, where)
            except UsageError as error:
                errors.append((_known_keys(option, value), str(error)))
        # what was meant is the option that knows most of the keys; the first of several
        raise UsageError(max(errors, key=lambda e: e[0])[1] if errors else f"{where}: no value allowed")
    if origin is typing.Literal:
        choices = typing.get_args(hint)
        if value in choices and type(value) in {type(c) for c in choices}:
            return value
        raise UsageError(f"{where}: {value!r} is not allowed; {nearest(str(value), map(str, choices))}")
    if dataclasses.is_dataclass(hint):
        if isinstance(value, typing.cast(type, hint)):
            return value
        return from_dict(typing.cast(type, hint), value, where)
    if origin is tuple:
        args = typing.get_args(hint)
        if not isinstance(value, Sequence) or isinstance(value, str):
            raise UsageError(f"{where}: expected a list, got {value!r}")
        if len(args) == 2 and args[1] is Ellipsis:
            return tuple(_convert(args[0], v, f"{where}[{i}]") for i, v in enumerate(value))
        if len(args) != len(value):
            raise UsageError(f"{where}: expected {len(args)} values, got {len(value)}")
        pairs = enumerate(zip(args, value, strict=True))
        return tuple(_convert(a, v, f"{where}[{i}]") for i, (a, v) in pairs)
    if origin in (dict, Mapping) or hint is dict:
        if not isinstance(value, Mapping):
            raise UsageError(f"{where}: expected a table, got {value!r}")
        return dict(value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, bool) and hint is not bool:
        raise UsageError(f"{where}: expected {hint.__name__}, got {value!r}")
    if not isinstance(value, hint):
        raise UsageError(f"{where}: expected {hint.__name__}, got {value!r}")
    return value


def to_dict(config: Any) -> dict[str, Any]:
    """The plain dict of a dataclass, tuples as lists, ready for JSON; `from_dict` gives the object back."""

    def plain(value: Any) -> Any:
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
        if isinstance(value, list | tuple):
            return [plain(v) for v in value]
        if isinstance(value, Mapping):
            return {k: plain(v) for k, v in value.items()}
        return value

    return plain(config)


def read_toml(path: Path) -> dict[str, Any]:
    """Reads a TOML file.

    Raises:
        UsageError: if the file is missing, cannot be read or is no valid TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UsageError(f"{path}: no such file") from error
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not a valid TOML file ({error})") from error


def apply_overrides(data: dict[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """Applies `--set a.b=value` overrides to a nested dict (a copy is returned).

    A value is read as TOML (`3`, `true`, `"x"`, `[1, 2]`); what is no TOML value is taken as a string.

    Raises:
        UsageError: if an override has no '=' or goes through something that is no table.
    """
    result = _copy(data)
    for override in overrides:
        key, separator, text = override.partition("=")
        if not separator or not key.strip():
            raise UsageError(f"--set {override}: write it as key=value, for example optim.lr=0.001")
        *parents, last = key.strip().split(".")
        table = result
        for parent in parents:
            table = table.setdefault(parent, {})
            if not isinstance(table, dict):
                raise UsageError(f"--set {override}: '{parent}' is not a table")
        try:
            table[last] = tomllib.loads(f"v = {text}")["v"]
        except tomllib.TOMLDecodeError:
            table[last] = text.strip()
    return result


def _copy(data: Any) -> Any:
    if isinstance(data, dict):
        return {k: _copy(v) for k, v in data.items()}
    return [_copy(v) for v in data] if isinstance(data, list) else data
