"""Errors of sequencing put into DNA: insertions, deletions and mismatches, each with its own rate.

Legend: L bases.
"""

import math
from dataclasses import dataclass

import numpy as np

from lexome.core.errors import UsageError

_BASES = np.frombuffer(b"ACGT", np.uint8)
_PLACE = np.full(256, -1, np.int64)
_PLACE[_BASES] = np.arange(4)
_SPREADS = 6  # standard deviations by which a stretch may become shorter than is expected


@dataclass(frozen=True)
class NoiseRates:
    """Chances per base of the true sequence.

    Attributes:
        insertion: a base drawn from all four stands before it.
        deletion: it is missing.
        mismatch: another base stands there; letters other than A, C, G and T never change.
    """

    insertion: float = 0.02
    deletion: float = 0.02
    mismatch: float = 0.02

    def __post_init__(self) -> None:
        if not all(0 <= rate <= 0.3 for rate in (self.insertion, self.deletion, self.mismatch)):
            raise UsageError("the rates of errors must lie between 0 and 0.3")

    @property
    def is_none(self) -> bool:
        """Whether nothing is changed."""
        return not (self.insertion or self.deletion or self.mismatch)

    def stretch_bp(self, length_bp: int) -> int:
        """Bases of the true sequence that give `length_bp` bases with errors (but for one in a billion)."""
        kept = 1 + self.insertion - self.deletion
        spread = _SPREADS * math.sqrt((self.insertion + self.deletion) * length_bp) / kept
        return max(length_bp, math.ceil(length_bp / kept + spread))


@dataclass(frozen=True)
class Noisy:
    """A sequence with errors, and how many of each kind."""

    sequence: str
    insertions: int
    deletions: int
    mismatches: int


def add_noise(sequence: str, rates: NoiseRates, rng: np.random.Generator) -> Noisy:
    """Puts errors into a sequence.

    Every base is deleted or, exclusively, changed; before every base one is inserted or not. An insertion
    may be the same base as its neighbour, as in real reads.

    Args:
        sequence: in upper case.
        rates: of errors.
        rng: the draws; the same state gives the same errors.

    Source: ENBED (2.5.3) names the three kinds and their rates, not how they are drawn.
    """
    letters_L = np.frombuffer(sequence.encode("ascii"), np.uint8)
    place_L = _PLACE[letters_L]
    what_L = rng.random(len(letters_L))
    is_gone_L = what_L < rates.deletion
    is_other_L = (what_L >= rates.deletion) & (what_L < rates.deletion + rates.mismatch) & (place_L >= 0)
    shift_L = rng.integers(1, 4, len(letters_L))
    changed_L = np.where(is_other_L, _BASES[(place_L + shift_L) % 4], letters_L)
    is_new_L = rng.random(len(letters_L)) < rates.insertion
    new_L = _BASES[rng.integers(0, 4, len(letters_L))]
    both = np.stack([new_L, changed_L], axis=1)
    is_there = np.stack([is_new_L, ~is_gone_L], axis=1)
    text = both[is_there].astype(np.uint8).tobytes().decode("ascii")
    return Noisy(text, int(is_new_L.sum()), int(is_gone_L.sum()), int(is_other_L.sum()))


def noisy_window(stretch: str, length_bp: int, rates: NoiseRates, rng: np.random.Generator) -> Noisy:
    """The first `length_bp` bases of a stretch with errors: exactly so many, so length tells nothing.

    Args:
        stretch: of `rates.stretch_bp(length_bp)` bases or more.
        length_bp: of the window.
        rates: of errors; those that are counted are of the whole stretch.
        rng: the draws.
    """
    while True:
        noisy = add_noise(stretch, rates, rng)
        if len(noisy.sequence) >= length_bp:
            return Noisy(noisy.sequence[:length_bp], noisy.insertions, noisy.deletions, noisy.mismatches)
