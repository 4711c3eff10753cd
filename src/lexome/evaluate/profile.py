"""Errors by circumstance, pooled over reads: by predicted quality, homopolymer, substitution and 3-mer.

Everything is in the read's own orientation, because a basecaller sees the strand that went through the pore.
Gaps of `cigar.LONG_GAP` bases and more are left out of all of it.

Shapes: K alignment columns, L query bases, R reference bases, F flanking reference bases on each side.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from lexome.core.alphabet import BASES, NO_BASE
from lexome.evaluate.cigar import DELETION, INSERTION, MATCH, MISMATCH, Columns
from lexome.evaluate.homopolymers import CalledRuns

LONGEST_RUN = 10  # runs of this length and longer share a row
_NUM_QUALITIES = 256
_MISMATCHED, _INSERTED, _DELETED, _SEEN = 0, 1, 2, 3


@dataclass(frozen=True)
class QualityBin:
    """Aligned query bases with one predicted quality, and the quality they turned out to have.

    `errors` counts those that are a mismatch or an insertion; `q_empirical` = -10 log10(errors / bases), None
    where no base was wrong.
    """

    q_predicted: int
    q_empirical: float | None
    bases: int
    errors: int


@dataclass(frozen=True)
class HomopolymerBin:
    """Reference runs of one base and length (`length` 10: 10 or more), and how they were called."""

    base: str
    length: int
    runs: int
    exact: int
    called_length_mean: float


@dataclass(frozen=True)
class Substitution:
    """A reference base called as another: `count` of its `reference_bases` aligned pairs."""

    reference: str
    called: str
    count: int
    reference_bases: int


@dataclass(frozen=True)
class ContextBin:
    """Errors at the centre of a reference 3-mer; an insertion belongs to the base before it."""

    context: str
    reference_bases: int
    mismatches: int
    insertions: int
    deletions: int


class ErrorProfile:
    """Adds up the errors of many alignments."""

    def __init__(self) -> None:
        self._quality = np.zeros((_NUM_QUALITIES, 2), np.int64)  # bases, errors
        self._runs = np.zeros((4, LONGEST_RUN + 1, 3), np.int64)  # runs, exact, called bases
        self._pairs = np.zeros((4, 4), np.int64)  # reference base, called base
        self._contexts = np.zeros((64, 4), np.int64)  # mismatched, inserted, deleted, seen

    def add_qualities(self, columns: Columns, qualities: UInt8[np.ndarray, " L"]) -> None:
        """Adds the aligned query bases of one read by predicted quality."""
        called = (columns.kind != DELETION) & ~columns.long
        quality = qualities[columns.query_at[called]]
        wrong = columns.kind[called] != MATCH
        self._quality[:, 0] += np.bincount(quality, minlength=_NUM_QUALITIES)
        self._quality[:, 1] += np.bincount(quality[wrong], minlength=_NUM_QUALITIES)

    def add_runs(self, runs: CalledRuns) -> None:
        """Adds the runs of the reference and their called lengths."""
        row = runs.base.astype(np.int64) * (LONGEST_RUN + 1) + np.minimum(runs.length, LONGEST_RUN)
        exact = runs.called == runs.length
        for column, weight in enumerate((np.ones(len(row)), exact, runs.called)):
            sums = np.bincount(row, weights=weight, minlength=4 * (LONGEST_RUN + 1))
            self._runs[:, :, column] += sums.astype(np.int64).reshape(4, LONGEST_RUN + 1)

    def add_contexts(
        self,
        columns: Columns,
        query: UInt8[np.ndarray, " L"],
        reference: UInt8[np.ndarray, " R"],
        flanks: tuple[UInt8[np.ndarray, " F"], UInt8[np.ndarray, " F"]],
    ) -> None:
        """Adds substitutions and the errors of each reference 3-mer.

        Args:
            columns: from `cigar.expand` on the same sequences.
            query: base codes of the query.
            reference: base codes of the reference under the alignment.
            flanks: at least one reference base on each side.
        """
        paired = columns.kind <= MISMATCH
        called = query[columns.query_at[paired]].astype(np.int64)
        true = reference[columns.reference_at[paired]].astype(np.int64)
        known = called != NO_BASE
        self._pairs += np.bincount(true[known] * 4 + called[known], minlength=16).reshape(4, 4)

        wide = np.concatenate((flanks[0][-1:], reference, flanks[1][:1])).astype(np.int64)
        context = wide[:-2] * 16 + wide[1:-1] * 4 + wide[2:]
        context[(wide[:-2] == NO_BASE) | (wide[1:-1] == NO_BASE) | (wide[2:] == NO_BASE)] = -1
        for kind, column in ((MISMATCH, _MISMATCHED), (DELETION, _DELETED), (INSERTION, _INSERTED)):
            at = columns.reference_at[(columns.kind == kind) & ~columns.long] - (kind == INSERTION)
            self._add_context(context[at[at >= 0]], column)
        seen = (columns.kind != INSERTION) & ~columns.long
        self._add_context(context[columns.reference_at[seen]], _SEEN)

    def _add_context(self, context: np.ndarray, column: int) -> None:
        self._contexts[:, column] += np.bincount(context[context >= 0], minlength=64)

    def quality_bins(self) -> tuple[QualityBin, ...]:
        """One bin per predicted quality that occurs, lowest first."""
        bins = []
        for q in np.flatnonzero(self._quality[:, 0]):
            bases, errors = (int(n) for n in self._quality[q])
            empirical = float(-10.0 * np.log10(errors / bases)) + 0.0 if errors else None
            bins.append(QualityBin(int(q), empirical, bases, errors))
        return tuple(bins)

    def mean_quality(self, *, correct: bool) -> float | None:
        """Mean predicted quality of the aligned bases that are right (or wrong); None without any."""
        weight = self._quality[:, 0] - self._quality[:, 1] if correct else self._quality[:, 1]
        total = int(weight.sum())
        return float(weight @ np.arange(_NUM_QUALITIES)) / total if total else None

    def homopolymer_bins(self) -> tuple[HomopolymerBin, ...]:
        """Runs of two bases and longer, by base and length, those that occur."""
        bins = []
        for base, name in enumerate(BASES):
            for length in range(2, LONGEST_RUN + 1):
                runs, exact, called = (int(n) for n in self._runs[base, length])
                if runs:
                    bins.append(HomopolymerBin(name, length, runs, exact, called / runs))
        return tuple(bins)

    def substitutions(self) -> tuple[Substitution, ...]:
        """The twelve substitutions, in alphabetical order."""
        return tuple(
            Substitution(true, called, int(self._pairs[i, j]), int(self._pairs[i].sum()))
            for i, true in enumerate(BASES)
            for j, called in enumerate(BASES)
            if i != j
        )

    def context_bins(self) -> tuple[ContextBin, ...]:
        """The 64 reference 3-mers, in alphabetical order."""
        bins = []
        for index, row in enumerate(self._contexts):
            name = BASES[index // 16] + BASES[index // 4 % 4] + BASES[index % 4]
            mismatched, inserted, deleted, seen = (int(n) for n in row)
            bins.append(ContextBin(name, seen, mismatched, inserted, deleted))
        return tuple(bins)
