"""What becomes of ZMWs: which corrected reads are written, and how many are not, for which reasons."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from lexome.tasks.correct.run import Corrected, Fate
from lexome.tasks.correct.stitch import mean_quality

EXAMPLES = 3  # names that the summary keeps of each outcome


class Verdict(StrEnum):
    """What became of a corrected read; the values are meant for a table."""

    WRITTEN = "written"
    NO_BASES = "no_bases"
    LOW_QUALITY = "low_quality"
    TOO_SHORT = "too_short"


@dataclass(frozen=True)
class Filters:
    """Reads of a lower mean quality, or of fewer bases, are not written; nor are those without bases."""

    min_quality: float = 20.0
    min_length_bp: int = 0

    def verdict(self, corrected: Corrected) -> tuple[Verdict, str]:
        """What becomes of a read, and why."""
        if not corrected.sequence:
            return Verdict.NO_BASES, "the network left no base"
        quality = mean_quality(corrected.qualities)
        if quality < self.min_quality:
            return Verdict.LOW_QUALITY, f"the mean quality is {quality:.5g}, below {self.min_quality:g}"
        length = len(corrected.sequence)
        if length < self.min_length_bp:
            return Verdict.TOO_SHORT, f"{length} bases are less than {self.min_length_bp}"
        return Verdict.WRITTEN, ""


@dataclass
class CorrectSummary:
    """What became of the ZMWs so far.

    Attributes:
        outcomes: ZMWs by outcome, the values of `Verdict`, `Failure` and `ZmwOutcome`.
        examples: of each outcome but "written" the first names, with their reasons.
        windows: windows by what was done with them.
        bases_in: of the CCS reads that were corrected.
        bases_out: of the reads that were made of them.
        changes: bases substituted, inserted and deleted.
        dropped_tags: tags that no longer hold, by name: the number of reads that lost them.
        kept: ZMWs with which an interrupted run was done.
        kept_uncounted: of these, those of which only the read is known: in `windows`, `bases_in`, `bases_out`
            and `changes` they are missing.
        measured: ZMWs whose kinetics and signal were compared with those that the model has learnt from.
        unlike: of these, those that lie outside, by measure.
        partial: where the reads are until all are done; None before that is open.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    windows: Counter[Fate] = field(default_factory=Counter)
    bases_in: int = 0
    bases_out: int = 0
    changes: int = 0
    dropped_tags: Counter[str] = field(default_factory=Counter)
    kept: int = 0
    kept_uncounted: int = 0
    measured: int = 0
    unlike: Counter[str] = field(default_factory=Counter)
    partial: Path | None = None

    @property
    def num_corrected(self) -> int:
        """Reads that were corrected, those that do not pass the filters included."""
        return sum(self.outcomes[verdict] for verdict in Verdict)

    @property
    def num_written(self) -> int:
        """Reads that passed the filters."""
        return self.outcomes[Verdict.WRITTEN]

    @property
    def num_zmws(self) -> int:
        """ZMWs (and repeated records of them) that were dealt with."""
        return self.outcomes.total()

    def count(self, fates: Mapping[Fate, int], bases_in: int, bases_out: int, changes: int) -> None:
        """Counts what was done to a read."""
        self.windows.update(fates)
        self.bases_in += bases_in
        self.bases_out += bases_out
        self.changes += changes

    def add(self, name: str, outcome: str, reason: str) -> None:
        """Counts one outcome."""
        self.outcomes[outcome] += 1
        if outcome != Verdict.WRITTEN:
            examples = self.examples.setdefault(outcome, [])
            if len(examples) < EXAMPLES:
                examples.append((name, reason))
