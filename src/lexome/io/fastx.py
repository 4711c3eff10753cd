"""Reading FASTA and FASTQ, plain or gzipped, with errors that say which line is wrong."""

import gzip
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from lexome.core.errors import BadInputError

_SEQUENCE_BYTES = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz*-."
_AMINO_ACIDS_ONLY = "EFIJLOPQZefijlopqz*"  # no code of one or several bases among them
_LOWEST_QUALITY, _HIGHEST_QUALITY = ord("!"), ord("~")


@dataclass(frozen=True)
class FastxRecord:
    """One entry: the name ends at the first blank, `comment` is the rest of the line."""

    name: str
    comment: str
    sequence: str
    qualities: np.ndarray | None  # uint8[L], Phred; None in FASTA


def read_fastx(path: Path) -> Iterator[tuple[str, str, np.ndarray | None]]:
    """Yields (name, sequence, qualities) of a FASTA or FASTQ file, one entry in memory at a time.

    Sequences may be broken into lines and are given as they are written, upper or lower case. Whether the
    file is gzipped and which of the two it is, is seen from its first bytes. An empty file has no entries.

    Returns:
        Qualities are Phred scores, uint8[L], or None for FASTA.

    Raises:
        BadInputError: if the file is missing, cut off or neither FASTA nor FASTQ.
    """
    for entry in read_fastx_records(path):
        yield entry.name, entry.sequence, entry.qualities


def read_fastx_records(path: Path) -> Iterator[FastxRecord]:
    """As `read_fastx`, with the comments."""
    with _open(path) as stream:
        lines = enumerate((line.rstrip(b"\r\n") for line in stream), 1)
        first = next((entry for entry in lines if entry[1]), None)
        if first is None:
            return
        if first[1].startswith(b">"):
            yield from _fasta(path, first[1], lines)
        elif first[1].startswith(b"@"):
            yield from _fastq(path, first, lines)
        else:
            raise BadInputError(
                f"{path}: neither FASTA nor FASTQ: line {first[0]} begins with neither '>' nor '@'"
            )


def read_reference(path: Path) -> dict[str, str]:
    """Reads the sequences of a FASTA file, in upper case, by name and in the file's order.

    Raises:
        BadInputError: as `read_reference_records`, and if a name is used twice.
    """
    sequences: dict[str, str] = {}
    for entry in read_reference_records(path):
        if entry.name in sequences:
            raise BadInputError(f"{path}: the sequence name '{entry.name}' is there twice")
        sequences[entry.name] = entry.sequence.upper()
    return sequences


def read_reference_records(path: Path) -> Iterator[FastxRecord]:
    """Yields the sequences of a reference, one in memory at a time.

    Raises:
        BadInputError: if the file is no FASTA, holds no sequence or an empty one, or one that is no DNA.
    """
    is_empty = True
    for entry in read_fastx_records(path):
        if entry.qualities is not None:
            raise BadInputError(f"{path}: a reference must be FASTA, this is FASTQ")
        if not entry.sequence:
            raise BadInputError(f"{path}: the sequence '{entry.name}' is empty")
        wrong = [letter for letter in _AMINO_ACIDS_ONLY if letter in entry.sequence]
        if wrong:
            raise BadInputError(f"{path}: the sequence '{entry.name}' is no DNA: it holds {', '.join(wrong)}")
        is_empty = False
        yield entry
    if is_empty:
        raise BadInputError(f"{path}: holds no sequence; a reference must be FASTA")


@contextmanager
def _open(path: Path) -> Iterator[BinaryIO]:
    try:
        with path.open("rb") as raw:
            gzipped = raw.peek(2)[:2] == b"\x1f\x8b"
            if not gzipped:
                yield raw
                return
            with gzip.GzipFile(fileobj=raw) as stream:
                yield stream  # pyright: ignore[reportReturnType]
    except FileNotFoundError as error:
        raise BadInputError(f"{path}: no such file") from error
    except (EOFError, zlib.error) as error:
        raise BadInputError(f"{path}: the compressed data is cut off or damaged ({error})") from error
    except OSError as error:
        raise BadInputError(f"{path}: cannot be read ({error.strerror or error})") from error


Lines = Iterator[tuple[int, bytes]]


def _fasta(path: Path, header: bytes, lines: Lines) -> Iterator[FastxRecord]:
    pieces: list[str] = []
    for number, line in lines:
        if line.startswith(b">"):
            yield FastxRecord(*_name(header), "".join(pieces), None)
            header, pieces = line, []
        else:
            pieces.append(_bases(path, number, line))
    yield FastxRecord(*_name(header), "".join(pieces), None)


def _fastq(path: Path, first: tuple[int, bytes], lines: Lines) -> Iterator[FastxRecord]:
    entry: tuple[int, bytes] | None = first
    while entry is not None:
        number, header = entry
        if not header.startswith(b"@"):
            raise BadInputError(f"{path}: line {number}: expected '@' and a read name")
        name, comment = _name(header)
        sequence = _until_plus(path, name, lines)
        qualities = _quality_letters(path, name, len(sequence), lines)
        yield FastxRecord(name, comment, sequence, np.frombuffer(qualities, np.uint8) - np.uint8(33))
        entry = next((line for line in lines if line[1]), None)


def _until_plus(path: Path, name: str, lines: Lines) -> str:
    pieces: list[str] = []
    for number, line in lines:
        if line.startswith(b"+"):
            return "".join(pieces)
        pieces.append(_bases(path, number, line))
    raise BadInputError(f"{path}: cut off within read '{name}'")


def _quality_letters(path: Path, name: str, length: int, lines: Lines) -> bytes:
    """Takes lines until there is a quality for every base; at least one line, which is empty for no bases."""
    letters = b""
    for number, line in lines:
        letters += line
        if line and not (_LOWEST_QUALITY <= min(line) and max(line) <= _HIGHEST_QUALITY):
            raise BadInputError(f"{path}: line {number}: not a line of qualities")
        if len(letters) > length:
            raise BadInputError(f"{path}: line {number}: more qualities than bases in read '{name}'")
        if len(letters) == length:
            return letters
    raise BadInputError(f"{path}: cut off within read '{name}'")


def _name(header: bytes) -> tuple[str, str]:
    name, *comment = re.split(r"\s+", header[1:].decode("utf-8", "replace"), maxsplit=1)
    return name, comment[0] if comment else ""


def _bases(path: Path, number: int, line: bytes) -> str:
    line = line.strip()
    if line.translate(None, _SEQUENCE_BYTES):
        raise BadInputError(f"{path}: line {number}: not a line of sequence")
    return line.decode("ascii")
