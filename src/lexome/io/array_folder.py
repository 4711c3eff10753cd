"""Training stores are folders of plain arrays and a meta.json: opening one, and what is damaged in it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lexome.core.errors import BadInputError

SPLITS = ("training", "validation", "test")  # what split.npy says by number

Layout = Mapping[str, tuple[np.dtype, int]]


def read_arrays(
    path: Path, layout: Layout, version: int, what: str, command: str
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Opens the arrays of a store, mapped into memory, one row each per item.

    Args:
        path: the folder.
        layout: type and number of dimensions of each array; `split` is one of them.
        version: the format version that is understood.
        what: the store in words, for an error.
        command: what makes one, for an error.

    Returns:
        meta.json, and the arrays by name.

    Raises:
        BadInputError: if something is missing, of a wrong type or of another number of items.
    """
    try:
        meta = json.loads((path / "meta.json").read_text(encoding="utf-8"))
        arrays = {name: np.load(path / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in layout}
    except (OSError, ValueError, EOFError, OverflowError) as error:
        raise BadInputError(f"{path}: not a readable {what} ({error}); make one with: {command}") from error
    found = meta.get("format_version") if isinstance(meta, dict) else None
    if found != version:
        raise BadInputError(f"{path}: format version {found}, this lexome reads {version}")
    for name, (dtype, dimensions) in layout.items():
        array = arrays[name]
        if not isinstance(array, np.ndarray) or array.dtype != dtype or array.ndim != dimensions:
            raise BadInputError(f"{path}: {name}.npy has an unexpected layout; the store is damaged")
    if len({len(array) for array in arrays.values()}) > 1:
        raise BadInputError(f"{path}: its arrays do not fit together; the store is damaged")
    if (np.asarray(arrays["split"]) >= len(SPLITS)).any():
        raise BadInputError(f"{path}: split.npy names a split that is none; the store is damaged")
    return meta, arrays
