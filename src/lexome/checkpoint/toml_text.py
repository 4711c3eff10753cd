"""Plain values as TOML text, for the configurations that other programs read."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def to_toml(config: Mapping[str, Any]) -> str:
    """Writes a nested dict as TOML.

    Whole and floating numbers keep their kind (`5.0` stays `5.0`): strict readers tell them apart.

    Args:
        config: strings, booleans, numbers, lists of these, dicts, and lists of dicts.

    Returns:
        The text; `tomllib.loads` gives `config` back.

    Raises:
        ValueError: for any other value, None included.
    """
    lines: list[str] = []
    _table(config, (), lines)
    return "\n".join(lines).strip("\n") + "\n"


def _table(table: Mapping[str, Any], path: tuple[str, ...], lines: list[str]) -> None:
    """The lines of a table: its own values first, since a header ends what stands before it."""
    inner = {key: value for key, value in table.items() if _is_table(value) or _is_tables(value)}
    lines.extend(f"{_key(key)} = {_value(value)}" for key, value in table.items() if key not in inner)
    for key, value in inner.items():
        name = ".".join(_key(part) for part in (*path, key))
        for one in [value] if _is_table(value) else value:
            lines.extend(["", f"[{name}]" if _is_table(value) else f"[[{name}]]"])
            _table(one, (*path, key), lines)


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping)


def _is_tables(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) > 0 and all(map(_is_table, value))


def _key(key: str) -> str:
    return key if BARE_KEY.fullmatch(key) else _text(key)


def _value(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case str():
            return _text(value)
        case list() | tuple():
            return _list(value)
        case _:
            raise ValueError(f"{value!r} cannot be written as TOML")


def _list(values: Sequence[Any]) -> str:
    return f"[{', '.join(map(_value, values))}]"


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
