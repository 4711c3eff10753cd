"""Stretches of a genome: BED files, and bases by their place without an index beside the FASTA."""

import gzip
import os
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from lexome.core.alphabet import reverse_complement
from lexome.core.errors import BadInputError, LexomeError, nearest
from lexome.io.fastx import read_reference_records

_NO_REGION = ("#", "track", "browser")
_WHOLE_NUMBER_LETTERS = 12


@dataclass(frozen=True)
class BedRegion:
    """A line of a BED file: places count from 0, the end is excluded.

    Attributes:
        name: column 4, else CONTIG:START-END, followed by (-) on the reverse strand.
        contig: column 1.
        start_bp: column 2.
        end_bp: column 3.
        is_reverse: column 6 is "-": the region's sequence is that of the other strand.
    """

    name: str
    contig: str
    start_bp: int
    end_bp: int
    is_reverse: bool = False


@dataclass(frozen=True)
class Genome:
    """Bases by their place, in upper case; made by `open_genome`.

    Attributes:
        path: the FASTA file.
        lengths_bp: of the contigs by name, in the file's order.
    """

    path: Path
    lengths_bp: dict[str, int]
    _starts: dict[str, int]
    _bases: BinaryIO

    def bases(self, contig: str, start_bp: int, end_bp: int) -> str:
        """A stretch of a contig, from 0, the end excluded; it must lie within it."""
        if not 0 <= start_bp <= end_bp <= self.lengths_bp[contig]:
            raise ValueError(f"{contig}:{start_bp}-{end_bp} lies outside of it")
        self._bases.seek(self._starts[contig] + start_bp)
        return self._bases.read(end_bp - start_bp).decode("ascii")

    def check_contig(self, contig: str, where: str) -> None:
        """Raises BadInputError if the genome has no such contig; `where` says who asks."""
        if contig not in self.lengths_bp:
            other = contig.removeprefix("chr") if contig.startswith("chr") else f"chr{contig}"
            known = [f"'{other}'"] if other in self.lengths_bp else []
            hint = f"but {known[0]}" if known else nearest(contig, list(self.lengths_bp)[:50])
            raise BadInputError(f"{where}: {self.path} has no sequence '{contig}', {hint}")


@contextmanager
def open_genome(path: Path) -> Iterator[Genome]:
    """Opens a FASTA file, plain or gzipped, for reading anywhere in it.

    Nothing is written beside it: the bases are copied, one byte each, into a temporary file without a name
    (in TMPDIR), so one contig at a time is in memory.

    Raises:
        BadInputError: if it cannot be read, is no FASTA of DNA, or has a name twice.
        LexomeError: if there is no room for the copy.
    """
    with tempfile.TemporaryFile() as spool:
        lengths: dict[str, int] = {}
        starts: dict[str, int] = {}
        for record in read_reference_records(path):
            if record.name in lengths:
                raise BadInputError(f"{path}: the sequence name '{record.name}' is there twice")
            starts[record.name] = spool.tell()
            lengths[record.name] = len(record.sequence)
            try:
                spool.write(record.sequence.upper().encode("ascii"))
            except OSError as error:
                raise LexomeError(
                    f"{tempfile.gettempdir()}: no room for a copy of {path} "
                    f"({os.strerror(error.errno or 0)}); set TMPDIR to a folder with more"
                ) from error
        spool.flush()
        yield Genome(path, lengths, starts, spool)  # pyright: ignore[reportArgumentType]


@contextmanager
def text_lines(path: Path) -> Iterator[Iterator[tuple[int, str]]]:
    """The lines of a text file, plain or gzipped, without their ends, and their numbers from 1.

    Raises:
        BadInputError: if it cannot be read or is no text.
    """
    try:
        with path.open("rb") as raw:
            is_gzipped = raw.peek(2)[:2] == b"\x1f\x8b"
            stream = gzip.GzipFile(fileobj=raw) if is_gzipped else raw
            yield ((n, line.rstrip(b"\r\n").decode()) for n, line in enumerate(stream, 1))
    except FileNotFoundError as error:
        raise BadInputError(f"{path}: no such file") from error
    except (EOFError, zlib.error) as error:
        raise BadInputError(f"{path}: the compressed data is cut off or damaged ({error})") from error
    except OSError as error:
        raise BadInputError(f"{path}: cannot be read ({error.strerror or error})") from error
    except UnicodeDecodeError as error:
        raise BadInputError(f"{path}: not a text file ({error.reason})") from error


def read_bed(path: Path, genome: Genome) -> Iterator[BedRegion]:
    """Yields the regions of a BED file, plain or gzipped, in its order.

    Raises:
        BadInputError: if it cannot be read, or a line is no region or lies outside of the genome.
    """
    with text_lines(path) as lines:
        for number, line in lines:
            line = line.removeprefix("\ufeff")
            if line.strip() and not line.startswith(_NO_REGION):
                yield _region(line, f"{path}: line {number}", genome)


def _region(line: str, where: str, genome: Genome) -> BedRegion:
    fields = line.split("\t") if "\t" in line else line.split()
    if len(fields) < 3 or not all(_is_whole(field) for field in fields[1:3]):
        raise BadInputError(f"{where} is not a contig, a start and an end with tabs between: '{line[:80]}'")
    contig, start, end = fields[0], int(fields[1]), int(fields[2])
    genome.check_contig(contig, where)
    if start >= end:
        raise BadInputError(f"{where}: start {start} is not below end {end}")
    if end > genome.lengths_bp[contig]:
        raise BadInputError(f"{where}: ends at {end}, but '{contig}' has {genome.lengths_bp[contig]} bases")
    strand = fields[5] if len(fields) > 5 else "."
    if strand not in ("+", "-", "."):
        raise BadInputError(f"{where}: the strand is '{strand}'; known: +, - and .")
    name = fields[3].strip() if len(fields) > 3 else ""
    if name in ("", "."):
        name = f"{contig}:{start}-{end}{'(-)' if strand == '-' else ''}"
    return BedRegion(name, contig, start, end, strand == "-")


def _is_whole(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _WHOLE_NUMBER_LETTERS


def region_source(bed: Path, genome: Genome) -> Callable[[], Iterator[tuple[str, str]]]:
    """The sequences of the regions of a BED file, those on the reverse strand as they are read there."""

    def read() -> Iterator[tuple[str, str]]:
        for region in read_bed(bed, genome):
            bases = genome.bases(region.contig, region.start_bp, region.end_bp)
            yield region.name, reverse_complement(bases) if region.is_reverse else bases

    return read
