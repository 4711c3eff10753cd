"""Metrics of corrected windows, one by one; reads are judged in `evaluate.reads`.

Legend: N windows, L columns; symbols as in `decode.consensus`.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Integer

from lexome.decode.consensus import left_shift
from lexome.dp.kernels.affine import align_affine

MATCH, MISMATCH, GAP_OPEN, GAP_EXTEND = 2, 5, 5, 4


@dataclass(frozen=True)
class WindowAlignments:
    """Counts of the best alignment of every window (arrays of length N).

    Attributes:
        scores: 2 per equal pair, -5 per unequal one, -5 per gap and -4 per base in it.
        matches: equal pairs.
        mismatches: unequal pairs.
        insertions: bases that are only called.
        deletions: bases that are only true.
    """

    scores: np.ndarray
    matches: np.ndarray
    mismatches: np.ndarray
    insertions: np.ndarray
    deletions: np.ndarray

    @property
    def columns(self) -> np.ndarray:
        """Columns of every alignment."""
        return self.matches + self.mismatches + self.insertions + self.deletions

    @property
    def identities(self) -> np.ndarray:
        """Equal pairs per column of every alignment; 1 where there is nothing to align."""
        return np.where(self.columns == 0, 1.0, self.matches / np.maximum(self.columns, 1))

    @property
    def identity(self) -> float:
        """Equal pairs per column of all alignments together; 1 where there is nothing to align."""
        columns = int(self.columns.sum())
        return int(self.matches.sum()) / columns if columns else 1.0


def align_windows(
    called_NL: Integer[np.ndarray, "N L"], labels_NL: Integer[np.ndarray, "N M"]
) -> WindowAlignments:
    """Aligns the bases of every window to its true ones, gaps left out.

    Args:
        called_NL: called symbols.
        labels_NL: true symbols, of as many windows.

    Returns:
        Counts; of equally good alignments see `dp.kernels.affine.align_affine`.

    Source: the AlignmentMetric of DeepConsensus 1.2.
    """
    counts = np.zeros((5, len(called_NL)), np.int64)
    for n, (called_L, label_L) in enumerate(zip(called_NL, labels_NL, strict=True)):
        counts[:, n] = align_affine(
            label_L[label_L != 0].astype(np.uint8), called_L[called_L != 0].astype(np.uint8),
            MATCH, MISMATCH, GAP_OPEN, GAP_EXTEND,
        )  # fmt: skip
    return WindowAlignments(*counts)


def exact_windows(
    called_NL: Integer[np.ndarray, "N L"], labels_NL: Integer[np.ndarray, "N L"]
) -> Bool[np.ndarray, " N"]:
    """Which windows spell their true bases and nothing else.

    Source: per_example_accuracy of DeepConsensus is the mean of it, and what its checkpoints are chosen by.
    """
    return (left_shift(called_NL)[0] == left_shift(labels_NL)[0]).all(axis=1)
