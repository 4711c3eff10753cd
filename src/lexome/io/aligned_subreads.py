"""Writing subreads aligned to their CCS reads: the records that were read, with a place.

Bases and CIGAR are turned into the direction of the CCS read; everything in tags stays as it was, and so do
`ip` and `pw`: PacBio's programs keep them in the direction of sequencing, in aligned records as well.

Source: the PacBio BAM format; records as actc writes them.
"""

from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pysam

from lexome.core.alphabet import reverse_complement
from lexome.core.errors import BadInputError, UsageError
from lexome.io.alignment_files import open_alignments, reading, writing
from lexome.io.corrected import named_at_end
from lexome.io.output import check_output
from lexome.io.partial import partial_of
from lexome.io.program_line import free_name, own_program

MODES = {".bam": "wb", ".sam": "w"}
REVERSE, MAPQ = 16, 60
OF_ALIGNMENT = frozenset("NM MD SA AS XS mg mc".split())
_PROGRAM = "lexome-align"


@dataclass(frozen=True)
class Place:
    """Where a subread lies: number of the CCS read in the header, first base, strand, CIGAR as of pysam."""

    number: int
    start_bp: int
    is_reverse: bool
    cigar: Sequence[tuple[int, int]]


def check_aligned_output(path: Path) -> None:
    """Finds out before any work whether an output can be written.

    Raises:
        UsageError: if not.
    """
    if path.suffix.lower() not in MODES:
        raise UsageError(f"{path}: aligned subreads are written as .bam or .sam")
    check_output(path)


@contextmanager
def open_aligned(path: Path, header: pysam.AlignmentHeader) -> Iterator["AlignedWriter"]:
    """Opens an output for aligned subreads; the bytes depend on the header and the records alone.

    Args:
        path: ends in .bam or .sam; what is there is replaced at the end, a `.partial` of it at once.
        header: as from `aligned_header`.

    Yields:
        A writer. When the block ends by an exception, the records written so far stay readable.

    Raises:
        UsageError: as `check_aligned_output`.
        LexomeError: if the output cannot be written.
    """
    check_aligned_output(path)
    with named_at_end(path, AlignedWriter(path, header)) as writer:
        yield writer


class AlignedWriter:
    """Takes subreads one by one; made by `open_aligned`."""

    def __init__(self, path: Path, header: pysam.AlignmentHeader) -> None:
        self.partial_path = partial_of(path)
        self._header = header
        with writing(self.partial_path):
            self._file = pysam.AlignmentFile(
                str(self.partial_path), MODES[path.suffix.lower()], header=header
            )

    def write(self, record: pysam.AlignedSegment, place: Place) -> None:
        """Writes a subread at a place.

        Args:
            record: as it was read: aligned elsewhere or not at all.
            place: in the direction of the CCS read.

        Raises:
            LexomeError: if it cannot be written.
        """
        with writing(self.partial_path):
            self._file.write(placed(record, place, self._header))

    def close(self) -> None:
        """Ends the file; may be called again."""
        with writing(self.partial_path):
            self._file.close()


def placed(record: pysam.AlignedSegment, place: Place, header: pysam.AlignmentHeader) -> pysam.AlignedSegment:
    """A record like another one, at a place; a quality that says nothing (0 everywhere) is left out."""
    sequence, qualities = record.get_forward_sequence() or "", record.query_qualities
    made = pysam.AlignedSegment(header)
    made.query_name = record.query_name
    made.flag = REVERSE if place.is_reverse else 0
    made.reference_id, made.reference_start = place.number, place.start_bp
    made.mapping_quality = MAPQ
    made.query_sequence = reverse_complement(sequence) if place.is_reverse else sequence
    made.cigartuples = list(place.cigar)
    if qualities is not None and any(qualities):
        made.query_qualities = qualities[::-1] if place.is_reverse != record.is_reverse else qualities
    made.set_tags([_tag(*tag) for tag in record.get_tags(with_value_type=True) if tag[0] not in OF_ALIGNMENT])
    return made


def _tag(name: str, value: Any, kind: str) -> tuple[Any, ...]:
    """A tag as pysam takes it back: an array says itself of what kind it is, 2^31 and more came negative."""
    if isinstance(value, array):
        return name, value
    return name, value + 2**32 if kind == "I" and value < 0 else value, kind


def aligned_header(
    subreads: Sequence[Path],
    ccs: Mapping[str, int],
    version: str,
    command_line: str,
    description: str = "",
) -> pysam.AlignmentHeader:
    """The header of the subreads, the CCS reads as sequences and a line for this program.

    Args:
        subreads: the files that records come from; their read groups and programs are brought together.
        ccs: names and lengths (bp) of all CCS reads.
        version: of lexome.
        command_line: as it was typed.
        description: how it was run.

    Raises:
        BadInputError: if a file cannot be read, or two files mean different things by one read group.
    """
    first: dict[str, Any] = {"VN": "1.6", "SO": "unknown"}
    groups: dict[str, dict[str, str]] = {}
    programs: dict[str, dict[str, str]] = {}
    for path in subreads:
        with open_alignments(path) as file, reading(path):
            header = file.header.to_dict()
        first |= {key: value for key, value in header.get("HD", {}).items() if key not in ("SO", "GO", "SS")}
        for group in header.get("RG", []):
            if groups.setdefault(group["ID"], group) != group:
                raise BadInputError(f"{path}: its read group {group['ID']} is another one in an earlier file")
        _add_programs(programs, header.get("PG", []))
    own = own_program(_PROGRAM, list(programs.values()), version, command_line, description)
    return pysam.AlignmentHeader.from_dict(
        {
            "HD": first,
            "SQ": [{"SN": name, "LN": length} for name, length in ccs.items()],
            "RG": list(groups.values()),
            "PG": [*programs.values(), own],
        }
    )


def _add_programs(programs: dict[str, dict[str, str]], more: Sequence[dict[str, str]]) -> None:
    """Adds the programs of a further file; one of a name that means another one there is renamed."""
    renamed: dict[str, str] = {}
    for program in more:
        name = program["ID"]
        program = program | ({"PP": renamed[program["PP"]]} if program.get("PP") in renamed else {})
        if programs.get(name, program) != program:
            renamed[name] = free_name(name, programs)
            program = program | {"ID": renamed[name]}
        programs[program["ID"]] = program
