"""Where on a genome molecules come from, and stretches of it to choose them by."""

import re
from dataclasses import dataclass

from lexome.core.errors import UsageError

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
