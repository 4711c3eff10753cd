"""Opening folders of arrays."""

import json
from pathlib import Path

import numpy as np
import pytest

from lexome.core.errors import BadInputError
from lexome.io.array_folder import read_arrays

LAYOUT = {"rows": (np.dtype("<f4"), 2), "split": (np.dtype(np.uint8), 1)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    np.save(tmp_path / "rows.npy", np.ones((3, 2), np.float32))
    np.save(tmp_path / "split.npy", np.array([0, 1, 2], np.uint8))
    (tmp_path / "meta.json").write_text(json.dumps({"format_version": 4, "note": "x"}))
    return tmp_path


def read(folder: Path) -> tuple[dict, dict]:
    return read_arrays(folder, LAYOUT, 4, "store of toys", "make toys")


def test_arrays_come_with_their_description(folder: Path) -> None:
    meta, arrays = read(folder)
    assert meta["note"] == "x"
    assert isinstance(arrays["rows"], np.memmap)
    assert arrays["split"].tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("rows", np.ones((3, 2)), "rows.npy has an unexpected layout"),
        ("rows", np.ones(3, np.float32), "rows.npy has an unexpected layout"),
        ("rows", np.ones((2, 2), np.float32), "its arrays do not fit together"),
        ("split", np.array([0, 3, 1], np.uint8), "split.npy names a split that is none"),
    ],
)
def test_what_is_damaged_is_named(folder: Path, name: str, array: np.ndarray, message: str) -> None:
    np.save(folder / f"{name}.npy", array)
    with pytest.raises(BadInputError, match=message):
        read(folder)


def test_no_store_and_another_version(folder: Path) -> None:
    (folder / "meta.json").write_text("[]")
    with pytest.raises(BadInputError, match="format version None, this lexome reads 4"):
        read(folder)
    (folder / "rows.npy").unlink()
    with pytest.raises(BadInputError, match=r"not a readable store of toys \(.*\); make one with: make toys"):
        read(folder)
