"""Homopolymers of a reference: which bases lie in one, and how long a run was called.

A homopolymer is a maximal run of `MIN_RUN` or more equal bases in the reference; ambiguous bases form no run.

Shapes: R reference bases, K alignment columns, H runs.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int, UInt8

from lexome.core.alphabet import NO_BASE
from lexome.evaluate.cigar import DELETION, INSERTION, MATCH, Columns, lengthens

MIN_RUN = 3


def run_starts(reference: UInt8[np.ndarray, " R"]) -> Int[np.ndarray, " H"]:
    """The index at which each maximal run of equal bases begins."""
    if not len(reference):
        return np.zeros(0, np.int64)
    return np.concatenate(([0], np.flatnonzero(reference[1:] != reference[:-1]) + 1))


def in_homopolymer(reference: UInt8[np.ndarray, " R"], min_run: int = MIN_RUN) -> Bool[np.ndarray, " R"]:
    """Tells for each base whether it lies in a run of at least `min_run` equal bases.

    To judge a piece of a longer sequence, give it `min_run - 1` further bases on each side and cut them off
    the result: that is enough to see whether a run at the edge is long enough.
    """
    lengths = np.diff(run_starts(reference), append=len(reference))
    return (np.repeat(lengths, lengths) >= min_run) & (reference != NO_BASE)


@dataclass(frozen=True)
class CalledRuns:
    """Runs of the reference and how long the read made them.

    `base` is the code of the repeated base, `length` the run's length in the reference, `called` the number
    of equal bases in the read that are aligned to the run or inserted in it or at its ends.
    """

    base: UInt8[np.ndarray, " H"]
    length: Int[np.ndarray, " H"]
    called: Int[np.ndarray, " H"]


def called_runs(
    columns: Columns, query: UInt8[np.ndarray, " L"], reference: UInt8[np.ndarray, " R"]
) -> CalledRuns:
    """Measures every run of the reference in the read.

    Runs at either end of the alignment are left out, as part of them may lie outside it, and so are long
    gaps: bases inserted in one and runs deleted by one.

    Args:
        columns: from `cigar.expand` on the same sequences.
        query: base codes of the query.
        reference: base codes of the reference under the alignment.

    Returns:
        One entry per run (of any length, 1 included), in order.
    """
    starts = run_starts(reference)
    lengths = np.diff(starts, append=len(reference))
    run_of_base = np.repeat(np.arange(len(starts)), lengths)
    matched = run_of_base[columns.reference_at[columns.kind == MATCH]]
    inserted = (columns.kind == INSERTION) & ~columns.long
    at = columns.reference_at[inserted]
    before, after = lengthens(query[columns.query_at[inserted]], at, reference)
    after &= ~before  # inside a run both hold: count the base once
    added = np.concatenate((run_of_base[at[before] - 1], run_of_base[at[after]]))
    called = np.bincount(matched, minlength=len(starts)) + np.bincount(added, minlength=len(starts))
    inner = np.zeros(len(starts), bool)
    inner[1:-1] = reference[starts[1:-1]] != NO_BASE
    lost = columns.reference_at[(columns.kind == DELETION) & columns.long]
    inner[run_of_base[lost]] = False
    return CalledRuns(reference[starts[inner]], lengths[inner], called[inner])
