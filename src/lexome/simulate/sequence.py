"""Stretches of sequence to learn from: random, rich in repeats, or slices of real genomes."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from lexome.core.errors import UsageError
from lexome.simulate.places import Places

GC_RANGE = (0.3, 0.7)
RUN_BP, TANDEM_BP = 40, 200  # one homopolymer and one tandem repeat in about this many bases
MIN_RUN_BP, MAX_RUN_BP, RUN_END = 4, 20, 0.35  # a homopolymer ends after each further base with this chance
TANDEM_UNIT_BP, TANDEM_LENGTH_BP = (2, 6), (8, 40)
MIN_SLICE_BP = 1000  # shorter stretches of a genome give no slices


@dataclass(frozen=True)
class SequenceMix:
    """Shares of the stretches by kind; what is left of 1 is random.

    `repeats` of them are rich in homopolymers and tandem repeats, `genome` slices of genomes.
    """

    repeats: float = 0.25
    genome: float = 0.0

    def __post_init__(self) -> None:
        if not (min(self.repeats, self.genome) >= 0 and self.repeats + self.genome <= 1):
            raise UsageError(
                f"the shares of repeats ({self.repeats:g}) and genome ({self.genome:g}), and their sum, must "
                "lie between 0 and 1"
            )


class SequenceSource:
    """Draws stretches of a mix."""

    def __init__(self, mix: SequenceMix, genomes: Mapping[str, str] | None = None) -> None:
        """Prepares the genomes.

        Args:
            mix: shares.
            genomes: contigs by name, for the slices; what is not A, C, G or T is left out.

        Raises:
            UsageError: if slices are wanted and there are no genomes.
            BadInputError: if they have no stretch that is long enough.
        """
        if mix.genome > 0 and not genomes:
            raise UsageError("a share of the sequence is to come from genomes, and none is given")
        self._mix = mix
        self._places = Places(genomes, MIN_SLICE_BP) if genomes and mix.genome > 0 else None

    def draw(self, length_bp: int, generator: np.random.Generator) -> tuple[str, np.ndarray]:
        """Draws a stretch: its kind ("genome", "repeats" or "random") and its codes, uint8.

        A slice of a genome is shorter than `length_bp` where the genome's stretch is.
        """
        kind = generator.random()
        if self._places is not None and kind < self._mix.genome:
            return "genome", self._places.codes(self._places.draw(length_bp, generator))
        if kind < self._mix.genome + self._mix.repeats:
            return "repeats", repetitive_codes(length_bp, generator)
        return "random", random_codes(length_bp, generator)


def random_codes(length_bp: int, generator: np.random.Generator) -> np.ndarray:
    """Independent bases with one GC content, uniform from 0.3 to 0.7; uint8[length_bp]."""
    gc = generator.uniform(*GC_RANGE)
    return generator.choice(4, length_bp, p=[(1 - gc) / 2, gc / 2, gc / 2, (1 - gc) / 2]).astype(np.uint8)


def repetitive_codes(length_bp: int, generator: np.random.Generator) -> np.ndarray:
    """Random bases into which tandem repeats and then homopolymers are written; uint8[length_bp].

    Homopolymers: of any base, 4 to 20 bases, geometric, one in 40 bases. Tandem repeats: units of 2 to 6
    bases, 8 to 40 bases in all, one in 200 bases.
    """
    codes = random_codes(length_bp, generator)
    for start in generator.integers(0, length_bp, -(-length_bp // TANDEM_BP)).tolist():
        unit = generator.integers(0, 4, generator.integers(TANDEM_UNIT_BP[0], TANDEM_UNIT_BP[1] + 1))
        total = generator.integers(TANDEM_LENGTH_BP[0], TANDEM_LENGTH_BP[1] + 1)
        _write(codes, start, np.resize(unit, total))
    for start in generator.integers(0, length_bp, -(-length_bp // RUN_BP)).tolist():
        run_bp = min(MAX_RUN_BP, MIN_RUN_BP - 1 + generator.geometric(RUN_END))
        _write(codes, start, np.full(run_bp, generator.integers(0, 4)))
    return codes


def _write(codes: np.ndarray, start: int, piece: np.ndarray) -> None:
    end = min(len(codes), start + len(piece))
    codes[start:end] = piece[: end - start]
