"""One strand of a molecule under the polymerase: what all passes share, and one pass (numpy).

Legend: T bases of the template (the strand), S bases of a subread.

Source: own.
"""

from dataclasses import dataclass
from math import erf, sqrt

import numpy as np

from lexome.core.homopolymer_runs import Runs, runs_of
from lexome.dp.kernels.subread_noise import draw_subread
from lexome.simulate.hifi_counts import (
    MATCH,
    MAX_RUN_BP,
    SHORTENED,
    context_index,
    kinds_of,
    neighbours,
)
from lexome.simulate.hifi_profile import LEVELS, SHORT_INSERTION_BP, SubreadProfile

_MAX_FACTOR = 8.0  # on a rate, whatever pass and molecule say
_MAX_LOSS, _MAX_INSERTION = 0.45, 0.6  # probabilities
_MIN_SPREAD = 0.05  # variance left to a pass where context and site explain more than all
_Z_LIMIT, _Z_STEPS = 4.5, 256


@dataclass(frozen=True)
class HardPlaces:
    """First bases of homopolymers that many passes of a strand read one too short, or `longer`."""

    first: np.ndarray
    longer: np.ndarray
    seen: np.ndarray  # share of the passes


def hard_places(
    runs: Runs, profile: SubreadProfile, error_factor: float, rng: np.random.Generator
) -> tuple[HardPlaces, HardPlaces]:
    """Those of both strands: one strand has the defect, the other shows it less."""
    rate = error_factor * profile.hard_rate * rng.gamma(profile.hard_shape, 1 / profile.hard_shape)
    run = np.flatnonzero(rng.random(len(runs.start)) < rate * (runs.length_bp - 1))
    longer = rng.random(len(run)) < profile.hard_longer
    seen = rng.uniform(profile.hard_seen, 1, len(run))
    other = rng.uniform(0, profile.hard_other, len(run))
    is_forward = rng.random(len(run)) < 0.5
    first = runs.start[run]
    opposite = int(runs.length_bp.sum()) - first - runs.length_bp[run]
    return (
        HardPlaces(first, longer, np.where(is_forward, seen, other)),
        HardPlaces(opposite, longer, np.where(is_forward, other, seen)),
    )


class Strand:
    """One strand of a molecule: what its every pass has in common."""

    def __init__(
        self, template_T: np.ndarray, hard: HardPlaces, profile: SubreadProfile, rng: np.random.Generator
    ) -> None:
        self.template_T, self.runs = template_T, runs_of(template_T)
        base, count = template_T, len(template_T)
        before, after = neighbours(template_T)
        run_bp_T = np.minimum(self.runs.length_bp, MAX_RUN_BP)[self.runs.of_base]
        single_T = (before != base) & (after != base)
        self.deletion_T = np.where(
            single_T, profile.single_deleted[before, base, after], profile.run_deleted[base, run_bp_T]
        )
        substitutes_T4 = profile.substituted[before, base, after]
        self.substitution_T = substitutes_T4.sum(1)
        self.substitutes_T4 = _cumulative(substitutes_T4)
        # a homopolymer is lengthened at any of its slots; the slot at its end is that before the next base
        per_slot_T = profile.run_inserted[base, run_bp_T] / (run_bp_T + 1)
        self.inserts_T4 = profile.inserted[before, base].copy()
        every = np.arange(count)
        self.inserts_T4[every, base] = per_slot_T
        borders = every[1:][base[1:] != base[:-1]]
        self.inserts_T4[borders, base[borders - 1]] = per_slot_T[borders - 1]
        self.hard = hard
        self.pulse_T = profile.pulse_context[context_index(template_T)]
        self.gap_T = profile.gap_context[context_index(template_T)]
        self.pulse_T = self.pulse_T + profile.pulse_site_sd * rng.standard_normal(count)
        self.gap_T = self.gap_T + profile.gap_site_sd * rng.standard_normal(count)

    def read(
        self,
        begin: int,
        stop: int,
        factors: np.ndarray,
        factor: float,
        profile: SubreadProfile,
        rng: np.random.Generator,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Codes, places on this strand and marks of inserted bases of a pass over [begin, stop)."""
        more, fewer, wrong, long = np.minimum(factors[:4] * factor, _MAX_FACTOR)
        deletion_T = np.minimum(self.deletion_T * fewer, _MAX_LOSS)
        substitution_T = np.minimum(self.substitution_T * wrong, _MAX_LOSS)
        insertion_T = np.minimum(self.inserts_T4.sum(1) * more, _MAX_INSERTION)
        inserts_T4 = _cumulative(self.inserts_T4)
        at, seen = self.hard.first, self.hard.seen
        lost = at[~self.hard.longer]
        deletion_T[lost] = np.maximum(deletion_T[lost], seen[~self.hard.longer])
        grown = at[self.hard.longer]
        insertion_T[grown] = np.maximum(insertion_T[grown], seen[self.hard.longer])
        inserts_T4[grown] = np.arange(4) >= self.template_T[grown, None]
        part = slice(begin, stop)
        short_bp, long_bp = profile.insertion_bp[1:].copy(), profile.insertion_bp[1:].copy()
        short_bp[SHORT_INSERTION_BP:], long_bp[:SHORT_INSERTION_BP] = 0, 0
        codes, place, inserted = draw_subread(
            self.template_T[part], deletion_T[part], substitution_T[part], insertion_T[part],
            self.substitutes_T4[part], inserts_T4[part], _cumulative(profile.insertion_steps),
            _cumulative(short_bp), _cumulative(long_bp), profile.long_rate * long,
            int(rng.integers(2**62)),
        )  # fmt: skip
        return codes, place + begin, inserted

    def kinetics(
        self,
        codes: np.ndarray,
        place: np.ndarray,
        inserted: np.ndarray,
        factors: np.ndarray,
        profile: SubreadProfile,
        rng: np.random.Generator,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Codes of the pulse widths and of the times before them."""
        kinds = kinds_of(self.template_T, self.runs, codes, place, inserted)
        right = (kinds == MATCH) | (kinds == SHORTENED)
        drawn = []
        for context_T, shift, quantiles in (
            (self.pulse_T, factors[4], profile.pulse_quantiles),
            (self.gap_T, factors[5], profile.gap_quantiles),
        ):
            shared = np.where(right, context_T[place], 0.0)
            spread = np.where(right, np.sqrt(max(_MIN_SPREAD, 1 - float(context_T.var()))), 1.0)
            score = shared + shift + spread * rng.standard_normal(len(codes), np.float32)
            drawn.append(quantiles[kinds, codes, _level(score)])
        return drawn[0], drawn[1]


def _cumulative(weights: np.ndarray) -> np.ndarray:
    """Cumulative shares along the last axis; where all are 0, the first gets all."""
    sums = np.cumsum(weights, axis=-1, dtype=np.float64)
    total = sums[..., -1:]
    return np.where(total > 0, sums / np.where(total > 0, total, 1.0), 1.0)


def _level(score: np.ndarray) -> np.ndarray:
    """The level of the quantile tables that a normal score stands for."""
    index = ((score + _Z_LIMIT) * (_Z_STEPS / (2 * _Z_LIMIT))).astype(np.int64)
    return _LEVEL_OF_Z[np.clip(index, 0, _Z_STEPS - 1)]


_LEVEL_OF_Z = np.array(
    [
        min(LEVELS - 1, int(LEVELS * (0.5 + 0.5 * erf(z / sqrt(2)))))
        for z in (-_Z_LIMIT + (np.arange(_Z_STEPS) + 0.5) * (2 * _Z_LIMIT / _Z_STEPS)).tolist()
    ]
)
