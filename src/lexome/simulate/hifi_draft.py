"""A consensus of the passes over a molecule as a CCS program makes it, with qualities (numpy).

Per homopolymer the length with the highest likelihood given the lengths that the passes show, per base the
base, per slot an insertion or none, all by the rates of the profile: so it errs where the passes mislead,
more with fewer passes, and knows about how sure it is. A polishing program does the same with a finer model.

Legend: T bases of the molecule, R homopolymers (single bases too), D bases of the draft, K candidate lengths.

Source: own; that errors of CCS reads are mostly in the lengths of homopolymers is common knowledge.
"""

from dataclasses import dataclass

import numpy as np

from lexome.dp.kernels.guided_align import DELETION, guided_align
from lexome.simulate.hifi import Molecule, SimulatedPass
from lexome.simulate.hifi_profile import LONGEST_RUN_BP, SubreadProfile

SPAN_BP = 3  # a run may come out shorter or longer by so many bases
MAX_QUALITY = 93
_SINGLE_CONTEXTS = 4 * 3 * 3  # a base and two neighbours unlike it
ALIGN_WIDTH = 64
MISMATCH, GAP_OPEN, GAP_EXTEND = 4, 3, 2  # reproduce 99.7% of the columns of real files


@dataclass(frozen=True)
class Draft:
    """A consensus read.

    `codes` and `qualities` (Phred) are uint8[D]; `of_molecule` (int64[T + 1]) are the bases of the draft
    before each base of the molecule. `rq` is the expected accuracy, `coverage` the mean number of passes over
    a base.
    """

    codes: np.ndarray
    qualities: np.ndarray
    of_molecule: np.ndarray
    rq: float
    coverage: float


def consensus(molecule: Molecule, profile: SubreadProfile, rng: np.random.Generator) -> Draft:
    """Makes the draft of a molecule from its passes; `rng` is what blurs its sight."""
    codes_T, runs = molecule.codes, molecule.runs
    votes = _Votes(molecule, profile, rng)
    length_R, wrong_R = votes.run_lengths(runs.length_bp)
    base_T, base_wrong_T = votes.bases(codes_T)
    slot, extra, slot_wrong_T = votes.insertions(codes_T)
    # the bases of a run that came out longer or shorter: of its first base
    repeats_T = np.ones(len(codes_T), np.int64)
    kept = np.minimum(length_R, runs.length_bp)
    offset_T = np.arange(len(codes_T)) - runs.start[runs.of_base]
    repeats_T[offset_T >= kept[runs.of_base]] = 0
    repeats_T[runs.start] += np.maximum(length_R - runs.length_bp, 0)
    wrong_T = base_wrong_T + slot_wrong_T
    wrong_T[runs.start] += wrong_R
    source = np.repeat(np.arange(len(codes_T)), repeats_T)
    codes_D, wrong_D = base_T[source], wrong_T[source]
    is_first = np.diff(source, prepend=-1) != 0
    wrong_D = np.where(is_first, wrong_D, base_wrong_T[source])
    of_molecule = np.concatenate([[0], np.cumsum(repeats_T)])
    at = of_molecule[slot]
    codes_D, wrong_D = np.insert(codes_D, at, extra), np.insert(wrong_D, at, slot_wrong_T[slot])
    of_molecule = of_molecule + np.searchsorted(slot, np.arange(len(codes_T) + 1), side="right")
    wrong_D = np.clip(wrong_D, 10.0 ** (-MAX_QUALITY / 10), 0.5)
    qualities = np.rint(-10 * np.log10(wrong_D)).astype(np.uint8)
    return Draft(
        codes_D.astype(np.uint8),
        qualities,
        of_molecule,
        float(1 - wrong_D.mean()),
        float(votes.cover_T.mean()),
    )


class _Votes:
    """What the passes say, summed up."""

    def __init__(self, molecule: Molecule, profile: SubreadProfile, rng: np.random.Generator) -> None:
        codes_T, runs = molecule.codes, molecule.runs
        count = len(codes_T)
        self.profile = profile
        self.cover_T = np.zeros(count)
        self.reads_T4 = np.zeros((count, 4))
        self.inserts_T4 = np.zeros((count + 1, 4))
        tables = profile.run_lengths_seen
        length_RK = runs.length_bp[:, None] + np.arange(-SPAN_BP, SPAN_BP + 1)
        candidate_RK = np.clip(length_RK, 0, LONGEST_RUN_BP)
        self.likelihood_RK = np.where(length_RK < 0, -1e9, 0.0)
        self.likelihood_RK[:, SPAN_BP] += 1e-6  # without any pass over it a run stays what it is
        for one in molecule.passes:
            read, place, inserted = one.forward()
            self.cover_T[one.start : one.end] += 1
            self.reads_T4 += _count((count, 4), place[~inserted], read[~inserted])
            extra, slot = read[inserted], place[inserted]
            right = np.where(slot < count, codes_T[np.minimum(slot, count - 1)], 255)
            left = np.where(slot > 0, codes_T[np.maximum(slot - 1, 0)], 255)
            longer = np.where(extra == right, slot, np.where(extra == left, slot - 1, -1))
            self.inserts_T4 += np.minimum(_count((count + 1, 4), slot[longer < 0], extra[longer < 0]), 1)
            seen_R = np.bincount(runs.of_base[place[~inserted]], minlength=len(runs.start))
            seen_R += np.bincount(runs.of_base[longer[longer >= 0]], minlength=len(runs.start))
            # a run at the end of a partial pass may be cut; at an adapter it is whole
            inside = (runs.start > one.start) | (one.start == 0)
            inside &= (runs.start + runs.length_bp < one.end) | (one.end == count)
            base_R = 3 - runs.base if one.is_reverse else runs.base
            blurred = rng.random(len(seen_R)) < profile.draft_blur * (runs.length_bp - 1)
            seen_R = seen_R + np.where(blurred, rng.choice((-1, 1), len(seen_R)), 0)
            seen_R = np.clip(seen_R, 0, LONGEST_RUN_BP)
            found = tables[base_R[:, None], candidate_RK, seen_R[:, None]]
            self.likelihood_RK += np.where(inside[:, None], found, 0)

    def run_lengths(self, length_R: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The likeliest length of every run, and the probability that it is wrong."""
        scaled = self.profile.draft_sharpness * (
            self.likelihood_RK - self.likelihood_RK.max(1, keepdims=True)
        )
        best = self.likelihood_RK.argmax(1)
        share = np.exp(scaled)
        wrong = share.sum(1) - np.take_along_axis(share, best[:, None], 1)[:, 0]
        return length_R + best - SPAN_BP, wrong / share.sum(1)

    def bases(self, codes_T: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The likeliest base at every place of the molecule, and the probability that it is wrong."""
        # the rates of forward passes for all: passes of either strand outvote a wrong base by far
        rates = self.profile.substituted.mean((0, 2))
        log_rates = np.log(rates + np.diag(1 - rates.sum(1)) + 1e-5)
        scores_T4 = self.profile.draft_sharpness * (self.reads_T4 @ log_rates.T)
        scores_T4 -= scores_T4.max(1, keepdims=True)
        best = scores_T4.argmax(1)
        # without any pass over it a base stays what it is
        best = np.where(self.reads_T4.sum(1) > 0, best, codes_T)
        share = np.exp(scores_T4)
        return best.astype(np.uint8), 1 - np.take_along_axis(share, best[:, None], 1)[:, 0] / share.sum(1)

    def insertions(self, codes_T: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Slots where most passes have an extra base, these bases, and per slot the probability of error."""
        before = np.concatenate([codes_T[:1], codes_T[:-1]])
        rate_T4 = self.profile.inserted[before, codes_T] + 1e-4
        lost = max(float(self.profile.single_deleted.sum()) / _SINGLE_CONTEXTS, 1e-4)
        seen_T4 = self.inserts_T4[:-1]
        missing_T4 = np.maximum(self.cover_T[:, None] - seen_T4, 0)
        gain_T4 = seen_T4 * np.log((1 - lost) / rate_T4) + missing_T4 * np.log(lost / (1 - rate_T4))
        odds_T4 = np.exp(-np.abs(self.profile.draft_sharpness * gain_T4))
        slot, base = np.nonzero(gain_T4 > 0)
        return slot, base.astype(np.uint8), (odds_T4 / (1 + odds_T4)).sum(1)


def _count(shape: tuple[int, int], row: np.ndarray, column: np.ndarray) -> np.ndarray:
    return np.bincount(row * shape[1] + column, minlength=shape[0] * shape[1]).reshape(shape)


def align_pass(one: SimulatedPass, draft: Draft) -> tuple[int, np.ndarray]:
    """Aligns a pass to the draft, as the aligner of a CCS pipeline does: affine, gaps to the left.

    Returns:
        The first base of the draft that is aligned, and the operations from there (`guided_align`); neither
        end is a deletion. No operations if the pass has no base, or its part of the draft none.
    """
    read, place, _ = one.forward()
    low, high = int(draft.of_molecule[one.start]), int(draft.of_molecule[one.end])
    guide = np.concatenate([draft.of_molecule[place], [high]]) - low
    ops = _align(np.ascontiguousarray(read), draft.codes[low:high], np.clip(guide, 0, high - low))
    kept = np.flatnonzero(ops != DELETION)
    if len(kept) == 0 or high == low:
        return low, ops[:0]
    return low + int(kept[0]), ops[kept[0] : kept[-1] + 1]


def align_truth(molecule: Molecule, draft: Draft) -> np.ndarray:
    """Aligns the molecule itself to its draft from end to end: operations, the molecule as the query."""
    return _align(molecule.codes, draft.codes, draft.of_molecule)


def _align(query: np.ndarray, reference: np.ndarray, guide: np.ndarray) -> np.ndarray:
    width = ALIGN_WIDTH
    while True:
        ops = guided_align(query, reference, guide, width, MISMATCH, GAP_OPEN, GAP_EXTEND)
        if len(ops) or width > len(reference):
            return ops
        width *= 4  # a gap that is wider than the band
