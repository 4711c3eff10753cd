"""The training store of read correction: labelled windows in a folder of plain arrays (no torch, no pysam).

    meta.json      what it is, how it was made
    rows.npy       uint8   [n, R, L]  rows of the pile-up in compact form (`features.pileup`)
    snr.npy        float32 [n, 4]     signal-to-noise ratios of the ZMW
    labels.npy     uint8   [n, L]     true bases, left-aligned: A 1, T 2, C 3, G 4, padded with 0
    lengths.npy    int32   [n]        bases in each label
    source.npy     structured [n]     the CCS read, the window in it, where its truth comes from
    split.npy      uint8   [n]        0 training, 1 validation, 2 test
    yield.tsv      what became of the ZMWs and windows (for people; not read back)

Windows are written as they come and the arrays are memory-mapped when read, so a store may be larger than
memory.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from lexome.core.errors import BadInputError, UsageError
from lexome.core.zmw import Truth, Window
from lexome.io.array_folder import SPLITS, read_arrays
from lexome.io.growing_array import GrowingArray
from lexome.io.partial import explained
from lexome.io.store_folder import finishing, new_store

FORMAT_VERSION = 1
NUM_SYMBOLS = 5  # gap, A, T, C, G
NAME_BYTES = 80
SOURCE_DTYPE = np.dtype(
    [
        ("ccs", f"S{NAME_BYTES}"), ("index", "<i4"), ("ccs_start_bp", "<i8"), ("ccs_end_bp", "<i8"),
        ("passes", "<i4"), ("contig", f"S{NAME_BYTES}"), ("contig_start_bp", "<i8"), ("contig_end_bp", "<i8"),
    ]
)  # fmt: skip
LAYOUT = {  # type and dimensions of each array
    "rows": (np.dtype(np.uint8), 3),
    "snr": (np.dtype("<f4"), 2),
    "labels": (np.dtype(np.uint8), 2),
    "lengths": (np.dtype("<i4"), 1),
    "source": (SOURCE_DTYPE, 1),
    "split": (np.dtype(np.uint8), 1),
}
_CHECKED_AT_ONCE = 65536


@dataclass(frozen=True)
class WindowStore:
    """An opened store; arrays as the module says."""

    path: Path
    meta: Mapping[str, Any]
    rows_NRL: np.ndarray
    snr_N4: np.ndarray
    labels_NL: np.ndarray
    lengths_N: np.ndarray
    source_N: np.ndarray
    split_N: np.ndarray

    def indices(self, split: str) -> np.ndarray:
        """Indices of the windows of a split ("training", "validation" or "test")."""
        return np.flatnonzero(self.split_N == SPLITS.index(split))


class WindowWriter:
    """Writes a store window by window; made by `open_window_writer`."""

    def __init__(self, folder: Path, num_rows: int, width: int) -> None:
        shapes = {"rows": (num_rows, width), "snr": (4,), "labels": (width,)}
        self._arrays = {
            name: GrowingArray(folder / f"{name}.npy", dtype, shapes.get(name, ()))
            for name, (dtype, _) in LAYOUT.items()
        }
        self._folder = folder
        self.meta: dict[str, Any] | None = None

    @property
    def is_whole(self) -> bool:
        """Whether all is written."""
        return self.meta is not None

    @property
    def num_windows(self) -> int:
        """Windows so far."""
        return self._arrays["split"].length

    def add(
        self, windows: Sequence[Window], labels_NL: UInt8[np.ndarray, "N L"], truth: Truth, split: str
    ) -> None:
        """Adds windows of one ZMW.

        Args:
            windows: none of them overflows.
            labels_NL: the true bases of each, left-aligned and padded with 0.
            truth: of the ZMW.
            split: one of `SPLITS`.

        Raises:
            BadInputError: if a name has more than 80 bytes.
            ValueError: if rows or labels have another shape than the store's.
        """
        if not windows:
            return
        for name in (windows[0].name, truth.contig):
            if len(name.encode()) > NAME_BYTES:
                raise BadInputError(f"the name {name} is too long for a store: more than {NAME_BYTES} bytes")
        source = [
            (
                w.name.encode(), w.index, w.ccs_start_bp, w.ccs_end_bp, w.num_passes,
                truth.contig.encode(), truth.contig_start_bp, truth.contig_end_bp,
            )
            for w in windows
        ]  # fmt: skip
        columns = {
            "rows": np.stack([w.rows_RL for w in windows]),
            "snr": np.stack([w.snr for w in windows]),
            "labels": labels_NL,
            "lengths": (labels_NL != 0).sum(axis=1),
            "source": np.array(source, SOURCE_DTYPE),
            "split": np.full(len(windows), SPLITS.index(split), np.uint8),
        }
        with explained(self._folder):
            for name, values in columns.items():
                self._arrays[name].add(values)

    def finish(self, meta: Mapping[str, Any], texts: Mapping[str, str] | None = None) -> None:
        """Completes the files; nothing can be added after that.

        Args:
            meta: what the reader should know (how windows were made, source files); JSON values.
            texts: further files by name, for people to read.

        Raises:
            UsageError: if there are no windows.
        """
        if self.num_windows == 0:
            raise UsageError("no window got a label: nothing to write")
        record = {**meta, "format_version": FORMAT_VERSION, "windows": self.num_windows}
        with explained(self._folder):
            for array in self._arrays.values():
                array.finish()
            for name, text in (texts or {}).items():
                (self._folder / name).write_text(text, encoding="utf-8")
            text = json.dumps(record, indent=1, allow_nan=False)
            (self._folder / "meta.json").write_text(text + "\n", encoding="utf-8")
        self.meta = record

    def close(self) -> None:
        """Closes the files, whole or not."""
        for array in self._arrays.values():
            array.close()


@contextmanager
def open_window_writer(path: Path, num_rows: int, width: int) -> Iterator[WindowWriter]:
    """Opens a new store for writing; the folder appears under its name only if `finish` was called.

    Args:
        path: the folder; must not exist.
        num_rows: rows R of a window in compact form.
        width: columns L of a window.

    Raises:
        UsageError: if the folder exists.
        LexomeError: if it cannot be written.
    """
    with new_store(path) as folder:
        with explained(path):
            writer = WindowWriter(folder, num_rows, width)
        with finishing(writer, path):
            yield writer


def read_windows(path: Path) -> WindowStore:
    """Opens a store.

    Raises:
        BadInputError: if something is missing, of a wrong type or does not fit together.
    """
    meta, arrays = read_arrays(path, LAYOUT, FORMAT_VERSION, "store of windows", "lexome prepare correct")
    widths = {arrays["rows"].shape[2], arrays["labels"].shape[1]}
    if len(widths) > 1 or arrays["snr"].shape[1] != 4:
        raise BadInputError(f"{path}: its arrays do not fit together; the store is damaged")
    lengths, split = np.asarray(arrays["lengths"]), np.asarray(arrays["split"])
    for start in range(0, len(lengths), _CHECKED_AT_ONCE):
        labels = arrays["labels"][start : start + _CHECKED_AT_ONCE]
        expected = lengths[start : start + _CHECKED_AT_ONCE, None]
        is_base = np.arange(labels.shape[1]) < expected
        is_odd = expected > labels.shape[1]
        if (labels >= NUM_SYMBOLS).any() or (is_odd | ((labels != 0) != is_base)).any():
            raise BadInputError(f"{path}: a label is not of the length it should have; the store is damaged")
    return WindowStore(
        path, meta, arrays["rows"], arrays["snr"], arrays["labels"], lengths, np.asarray(arrays["source"]),
        split,
    )  # fmt: skip
