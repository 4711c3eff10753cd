"""Reads against the truth of their own molecule: the alignment with the fewest edits, and what it shows.

Shapes: L bases of the read, R true bases, K alignment columns, W windows of the truth, Q = 94 qualities.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int32, Int64, UInt8

from lexome.core.alphabet import NO_BASE
from lexome.core.errors import LexomeError
from lexome.dp.kernels.guided_align import DELETION as _DELETION
from lexome.dp.kernels.guided_align import INSERTION as _INSERTION
from lexome.dp.kernels.guided_align import guided_align
from lexome.evaluate.cigar import DELETION, INSERTION, MATCH, MISMATCH, Columns, count, expand
from lexome.evaluate.homopolymers import in_homopolymer
from lexome.evaluate.true_reads import TrueRead

WINDOW_BP = 100
NUM_QUALITIES = 94
MAX_CELLS = 1 << 29  # of an alignment, one byte each
_FIRST_MARGIN = 32


class TooUnlikeError(LexomeError):
    """A read has too little in common with its truth to be aligned in reasonable memory."""


@dataclass(frozen=True)
class ErrorCounts:
    """What the alignment of one read to its truth adds up to; `hp` means in homopolymers of 3 and more.

    `truth_hp_bases` are the true bases under the alignment that lie in one.
    """

    matches: int
    hp_mismatches: int
    non_hp_mismatches: int
    hp_insertions: int
    non_hp_insertions: int
    hp_deletions: int
    non_hp_deletions: int
    truth_bases: int
    truth_hp_bases: int

    @property
    def edits(self) -> int:
        """Mismatches, insertions and deletions, a base each."""
        return self.columns - self.matches

    @property
    def columns(self) -> int:
        """Matches and edits."""
        mismatches = self.hp_mismatches + self.non_hp_mismatches
        gaps = self.hp_insertions + self.non_hp_insertions + self.hp_deletions + self.non_hp_deletions
        return self.matches + mismatches + gaps

    @property
    def identity(self) -> float:
        """Matches / columns; NaN without columns."""
        return self.matches / self.columns if self.columns else float("nan")


@dataclass(frozen=True)
class Judged:
    """One read after its alignment.

    Attributes:
        counts: its errors.
        window_edits: edits in every 100 bases of the truth; an insertion belongs to the base behind it.
        quality_counts: bases by quality (rows) and kind (columns): right; wrong (mismatch or insertion);
            right, but the next one after lost bases. None for a read without qualities.
    """

    counts: ErrorCounts
    window_edits: Int32[np.ndarray, " W"]
    quality_counts: Int64[np.ndarray, "94 3"] | None


def judge(
    read: UInt8[np.ndarray, " L"], qualities: UInt8[np.ndarray, " L"] | None, truth: TrueRead
) -> Judged:
    """Aligns a read to its truth from end to end and counts.

    Where the truth is known for a part of the CCS read only, the rest of the read is aligned to unknown bases
    (N) and not counted.

    Args:
        read: base codes.
        qualities: Phred scores of these, or None.
        truth: of the same molecule, in the direction of the read.

    Returns:
        The counts.

    Raises:
        TooUnlikeError: if they hardly look like one molecule.
    """
    before, after = truth.unknown_before_bp, truth.unknown_after_bp
    sides = [np.full(number, NO_BASE, np.uint8) for number in (before, after)]
    wide = np.concatenate([sides[0], truth.codes, sides[1]])
    columns = _judged_part(align_to_truth(read, wide), before, len(wide) - after, after > 0)
    in_run = in_homopolymer(wide)
    kinds = count(columns, read, wide, in_run)
    wrong = columns.kind == MISMATCH
    hp_mismatches = int(in_run[columns.reference_at[wrong]].sum())
    counts = ErrorCounts(
        kinds.matches, hp_mismatches, kinds.mismatches - hp_mismatches, kinds.hp_insertions,
        kinds.non_hp_insertions, kinds.hp_deletions, kinds.non_hp_deletions,
        kinds.hp_bases + kinds.non_hp_bases, kinds.hp_bases,
    )  # fmt: skip
    edited = columns.reference_at[columns.kind != MATCH] - before
    num_windows = max(1, -(-len(truth.codes) // WINDOW_BP))
    window = np.minimum(edited // WINDOW_BP, num_windows - 1)
    per_window = np.bincount(window, minlength=num_windows).astype(np.int32)
    by_quality = None if qualities is None else quality_counts(columns, qualities)
    return Judged(counts, per_window, by_quality)


def _judged_part(columns: Columns, start: int, end: int, also_cut_at_end: bool) -> Columns:
    """Leaves out columns beside the truth.

    Gaps stand as far left as they can: what is inserted before the truth is never at its border, what is
    inserted behind it always is.
    """
    at, inserted = columns.reference_at, columns.kind == INSERTION
    inside = at >= start
    inside &= ~(inserted & (at >= end)) if also_cut_at_end else np.ones(len(at), bool)
    return Columns(
        columns.kind[inside], columns.query_at[inside], at[inside], columns.long[inside], columns.long_gaps
    )


def quality_counts(columns: Columns, qualities: UInt8[np.ndarray, " L"]) -> Int64[np.ndarray, "94 3"]:
    """Bases of a read by quality and by what is wrong with them; see `Judged`.

    Every base counts once, however many bases were lost before it. Bases lost at the very end are charged to
    the last base.
    """
    is_base = columns.kind != DELETION
    base_at = columns.query_at[is_base]
    kind = np.where(columns.kind[is_base] == MATCH, 0, 1)
    beside = np.zeros(len(qualities) + 1, bool)
    beside[columns.query_at[~is_base]] = True
    if len(base_at):
        beside[base_at[-1]] |= beside[base_at[-1] + 1 :].any()
    kind[(kind == 0) & beside[base_at]] = 2
    quality = np.minimum(qualities[base_at].astype(np.int64), NUM_QUALITIES - 1)
    return np.bincount(3 * quality + kind, minlength=3 * NUM_QUALITIES).reshape(-1, 3)


def align_to_truth(read: UInt8[np.ndarray, " L"], truth: UInt8[np.ndarray, " R"]) -> Columns:
    """The columns of an alignment with the fewest edits, from end to end.

    Of several, the one whose gaps stand farthest left. The band is widened until no path outside of it can
    have as few edits, so the result is that of the whole rectangle.

    Args:
        read: base codes.
        truth: base codes.

    Returns:
        The columns, those over unknown true bases left out.

    Raises:
        TooUnlikeError: if that takes too much memory.
    """
    operations = _operations(read, truth)
    cigar_K2 = np.stack([np.ones(len(operations), np.int64), operations.astype(np.int64)], axis=1)
    return expand(cigar_K2, read, truth)


def _operations(read: np.ndarray, truth: np.ndarray) -> UInt8[np.ndarray, " K"]:
    """Per column: 0 both bases, 1 the read's alone, 2 the truth's alone (as in a CIGAR)."""
    if not len(read) or not len(truth):
        return np.repeat(np.array([_INSERTION, _DELETION], np.uint8), [len(read), len(truth)])
    difference = abs(len(truth) - len(read))
    guide = np.rint(np.arange(len(read) + 1) * (len(truth) / len(read))).astype(np.int64)
    margin = _FIRST_MARGIN
    while True:
        # reaches `margin` diagonals beyond those of the two corners
        width = min(2 * (difference + margin) + 3, len(truth) + 1)
        if (len(read) + 1) * width > MAX_CELLS:
            raise TooUnlikeError(f"{len(read)} bases hardly look like the {len(truth)} true ones")
        operations = guided_align(read, truth, guide, width, 1, 0, 1)
        edits = _edits(operations, read, truth)
        # a path with a cell outside goes off by `margin` + 1 diagonals and comes back
        if edits <= difference + 2 * margin + 1 or width == len(truth) + 1:
            return operations
        margin = min(4 * margin, -(-(edits - difference) // 2))


def _edits(operations: UInt8[np.ndarray, " K"], read: np.ndarray, truth: np.ndarray) -> int:
    of_read, of_truth = operations != _DELETION, operations != _INSERTION
    both = of_read & of_truth
    query, reference = (np.cumsum(step) - step for step in (of_read, of_truth))
    same = read[query[both]] == truth[reference[both]]
    return int((~both).sum() + (~same).sum())
