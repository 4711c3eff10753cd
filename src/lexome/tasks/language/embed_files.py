"""Embeddings on disk: a folder to map into memory, .npz or .parquet; as a stream, whole or not at all.

A folder and an .npz hold the same arrays: `embeddings` (a row per sequence, token or base), `ids` (of the
sequences; ids.txt in a folder), with tokens or bases `offsets` (the rows of sequence i are offsets[i] to
offsets[i + 1]), with tokens `spans` (the bases of each row), and `about` (JSON text). An .npz cannot be
mapped into memory. A .parquet has a row per sequence, token or base: id, start and end (bases), embedding.

Legend: N sequences, R rows, D features.
"""

import json
import shutil
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lexome.core.errors import LexomeError, UsageError
from lexome.io.growing_array import GrowingArray
from lexome.io.partial import explained, partial_of
from lexome.report.files import check_can_write
from lexome.tasks.language.embed import Embedding

GROUP_BYTES = 32 << 20
_WHOLE = "whole.npz"


class EmbeddingWriter(Protocol):
    """Takes embeddings in the order of their sequences, all parts of one after the other."""

    def write(self, id_: str, embedding: Embedding) -> None:
        """Writes rows of a sequence."""
        ...

    def finish(self) -> None:
        """Completes the file; afterwards nothing can be written."""
        ...

    def close(self) -> None:
        """Closes what is open, whole or not; may be called again."""
        ...


@dataclass(frozen=True)
class Layout:
    """What the rows are.

    Attributes:
        size: features D.
        dtype: float32 or float16.
        by_row: there are many rows of a sequence (tokens, bases).
        with_spans: the bases of each row are worth keeping (tokens).
        about: the model and the settings, plain values.
    """

    size: int
    dtype: np.dtype
    by_row: bool
    with_spans: bool
    about: Mapping[str, Any]


def check_embeddings_output(path: Path) -> None:
    """Finds out before any work whether an output can be written.

    Raises:
        UsageError: if not, or there is a folder or anything else where a folder is to be made.
    """
    ending = path.suffix.lower()
    if ending in (".npz", ".parquet"):
        check_can_write(path)
        return
    if ending in (".npy", ".csv", ".tsv", ".h5", ".pt"):
        raise UsageError(f"{path}: embeddings become .npz, .parquet, or a folder (a name without ending)")
    if path.exists():
        raise UsageError(f"{path}: exists already; choose another folder or remove it first")
    check_can_write(path)


@contextmanager
def open_embeddings(path: Path, layout: Layout) -> Iterator[EmbeddingWriter]:
    """Opens an output; when the block ends by an exception nothing is left of it.

    Raises:
        LexomeError: if it cannot be written, or a number does not fit the type.
    """
    partial = partial_of(path)
    with explained(path):
        _remove(partial)
        if path.suffix.lower() == ".parquet":
            writer: EmbeddingWriter = _Parquet(partial, layout)
        else:
            partial.mkdir()
            writer = _Arrays(partial, layout, as_npz=path.suffix.lower() == ".npz")
    try:
        with explained(path):
            yield writer
            writer.finish()
            made = partial / _WHOLE if (partial / _WHOLE).is_file() else partial
            made.replace(path)
    finally:
        with suppress(OSError):
            writer.close()
            _remove(partial)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _converted(rows_RD: np.ndarray, dtype: np.dtype, id_: str) -> np.ndarray:
    with np.errstate(over="ignore"):
        rows = rows_RD.astype(dtype)
    if not np.isfinite(rows).all():
        raise LexomeError(f"sequence '{id_}': numbers that do not fit {dtype}; use --dtype float32")
    return rows


class _Arrays:
    def __init__(self, folder: Path, layout: Layout, *, as_npz: bool) -> None:
        self._folder, self._layout, self._as_npz = folder, layout, as_npz
        self._rows = GrowingArray(folder / "embeddings.npy", layout.dtype, (layout.size,))
        self._ids = (folder / "ids.txt").open("w", encoding="utf-8", newline="\n")
        self._offsets = self._spans = None
        if layout.by_row:
            self._offsets = GrowingArray(folder / "offsets.npy", np.dtype(np.int64), ())
            self._offsets.add(np.zeros(1, np.int64))
        if layout.with_spans:
            self._spans = GrowingArray(folder / "spans.npy", np.dtype(np.int64), (2,))

    def write(self, id_: str, embedding: Embedding) -> None:
        self._rows.add(_converted(embedding.vectors_RD, self._layout.dtype, id_))
        if self._spans is not None:
            self._spans.add(embedding.spans_R2)
        if embedding.is_last:
            self._ids.write(id_ + "\n")
            if self._offsets is not None:
                self._offsets.add(np.array([self._rows.length]))

    def close(self) -> None:
        self._ids.close()
        for array in self._arrays():
            array.close()

    def _arrays(self) -> list[GrowingArray]:
        return [array for array in (self._rows, self._offsets, self._spans) if array is not None]

    def finish(self) -> None:
        self._ids.close()
        for array in self._arrays():
            array.finish()
        about = json.dumps(self._layout.about, indent=1)
        if not self._as_npz:
            (self._folder / "about.json").write_text(about + "\n", encoding="utf-8")
            return
        ids = np.array((self._folder / "ids.txt").read_text(encoding="utf-8").split("\n")[:-1], np.str_)
        np.save(self._folder / "ids.npy", ids)
        np.save(self._folder / "about.npy", np.array(about))
        # stored as they are: compressing floats costs minutes and saves little
        with zipfile.ZipFile(self._folder / _WHOLE, "w", zipfile.ZIP_STORED, allowZip64=True) as whole:
            for file in sorted(self._folder.glob("*.npy")):
                whole.write(file, file.name)


class _Parquet:
    def __init__(self, path: Path, layout: Layout) -> None:
        self._layout = layout
        number = pa.float16() if layout.dtype == np.float16 else pa.float32()
        place = [("start", pa.int64()), ("end", pa.int64())] if layout.by_row else []
        self._schema = pa.schema(
            [("id", pa.string()), *place, ("embedding", pa.list_(number, layout.size))],
            metadata={"lexome": json.dumps(layout.about)},
        )
        self._file = pq.ParquetWriter(path, self._schema)
        self._group_rows = max(1, GROUP_BYTES // (layout.size * layout.dtype.itemsize))
        self._held: list[tuple[str, np.ndarray, np.ndarray]] = []
        self._num_held = 0

    def write(self, id_: str, embedding: Embedding) -> None:
        rows = _converted(embedding.vectors_RD, self._layout.dtype, id_)
        self._held.append((id_, embedding.spans_R2, rows))
        self._num_held += len(rows)
        if self._num_held >= self._group_rows:
            self._flush()

    def _flush(self) -> None:
        if not self._num_held:
            return
        ids = [id_ for id_, _, rows in self._held for _ in range(len(rows))]
        spans = np.concatenate([spans for _, spans, _ in self._held])
        flat = pa.array(np.concatenate([rows for *_, rows in self._held]).ravel())
        place = [pa.array(spans[:, 0]), pa.array(spans[:, 1])] if self._layout.by_row else []
        vectors = pa.FixedSizeListArray.from_arrays(flat, self._layout.size)
        self._file.write_table(pa.Table.from_arrays([pa.array(ids), *place, vectors], schema=self._schema))
        self._held, self._num_held = [], 0

    def close(self) -> None:
        self._file.close()

    def finish(self) -> None:
        self._flush()
        self._file.close()


def unique_ids(names: Mapping[str, int]) -> Callable[[str], str]:
    """Numbers names that are there more than once: x, x#2, x#3, ... in the order in which they come.

    Args:
        names: how often each is there; a number that would make a name that is there is passed over.
    """
    given: dict[str, int] = {}
    taken = set(names)

    def unique(name: str) -> str:
        if names[name] == 1:
            return name
        number = given.get(name, 0) + 1
        while number > 1 and f"{name}#{number}" in taken:
            number += 1
        given[name] = number
        return name if number == 1 else f"{name}#{number}"

    return unique


def write_embeddings(
    path: Path, layout: Layout, embeddings: Iterable[Embedding], id_of: Callable[[str], str],
    on_bases: Callable[[float], None] = lambda bases: None,
) -> int:  # fmt: skip
    """Writes all embeddings.

    Args:
        path: .npz, .parquet or a folder.
        layout: of the rows.
        embeddings: of the sequences in their order.
        id_of: called once per sequence with its name.
        on_bases: told how many bases are done.

    Returns:
        How many sequences there were.

    Raises:
        LexomeError: if it cannot be written.
    """
    count, done, id_, current = 0, 0, "", -1
    with open_embeddings(path, layout) as writer:
        for embedding in embeddings:
            if embedding.record != current:
                id_, current = id_of(embedding.name), embedding.record
            writer.write(id_, embedding)
            count += embedding.is_last
            if len(embedding.spans_R2):
                done += int(embedding.spans_R2[-1, 1] - embedding.spans_R2[0, 0])
            on_bases(done)
    return count
