"""The figures of a set of corrected reads against the truth, and of two sets against each other.

Every figure is defined in docs/evaluate-correction.md under the same name.

Shapes: N molecules (reads whose truth is known), D drawn ones (a bootstrap resample), C counts of a read.
"""

from dataclasses import astuple, dataclass, fields

import numpy as np
from jaxtyping import Bool, Float, Int64

from lexome.core.config import to_dict
from lexome.evaluate.bootstrap import BootstrapConfig, intervals
from lexome.evaluate.kmer_qv import KmerTally
from lexome.evaluate.quality_calibration import QualityRow, calibration_error, quality_rows
from lexome.evaluate.truth_alignment import NUM_QUALITIES, ErrorCounts, Judged

LEVELS = {20: 0.99, 30: 0.999, 40: 0.9999}  # empirical quality -> identity
WINDOWS_BELOW = 100  # molecules; with fewer, windows are drawn too
READ_BIN_Q = 5
_COUNTS = tuple(field.name for field in fields(ErrorCounts))


class JudgedReads:
    """What is known of one set of reads: one place for each molecule of the truth, and what has none."""

    def __init__(self, num_molecules: int, kmers: KmerTally) -> None:
        self.found_N = np.zeros(num_molecules, bool)
        self.too_unlike_N = np.zeros(num_molecules, bool)
        self.bases_N = np.zeros(num_molecules, np.int64)
        self.predicted_q_N = np.full(num_molecules, np.nan)
        self.counts_NC = np.zeros((num_molecules, len(_COUNTS)), np.int64)
        self.window_edits: dict[int, np.ndarray] = {}
        self.quality_counts = np.zeros((NUM_QUALITIES, 3), np.int64)
        self.kmers = kmers
        self.without_truth = 0
        self.repeated = 0

    def add(self, number: int, bases: int, predicted_q: float, judged: Judged | None) -> None:
        """Adds the read of a molecule.

        Args:
            number: of the molecule.
            bases: of the read.
            predicted_q: its quality as predicted; NaN if nothing is.
            judged: None if it hardly looks like its truth.
        """
        self.bases_N[number], self.predicted_q_N[number] = bases, predicted_q
        if judged is None:
            self.too_unlike_N[number] = True
            return
        self.found_N[number] = True
        self.counts_NC[number] = astuple(judged.counts)
        if judged.quality_counts is not None:
            self.quality_counts += judged.quality_counts
        if len(self.found_N) < WINDOWS_BELOW:
            self.window_edits[number] = judged.window_edits

    def column(self, name: str) -> Int64[np.ndarray, " N"]:
        """One of the counts of every read."""
        return self.counts_NC[:, _COUNTS.index(name)]

    @property
    def matches(self) -> Int64[np.ndarray, " N"]:
        """Matches of every read."""
        return self.column("matches")

    @property
    def edits(self) -> Int64[np.ndarray, " N"]:
        """Edits of every read."""
        return self.counts_NC[:, 1:7].sum(axis=1)

    @property
    def identity(self) -> Float[np.ndarray, " N"]:
        """Matches / alignment columns of every read; 0 for one that is not found or has no column."""
        columns_N = self.matches + self.edits
        return np.where(columns_N > 0, self.matches / np.maximum(columns_N, 1), 0.0)

    def kept(self, min_quality: float) -> Bool[np.ndarray, " N"]:
        """Reads that a filter by predicted quality leaves; without a prediction nothing is filtered."""
        low_N = self.predicted_q_N < min_quality  # False for NaN
        return self.found_N & ~low_N


@dataclass(frozen=True)
class ReadQualityRow:
    """Reads of one bin of predicted quality, 5 wide; `q_predicted` is where it begins."""

    q_predicted: int
    q_empirical: float | None
    reads: int
    columns: int
    edits: int
    edits_expected: float


@dataclass(frozen=True)
class SetFigures:
    """What is reported of one set of reads."""

    reads: int
    found: int
    missing: int
    too_unlike: int
    without_truth: int
    repeated: int
    bases: int
    truth_bases: int
    edits: int
    edits_per_kb: float | None
    identity_mean: float | None
    identity_pooled: float | None
    identity_median: float | None
    q_pooled: float | None
    perfect_reads: int
    mismatches: int
    insertions: int
    deletions: int
    hp_mismatches: int
    hp_insertions: int
    hp_deletions: int
    non_hp_mismatches: int
    non_hp_insertions: int
    non_hp_deletions: int
    truth_hp_bases: int
    kept_reads: int
    kept_bases: int
    reads_q20: int
    reads_q30: int
    reads_q40: int
    bases_q20: int
    bases_q30: int
    bases_q40: int
    kmers: int
    kmers_not_in_truth: int
    kmer_qv: float | None
    kmer_completeness: float | None
    calibration_error: float | None
    q_predicted_vs_empirical: tuple[QualityRow, ...]
    read_q_predicted_vs_empirical: tuple[ReadQualityRow, ...]

    def to_json(self) -> dict:
        """Plain values, in this order."""
        return to_dict(self)


def set_figures(reads: JudgedReads, min_quality: float) -> SetFigures:
    """Sums a set up.

    Args:
        reads: the set.
        min_quality: lowest predicted quality of reads that count for the yields.
    """
    found_N, kept_N = reads.found_N, reads.kept(min_quality)
    identity_N = reads.identity
    matches, edits = int(reads.matches.sum()), int(reads.edits.sum())
    truth_bases = int(reads.column("truth_bases").sum())
    sums = {name: int(reads.column(name).sum()) for name in _COUNTS[1:7]}
    per_kind = {
        f"{kind}s": sums[f"hp_{kind}s"] + sums[f"non_hp_{kind}s"]
        for kind in ("mismatch", "insertion", "deletion") if kind != "mismatch"
    } | {"mismatches": sums["hp_mismatches"] + sums["non_hp_mismatches"]}  # fmt: skip
    yields: dict[str, int] = {}
    for level, least in LEVELS.items():
        good_N = kept_N & (identity_N >= least)
        yields[f"reads_q{level}"] = int(good_N.sum())
        yields[f"bases_q{level}"] = int(reads.bases_N[good_N].sum())
    in_set_N = found_N | reads.too_unlike_N
    any_found = bool(found_N.any())
    return SetFigures(
        reads=int(in_set_N.sum()) + reads.without_truth + reads.repeated,
        found=int(found_N.sum()),
        missing=int((~in_set_N).sum()),
        too_unlike=int(reads.too_unlike_N.sum()),
        without_truth=reads.without_truth,
        repeated=reads.repeated,
        bases=int(reads.bases_N[found_N].sum()),
        truth_bases=truth_bases,
        edits=edits,
        edits_per_kb=1000.0 * edits / truth_bases if truth_bases else None,
        identity_mean=float(identity_N[found_N].mean()) if any_found else None,
        identity_pooled=matches / (matches + edits) if matches + edits else None,
        identity_median=float(np.median(identity_N[found_N])) if any_found else None,
        q_pooled=_phred(edits, matches + edits),
        perfect_reads=int((found_N & (reads.edits == 0) & (reads.matches > 0)).sum()),
        **per_kind,
        **sums,
        truth_hp_bases=int(reads.column("truth_hp_bases").sum()),
        kept_reads=int(kept_N.sum()),
        kept_bases=int(reads.bases_N[kept_N].sum()),
        **yields,
        kmers=reads.kmers.kmers,
        kmers_not_in_truth=reads.kmers.unknown,
        kmer_qv=reads.kmers.quality,
        kmer_completeness=reads.kmers.completeness,
        calibration_error=calibration_error(reads.quality_counts, None),
        q_predicted_vs_empirical=quality_rows(reads.quality_counts),
        read_q_predicted_vs_empirical=_read_rows(reads),
    )


def _phred(edits: int, columns: int) -> float | None:
    """None if there is no edit, so no bound, or no column."""
    return float(-10.0 * np.log10(edits / columns)) + 0.0 if edits and columns else None


def _read_rows(reads: JudgedReads) -> tuple[ReadQualityRow, ...]:
    known_N = reads.found_N & np.isfinite(reads.predicted_q_N)
    bin_N = np.where(known_N, reads.predicted_q_N, 0) // READ_BIN_Q
    columns_N = reads.matches + reads.edits
    rows = []
    for low in np.unique(bin_N[known_N]).tolist():
        here = known_N & (bin_N == low)
        edits, columns = int(reads.edits[here].sum()), int(columns_N[here].sum())
        expected = float((columns_N[here] * 10 ** (-reads.predicted_q_N[here] / 10)).sum())
        empirical = _phred(edits, columns)
        rows.append(
            ReadQualityRow(int(low) * READ_BIN_Q, empirical, int(here.sum()), columns, edits, expected)
        )
    return tuple(rows)


@dataclass(frozen=True)
class EditRatio:
    """Edits of one set over those of another, on the molecules that both have.

    `interval_molecules` is a bootstrap over molecules, `interval_windows` one over windows of 100 true bases,
    made only with few molecules; None where it cannot be told.
    """

    molecules: int
    edits: int
    edits_of_other: int
    ratio: float | None
    interval_molecules: tuple[float, float] | None
    windows: int | None
    interval_windows: tuple[float, float] | None


def edit_ratio(reads: JudgedReads, other: JudgedReads, bootstrap: BootstrapConfig) -> EditRatio:
    """Compares two sets on the same molecules.

    Args:
        reads: above the line.
        other: below it.
        bootstrap: how intervals are made.
    """
    both_N = reads.found_N & other.found_N
    ours, theirs = reads.edits[both_N], other.edits[both_N]
    numbers = [int(number) for number in np.flatnonzero(both_N)]
    windows = by_windows = None
    if numbers and len(reads.found_N) < WINDOWS_BELOW:
        ours_W = np.concatenate([reads.window_edits[number] for number in numbers])
        theirs_W = np.concatenate([other.window_edits[number] for number in numbers])
        windows, by_windows = len(ours_W), _interval(ours_W, theirs_W, bootstrap)
    total, total_of_other = int(ours.sum()), int(theirs.sum())
    ratio = total / total_of_other if total_of_other else None
    return EditRatio(
        len(numbers), total, total_of_other, ratio, _interval(ours, theirs, bootstrap), windows, by_windows
    )


def _interval(
    ours_N: np.ndarray, theirs_N: np.ndarray, bootstrap: BootstrapConfig
) -> tuple[float, float] | None:
    def ratio(drawn_D: np.ndarray) -> dict[str, float]:
        below = int(theirs_N[drawn_D].sum())
        return {"ratio": int(ours_N[drawn_D].sum()) / below if below else float("nan")}

    return intervals(ratio, len(ours_N), bootstrap)["ratio"]


def yield_ratios(figures: SetFigures, other: SetFigures) -> dict[str, float | None]:
    """Reads and bases of each level over those of another set; None where that has none."""
    ratios: dict[str, float | None] = {}
    for what in ("reads", "bases"):
        for level in LEVELS:
            name = f"{what}_q{level}"
            below = getattr(other, name)
            ratios[name] = getattr(figures, name) / below if below else None
    return ratios
