"""What passes aligned to a draft say of its bases: read, lost, one more, lengths of homopolymers (numpy).

Legend: T bases of the draft, H homopolymers of it (single bases too), J bases of one insertion, C columns.

Source: own.
"""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from lexome.core.alphabet import NO_BASE
from lexome.core.homopolymer_runs import runs_of
from lexome.dp.kernels.guided_align import DELETION, INSERTION, PAIR
from lexome.features.subread_alignment import SubreadAlignment

LONG_BP, LONGEST_BP = 3, 40
MAX_INSERTION_BP = 6  # longer insertions are no part of a molecule, or of a later round
RAGGED_BP = 60  # a pass that ends at an adapter so near to the end of the draft ends where the molecule does


@dataclass(frozen=True)
class Seen:
    """How long one pass shows every homopolymer (int64[H]), where it goes over all of it, and its strand."""

    length_H: np.ndarray
    inside_H: np.ndarray
    is_reverse: bool


@dataclass
class Votes:
    """The votes of passes on a draft.

    Attributes:
        codes: of the draft, uint8[T].
        cover_T: passes over each base.
        reads_T4: how often each base is read where the draft has one.
        inserts: [slot, place in the insertion, base]: further bases before each base and behind the last.
        extras: [slot, base]: passes with a further base unlike both neighbours.
        seen: of each pass.
        long: gaps of `LONG_BP` to `LONGEST_BP` bases by start and end on the draft and the codes put in.
        reads: codes of each pass in the direction of the draft.
        at_T1: of each pass the base with which each base of the draft begins, int64[T + 1]; -1: not covered.
    """

    codes: np.ndarray
    cover_T: np.ndarray = field(init=False)
    reads_T4: np.ndarray = field(init=False)
    inserts: np.ndarray = field(init=False)
    extras: np.ndarray = field(init=False)
    seen: list[Seen] = field(default_factory=list)
    long: Counter[tuple[int, int, bytes]] = field(default_factory=Counter)
    reads: list[np.ndarray] = field(default_factory=list)
    at_T1: list[np.ndarray] = field(default_factory=list)

    def __post_init__(self) -> None:
        count = len(self.codes)
        self.runs = runs_of(self.codes)
        self.cover_T = np.zeros(count)
        self.reads_T4 = np.zeros((count, 4))
        self.inserts = np.zeros((count + 1, MAX_INSERTION_BP, 4))
        self.extras = np.zeros((count + 1, 4))

    @property
    def slot_cover(self) -> np.ndarray:
        """Passes over the place before each base and behind the last one, float64[T + 1]."""
        return np.maximum(np.append(self.cover_T, 0), np.insert(self.cover_T, 0, 0))

    def add(self, query: np.ndarray, one: SubreadAlignment, at_start: bool, at_end: bool) -> None:
        """Adds a pass.

        Args:
            query: its codes in the direction of the draft.
            one: its alignment to the draft.
            at_start: it begins at an adapter, so where the molecule does; likewise `at_end`.
            at_end: see above.
        """
        count = len(self.codes)
        start = 0 if at_start and one.start_bp <= RAGGED_BP and one.query_start == 0 else one.start_bp
        whole = at_end and count - one.end_bp <= RAGGED_BP and one.query_end == len(query)
        end = count if whole else one.end_bp
        self.cover_T[start:end] += 1
        at_T1 = np.full(count + 1, -1)
        at_T1[start : one.start_bp], at_T1[one.end_bp : end + 1] = one.query_start, one.query_end
        on_both = np.cumsum(one.ops_C != DELETION) - (one.ops_C != DELETION)
        at_T1[one.start_bp : one.end_bp] = one.query_start + on_both[one.ops_C != INSERTION]
        self.reads.append(query)
        self.at_T1.append(at_T1)
        read = query[one.query_start : one.query_end]
        self._note_long(read, one)
        is_read, on_draft = one.ops_C != DELETION, one.ops_C != INSERTION
        slot = one.start_bp + (np.cumsum(on_draft) - on_draft)[is_read]
        is_pair, known = (one.ops_C == PAIR)[is_read], read != NO_BASE
        paired = is_pair & known
        self.reads_T4 += _count((count, 4), slot[paired], read[paired])
        extra = ~is_pair & known
        offset = np.arange(len(read)) - np.maximum.accumulate(np.where(is_pair, np.arange(len(read)) + 1, 0))
        kept = extra & (offset < MAX_INSERTION_BP)
        places = slot[kept] * MAX_INSERTION_BP + offset[kept]
        self.inserts += _count((self.inserts[..., 0].size, 4), places, read[kept]).reshape(self.inserts.shape)
        self._see(read[extra], slot[extra], slot[is_pair], (start, end), one.is_reverse)

    def _note_long(self, read: np.ndarray, one: SubreadAlignment) -> None:
        """Counts gaps of several bases as a whole: where they stand and what they put in or take out."""
        ops = one.ops_C
        begins = np.flatnonzero(np.concatenate([[True], ops[1:] != ops[:-1]]))
        sizes = np.diff(begins, append=len(ops))
        on_draft = one.start_bp + np.cumsum(ops != INSERTION) - (ops != INSERTION)
        on_read = np.cumsum(ops != DELETION) - (ops != DELETION)
        long = (ops[begins] != PAIR) & (sizes >= LONG_BP) & (sizes <= LONGEST_BP)
        for column, size in zip(begins[long].tolist(), sizes[long].tolist(), strict=True):
            start, first = int(on_draft[column]), int(on_read[column])
            if ops[column] == INSERTION:
                self.long[start, start, read[first : first + size].tobytes()] += 1
            else:
                self.long[start, start + size, b""] += 1

    def _see(
        self, extra: np.ndarray, slot: np.ndarray, paired: np.ndarray, span: tuple[int, int], is_reverse: bool
    ) -> None:
        """Counts the bases that lengthen a homopolymer with it, and the others by themselves."""
        codes, runs, count = self.codes, self.runs, len(self.codes)
        right = np.where(slot < count, codes[np.minimum(slot, count - 1)], NO_BASE)
        left = np.where(slot > 0, codes[np.maximum(slot - 1, 0)], NO_BASE)
        of_run = np.where(extra == right, slot, np.where(extra == left, slot - 1, -1))
        others = of_run < 0
        self.extras += np.minimum(_count((count + 1, 4), slot[others], extra[others]), 1)
        length_H = np.bincount(runs.of_base[paired], minlength=len(runs.start))
        length_H += np.bincount(runs.of_base[of_run[~others]], minlength=len(runs.start))
        start, end = span
        # at the end of a partial pass a homopolymer may be cut
        inside_H = ((runs.start > start) | (start == 0)) & (
            (runs.start + runs.length_bp < end) | (end == count)
        )
        self.seen.append(Seen(length_H, inside_H & (runs.start >= start), is_reverse))


def _count(shape: tuple[int, int], row: np.ndarray, column: np.ndarray) -> np.ndarray:
    return np.bincount(row * shape[1] + column, minlength=shape[0] * shape[1]).reshape(shape)
