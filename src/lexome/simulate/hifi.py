"""Molecules read again and again by a polymerase: simulated PacBio subreads with known truth (numpy).

A circular molecule gives passes of alternating strands; the first and the last are partial. What happens to a
base depends on its homopolymer and its neighbours, on the pass and on the molecule (`SubreadProfile`).

Legend: T bases of a template (one strand of the molecule), S bases of a subread.

Source: own.
"""

from dataclasses import dataclass

import numpy as np

from lexome.core.errors import UsageError
from lexome.core.homopolymer_runs import Runs, runs_of
from lexome.simulate.hifi_profile import SubreadProfile
from lexome.simulate.hifi_strand import Strand, hard_places
from lexome.simulate.places import Place

MIN_PASS_BP = 50  # the instrument drops shorter subreads
ADAPTER_BEFORE, ADAPTER_AFTER = 1, 2  # bits of the tag cx
_ADAPTER_BP = (41, 56)  # bases between two subreads: from, up to but not


@dataclass(frozen=True)
class SubreadConfig:
    """How molecules and their passes are drawn.

    `passes_min` to `passes_max` full passes per molecule, all as likely; lengths are normal.
    """

    mean_length_bp: float = 12_000.0
    sd_length_bp: float = 1_500.0
    min_length_bp: int = 1_000
    passes_min: int = 3
    passes_max: int = 18
    error_factor: float = 1.0

    def __post_init__(self) -> None:
        if not 1 <= self.passes_min <= self.passes_max <= 200:
            raise UsageError(
                f"full passes must be from 1 to 200, least first; got {self.passes_min} to {self.passes_max}"
            )
        if self.min_length_bp < 100:
            raise UsageError(f"molecules need at least 100 bases, got a minimum of {self.min_length_bp}")
        if not (self.mean_length_bp >= self.min_length_bp and 0 <= self.sd_length_bp < float("inf")):
            raise UsageError(
                f"the mean length ({self.mean_length_bp:g}) must not be below the least "
                f"({self.min_length_bp}), nor its sd ({self.sd_length_bp:g}) below 0"
            )
        if not 0 <= self.error_factor <= 4:
            raise UsageError(f"the factor on error rates must be from 0 to 4, got {self.error_factor:g}")


@dataclass(frozen=True)
class SimulatedPass:
    """One subread.

    `codes`, `pulse` and `gap` (CodecV1 bytes) are in native orientation, uint8[S]. `place` are the bases of
    the molecule, in ITS direction, that stand before each base, in native order, and `inserted` marks those
    that the molecule does not have. The pass covers [start, end) of the molecule, its reverse complement if
    `is_reverse`. `query_start` is where it begins in the polymerase read; `adapters` is the tag cx.
    """

    codes: np.ndarray
    pulse: np.ndarray
    gap: np.ndarray
    place: np.ndarray
    inserted: np.ndarray
    start: int
    end: int
    is_reverse: bool
    query_start: int
    adapters: int

    def forward(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Codes, places and marks of inserted bases in the molecule's direction."""
        if not self.is_reverse:
            return self.codes, self.place, self.inserted
        return 3 - self.codes[::-1], self.place[::-1], self.inserted[::-1]


@dataclass(frozen=True)
class Molecule:
    """A molecule, its signal-to-noise (A, C, G, T) and the passes over it in the order of time."""

    place: Place
    codes: np.ndarray
    runs: Runs
    snr: np.ndarray
    passes: tuple[SimulatedPass, ...]
    full_passes: int


def simulate_molecule(
    place: Place, codes: np.ndarray, profile: SubreadProfile, config: SubreadConfig, rng: np.random.Generator
) -> Molecule:
    """Draws the passes over a molecule.

    Args:
        place: where it comes from.
        codes: its bases 0..3, at least 100.
        profile: rates.
        config: passes.
        rng: source of everything random.
    """
    full = int(rng.integers(config.passes_min, config.passes_max + 1))
    layout = _layout(len(codes), full, rng)
    return passes_over(place, codes, layout, profile, rng, config.error_factor)


def passes_over(
    place: Place,
    codes: np.ndarray,
    layout: list[tuple[bool, int, int]],
    profile: SubreadProfile,
    rng: np.random.Generator,
    error_factor: float = 1.0,
) -> Molecule:
    """Draws given passes over a molecule.

    Args:
        place: where it comes from.
        codes: its bases 0..3.
        layout: of each pass whether it is reverse, and the part [start, end) of the molecule that it covers.
        profile: rates.
        rng: source of everything random.
        error_factor: on all rates.
    """
    factor = error_factor * float(np.exp(profile.molecule_sd * rng.standard_normal()))
    runs = runs_of(codes)
    hard = hard_places(runs, profile, error_factor, rng)
    opposite = (3 - codes[::-1]).copy()
    strands = [Strand(codes, hard[0], profile, rng), Strand(opposite, hard[1], profile, rng)]
    donor = profile.passes[rng.integers(len(profile.passes))]
    snr = profile.snr_mean * np.exp(profile.snr_sd * rng.standard_normal())
    query, passes = int(rng.integers(0, 100_000)), []
    for is_reverse, start, end in layout:
        begin, stop = (len(codes) - end, len(codes) - start) if is_reverse else (start, end)
        strand, factors = strands[is_reverse], donor[rng.integers(len(donor))]
        drawn, at, inserted = strand.read(begin, stop, factors, factor, profile, rng)
        pulse, gap = strand.kinetics(drawn, at, inserted, factors, profile, rng)
        # an inserted base stands before its place; seen from the other side, behind the base that it precedes
        place_S = len(codes) - 1 - at + inserted if is_reverse else at
        whole = end - start == len(codes)
        adapters = ADAPTER_BEFORE * (begin == 0 or whole) + ADAPTER_AFTER * (stop == len(codes) or whole)
        passes.append(
            SimulatedPass(
                drawn, pulse, gap, place_S, inserted, start, end, bool(is_reverse), query, adapters
            )  # fmt: skip
        )
        query += len(drawn) + int(rng.integers(*_ADAPTER_BP))
    full = sum(end - start == len(codes) for _, start, end in layout)
    return Molecule(place, codes, runs, snr, tuple(passes), full)


def _layout(length_bp: int, full: int, rng: np.random.Generator) -> list[tuple[bool, int, int]]:
    """A partial pass up to the end of its strand, full ones, and one from the beginning of its strand."""
    is_reverse = bool(rng.integers(2))
    first, last = (rng.random(2) * length_bp).astype(int).tolist()
    layout = []
    for number in range(full + 2):
        start, end = 0, length_bp
        if number == 0:  # in the strand's own direction
            start = length_bp - first
        elif number == full + 1:
            end = last
        if end - start >= min(MIN_PASS_BP, length_bp):
            layout.append(
                (is_reverse, length_bp - end, length_bp - start) if is_reverse else (False, start, end)
            )
        is_reverse = not is_reverse
    return layout
