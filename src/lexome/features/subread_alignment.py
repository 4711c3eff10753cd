"""Aligning subreads to their consensus: place and strand by short exact matches, columns in a band (numpy).

Legend: Q bases of the subread, R of the consensus, A exact matches, C columns of the alignment.

Source: own. Costs and the rule that gaps stand to the left give the columns that PacBio's aligner (actc)
gives, but for 0.3% of them. As there, a subread is aligned up to its ends, even if these are badly read; only
what does not fit at all is left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from lexome.core.alphabet import NO_BASE, kmer_index
from lexome.dp.kernels.chain import best_chain, extend
from lexome.dp.kernels.guided_align import DELETION, INSERTION, PAIR, guided_align

MISMATCH, GAP_OPEN, GAP_EXTEND = 4, 3, 2
WORDS_BP = ((12, 16), (9,))  # long ones tell repeats apart; the last are for bad subreads
ENOUGH = 8  # a chain that explains this part of the subread is not looked for again with shorter words
LOOK_BACK = 64
MAX_GAP_BP = 5000
MIN_CHAIN = 30.0
CLEAR_MAJORITY = 4  # so many times as many matches decide the strand
BAND_BP = 64
JUMP_BP = 16  # matches whose diagonals differ by more are aligned by themselves, in a wider band
SPARSE_BP = 200  # likewise if they are further apart
END_DROP = 400  # an end that scores so much less than its best part is not alike any more
END_BONUS = 200  # so much better must it be to leave out an end's last bases: about 60 inserted ones
MAX_END_BAND_BP = 512  # of stretches without a match as well: memory must not grow with the square of a read


@dataclass(frozen=True)
class SubreadAlignment:
    """Where a subread lies on its consensus; everything in the direction of the consensus.

    Attributes:
        is_reverse: the subread read the other strand.
        start_bp: first base of the consensus that is aligned; `end_bp` is the one behind the last.
        end_bp: see above.
        query_start: bases left out at the left end of the subread (turned round if `is_reverse`).
        query_end: the base behind the last aligned one.
        ops_C: columns (`guided_align`), neither end of which is a deletion.
        matches: columns of equal bases.
    """

    is_reverse: bool
    start_bp: int
    end_bp: int
    query_start: int
    query_end: int
    ops_C: np.ndarray
    matches: int

    @property
    def identity(self) -> float:
        """Share of equal columns."""
        return self.matches / max(1, len(self.ops_C))


class Consensus:
    """A consensus read (codes, uint8[R]) that many subreads are aligned to: its words are looked up once."""

    def __init__(self, codes: np.ndarray) -> None:
        self.codes = codes

        self._words: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def matches(self, query: np.ndarray, sizes: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """Where words of the query stand that the consensus has once.

        Args:
            query: codes, uint8[Q].
            sizes: of the words (bases), the least first.

        Returns:
            Places on the query, rising, and on the consensus, int64[A]: each the start of a match of at least
            the least size.
        """
        places: list[np.ndarray] = []
        for size in sizes:
            words, at_codes = self._words_once(size)
            found, at_query = _words(query, size)
            if len(words) and len(found):
                at = np.minimum(np.searchsorted(words, found), len(words) - 1)
                hit = words[at] == found
                places.append(at_query[hit] * len(self.codes) + at_codes[at[hit]])
        both = np.unique(np.concatenate(places)) if places else np.zeros(0, np.int64)
        return both // len(self.codes), both % len(self.codes)

    def _words_once(self, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Words that occur once, sorted, and where."""
        if size not in self._words:
            words, places = _words(self.codes, size)
            found, first, counts = np.unique(words, return_index=True, return_counts=True)
            self._words[size] = found[counts == 1], places[first[counts == 1]]
        return self._words[size]


def reverse_codes(codes: np.ndarray) -> np.ndarray:
    """The other strand of codes; what is no base stays so."""
    return np.where(codes == NO_BASE, NO_BASE, 3 - codes.astype(np.int16))[::-1].astype(np.uint8)


def align_subread(
    query: np.ndarray, consensus: Consensus, strands: Sequence[int] = (1, -1)
) -> SubreadAlignment | None:
    """Aligns a subread.

    Args:
        query: its codes (A 0, C 1, G 2, T 3, else `NO_BASE`) in the direction of sequencing, uint8[Q].
        consensus: what it belongs to.
        strands: +1 and -1, or one of them: where to look.

    Returns:
        The alignment, or None if the two have no part in common that could be found.
    """
    turned = {1: query, -1: reverse_codes(query)} if -1 in strands else {1: query}
    best = _Chain(0.0, 1, np.zeros(0, np.int64), np.zeros(0, np.int64))
    for sizes in WORDS_BP:
        best = max(best, _chain(turned, consensus, sizes), key=lambda chain: chain.score)
        if best.score * ENOUGH >= len(query):
            break
    if best.score < MIN_CHAIN:
        return None
    return _along(turned[best.strand], consensus.codes, best)


@dataclass(frozen=True)
class _Chain:
    """Places (in the middle of matches) of a subread and its consensus that belong together."""

    score: float
    strand: int
    at_query: np.ndarray
    at_codes: np.ndarray


def _chain(turned: dict[int, np.ndarray], consensus: Consensus, sizes: Sequence[int]) -> _Chain:
    """The best chain of matches, of the strands that have many of them."""
    found = {strand: consensus.matches(query, sizes) for strand, query in turned.items()}
    most = max(len(places) for places, _ in found.values())
    size, chains = sizes[0], []
    for strand, (at_query, at_codes) in found.items():
        if len(at_query) * CLEAR_MAJORITY >= most:
            picked, score = best_chain(at_query, at_codes, size, LOOK_BACK, MAX_GAP_BP)
            # where two stretches meet, a base is matched and so are its neighbours
            chains.append(_Chain(score, strand, at_query[picked] + size // 2, at_codes[picked] + size // 2))
    return max(chains, key=lambda chain: chain.score)


def _along(query: np.ndarray, codes: np.ndarray, chain: _Chain) -> SubreadAlignment:
    """Aligns along a chain."""
    at_query, at_codes = chain.at_query, chain.at_codes
    first_q, first_r, last_q, last_r = at_query[0], at_codes[0], at_query[-1], at_codes[-1]
    left_q, left_r = _end(query[:first_q][::-1], codes[:first_r][::-1])
    right_q, right_r = _end(query[last_q:], codes[last_r:])
    points_q = _rising(np.concatenate([[first_q - left_q], at_query, [last_q + right_q]]))
    points_r = _rising(np.concatenate([[first_r - left_r], at_codes, [last_r + right_r]]))
    jump = np.abs(np.diff(points_q) - np.diff(points_r)) > JUMP_BP
    jump |= np.maximum(np.diff(points_q), np.diff(points_r)) > SPARSE_BP
    at = np.flatnonzero(jump)
    borders = np.unique(np.concatenate([[0, len(points_q) - 1], at, at + 1])).tolist()
    pieces = [_piece(query, codes, points_q[i : j + 1], points_r[i : j + 1]) for i, j in pairwise(borders)]
    ops = np.concatenate(pieces)
    kept = np.flatnonzero(ops != DELETION)
    start = int(points_r[0]) + int((ops[: kept[0]] == DELETION).sum())
    ops = ops[kept[0] : kept[-1] + 1]
    end = start + int((ops != INSERTION).sum())
    query_start, query_end = int(points_q[0]), int(points_q[-1])
    pairs = ops == PAIR
    i_query = query_start + (np.cumsum(ops != DELETION) - 1)[pairs]
    i_codes = start + (np.cumsum(ops != INSERTION) - 1)[pairs]
    matches = int((query[i_query] == codes[i_codes]).sum())
    return SubreadAlignment(chain.strand < 0, start, end, query_start, query_end, ops, matches)


def _rising(points: np.ndarray) -> np.ndarray:
    return np.maximum.accumulate(points).astype(np.int64)


def _end(query: np.ndarray, codes: np.ndarray) -> tuple[int, int]:
    """How many bases of both belong together from their common start on."""
    if len(query) == 0:
        return 0, 0
    width = min(BAND_BP + len(query) // 2, MAX_END_BAND_BP)
    codes = codes[: len(query) + width]
    top, top_q, top_r, full, full_r = extend(
        np.ascontiguousarray(query), np.ascontiguousarray(codes), width, END_DROP
    )
    return (len(query), full_r) if full >= top - END_BONUS else (top_q, top_r)


def _piece(query: np.ndarray, codes: np.ndarray, points_q: np.ndarray, points_r: np.ndarray) -> np.ndarray:
    """Columns between the first and the last of points that belong together."""
    low_q, high_q, low_r, high_r = points_q[0], points_q[-1], points_r[0], points_r[-1]
    if low_q == high_q or low_r == high_r:
        kind = DELETION if low_q == high_q else INSERTION
        return np.full(high_q - low_q + high_r - low_r, kind, np.uint8)
    guide = np.interp(np.arange(low_q, high_q + 1), points_q, points_r).astype(np.int64) - low_r
    width = BAND_BP
    if len(points_q) == 2:
        width += 2 * abs(int(high_q - low_q) - int(high_r - low_r)) + min(
            int(high_q - low_q) // 4, MAX_END_BAND_BP
        )
    part = np.ascontiguousarray(query[low_q:high_q]), np.ascontiguousarray(codes[low_r:high_r])
    while True:
        ops = guided_align(*part, guide, width, MISMATCH, GAP_OPEN, GAP_EXTEND)
        if len(ops) or width > high_r - low_r:
            return ops
        width *= 4


def _words(codes: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The words of a size as numbers and where each begins; those with something that is no base left out."""
    if len(codes) < size:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    words = kmer_index(codes, size)
    unknown = np.flatnonzero(codes == NO_BASE)
    if len(unknown) == 0:
        return words, np.arange(len(words))
    borders = np.concatenate([[0], np.cumsum(codes == NO_BASE)])
    kept = np.flatnonzero(borders[size:] == borders[:-size])
    return words[kept], kept
