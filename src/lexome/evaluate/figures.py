"""The figures of a set of called reads, from what each read's alignment added up to.

Every figure here is defined in docs/metrics.md under the same name; a test holds the two together.

Shapes: N reads, E error counts, D drawn reads (a bootstrap resample), M mapped reads among them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int

from lexome.core.config import to_dict
from lexome.evaluate.bootstrap import BootstrapConfig, intervals
from lexome.evaluate.cigar import ReadErrors
from lexome.evaluate.profile import ContextBin, ErrorProfile, HomopolymerBin, QualityBin, Substitution

_ERROR_FIELDS = tuple(field.name for field in fields(ReadErrors))


@dataclass(frozen=True)
class PerRead:
    """One row per read, in input order; `identity` and `coverage` are NaN for a read that does not map.

    `coverage` is the part of the read inside its alignment, `mean_q` the read's mean predicted quality (NaN
    without qualities), `errors` has the columns of `ReadErrors` in their order, zeros where unmapped.
    """

    read_id: tuple[str, ...]
    length_bp: Int[np.ndarray, " N"]
    aligned_bp: Int[np.ndarray, " N"]
    mapped: Bool[np.ndarray, " N"]
    mean_q: Float[np.ndarray, " N"]
    errors: Int[np.ndarray, "N E"]

    @cached_property
    def identity(self) -> Float[np.ndarray, " N"]:
        """Matches / alignment columns of each read; NaN where unmapped."""
        columns = self.errors[:, :4].sum(axis=1)
        return np.where(columns > 0, self.errors[:, 0] / np.maximum(columns, 1), np.nan)

    @cached_property
    def coverage(self) -> Float[np.ndarray, " N"]:
        """Part of each read that lies inside its alignment; NaN where unmapped."""
        return np.where(self.mapped, self.aligned_bp / np.maximum(self.length_bp, 1), np.nan)


@dataclass(frozen=True)
class ReadsFigures:
    """What `lexome evaluate reads` reports; every field is defined in docs/metrics.md."""

    reads: int
    mapped: int
    unmapped: int
    empty_reads: int
    mapped_fraction: float | None
    bases: int
    mapped_bases: int
    bases_per_read: float | None
    identity_median: float | None
    identity_mean: float | None
    identity_pooled: float | None
    identity_pooled_no_long_gaps: float | None
    identity_p10: float | None
    identity_p90: float | None
    identity_mean_all_reads: float | None
    identity_auc: float | None
    coverage_median: float | None
    coverage_mean: float | None
    mismatch_rate: float | None
    insertion_rate: float | None
    deletion_rate: float | None
    hp_insertion_rate: float | None
    hp_deletion_rate: float | None
    non_hp_insertion_rate: float | None
    non_hp_deletion_rate: float | None
    q_mean_correct: float | None
    q_mean_wrong: float | None
    alignment_columns: int
    matches: int
    mismatches: int
    insertions: int
    deletions: int
    hp_bases: int
    non_hp_bases: int
    hp_insertions: int
    hp_deletions: int
    non_hp_insertions: int
    non_hp_deletions: int
    long_gaps: int
    long_gap_columns: int
    intervals: Mapping[str, tuple[float, float] | None]
    q_predicted_vs_empirical: tuple[QualityBin, ...]
    homopolymers: tuple[HomopolymerBin, ...]
    substitutions: tuple[Substitution, ...]
    contexts: tuple[ContextBin, ...]

    def to_json(self) -> dict:
        """The figures as plain values in a fixed order, ready for JSON (unknown is None, never NaN)."""
        return to_dict(self)


def figures(per_read: PerRead, profile: ErrorProfile, bootstrap: BootstrapConfig) -> ReadsFigures:
    """Computes every figure of a set of reads.

    Args:
        per_read: the reads.
        profile: the same reads' errors by circumstance.
        bootstrap: how the intervals are made.

    Returns:
        The figures; those that need a mapped read are None without one.
    """
    num_reads, mapped = len(per_read.read_id), int(per_read.mapped.sum())
    totals = dict(zip(_ERROR_FIELDS, (int(n) for n in per_read.errors.sum(axis=0)), strict=True))

    def statistics(drawn: np.ndarray) -> dict[str, float]:
        return _rates(per_read, drawn)

    values = {name: _known(value) for name, value in statistics(np.arange(num_reads)).items()}
    spread = intervals(statistics, num_reads, bootstrap)
    if mapped < 2:  # resampling one read shows no spread, which is not the same as having none
        spread |= {name: None for name in spread if name not in _OVER_ALL_READS}
    return ReadsFigures(
        reads=num_reads,
        mapped=mapped,
        unmapped=num_reads - mapped,
        empty_reads=int((per_read.length_bp == 0).sum()),
        bases=int(per_read.length_bp.sum()),
        mapped_bases=int(per_read.aligned_bp.sum()),
        identity_auc=_identity_auc(per_read),
        q_mean_correct=profile.mean_quality(correct=True),
        q_mean_wrong=profile.mean_quality(correct=False),
        alignment_columns=sum(totals[name] for name in _ERROR_FIELDS[:4]),
        intervals=spread,
        q_predicted_vs_empirical=profile.quality_bins(),
        homopolymers=profile.homopolymer_bins(),
        substitutions=profile.substitutions(),
        contexts=profile.context_bins(),
        **values,
        **totals,
    )


_OVER_ALL_READS = ("mapped_fraction", "bases_per_read", "identity_mean_all_reads")


def _rates(per_read: PerRead, drawn: Int[np.ndarray, " D"]) -> dict[str, float]:
    """The figures that are ratios or averages, of the drawn reads; NaN where nothing is there to average."""
    mapped = drawn[per_read.mapped[drawn]]
    identity, coverage = per_read.identity[mapped], per_read.coverage[mapped]
    some = len(mapped) > 0
    p10, median, p90 = np.percentile(identity, [10, 50, 90]) if some else (np.nan, np.nan, np.nan)
    total = dict(zip(_ERROR_FIELDS, per_read.errors[mapped].sum(axis=0), strict=True))
    columns = sum(total[name] for name in _ERROR_FIELDS[:4])
    return {
        "mapped_fraction": _ratio(len(mapped), len(drawn)),
        "bases_per_read": _ratio(per_read.length_bp[drawn].sum(), len(drawn)),
        "identity_median": float(median),
        "identity_mean": _ratio(identity.sum(), len(mapped)),
        "identity_pooled": _ratio(total["matches"], columns),
        "identity_pooled_no_long_gaps": _ratio(total["matches"], columns - total["long_gap_columns"]),
        "identity_p10": float(p10),
        "identity_p90": float(p90),
        "identity_mean_all_reads": _ratio(identity.sum(), len(drawn)),
        "coverage_median": float(np.median(coverage)) if some else np.nan,
        "coverage_mean": _ratio(coverage.sum(), len(mapped)),
        "mismatch_rate": _ratio(total["mismatches"], columns),
        "insertion_rate": _ratio(total["insertions"], columns),
        "deletion_rate": _ratio(total["deletions"], columns),
        "hp_insertion_rate": _ratio(total["hp_insertions"], total["hp_bases"]),
        "hp_deletion_rate": _ratio(total["hp_deletions"], total["hp_bases"]),
        "non_hp_insertion_rate": _ratio(total["non_hp_insertions"], total["non_hp_bases"]),
        "non_hp_deletion_rate": _ratio(total["non_hp_deletions"], total["non_hp_bases"]),
    }


def _identity_auc(per_read: PerRead) -> float | None:
    """Mean, over all numbers of reads kept, of the mean identity of the best ones by predicted quality."""
    usable = np.flatnonzero(per_read.mapped & ~np.isnan(per_read.mean_q))
    if not len(usable):
        return None
    best_first = usable[np.argsort(-per_read.mean_q[usable], kind="stable")]
    return float(kept_identity(per_read.identity[best_first]).mean())


def kept_identity(identity: Float[np.ndarray, " M"]) -> Float[np.ndarray, " M"]:
    """Mean identity of the first 1, 2, ... reads."""
    return np.cumsum(identity) / np.arange(1, len(identity) + 1)


def _ratio(numerator: float | int | np.integer, denominator: int | np.integer) -> float:
    return float(numerator) / float(denominator) if denominator else float("nan")


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
