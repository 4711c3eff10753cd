"""What the passes over a molecule say of a sequencer's errors and kinetics: counts, from aligned passes.

Everything is in native orientation: the template as the polymerase read it, so the reverse complement of the
molecule for every second pass. A homopolymer run is counted as a whole, because an alignment cannot say which
of its bases is missing or new.

Legend: T bases of the template, S bases of the subread, C columns of the alignment.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields

import numpy as np

from lexome.core.homopolymer_runs import Runs, runs_of
from lexome.dp.kernels.guided_align import DELETION, INSERTION, PAIR

MAX_RUN_BP = 12  # longer homopolymers count as this long
MAX_INSERTION_BP = 40  # likewise insertions
MATCH, SUBSTITUTED, EXTENDED, INSERTED, SHORTENED = range(5)  # kinds of bases of a subread
KINDS = ("match", "substituted", "extended", "inserted", "shortened")
CONTEXT_SIDE_BP = 2  # bases on each side that the kinetics of a base depend on


@dataclass
class PassCounts:
    """Events and chances for them; bases are codes, runs [base, length], contexts [before, base, after].

    `runs`, `run_deleted` (bases) and `run_inserted` (events that lengthen the run) are [4, MAX_RUN_BP + 1].
    `single_deleted` and `singles` are of runs of one base, [4, 4, 4]; `bases` and `substituted` [4, 4, 4] and
    [4, 4, 4, 4] of all. `slots` and `inserted` are of insertions unlike both neighbours, [4, 4], [4, 4, 4].
    `insertion_bp` has insertions by length, `insertion_steps` [4, 4] the pairs of bases within them.
    `pulse_codes` and `gap_codes` are [kind, base, 256]: pulse widths
    and the times before them.
    """

    runs: np.ndarray
    run_deleted: np.ndarray
    run_inserted: np.ndarray
    singles: np.ndarray
    single_deleted: np.ndarray
    bases: np.ndarray
    substituted: np.ndarray
    slots: np.ndarray
    inserted: np.ndarray
    insertion_bp: np.ndarray
    insertion_steps: np.ndarray
    pulse_codes: np.ndarray
    gap_codes: np.ndarray

    def __add__(self, other: "PassCounts") -> "PassCounts":
        return PassCounts(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


def total_counts(counts: Iterable[PassCounts]) -> PassCounts:
    """Adds up counts; of at least one pass."""
    first, *rest = counts
    for more in rest:
        first = first + more
    return first


def neighbours(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The bases before and after each base; at the ends the base itself stands in."""
    return np.concatenate([codes[:1], codes[:-1]]), np.concatenate([codes[1:], codes[-1:]])


def places_of(ops_C: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where an alignment puts each base of the subread.

    Returns:
        Bases of the template before it, int64[S], and whether it is inserted, bool[S].
    """
    is_read, is_template = ops_C != DELETION, ops_C != INSERTION
    return (np.cumsum(is_template) - is_template)[is_read], (ops_C == INSERTION)[is_read]


def kinds_of(
    template_T: np.ndarray, runs: Runs, read_S: np.ndarray, place_S: np.ndarray, inserted_S: np.ndarray
) -> np.ndarray:
    """The kind of every base of a subread, uint8[S].

    `SHORTENED` is a right base of a run that lost one, `EXTENDED` an inserted base like one of its neighbours
    on the template.
    """
    kept = np.zeros(len(template_T), np.bool_)
    kept[place_S[~inserted_S]] = True
    lost = np.zeros(len(runs.start), np.bool_)
    lost[runs.of_base[~kept]] = True
    at = np.minimum(place_S, len(template_T) - 1)
    after, before = template_T[at], template_T[np.maximum(place_S - 1, 0)]
    kinds = np.where(read_S != after, SUBSTITUTED, np.where(lost[runs.of_base[at]], SHORTENED, MATCH))
    like_neighbour = (read_S == before) | (read_S == after)
    return np.where(inserted_S, np.where(like_neighbour, EXTENDED, INSERTED), kinds).astype(np.uint8)


def count_pass(
    template_T: np.ndarray, read_S: np.ndarray, ops_C: np.ndarray, pulse_S: np.ndarray, gap_S: np.ndarray
) -> PassCounts:
    """Counts one pass.

    Args:
        template_T: what the pass covers of its strand, codes 0..3.
        read_S: the subread in native orientation, codes 0..3.
        ops_C: their alignment from end to end, as `guided_align` gives it.
        pulse_S: codes of the pulse widths (tag pw), uint8.
        gap_S: codes of the times between pulses (tag ip), uint8.
    """
    runs = runs_of(template_T)
    length = np.minimum(runs.length_bp, MAX_RUN_BP)
    by_run = (4, MAX_RUN_BP + 1)
    before, after = neighbours(template_T)
    place_S, inserted_S = places_of(ops_C)
    kinds = kinds_of(template_T, runs, read_S, place_S, inserted_S)
    deleted = np.flatnonzero((ops_C == DELETION)[ops_C != INSERTION])
    single = (before != template_T) & (after != template_T)
    gone = deleted[single[deleted]]
    wrong = np.flatnonzero(kinds == SUBSTITUTED)
    at = place_S[wrong]
    first, lengths = _insertions(ops_C)
    goes_on = np.flatnonzero(inserted_S[1:] & inserted_S[:-1] & (place_S[1:] == place_S[:-1]))
    slot, base = place_S[first], read_S[first]
    left, right = template_T[np.maximum(slot - 1, 0)], template_T[np.minimum(slot, len(template_T) - 1)]
    like_right, like_left = base == right, base == left
    longer = np.where(like_right, np.minimum(slot, len(template_T) - 1), np.maximum(slot - 1, 0))
    longer = runs.of_base[longer[like_right | like_left]]
    other = ~(like_right | like_left)
    return PassCounts(
        runs=_table(by_run, runs.base, length),
        run_deleted=_table(by_run, template_T[deleted], length[runs.of_base[deleted]]),
        run_inserted=_table(by_run, runs.base[longer], length[longer]),
        singles=_table((4, 4, 4), before[single], template_T[single], after[single]),
        single_deleted=_table((4, 4, 4), before[gone], template_T[gone], after[gone]),
        bases=_table((4, 4, 4), before, template_T, after),
        substituted=_table((4, 4, 4, 4), before[at], template_T[at], after[at], read_S[wrong]),
        slots=_table((4, 4), before, template_T),
        inserted=_table((4, 4, 4), left[other], right[other], base[other]),
        insertion_bp=np.bincount(np.minimum(lengths, MAX_INSERTION_BP), minlength=MAX_INSERTION_BP + 1),
        insertion_steps=_table((4, 4), read_S[goes_on], read_S[goes_on + 1]),
        pulse_codes=_table((len(KINDS), 4, 256), kinds, read_S, pulse_S),
        gap_codes=_table((len(KINDS), 4, 256), kinds, read_S, gap_S),
    )


def context_index(template_T: np.ndarray) -> np.ndarray:
    """Number of the five bases around each base (first varies slowest); beyond the ends it is A. int64[T]."""
    padded = np.concatenate([[0, 0], template_T, [0, 0]]).astype(np.int64)
    index = np.zeros(len(template_T), np.int64)
    for i in range(2 * CONTEXT_SIDE_BP + 1):
        index = index * 4 + padded[i : i + len(template_T)]
    return index


def _insertions(ops_C: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first base (of the subread) of every insertion, and its length."""
    edges = np.diff((ops_C == INSERTION).astype(np.int8), prepend=0, append=0)
    begin, end = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    read_before = np.cumsum(ops_C != DELETION) - (ops_C != DELETION)
    return read_before[begin], end - begin


def _table(shape: tuple[int, ...], *index: np.ndarray) -> np.ndarray:
    flat = np.ravel_multi_index(tuple(np.asarray(i, np.int64) for i in index), shape)
    return np.bincount(flat, minlength=int(np.prod(shape))).reshape(shape).astype(np.int64)


def column_edits(template_T: np.ndarray, read_S: np.ndarray, ops_C: np.ndarray) -> tuple[int, int, int]:
    """Substituted, inserted and deleted bases of an alignment."""
    pairs = ops_C == PAIR
    read, template = (
        read_S[(np.cumsum(ops_C != DELETION) - 1)[pairs]],
        template_T[(np.cumsum(ops_C != INSERTION) - 1)[pairs]],
    )
    return int((read != template).sum()), int((ops_C == INSERTION).sum()), int((ops_C == DELETION).sum())
