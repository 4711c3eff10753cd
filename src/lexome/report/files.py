"""Writing results so that a file is there whole or not at all."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lexome.core.errors import LexomeError, UsageError


def check_can_write(path: Path) -> None:
    """Says before long work that a result could not be written afterwards.

    Raises:
        UsageError: if the folder is missing or not writable, or the path is a folder.
    """
    folder = path.absolute().parent
    if not folder.is_dir():
        raise UsageError(f"{path}: the folder {folder} does not exist; make it first")
    if path.is_dir():
        raise UsageError(f"{path}: is a folder; name a file in it")
    if not os.access(folder, os.W_OK):
        raise UsageError(f"{path}: no permission to write in {folder}")


def write_text(path: Path, text: str) -> None:
    """Writes a text file under a name ending `.partial` and renames it when it is complete."""
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise LexomeError(f"{path}: cannot be written ({error.strerror or error})") from error


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    """Writes a result as JSON: keys in the order given, full precision, one newline at the end.

    Raises:
        ValueError: if a number is NaN or infinite, which JSON cannot say; use None for unknown.
    """
    write_text(path, json.dumps(data, indent=2, allow_nan=False, ensure_ascii=False) + "\n")
