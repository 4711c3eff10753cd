"""Stores of tokens to pre-train language models on: rows of ids, in shards.

A store is a folder: meta.json (the tokenizer, the categories, how it was made) and folders `shard-00000`, ...
each with meta.json, tokens.npy u16[n, T], lengths.npy u16[n], category.npy u8[n] and split.npy u8[n]. Shards
are mapped into memory, so a store may be larger than it.

Legend: N rows, T tokens of the longest row.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int, UInt8, UInt16

from lexome.core.errors import BadInputError, UsageError
from lexome.io.array_folder import SPLITS, read_arrays
from lexome.io.growing_array import GrowingArray
from lexome.io.partial import explained
from lexome.io.store_folder import finishing, new_store

FORMAT_VERSION = 1
LAYOUT = {
    "tokens": (np.dtype(np.uint16), 2),
    "lengths": (np.dtype(np.uint16), 1),
    "category": (np.dtype(np.uint8), 1),
    "split": (np.dtype(np.uint8), 1),
}
WHAT, COMMAND = "store of tokens", "lexome prepare lm"
MAX_CATEGORIES = 256
MAX_META_BYTES = 16 << 20
ROWS_OF_SHARD = 1 << 18


@dataclass(frozen=True, eq=False)
class Shard:
    """Some rows of a store, mapped into memory."""

    tokens_NT: UInt16[np.ndarray, "N T"]
    lengths_N: UInt16[np.ndarray, " N"]
    category_N: UInt8[np.ndarray, " N"]
    split_N: UInt8[np.ndarray, " N"]


@dataclass(frozen=True, eq=False)
class TokenStore:
    """An opened store.

    Attributes:
        path: the folder.
        meta: meta.json: `tokenizer_json`, `categories`, how it was made.
        shards: its rows.
    """

    path: Path
    meta: dict[str, Any]
    shards: tuple[Shard, ...]

    @property
    def categories(self) -> tuple[str, ...]:
        """Names of the categories by number."""
        return tuple(self.meta["categories"])

    def rows(self, split: str) -> Int[np.ndarray, "rows 3"]:
        """(shard, row, category) of every row of a split ("training", "validation" or "test")."""
        number = SPLITS.index(split)
        found = [np.zeros((0, 3), np.int64)]
        for n, shard in enumerate(self.shards):
            rows = np.flatnonzero(shard.split_N == number)
            found.append(np.stack([np.full(len(rows), n), rows, shard.category_N[rows]], axis=1))
        return np.concatenate(found)

    def ids(self, shard: int, row: int) -> Int[np.ndarray, " T"]:
        """The tokens of a row."""
        rows = self.shards[shard]
        return rows.tokens_NT[row, : int(rows.lengths_N[row])].astype(np.int64)


class TokenWriter:
    """Writes a store; made by `open_token_writer`."""

    def __init__(self, folder: Path, row_tokens: int, rows_of_shard: int) -> None:
        self._folder, self._row_tokens, self._rows_of_shard = folder, row_tokens, rows_of_shard
        self._arrays: dict[str, GrowingArray] = {}
        self._shards = 0
        self.num_rows = 0
        self.is_whole = False

    def add(self, rows: Sequence[Int[np.ndarray, " T"]], category: int, split: str) -> None:
        """Adds rows of ids, none longer than the store's, of one category and split."""
        for start in range(0, len(rows), self._rows_of_shard):
            self._add(rows[start : start + self._rows_of_shard], category, split)

    def _add(self, rows: Sequence[Int[np.ndarray, " T"]], category: int, split: str) -> None:
        with explained(self._folder):
            if self._arrays and self._arrays["split"].length + len(rows) > self._rows_of_shard:
                self._finish_shard()
            if not self._arrays:
                self._open_shard()
            tokens_NT = np.zeros((len(rows), self._row_tokens), np.uint16)
            for n, row in enumerate(rows):
                tokens_NT[n, : len(row)] = row
            columns = {
                "tokens": tokens_NT,
                "lengths": np.array([len(row) for row in rows], np.uint16),
                "category": np.full(len(rows), category, np.uint8),
                "split": np.full(len(rows), SPLITS.index(split), np.uint8),
            }
            for name, values in columns.items():
                self._arrays[name].add(values)
        self.num_rows += len(rows)

    def _open_shard(self) -> None:
        folder = self._folder / f"shard-{self._shards:05}"
        folder.mkdir()
        shapes = {"tokens": (self._row_tokens,)}
        self._arrays = {
            name: GrowingArray(folder / f"{name}.npy", dtype, shapes.get(name, ()))
            for name, (dtype, _) in LAYOUT.items()
        }

    def _finish_shard(self) -> None:
        rows = self._arrays["split"].length
        for array in self._arrays.values():
            array.finish()
        record = json.dumps({"format_version": FORMAT_VERSION, "rows": rows})
        (self._folder / f"shard-{self._shards:05}" / "meta.json").write_text(record + "\n", encoding="utf-8")
        self._arrays = {}
        self._shards += 1

    def finish(self, meta: Mapping[str, Any]) -> None:
        """Completes the store.

        Args:
            meta: with `tokenizer_json` and `categories`; JSON values.

        Raises:
            UsageError: if there are no rows.
        """
        if self.num_rows == 0:
            raise UsageError("the sequences are too short for a single row: nothing to write")
        with explained(self._folder):
            if self._arrays:
                self._finish_shard()
            record = {
                **meta,
                "format_version": FORMAT_VERSION,
                "rows": self.num_rows,
                "row_tokens": self._row_tokens,
                "shards": self._shards,
            }
            text = json.dumps(record, indent=1, allow_nan=False)
            (self._folder / "meta.json").write_text(text + "\n", encoding="utf-8")
        self.is_whole = True

    def close(self) -> None:
        """Closes the files, whole or not."""
        for array in self._arrays.values():
            array.close()


@contextmanager
def open_token_writer(
    path: Path, row_tokens: int, rows_of_shard: int = ROWS_OF_SHARD
) -> Iterator[TokenWriter]:
    """Opens a new store for writing; the folder appears under its name only if `finish` was called.

    Args:
        path: the folder; must not exist.
        row_tokens: tokens of the longest row.
        rows_of_shard: rows of a shard at most.

    Raises:
        UsageError: if the folder exists.
        LexomeError: if it cannot be written.
    """
    with new_store(path) as folder:
        writer = TokenWriter(folder, row_tokens, rows_of_shard)
        with finishing(writer, path):
            yield writer


def read_token_store(path: Path) -> TokenStore:
    """Opens a store.

    Raises:
        BadInputError: if something is missing, of a wrong type or does not fit together.
    """
    try:
        if (path / "meta.json").stat().st_size > MAX_META_BYTES:
            raise BadInputError(f"{path}: its meta.json is too large; the store is damaged")
        meta = json.loads((path / "meta.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInputError(f"{path}: not a readable {WHAT} ({error}); make one with: {COMMAND}") from error
    if not isinstance(meta, dict) or meta.get("format_version") != FORMAT_VERSION:
        raise BadInputError(f"{path}: not a {WHAT} of version {FORMAT_VERSION}; make one with: {COMMAND}")
    categories = meta.get("categories")
    if not isinstance(meta.get("tokenizer_json"), str) or not isinstance(categories, list):
        raise BadInputError(f"{path}: meta.json has no tokenizer or no categories; the store is damaged")
    shards = []
    for number in range(_count(path, meta)):
        _, arrays = read_arrays(path / f"shard-{number:05}", LAYOUT, FORMAT_VERSION, WHAT, COMMAND)
        lengths, category = np.asarray(arrays["lengths"]), np.asarray(arrays["category"])
        if (lengths > arrays["tokens"].shape[1]).any() or (category >= len(categories)).any():
            raise BadInputError(f"{path}: shard {number} does not fit the store; it is damaged")
        shards.append(Shard(arrays["tokens"], lengths, category, np.asarray(arrays["split"])))
    if sum(len(shard.split_N) for shard in shards) != meta.get("rows"):
        raise BadInputError(f"{path}: rows are missing; the store is damaged")
    return TokenStore(path, meta, tuple(shards))


def _count(path: Path, meta: Mapping[str, Any]) -> int:
    """How many shards there are; a number that no folder stands for is refused before it costs time."""
    count = meta.get("shards")
    found = sum(1 for _ in path.glob("shard-*"))
    if not isinstance(count, int) or count != found:
        raise BadInputError(f"{path}: {count!r} shards are spoken of, {found} are there; it is damaged")
    return count
