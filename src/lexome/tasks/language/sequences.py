"""Sequences of DNA from FASTA, FASTQ or CSV files, whole or in windows; rows of tables."""

import csv
import gzip
import io
import itertools
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TextIO

import numpy as np

from lexome.core.errors import BadInputError
from lexome.io.fastx import read_fastx

_COLUMN = "sequence"
_USUAL_FIELD = 131_072  # letters; what csv reads unless told otherwise


def read_sequences(paths: Iterable[Path]) -> Iterator[tuple[str, str]]:
    """Yields (name, sequence) of files: .csv or .csv.gz by their column `sequence`, others as FASTA or FASTQ.

    Rows of a CSV are named by their number, from 1. Blank lines are no rows.

    Raises:
        BadInputError: if a file cannot be read, or a CSV has no such column or a row without a sequence.
    """
    for path in paths:
        if path.name.lower().endswith((".csv", ".csv.gz")):
            for number, (sequence,) in read_rows(path, [_COLUMN]):
                if not sequence:
                    raise BadInputError(f"{path}: row {number} has no sequence")
                yield str(number), sequence
        else:
            for name, sequence, _ in read_fastx(path):
                yield name, sequence


def windows(
    sequences: Iterable[tuple[str, str]], length_bp: int, most: int, seed: int = 0
) -> tuple[list[str], int]:
    """Cuts sequences into windows and draws some of them, all with the same chance.

    Args:
        sequences: (name, sequence).
        length_bp: of a window; the last one of a sequence is what is left.
        most: how many windows at most; only these are kept in memory.
        seed: the same seed draws the same windows.

    Returns:
        The windows in their order, and how many there were.
    """
    rng = np.random.default_rng(seed)
    drawn: list[tuple[int, str]] = []
    seen = 0
    for _, sequence in sequences:
        for start in range(0, len(sequence), length_bp):
            window = sequence[start : start + length_bp]
            if seen < most:
                drawn.append((seen, window))
            elif (at := int(rng.integers(0, seen + 1))) < most:
                drawn[at] = (seen, window)
            seen += 1
    return [window for _, window in sorted(drawn)], seen


def read_rows(
    path: Path, columns: Sequence[str], *, optional: Sequence[str] = (), longest_field: int = _USUAL_FIELD
) -> Iterator[tuple[int, list[str]]]:
    """Yields (number, fields) of the rows of a table with a first line of column names, plain or gzipped.

    Blank lines are no rows and are not counted; blanks around a field are no part of it. Tabs divide the
    columns if the file's name says so (.tsv, .tsv.gz) or its first line has tabs and no comma, else commas.

    Args:
        path: the file.
        columns: names of the columns to read.
        optional: names of more columns, whose fields stand behind the others; empty without such a column.
        longest_field: letters that one field may have.

    Raises:
        BadInputError: if the file cannot be read, has no such column, or a row with more fields than columns.
    """
    try:
        with path.open("rb") as raw:
            is_gzipped = raw.peek(2)[:2] == b"\x1f\x8b"
            stream = gzip.GzipFile(fileobj=raw) if is_gzipped else raw
            # utf-8-sig: spreadsheets begin their files with a byte order mark
            with io.TextIOWrapper(stream, encoding="utf-8-sig", newline="") as text:  # pyright: ignore[reportArgumentType]
                yield from _rows(path, text, (columns, optional), longest_field)
    except OSError as error:
        raise BadInputError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (EOFError, zlib.error) as error:
        raise BadInputError(f"{path}: the compressed data is cut off or damaged ({error})") from error
    except UnicodeDecodeError as error:
        raise BadInputError(f"{path}: not a text file ({error.reason})") from error
    except csv.Error as error:
        advice = "; long sequences belong into FASTA" if "field limit" in str(error) else ""
        raise BadInputError(f"{path}: not a CSV file ({error}){advice}") from error


def _rows(
    path: Path, text: TextIO, names: tuple[Sequence[str], Sequence[str]], longest_field: int
) -> Iterator[tuple[int, list[str]]]:
    first = next((line for line in text if line.strip()), "")
    is_tabbed = path.name.lower().endswith((".tsv", ".tsv.gz")) or ("\t" in first and "," not in first)
    rows = csv.reader(itertools.chain([first], text), delimiter="\t" if is_tabbed else ",", strict=True)
    head = [" ".join(name.split()) for name in _next_row(rows, longest_field) or []]
    if not head:
        return
    places: list[int | None] = []
    for name in itertools.chain(*names):
        if name not in head and name in names[0]:
            raise BadInputError(f"{path}: no column '{name}'; its first line has: {', '.join(head)[:200]}")
        places.append(head.index(name) if name in head else None)
    number = 0
    while (row := _next_row(rows, longest_field)) is not None:
        if not row:
            continue
        number += 1
        if any(row[len(head) :]):
            raise BadInputError(f"{path}: row {number} has {len(row)} fields, the first line {len(head)}")
        yield number, [row[at].strip() if at is not None and at < len(row) else "" for at in places]


def _next_row(rows: Iterator[list[str]], longest_field: int) -> list[str] | None:
    """The next row, or None; the limit of csv is one for the whole process, so it is set only meanwhile."""
    usual = csv.field_size_limit(longest_field)
    try:
        return next(rows, None)
    finally:
        csv.field_size_limit(usual)


def read_ids(path: Path) -> Iterator[tuple[str, list[int]]]:
    """Yields (name, ids) of lines "name, tab, ids with blanks between".

    Raises:
        BadInputError: if the file cannot be read or a line is another.
    """
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                name, tab, ids = line.rstrip("\r\n").partition("\t")
                words = ids.split()
                if not tab or not all(word.isascii() and word.isdigit() and len(word) < 10 for word in words):
                    raise BadInputError(f"{path}: line {number} is not a name, a tab and ids")
                yield name, [int(word) for word in words]
    except OSError as error:
        raise BadInputError(f"{path}: cannot be read ({error.strerror or error})") from error
    except UnicodeDecodeError as error:
        raise BadInputError(f"{path}: not a text file ({error.reason})") from error
