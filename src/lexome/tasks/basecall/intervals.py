"""Stretches of a reference."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from lexome.core.errors import UsageError


@dataclass(frozen=True)
class Interval:
    """A stretch of a contig, 0-based, end excluded."""

    contig: str
    start_bp: int
    end_bp: int

    def __str__(self) -> str:
        return f"{self.contig}:{self.start_bp}-{self.end_bp}"

    def overlaps(self, other: "Interval") -> bool:
        """Whether they have a base in common."""
        same = self.contig == other.contig
        return same and self.start_bp < other.end_bp and other.start_bp < self.end_bp


def parse_interval(text: str) -> Interval:
    """Reads CONTIG:START-END (0-based, end excluded; commas in numbers allowed).

    Raises:
        UsageError: if it is written otherwise.
    """
    contig, _, span = text.rpartition(":")
    start, _, end = span.replace(",", "").partition("-")
    if not contig or not start.isdigit() or not end.isdigit() or int(start) >= int(end):
        raise UsageError(f"interval '{text}': write it as CONTIG:START-END, for example chr1:20000-26000")
    return Interval(contig, int(start), int(end))


def intervals_in(rows: Iterable[Mapping[str, Any]]) -> list[Interval]:
    """The intervals that a store's meta.json lists."""
    return [Interval(row["contig"], row["start_bp"], row["end_bp"]) for row in rows]
