"""What a benchmark set of one's own is built from, and what came of it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from lexome.core.errors import UsageError

Negatives = Literal["genome", "shuffled", "adversarial"]


@dataclass(frozen=True)
class BuildRequest:
    """What to build a set from.

    Attributes:
        positives: a BED file (.bed, may be .gz) of places in the genome, or FASTA or FASTQ.
        genome: FASTA; not needed for shuffled negatives of FASTA positives.
        negatives: "genome": windows anywhere in it, of nearly the same GC content; "shuffled": the positives,
            shuffled; "adversarial": the windows right beside the positives.
        length_bp: of the windows around the middles of BED regions; as long as the regions if not given.
        shift_bp: how far from its positive an adversarial window starts; right beside it if not given.
        validation: contigs whose positives are for dev; needs `test`.
        test: contigs whose positives are for test.
        held_out_share: of the positives for dev, and as many for test, where no contigs are given.
        seed: of all that is drawn.
    """

    positives: Path
    genome: Path | None = None
    negatives: Negatives = "genome"
    length_bp: int | None = None
    shift_bp: int | None = None
    validation: tuple[str, ...] = ()
    test: tuple[str, ...] = ()
    held_out_share: float = 0.1
    seed: int = 0

    @property
    def is_bed(self) -> bool:
        """Whether the positives are places."""
        return self.positives.name.lower().endswith((".bed", ".bed.gz"))

    def check(self) -> None:
        """Refuses what does not go together.

        Raises:
            UsageError: saying what.
        """
        if self.genome is None and (self.is_bed or self.negatives != "shuffled"):
            what = "positives in BED" if self.is_bed else f"{self.negatives} negatives"
            raise UsageError(f"{what} need a genome; give one with --genome")
        if not self.is_bed:
            for given, option in (
                (self.negatives == "adversarial", "adversarial negatives"),
                (self.length_bp, "--length"),
                (self.validation or self.test, "--validation and --test"),
            ):
                if given:
                    raise UsageError(f"{option}: only for positives in BED, whose places are known")
        if self.shift_bp is not None and self.negatives != "adversarial":
            raise UsageError("--shift is only for adversarial negatives")
        if bool(self.validation) != bool(self.test):
            raise UsageError("give --validation and --test, or neither, to divide at random")
        if both := set(self.validation) & set(self.test):
            raise UsageError(f"'{min(both)}' is for both --validation and --test")


@dataclass
class BuildReport:
    """What was built.

    Attributes:
        counts: positives and negatives of each split.
        left_out: positives that were not used, by the reason.
        without_negative: positives that were used though no negative for them was found.
        gc_difference: mean absolute difference between a negative and its positive.
        checks: what the check for leaks and duplicates says, a line each.
    """

    counts: dict[str, tuple[int, int]] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)
    without_negative: int = 0
    gc_difference: float = 0.0
    checks: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """What a user wants to know."""
        lines = [
            f"{split}: {pos:,} positives, {neg:,} negatives" for split, (pos, neg) in self.counts.items()
        ]
        lines += [f"left out {count:,} positives: {reason}" for reason, count in self.left_out.items()]
        if self.without_negative:
            lines.append(f"warning: no negative was found for {self.without_negative:,} positives")
        return [*lines, f"GC content of negatives: {100 * self.gc_difference:.1f} points off on average",
                *self.checks]  # fmt: skip
