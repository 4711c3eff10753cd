"""What windows with errors are made from, and what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lexome.core.errors import UsageError
from lexome.tasks.language.noise import NoiseRates
from lexome.tasks.language.region_split import Letters, RegionConfig, check_species

CLEAN, NOISY = "clean", "noisy"
GENOMIC, TELOMERIC = "genomic", "telomeric"


@dataclass(frozen=True)
class NoiseRequest:
    """What to make windows from.

    Attributes:
        genomes: FASTA files by the species' names; may be none.
        telomeres: files of motifs; may be none.
        length_bp: of every window.
        rates: of errors.
        regions: how the genomes are divided.
        copies: windows to learn from that hold each base of a genome; they are shifted against each other.
        most_training: windows of genomes to learn from at most; 0: all.
        most_tested: likewise of each other split.
        telomere_windows: in all splits together.
        most_ambiguous: windows with a larger part of letters other than A, C, G and T are left out.
        seed: of all that is drawn but the blocks.
    """

    genomes: Mapping[str, Path]
    telomeres: tuple[Path, ...] = ()
    length_bp: int = 512
    rates: NoiseRates = NoiseRates()
    regions: RegionConfig = RegionConfig()
    copies: int = 1
    most_training: int = 0
    most_tested: int = 0
    telomere_windows: int = 2000
    most_ambiguous: float = 0.1
    seed: int = 0

    def check(self) -> None:
        """Raises UsageError if it makes no sense."""
        if not self.genomes and not self.telomeres:
            raise UsageError("nothing to make windows from; give --genome or --telomeres")
        if self.rates.is_none:
            raise UsageError("without any errors there is nothing to learn; raise a rate")
        if not 8 <= self.length_bp <= self.regions.block_bp:
            raise UsageError(f"windows need 8 to {self.regions.block_bp} bases (those of a block)")
        if self.genomes:
            check_species(self.regions, list(self.genomes))
            if self.rates.stretch_bp(self.length_bp) > self.regions.block_bp:
                raise UsageError("blocks must be longer than windows with their errors; raise --block")


@dataclass
class NoiseReport:
    """What was made.

    Attributes:
        counts: windows by split, category and label.
        errors: of each kind in all noisy windows, beside the bases that were read for them.
        letters: windows left out for their letters, and letters kept.
        motifs: of telomeres by split.
        motif_rows_left_out: rows of their files without a motif.
    """

    counts: dict[str, dict[str, dict[str, int]]] = field(default_factory=dict)
    errors: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("bases", "insertions", "deletions", "mismatches"), 0)
    )
    letters: Letters = field(default_factory=Letters)
    motifs: dict[str, list[str]] = field(default_factory=dict)
    motif_rows_left_out: int = 0

    def lines(self) -> list[str]:
        """What a user wants to know."""
        told = [
            f"{split}, {category}: {labels[CLEAN]} clean, {labels[NOISY]} noisy windows"
            for split, categories in self.counts.items()
            for category, labels in categories.items()
        ]
        left_out = self.letters.too_ambiguous + self.letters.no_code
        if left_out or self.letters.ambiguous:
            told.append(
                f"{left_out} windows left out for letters other than A, C, G, T; {self.letters.ambiguous} "
                "such letters kept in others"
            )
        if self.motif_rows_left_out:
            told.append(f"{self.motif_rows_left_out} rows without a motif of telomeres left out")
        return told
