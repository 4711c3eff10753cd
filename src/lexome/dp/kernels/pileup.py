"""Subreads of one molecule in common columns (numba).

Legend: C bases of the CCS read, W columns, P reads, O operations and B bases of all reads together, K kinds
of values.

Every read has a base or a gap at each CCS base that it covers. Between two CCS bases there are as many
columns as the longest insertion there has bases; shorter insertions begin in the same column. So the columns
follow from one number per CCS base, and no read has to be walked beside the others.

Source: the columns are those of DeepConsensus 1.2 (its walk over all reads at once, column by column, gives
the same); the closed form is own.
"""

import numpy as np
from numba import njit

MATCH, INSERTION, DELETION, SKIP, SOFT_CLIP, HARD_CLIP, EQUAL, DIFFERENT = 0, 1, 2, 3, 4, 5, 7, 8


@njit(cache=True, nogil=True)
def check_cigar(cigar_O2: np.ndarray) -> tuple[int, int]:
    """How much of a read and of the CCS read an alignment takes.

    Args:
        cigar_O2: rows of (length, BAM code of the operation), int64.

    Returns:
        Bases of the read (soft clips too) and bases of the CCS read; (-1, -1) if there is an operation other
        than M, I, D, N, S, H, =, X, a length below 1, or a clip that is not at an end.
    """
    read, ccs = 0, 0
    num_operations = cigar_O2.shape[0]
    inside = False  # something other than a clip was seen
    ended = False  # and a clip behind it
    for o in range(num_operations):
        length, operation = cigar_O2[o, 0], cigar_O2[o, 1]
        if length < 1:
            return -1, -1
        if operation == SOFT_CLIP or operation == HARD_CLIP:
            ended = ended or inside
            read += length if operation == SOFT_CLIP else 0
            continue
        inside = True
        if ended:
            return -1, -1
        if operation == MATCH or operation == EQUAL or operation == DIFFERENT:
            read += length
            ccs += length
        elif operation == INSERTION:
            read += length
        elif operation == DELETION or operation == SKIP:
            ccs += length
        else:
            return -1, -1
    return read, ccs


@njit(cache=True, nogil=True)
def longest_insertions(
    cigar_O2: np.ndarray, operations_P1: np.ndarray, ccs_start_P: np.ndarray, num_ccs: int, max_insertion: int
) -> np.ndarray:
    """The longest insertion of any read before each base of the CCS read.

    Args:
        cigar_O2: the operations of all reads, one read after the other; checked by `check_cigar`.
        operations_P1: where each read's operations begin, and their end.
        ccs_start_P: where each alignment starts on the CCS read.
        num_ccs: bases of the CCS read.
        max_insertion: an operation that inserts more bases is left out; 0: none is.

    Returns:
        Bases, int64[C + 1]; the last one is for what stands behind the CCS read.
    """
    longest = np.zeros(num_ccs + 1, np.int64)
    for p in range(len(ccs_start_P)):
        ccs, run = ccs_start_P[p], 0
        for o in range(operations_P1[p], operations_P1[p + 1]):
            length, operation = cigar_O2[o, 0], cigar_O2[o, 1]
            if operation == INSERTION:
                if max_insertion == 0 or length <= max_insertion:
                    run += length
            elif operation != SOFT_CLIP and operation != HARD_CLIP:
                longest[ccs] = max(longest[ccs], run)
                run = 0
                ccs += length
        longest[ccs] = max(longest[ccs], run)
    return longest


@njit(cache=True, nogil=True)
def columns_of(longest_C1: np.ndarray) -> np.ndarray:
    """The column of each base of the CCS read.

    Args:
        longest_C1: as `longest_insertions` gives it.

    Returns:
        int64[C + 1]; the last one is the number of columns.
    """
    num_ccs = len(longest_C1) - 1
    columns = np.empty(num_ccs + 1, np.int64)
    column = 0
    for c in range(num_ccs):
        column += longest_C1[c]
        columns[c] = column
        column += 1
    columns[num_ccs] = column + longest_C1[num_ccs]
    return columns


@njit(cache=True, nogil=True)
def lay_out(
    values_KB: np.ndarray,
    bases_P1: np.ndarray,
    cigar_O2: np.ndarray,
    operations_P1: np.ndarray,
    ccs_start_P: np.ndarray,
    columns_C1: np.ndarray,
    max_insertion: int,
    rows_KPW: np.ndarray,
) -> None:
    """Writes what belongs to the bases of all reads into their columns; all other cells stay as they are.

    Args:
        values_KB: values of each base (letter, pulse width ...), one read after the other, uint8.
        bases_P1: where each read's bases begin, and their end.
        cigar_O2: as in `longest_insertions`.
        operations_P1: likewise.
        ccs_start_P: likewise.
        columns_C1: as `columns_of` gives it.
        max_insertion: as in `longest_insertions`.
        rows_KPW: what is written to, uint8.
    """
    num_kinds = values_KB.shape[0]
    for k in range(num_kinds):
        values_B = values_KB[k]
        for p in range(len(ccs_start_P)):
            row_W = rows_KPW[k, p]
            ccs, base = ccs_start_P[p], bases_P1[p]
            free = columns_C1[ccs - 1] + 1 if ccs > 0 else 0  # the first column before the next CCS base
            for o in range(operations_P1[p], operations_P1[p + 1]):
                length, operation = cigar_O2[o, 0], cigar_O2[o, 1]
                if operation == MATCH or operation == EQUAL or operation == DIFFERENT:
                    for i in range(length):
                        row_W[columns_C1[ccs + i]] = values_B[base + i]
                    base += length
                    ccs += length
                    free = columns_C1[ccs - 1] + 1
                elif operation == DELETION or operation == SKIP:
                    ccs += length
                    free = columns_C1[ccs - 1] + 1
                elif operation == INSERTION:
                    if max_insertion == 0 or length <= max_insertion:
                        for i in range(length):
                            row_W[free + i] = values_B[base + i]
                        free += length
                    base += length
                elif operation == SOFT_CLIP:
                    base += length
