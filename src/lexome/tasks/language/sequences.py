"""Sequences of DNA from FASTA, FASTQ or CSV files, whole or in windows."""

import csv
import gzip
import io
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from lexome.core.errors import BadInputError
from lexome.io.fastx import read_fastx

_COLUMN = "sequence"


def read_sequences(paths: Iterable[Path]) -> Iterator[tuple[str, str]]:
    """Yields (name, sequence) of files: .csv or .csv.gz by their column `sequence`, others as FASTA or FASTQ.

    Rows of a CSV are named by their number, from 1. Blank lines are no rows.

    Raises:
        BadInputError: if a file cannot be read, or a CSV has no such column or a row without a sequence.
    """
    for path in paths:
        if path.name.lower().endswith((".csv", ".csv.gz")):
            yield from _csv(path)
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


def _csv(path: Path) -> Iterator[tuple[str, str]]:
    try:
        with path.open("rb") as raw:
            is_gzipped = raw.peek(2)[:2] == b"\x1f\x8b"
            stream = gzip.GzipFile(fileobj=raw) if is_gzipped else raw
            # utf-8-sig: spreadsheets begin their files with a byte order mark
            with io.TextIOWrapper(stream, encoding="utf-8-sig", newline="") as text:  # pyright: ignore[reportArgumentType]
                yield from _rows(path, csv.reader(text))
    except OSError as error:
        raise BadInputError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (EOFError, zlib.error) as error:
        raise BadInputError(f"{path}: the compressed data is cut off or damaged ({error})") from error
    except UnicodeDecodeError as error:
        raise BadInputError(f"{path}: not a text file ({error.reason})") from error
    except csv.Error as error:
        raise BadInputError(f"{path}: not a CSV file ({error}); long sequences belong into FASTA") from error


def _rows(path: Path, rows: "Iterator[Sequence[str]]") -> Iterator[tuple[str, str]]:
    head = next(rows, None)
    if head is None:
        return
    if _COLUMN not in head:
        raise BadInputError(f"{path}: no column '{_COLUMN}'; its first line has: {', '.join(head)[:200]}")
    column, number = head.index(_COLUMN), 0
    for row in rows:
        if not row:
            continue
        number += 1
        sequence = row[column].strip() if len(row) > column else ""
        if not sequence:
            raise BadInputError(f"{path}: row {number} has no sequence")
        yield str(number), sequence


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
