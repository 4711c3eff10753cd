"""Improving a draft by changes that make its passes likelier, and what doubt these leave (numpy).

Votes alone favour what the draft says already, because passes are aligned to it. So every change that some
passes speak for is tried: the likelihood of all passes around it, over all their alignments, with it and
without it.

Legend: T bases of the draft, H homopolymers, N edits.

Source: own; the principle is that of Quiver and Arrow.
"""

from dataclasses import dataclass

import numpy as np

from lexome.dp.kernels.edit_odds import edit_odds
from lexome.features.draft_votes import LONGEST_BP, Votes

SIDE_BP = 12
MIN_SHARE = 0.2  # of the passes must speak for a change
LONG_SHARE, LONG_LEAST = 0.1, 2  # likewise for one of three bases or more: aligners place these less alike
UNITS_BP = range(2, 9)
MIN_COPIES, MAX_REPEAT_BP = 3, 200  # of tandem repeats that are tried with a copy more or less
PER_BASE = float(
    np.log(0.25)
)  # of sequences one base longer there are four times as many: each is less likely
_FILL = 255


@dataclass(frozen=True)
class ErrorRates:
    """How passes err, in the direction of sequencing; base codes A 0, C 1, G 2, T 3.

    Attributes:
        run_deleted: [base, length]: probability that a base of a homopolymer is lost.
        run_inserted: [base, length]: that a homopolymer gets an insertion that begins like it.
        single_deleted: [before, base, after]: that a base unlike its neighbours is lost.
        inserted: [before, after, first]: that there is an insertion unlike both.
        read_as: [base, read]: that a base that is not lost is read so.
        insertion_on: that an insertion goes on after a base.
    """

    run_deleted: np.ndarray
    run_inserted: np.ndarray
    single_deleted: np.ndarray
    inserted: np.ndarray
    read_as: np.ndarray
    insertion_on: float


@dataclass(frozen=True)
class Edits:
    """Changes of a draft: draft[start:end] becomes the codes of `insert_NJ` before the first 255.

    draft[low:high] is what passes are looked at in.
    """

    start_N: np.ndarray
    end_N: np.ndarray
    insert_NJ: np.ndarray
    low_N: np.ndarray
    high_N: np.ndarray

    def __len__(self) -> int:
        return len(self.start_N)


def edits_of(votes: Votes) -> Edits:
    """The changes that enough passes speak for: a base replaced, bases taken out or put in."""
    codes, cover_T, count = votes.codes, votes.cover_T, len(votes.codes)
    needed_T, needed_slot = np.maximum(1, MIN_SHARE * cover_T), np.maximum(1, MIN_SHARE * votes.slot_cover)
    rows: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []

    def add(start: np.ndarray, length: int, inserted: np.ndarray) -> None:
        insert_NJ = np.full((len(start), LONGEST_BP), _FILL, np.uint8)
        insert_NJ[:, : inserted.shape[1]] = inserted
        rows.append((start, start + length, insert_NJ))

    other_T4 = votes.reads_T4 * (np.arange(4) != codes[:, None])
    place, base = np.nonzero(other_T4 >= needed_T[:, None])
    add(place, 1, base[:, None])
    lost_T = cover_T - votes.reads_T4.sum(1)
    runs = votes.runs
    lost_H = np.maximum.reduceat(lost_T, runs.start)
    shorter_H = np.sum([(seen.length_H < runs.length_bp) & seen.inside_H for seen in votes.seen], 0)
    shrinks = runs.start[np.maximum(lost_H, shorter_H) >= needed_T[runs.start]]
    add(shrinks, 1, np.zeros((len(shrinks), 0), np.uint8))
    longer_H = np.sum([(seen.length_H > runs.length_bp) & seen.inside_H for seen in votes.seen], 0)
    grows = longer_H >= needed_T[runs.start]
    add(runs.start[grows], 0, runs.base[grows][:, None])
    slot, base = np.nonzero(np.maximum(votes.extras, votes.inserts[:, 0]) >= needed_slot[:, None])
    add(slot, 0, base[:, None])
    pair = np.flatnonzero(votes.inserts[:, 1].sum(1) >= needed_slot)
    add(pair, 0, votes.inserts[pair, :2].argmax(2))
    both = np.flatnonzero(np.minimum(lost_T[:-1], lost_T[1:]) >= needed_T[:-1])
    add(both, 2, np.zeros((len(both), 0), np.uint8))
    for (at, end, insert), passes in votes.long.items():
        if passes >= max(LONG_LEAST, LONG_SHARE * votes.slot_cover[at]):
            add(np.array([at]), end - at, np.frombuffer(insert, np.uint8)[None])
    start, end, insert = (np.concatenate([row[i] for row in rows]) for i in range(3))
    # of a gap in a repeat passes are aligned at other places, the longer it is the further away
    side = SIDE_BP + 2 * np.maximum(end - start, (insert != _FILL).sum(1))
    found = np.column_stack([start, end, start - side, end + side, insert])
    found = np.unique(np.concatenate([found, _repeat_edits(codes)]), axis=0)
    found = found[found[:, 1] <= count]
    low, high = np.maximum(found[:, 2], 0), np.minimum(found[:, 3], count)
    return Edits(found[:, 0], found[:, 1], found[:, 4:].astype(np.uint8), low, high)


def _repeat_edits(codes: np.ndarray) -> np.ndarray:
    """One unit of each tandem repeat less or more: rows of start, end, low, high, codes put in.

    Its copies are alike, so passes that lack one are aligned with the gap anywhere in it: votes say little.
    """
    rows = []
    for unit in UNITS_BP:
        same = np.concatenate([[False], codes[unit:] == codes[:-unit], [False]])
        borders = np.flatnonzero(same[1:] != same[:-1])
        for start, stop in zip(borders[::2].tolist(), borders[1::2].tolist(), strict=True):
            end = stop + unit  # codes[start:end] repeats itself after `unit` bases
            copy = codes[start : start + unit]
            if end - start < MIN_COPIES * unit or end - start > MAX_REPEAT_BP or (copy == copy[0]).all():
                continue
            low, high = start - SIDE_BP, end + SIDE_BP
            more = np.full(LONGEST_BP, _FILL)
            more[:unit] = copy
            rows += [
                [start, start, low, high, *more],
                [start, start + unit, low, high, *[_FILL] * LONGEST_BP],
            ]
    return np.array(rows, np.int64).reshape(-1, 4 + LONGEST_BP)


def odds_of(votes: Votes, edits: Edits, rates: ErrorRates) -> np.ndarray:
    """Log-odds of each edit, float64[N]: above 0 the draft is likelier with it."""
    lengths = [len(read) for read in votes.reads]
    first_P = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    pairs = zip(votes.at_T1, first_P, strict=True)
    at_PT = np.stack([np.where(at_T1 < 0, -1, at_T1 + first) for at_T1, first in pairs])
    reverse_P = np.array([seen.is_reverse for seen in votes.seen])
    likelihood_N = edit_odds(
        votes.codes, np.concatenate(votes.reads), at_PT, reverse_P, edits.start_N, edits.end_N,
        edits.insert_NJ, edits.low_N, edits.high_N, rates.run_deleted, rates.run_inserted,
        rates.single_deleted, rates.inserted, rates.read_as, rates.insertion_on,
    )  # fmt: skip
    more_N = (edits.insert_NJ != _FILL).sum(1) - (edits.end_N - edits.start_N)
    return likelihood_N + PER_BASE * more_N


def apply_best(codes: np.ndarray, edits: Edits, odds_N: np.ndarray) -> tuple[np.ndarray, int]:
    """Makes the changes that are likelier than not, the best first, none where a better one was judged.

    Returns:
        The new codes and how many changes were made.
    """
    taken = np.zeros(len(codes) + 1, bool)
    chosen: list[int] = []
    for n in np.argsort(-odds_N, kind="stable").tolist():
        if odds_N[n] <= 0:
            break
        start, end = int(edits.start_N[n]), int(edits.end_N[n])
        if not taken[start : end + 1].any():
            chosen.append(n)
            taken[edits.low_N[n] : edits.high_N[n] + 1] = True
    parts, at = [], 0
    for n in sorted(chosen, key=lambda n: int(edits.start_N[n])):
        insert = edits.insert_NJ[n]
        parts += [codes[at : edits.start_N[n]], insert[insert != _FILL]]
        at = int(edits.end_N[n])
    return np.concatenate([*parts, codes[at:]]), len(chosen)


def doubt_of(length: int, edits: Edits, odds_N: np.ndarray) -> np.ndarray:
    """Per base the odds that one of the changes at it (or before it) is right, float64[T]."""
    doubt_T = np.zeros(length)
    at = np.minimum(edits.start_N, length - 1)
    np.add.at(doubt_T, at, np.exp(np.minimum(odds_N, 50)))
    return doubt_T
