"""The training store: labelled chunks of signal in a folder of plain arrays (no torch, no reader libraries).

    meta.json      what it is, how it was made
    signal.npy     float16 [n, S]  normalised signal
    targets.npy    uint8   [n, L]  A 1, C 2, G 3, T 4, padded with 0
    lengths.npy    int32   [n]     bases in each target
    source.npy     structured [n]  read, contig, start_bp, end_bp: where the target comes from
    split.npy      uint8   [n]     0 training, 1 validation, 2 test
    yield.tsv      what became of the reads and chunks (for people; not read back)

The arrays are memory-mapped when read, so a store may be larger than memory.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lexome.core.errors import BadInputError, UsageError
from lexome.io.array_folder import SPLITS, read_arrays

FORMAT_VERSION = 1
SOURCE_DTYPE = np.dtype([("read", "S36"), ("contig", "S32"), ("start_bp", "<i8"), ("end_bp", "<i8")])
LAYOUT = {  # type and dimensions of each array
    "signal": (np.dtype("<f2"), 2),
    "targets": (np.dtype(np.uint8), 2),
    "lengths": (np.dtype("<i4"), 1),
    "source": (SOURCE_DTYPE, 1),
    "split": (np.dtype(np.uint8), 1),
}


@dataclass(frozen=True)
class LabelledChunk:
    """One chunk with its bases: `signal` float32[S], `target` uint8 (1..4), and where the bases come from."""

    signal: np.ndarray
    target: np.ndarray
    read_id: str
    contig: str
    start_bp: int
    end_bp: int
    split: int


@dataclass(frozen=True)
class ChunkStore:
    """An opened store; arrays as the module says."""

    path: Path
    meta: Mapping[str, Any]
    signal_NS: np.ndarray
    targets_NL: np.ndarray
    lengths_N: np.ndarray
    source_N: np.ndarray
    split_N: np.ndarray

    def indices(self, split: str) -> np.ndarray:
        """Indices of the chunks of a split ("training", "validation" or "test")."""
        return np.flatnonzero(self.split_N == SPLITS.index(split))


def write_store(
    path: Path,
    chunks: Sequence[LabelledChunk],
    meta: Mapping[str, Any],
    texts: Mapping[str, str] | None = None,
) -> None:
    """Writes a store; the folder appears under its name only when it is complete.

    Args:
        path: the folder; must not exist.
        chunks: at least one, all with signals of one length.
        meta: what the reader should know (scaling, source files, filters); JSON values.
        texts: further files by name, for people to read.

    Raises:
        UsageError: if the folder exists or there are no chunks.
    """
    if path.exists():
        raise UsageError(f"{path} exists already; choose another folder or remove it")
    if not chunks:
        raise UsageError("no chunk passed the filters: nothing to write")
    partial = path.with_name(path.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    longest = max(len(c.target) for c in chunks)
    targets = np.zeros((len(chunks), longest), np.uint8)
    for row, chunk in zip(targets, chunks, strict=True):
        row[: len(chunk.target)] = chunk.target
    source = np.array(
        [(c.read_id.encode(), c.contig.encode()[:32], c.start_bp, c.end_bp) for c in chunks], SOURCE_DTYPE
    )
    np.save(partial / "signal.npy", np.stack([c.signal.astype(np.float16) for c in chunks]))
    np.save(partial / "targets.npy", targets)
    np.save(partial / "lengths.npy", np.array([len(c.target) for c in chunks], np.int32))
    np.save(partial / "source.npy", source)
    np.save(partial / "split.npy", np.array([c.split for c in chunks], np.uint8))
    record = {**meta, "format_version": FORMAT_VERSION, "chunks": len(chunks)}
    for name, text in (texts or {}).items():
        (partial / name).write_text(text, encoding="utf-8")
    (partial / "meta.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    partial.rename(path)


def read_store(path: Path) -> ChunkStore:
    """Opens a store.

    Raises:
        BadInputError: if something is missing, of a wrong type or does not fit together.
    """
    meta, arrays = read_arrays(path, LAYOUT, FORMAT_VERSION, "training store", "lexome prepare")
    lengths, split = np.asarray(arrays["lengths"]), np.asarray(arrays["split"])
    if len(lengths) and not 0 <= lengths.min() <= lengths.max() <= arrays["targets"].shape[1]:
        raise BadInputError(f"{path}: a length is beyond its target; the store is damaged")
    return ChunkStore(
        path, meta, arrays["signal"], arrays["targets"], lengths, np.asarray(arrays["source"]), split
    )
