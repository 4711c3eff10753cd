"""Where on a reference the simulated reads come from."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from lexome.core.alphabet import NO_BASE, encode
from lexome.core.errors import BadInputError


@dataclass(frozen=True)
class Place:
    """A stretch of a contig, 0-based and half-open on its forward strand, read on `strand` ('+' or '-')."""

    contig: str
    start: int
    end: int
    strand: str


class Places:
    """A reference cut into the stretches that reads may come from.

    A stretch is a run of A, C, G and T without any other letter, at least `min_length_bp` long.
    """

    def __init__(self, reference: Mapping[str, str], min_length_bp: int):
        """Encodes the reference and finds its stretches.

        Args:
            reference: contig name -> sequence; case is ignored.
            min_length_bp: shorter stretches give no reads.

        Raises:
            BadInputError: if no stretch is long enough.
        """
        self._codes: dict[str, np.ndarray] = {}
        self._stretches: list[tuple[str, int, int]] = []
        longest_bp = 0
        for name, sequence in reference.items():
            codes = encode(sequence)
            self._codes[name] = codes
            edges = np.flatnonzero(np.diff(codes != NO_BASE, prepend=False, append=False))
            for start, end in edges.reshape(-1, 2).tolist():
                longest_bp = max(longest_bp, end - start)
                if end - start >= min_length_bp:
                    self._stretches.append((name, start, end))
        if not self._stretches:
            raise BadInputError(
                f"the reference is too short: no stretch of {min_length_bp} bases without N in its "
                f"{len(self._codes)} contigs (longest: {longest_bp}); take a longer one or a smaller minimum"
            )
        lengths = np.array([end - start for _, start, end in self._stretches], np.float64)
        self._cumulative = np.cumsum(lengths / lengths.sum())

    def draw(self, length_bp: int, rng: np.random.Generator) -> Place:
        """Draws a place: a stretch by its length, a position in it and a strand, all uniform.

        Args:
            length_bp: wanted length; the place is shorter where the stretch is.
            rng: source of the three draws.
        """
        which = np.searchsorted(self._cumulative, rng.random(), side="right")
        contig, start, end = self._stretches[min(int(which), len(self._stretches) - 1)]
        length_bp = min(length_bp, end - start)
        start += int(rng.integers(end - start - length_bp + 1))
        return Place(contig, start, start + length_bp, "+" if rng.random() < 0.5 else "-")

    def codes(self, place: Place) -> np.ndarray:
        """The base codes (0..3) of a place in sequencing order: of the reverse complement for strand '-'."""
        codes = self._codes[place.contig][place.start : place.end]
        return codes if place.strand == "+" else (3 - codes)[::-1]
