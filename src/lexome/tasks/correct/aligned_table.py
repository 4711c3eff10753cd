"""What becomes of ZMWs when their subreads are aligned: counts, and a table with a line for each."""

from collections import Counter
from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path

EXAMPLES = 3  # names that the summary keeps of each outcome


class AlignOutcome(StrEnum):
    """What became of a CCS read that has subreads; the values are meant for a table."""

    ALIGNED = "aligned"
    NOT_ALIGNED = "not_aligned"  # it has subreads, none of them fits


class LeftOut(StrEnum):
    """Why a subread is not written."""

    SECONDARY = "secondary"
    SUPPLEMENTARY = "supplementary"
    EMPTY = "empty"
    NOT_ALIKE = "not_alike"  # nothing in common with the CCS read
    LOW_IDENTITY = "low_identity"


@dataclass(frozen=True)
class AlignRow:
    """A line of the table; None: it did not come that far."""

    name: str
    outcome: str
    reason: str = ""
    ccs_bp: int | None = None
    subreads: int | None = None
    aligned: int | None = None
    reverse: int | None = None
    clipped_bp: int | None = None
    identity: float | None = None
    left_out: str = ""


COLUMNS = tuple(one.name for one in fields(AlignRow))


@dataclass
class AlignSummary:
    """What became of the ZMWs so far.

    Attributes:
        outcomes: CCS reads (and subreads without one) by outcome: `AlignOutcome`, `ZmwOutcome`.
        examples: of each outcome but "aligned" the first names, with their reasons.
        subreads: how many were read.
        aligned: how many of them were written.
        left_out: the others, by reason.
        without_kinetics: written ones that lack pw or ip.
        partial: where the records are until all are done; None before that is open.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    subreads: int = 0
    aligned: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    without_kinetics: int = 0
    partial: Path | None = None

    def add(self, row: AlignRow) -> None:
        """Counts one outcome."""
        self.outcomes[row.outcome] += 1
        if row.outcome != AlignOutcome.ALIGNED:
            examples = self.examples.setdefault(row.outcome, [])
            if len(examples) < EXAMPLES:
                examples.append((row.name, row.reason))
