"""One walk over an alignment: its CIGAR and both sequences become columns, the columns become counts.

Everything that `lexome evaluate reads` says about errors comes from the columns made here, so that no two
figures can disagree about what a column is.

Shapes: O CIGAR operations, K alignment columns, L query bases, R reference bases.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int, Int8, UInt8

from lexome.core.alphabet import NO_BASE
from lexome.core.errors import BadInputError

MATCH, MISMATCH, INSERTION, DELETION = 0, 1, 2, 3
# A gap of so many bases is more likely a difference between the sample and the reference than an error of the
# caller: it counts in identity, but is shown apart, and says nothing about qualities or homopolymers.
LONG_GAP = 50

# The operations in the order of the SAM specification: M I D N S H P = X
_TAKES_QUERY = np.array([1, 1, 0, 0, 1, 0, 0, 1, 1], np.int64)
_TAKES_REFERENCE = np.array([1, 0, 1, 1, 0, 0, 0, 1, 1], np.int64)
_IS_COLUMN = np.array([1, 1, 1, 0, 0, 0, 0, 1, 1], bool)
_OP_INSERTION, _OP_DELETION = 1, 2


@dataclass(frozen=True)
class Columns:
    """The columns of one alignment.

    `kind` says what a column is (`MATCH`, `MISMATCH`, `INSERTION`, `DELETION`). `query_at` and `reference_at`
    are the indices of its bases; a deletion's `query_at` and an insertion's `reference_at` name the base that
    follows the gap (which may lie one past the end). `long` marks the columns of gaps of `LONG_GAP` bases and
    more, `long_gaps` is the number of such gaps.
    """

    kind: Int8[np.ndarray, " K"]
    query_at: Int[np.ndarray, " K"]
    reference_at: Int[np.ndarray, " K"]
    long: Bool[np.ndarray, " K"]
    long_gaps: int


@dataclass(frozen=True)
class ReadErrors:
    """What the columns of one alignment add up to.

    `hp_bases` and `non_hp_bases` are the reference bases inside the alignment that lie in a homopolymer and
    that do not; their sum is matches + mismatches + deletions. The next four split insertions and deletions
    the same way. `long_gaps` and `long_gap_columns` are the gaps of `LONG_GAP` bases and more, which are part
    of the insertions and deletions.
    """

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

    @property
    def columns(self) -> int:
        """Alignment columns: matches + mismatches + insertions + deletions."""
        return self.matches + self.mismatches + self.insertions + self.deletions

    @property
    def identity(self) -> float:
        """Matches / alignment columns; NaN for an alignment without columns."""
        return self.matches / self.columns if self.columns else float("nan")


def expand(
    cigar: Int[np.ndarray, "O 2"], query: UInt8[np.ndarray, " L"], reference: UInt8[np.ndarray, " R"]
) -> Columns:
    """Expands a CIGAR into alignment columns.

    Whether an aligned pair is a match is decided by the two bases, never by the operation, so `M`, `=` and
    `X` are treated alike. Columns over an ambiguous reference base (`NO_BASE`) are left out: nobody can call
    them right. An ambiguous base in the query is an error of the caller. Soft clips and skipped reference
    (`N`) are no columns.

    Args:
        cigar: rows of (length, operation), operations numbered as in SAM (M 0, I 1, D 2, N 3, S 4, H 5,
            P 6, = 7, X 8).
        query: base codes of the query; soft-clipped bases, if the CIGAR has any, included.
        reference: base codes of the reference under the alignment, in the query's orientation.

    Returns:
        The columns, in the order of the sequences.

    Raises:
        BadInputError: if the CIGAR has an unknown operation or does not use up exactly both sequences.
    """
    lengths, operations = cigar[:, 0], cigar[:, 1]
    if len(cigar) and (operations.min() < 0 or operations.max() > 8 or lengths.min() < 0):
        raise BadInputError("a CIGAR has an unknown operation or a negative length")
    operation_K = np.repeat(operations, lengths)
    query_step_K, reference_step_K = _TAKES_QUERY[operation_K], _TAKES_REFERENCE[operation_K]
    query_end_K, reference_end_K = np.cumsum(query_step_K), np.cumsum(reference_step_K)
    used = (int(query_step_K.sum()), int(reference_step_K.sum()))
    if used != (len(query), len(reference)):
        raise BadInputError(
            f"a CIGAR covers {used[0]} query and {used[1]} reference bases, "
            f"but the sequences have {len(query)} and {len(reference)}"
        )
    query_at, reference_at = query_end_K - query_step_K, reference_end_K - reference_step_K

    kind = np.full(len(operation_K), MISMATCH, np.int8)
    kind[operation_K == _OP_INSERTION] = INSERTION
    kind[operation_K == _OP_DELETION] = DELETION
    paired = (query_step_K & reference_step_K).astype(bool)
    same = query[query_at[paired]] == reference[reference_at[paired]]
    kind[paired] = np.where(same, MATCH, MISMATCH)

    keep = _IS_COLUMN[operation_K]
    on_reference = reference_step_K.astype(bool)
    keep[on_reference] &= reference[reference_at[on_reference]] != NO_BASE
    is_long = ((operations == _OP_INSERTION) | (operations == _OP_DELETION)) & (lengths >= LONG_GAP)
    long_K = np.repeat(is_long, lengths)
    return Columns(kind[keep], query_at[keep], reference_at[keep], long_K[keep], int(is_long.sum()))


def count(
    columns: Columns,
    query: UInt8[np.ndarray, " L"],
    reference: UInt8[np.ndarray, " R"],
    in_homopolymer: Bool[np.ndarray, " R"],
) -> ReadErrors:
    """Counts the kinds of columns, split by whether they touch a homopolymer.

    A deletion belongs to a homopolymer if the deleted reference base lies in one. An inserted base belongs to
    a homopolymer if it lengthens one: if it equals the reference base just before or just after the
    insertion, and that base lies in a homopolymer. Each inserted or deleted base counts once.

    Args:
        columns: from `expand` on the same sequences.
        query: base codes of the query.
        reference: base codes of the reference under the alignment.
        in_homopolymer: for each reference base, whether it lies in a homopolymer
            (`homopolymers.in_homopolymer`).

    Returns:
        The counts.
    """
    per_kind = np.bincount(columns.kind, minlength=4)
    matches, mismatches, insertions, deletions = (int(n) for n in per_kind)
    covered = columns.reference_at[columns.kind != INSERTION]
    hp_bases = int(in_homopolymer[covered].sum())
    deleted = columns.reference_at[columns.kind == DELETION]
    hp_deletions = int(in_homopolymer[deleted].sum())
    inserted = columns.kind == INSERTION
    before, after = lengthens(query[columns.query_at[inserted]], columns.reference_at[inserted], reference)
    at = columns.reference_at[inserted]
    in_run = np.zeros(len(at), bool)
    in_run[before] |= in_homopolymer[at[before] - 1]
    in_run[after] |= in_homopolymer[at[after]]
    hp_insertions = int(in_run.sum())
    return ReadErrors(
        matches=matches,
        mismatches=mismatches,
        insertions=insertions,
        deletions=deletions,
        hp_bases=hp_bases,
        non_hp_bases=len(covered) - hp_bases,
        hp_insertions=hp_insertions,
        hp_deletions=hp_deletions,
        non_hp_insertions=insertions - hp_insertions,
        non_hp_deletions=deletions - hp_deletions,
        long_gaps=columns.long_gaps,
        long_gap_columns=int(columns.long.sum()),
    )


def lengthens(
    inserted: UInt8[np.ndarray, " I"], at: Int[np.ndarray, " I"], reference: UInt8[np.ndarray, " R"]
) -> tuple[Bool[np.ndarray, " I"], Bool[np.ndarray, " I"]]:
    """Tells which inserted bases repeat the reference base just before and just after the insertion.

    Args:
        inserted: codes of the inserted bases.
        at: index of the reference base that follows each of them (may be one past the end).
        reference: base codes of the reference under the alignment.

    Returns:
        Two masks: equal to the base before, equal to the base after. An ambiguous base equals nothing.
    """
    called = inserted != NO_BASE
    padded = np.concatenate(([NO_BASE], reference, [NO_BASE]))
    return called & (padded[at] == inserted), called & (padded[at + 1] == inserted)
