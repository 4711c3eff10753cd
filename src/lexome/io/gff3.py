"""Reading GFF3: the features of genomes, one in memory at a time."""

import gzip
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote

from lexome.core.errors import BadInputError

COLUMNS = 9
_PLACE_LETTERS = 12


@dataclass(frozen=True)
class Feature:
    """A line of a GFF3 file; places count from 0 and the end is excluded, unlike in the file.

    Attributes:
        contig: column 1.
        source: column 2.
        kind: column 3, such as "CDS".
        start_bp: column 4 less one.
        end_bp: column 5.
        strand: "+", "-", "." or "?".
        attributes: column 9, without its escapes; values with several parts keep their commas.
    """

    contig: str
    source: str
    kind: str
    start_bp: int
    end_bp: int
    strand: str
    attributes: Mapping[str, str] = field(default_factory=dict)


def read_gff3(path: Path) -> Iterator[Feature]:
    """Yields the features of a GFF3 file, plain or gzipped, in its order.

    Comments and directives are passed over; sequences behind ##FASTA are not read. Attributes that are no
    "key=value" are passed over, too: many files have a note there.

    Raises:
        BadInputError: if it cannot be read, or a line is no feature.

    Source: the GFF3 specification of the Sequence Ontology, 1.26.
    """
    try:
        with path.open("rb") as raw:
            is_gzipped = raw.peek(2)[:2] == b"\x1f\x8b"
            stream = gzip.GzipFile(fileobj=raw) if is_gzipped else raw
            yield from _features(path, stream)  # pyright: ignore[reportArgumentType]
    except FileNotFoundError as error:
        raise BadInputError(f"{path}: no such file") from error
    except (EOFError, zlib.error) as error:
        raise BadInputError(f"{path}: the compressed data is cut off or damaged ({error})") from error
    except OSError as error:
        raise BadInputError(f"{path}: cannot be read ({error.strerror or error})") from error
    except UnicodeDecodeError as error:
        raise BadInputError(f"{path}: not a text file ({error.reason})") from error


def _features(path: Path, stream: BinaryIO) -> Iterator[Feature]:
    for number, line in enumerate(stream, 1):
        text = line.decode("utf-8").rstrip("\r\n")
        if text.startswith("##FASTA") or text.startswith(">"):
            return
        if text.strip() and not text.startswith("#"):
            yield _feature(text, f"{path}: line {number}")


def _feature(text: str, where: str) -> Feature:
    fields = text.split("\t")
    if len(fields) != COLUMNS:
        raise BadInputError(
            f"{where} has {len(fields)} columns with tabs between; a GFF3 feature has {COLUMNS}"
        )
    contig, source, kind, start, end, _, strand, _, notes = fields
    if not all(
        place.isascii() and place.isdigit() and len(place) <= _PLACE_LETTERS for place in (start, end)
    ):
        raise BadInputError(f"{where}: '{start[:20]}' to '{end[:20]}' are no places")
    if not 1 <= int(start) <= int(end):
        raise BadInputError(
            f"{where}: start {start} and end {end}; places count from 1, the start comes first"
        )
    if not contig or not kind:
        raise BadInputError(f"{where}: the contig (column 1) or the type (column 3) is empty")
    if strand not in ("+", "-", ".", "?"):
        raise BadInputError(f"{where}: the strand is '{strand[:20]}'; known: + - . ?")
    return Feature(
        unquote(contig), source, unquote(kind), int(start) - 1, int(end), strand, _attributes(notes)
    )


def _attributes(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in text.split(";"):
        key, sign, value = part.partition("=")
        if sign and key.strip():
            found.setdefault(unquote(key.strip()), unquote(value.strip()))
    return found
