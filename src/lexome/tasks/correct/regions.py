"""Where on a genome molecules come from, and stretches of it to choose them by."""

import re
from dataclasses import dataclass
from pathlib import Path

from lexome.core.errors import BadInputError, UsageError

_REGION = re.compile(r"([^:]+)(?::(\d+)-(\d+))?")


@dataclass(frozen=True)
class Region:
    """A stretch of a genome, the end excluded; `end_bp` None: to the end of the contig."""

    contig: str
    start_bp: int = 0
    end_bp: int | None = None

    @classmethod
    def parse(cls, text: str) -> "Region":
        """Reads CONTIG or CONTIG:START-END, from 1 and with the end, as samtools writes it.

        Raises:
            UsageError: for anything else.
        """
        found = _REGION.fullmatch(text)
        if found is None or (found[2] and not 1 <= int(found[2]) <= int(found[3])):
            raise UsageError(f"--regions {text}: write CONTIG or CONTIG:START-END, the first base being 1")
        return cls(found[1], int(found[2]) - 1, int(found[3])) if found[2] else cls(found[1])

    def holds(self, place: tuple[str, int, int]) -> bool:
        """Whether a molecule (contig, start, end) lies in it from end to end."""
        contig, start_bp, end_bp = place
        inside = self.end_bp is None or end_bp <= self.end_bp
        return contig == self.contig and self.start_bp <= start_bp and inside


def read_places(path: Path) -> dict[str, tuple[str, int, int]]:
    """Reads a BED file: contig, start and end by the name in the fourth column.

    Raises:
        BadInputError: if it cannot be read or a line is none of BED.
    """
    places: dict[str, tuple[str, int, int]] = {}
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError(f"{path}: cannot be read ({error})") from error
    for number, line in enumerate(lines, 1):
        fields = line.split()
        if not fields or fields[0].startswith("#"):
            continue
        if len(fields) < 4 or not (fields[1].isdecimal() and fields[2].isdecimal()):
            raise BadInputError(f"{path}, line {number}: not a line of contig, start, end and name")
        places[fields[3]] = (fields[0], int(fields[1]), int(fields[2]))
    return places
