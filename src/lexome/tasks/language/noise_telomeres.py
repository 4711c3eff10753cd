"""Telomeres: windows of a repeated motif, from tables of motifs or FASTA."""

import csv
import gzip
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lexome.core.alphabet import reverse_complement
from lexome.core.errors import BadInputError
from lexome.io.fastx import read_fastx

COLUMNS = ("sequence", "telo_seq_1", "motif")
SHORTEST_BP, LONGEST_BP = 4, 100
_MOST_BYTES = 50_000_000
_MOTIF = re.compile(f"[ACGT]{{{SHORTEST_BP},{LONGEST_BP}}}")


@dataclass(frozen=True)
class Motifs:
    """Motifs that differ, each the first by the alphabet of all its turns on both strands; rows left out."""

    motifs: tuple[str, ...]
    rows: int
    left_out: int


def read_motifs(paths: Sequence[Path]) -> Motifs:
    """Reads motifs of telomeres: FASTA, or tables with a column `sequence`, `telo_seq_1` or `motif`.

    Tables may be divided by commas, semicolons or tabs, plain or gzipped. Rows without a motif of 4 to 100
    bases of A, C, G and T are left out and counted.

    Raises:
        BadInputError: if a file cannot be read, has no such column, or there is no motif.
    """
    texts = [text for path in paths for text in _texts(path)]
    found: dict[str, None] = {}
    left_out = 0
    for text in texts:
        motif = text.strip().upper()
        if _MOTIF.fullmatch(motif):
            found[one_of_its_turns(shortest_period(motif))] = None
        else:
            left_out += 1
    if not found:
        raise BadInputError(f"{', '.join(map(str, paths))}: no motif of {SHORTEST_BP} to {LONGEST_BP} bases")
    return Motifs(tuple(sorted(found)), len(texts), left_out)


def shortest_period(motif: str) -> str:
    """TTAGGG of TTAGGGTTAGGG: what repeated gives the whole."""
    return motif[: (motif + motif).index(motif, 1)]


def one_of_its_turns(motif: str) -> str:
    """The same for all motifs that give the same repeats, on either strand."""
    strands = (motif, reverse_complement(motif))
    return min(one[i:] + one[:i] for one in strands for i in range(len(one)))


def repeats(motif: str, length_bp: int, rng: np.random.Generator) -> str:
    """So many bases of a repeated motif, on a strand and from a place in it that are drawn."""
    unit = motif if rng.random() < 0.5 else reverse_complement(motif)
    at = int(rng.integers(len(unit)))
    return (unit * (length_bp // len(unit) + 2))[at : at + length_bp]


def _texts(path: Path) -> list[str]:
    data = _bytes(path)
    if data.startswith(b">"):
        return [sequence for _, sequence, _ in read_fastx(path)]
    # such tables hold names of authors in any encoding; what is read of them is ASCII
    rows = data.decode("latin-1").removeprefix("\xef\xbb\xbf").splitlines()
    first = rows[0] if rows else ""
    delimiter = max("\t;,", key=first.count)
    table = csv.DictReader(rows, delimiter=delimiter)
    column = next((name for name in COLUMNS if name in (table.fieldnames or ())), None)
    if column is None:
        raise BadInputError(f"{path}: neither FASTA nor a table with a column {', '.join(COLUMNS)}")
    try:
        return [row[column] or "" for row in table]
    except csv.Error as error:
        raise BadInputError(f"{path}: not a table ({error})") from error


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as raw:
            is_gzipped = raw.peek(2)[:2] == b"\x1f\x8b"
            data = (gzip.GzipFile(fileobj=raw) if is_gzipped else raw).read(_MOST_BYTES + 1)
    except FileNotFoundError as error:
        raise BadInputError(f"{path}: no such file") from error
    except (EOFError, zlib.error) as error:
        raise BadInputError(f"{path}: the compressed data is cut off or damaged ({error})") from error
    except OSError as error:
        raise BadInputError(f"{path}: cannot be read ({error.strerror or error})") from error
    if len(data) > _MOST_BYTES:
        raise BadInputError(f"{path}: more than {_MOST_BYTES:,} bytes of motifs")
    return data
