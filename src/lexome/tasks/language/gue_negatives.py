"""Negatives for benchmark sets: windows of the genome, windows beside the positives, shuffled positives.

Every one has the length and the strand of its positive, bases A, C, G and T only, and a sequence that is not
there yet on either strand; those from a genome overlap no positive and no other negative.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from lexome.core.alphabet import reverse_complement
from lexome.tasks.language.leakage import on_either_strand
from lexome.tasks.language.regions import BedRegion, Genome

_TRIES = 200  # for one negative
_CLOSE_GC = 0.01  # a difference of GC content that is not worth another try


@dataclass(frozen=True)
class Example:
    """A sequence of a set: `region` is where it is in a genome, None if it is in none."""

    name: str
    sequence: str
    region: BedRegion | None = None


NegativeMaker = Callable[[Example], Example | None]  # None: no fitting negative was found


@dataclass
class Taken:
    """Stretches of a genome; those that touch or overlap are one."""

    _starts: dict[str, list[int]] = field(default_factory=dict)
    _ends: dict[str, list[int]] = field(default_factory=dict)

    def add(self, contig: str, start_bp: int, end_bp: int) -> None:
        """Takes a stretch: from 0, the end excluded."""
        starts, ends = self._starts.setdefault(contig, []), self._ends.setdefault(contig, [])
        first, behind = bisect_left(ends, start_bp), bisect_right(starts, end_bp)
        if first < behind:
            start_bp, end_bp = min(start_bp, starts[first]), max(end_bp, ends[behind - 1])
        starts[first:behind], ends[first:behind] = [start_bp], [end_bp]

    def overlaps(self, contig: str, start_bp: int, end_bp: int) -> bool:
        """Whether a stretch has a base in common with those that are taken."""
        at = bisect_left(self._starts.get(contig, []), end_bp) - 1
        return at >= 0 and self._ends[contig][at] > start_bp


@dataclass(frozen=True, eq=False)
class NegativeWindows:
    """Windows of a genome that may be negatives.

    Attributes:
        genome: where from.
        taken: stretches to keep off; what is used is added.
        seen: sequences that are there already (`leakage.on_either_strand`); what is used is added.
        rng: for all that is drawn.
    """

    genome: Genome
    taken: Taken
    seen: set[str]
    rng: np.random.Generator

    def drawn(self, positive: Example, contigs: Sequence[str]) -> Example | None:
        """The window nearest in GC content of those drawn, all places in the contigs having the same chance.

        Args:
            positive: the window gets its length, and its strand if it has one.
            contigs: names; those that are too short are left out.
        """
        length = len(positive.sequence)
        places = np.array([max(0, self.genome.lengths_bp[name] - length + 1) for name in contigs])
        ends = np.cumsum(places)
        best: Example | None = None
        wanted, best_off = gc_content(positive.sequence), np.inf
        for _ in range(_TRIES if len(ends) and ends[-1] else 0):
            at = int(self.rng.integers(ends[-1]))
            contig = int(np.searchsorted(ends, at, side="right"))
            start = at - int(ends[contig] - places[contig])
            window = self._window(positive, contigs[contig], start)
            if window is None:
                continue
            off = abs(gc_content(window.sequence) - wanted)
            if off < best_off:
                best, best_off = window, off
            if off <= _CLOSE_GC:
                break
        return self._used(best)

    def beside(self, positive: Example, shift_bp: int | None) -> Example | None:
        """A window on a randomly chosen side of the positive, or on the other side if that one does not fit.

        Args:
            positive: with its region.
            shift_bp: how far away it starts; its length, so that it lies right beside, if not given. Nearer
                ones overlap their own positive, but no other.
        """
        region = positive.region
        assert region is not None
        shift = shift_bp or len(positive.sequence)
        for way in self.rng.permutation([-1, 1]):
            start = region.start_bp + int(way) * shift
            # the part that lies outside of its own positive
            end = start + len(positive.sequence)
            outside = (start, min(end, region.start_bp)) if way < 0 else (max(start, region.end_bp), end)
            if window := self._window(positive, region.contig, start, outside):
                return self._used(window)
        return None

    def _window(
        self, positive: Example, contig: str, start_bp: int, free: tuple[int, int] | None = None
    ) -> Example | None:
        """The window if it may be used; `free` is the part that must not be taken, else all of it."""
        end_bp = start_bp + len(positive.sequence)
        if start_bp < 0 or end_bp > self.genome.lengths_bp[contig]:
            return None
        if self.taken.overlaps(contig, *(free or (start_bp, end_bp))):
            return None
        is_reverse = positive.region is not None and positive.region.is_reverse
        sequence = self.genome.bases(contig, start_bp, end_bp)
        if not is_plain(sequence) or on_either_strand(sequence) in self.seen:
            return None
        name = f"{contig}:{start_bp}-{end_bp}{'(-)' if is_reverse else ''}"
        region = BedRegion(name, contig, start_bp, end_bp, is_reverse)
        return Example(name, reverse_complement(sequence) if is_reverse else sequence, region)

    def _used(self, window: Example | None) -> Example | None:
        if window is not None and window.region is not None:
            self.taken.add(window.region.contig, window.region.start_bp, window.region.end_bp)
            self.seen.add(on_either_strand(window.sequence))
        return window


def shuffled(positive: Example, seen: set[str], rng: np.random.Generator) -> Example | None:
    """The positive shuffled, with the same pairs of neighbouring bases; None if nothing new comes of it."""
    for _ in range(_TRIES):
        sequence = dinucleotide_shuffle(positive.sequence, rng)
        if (key := on_either_strand(sequence)) not in seen:
            seen.add(key)
            return Example(f"{positive.name} shuffled", sequence)
    return None


def dinucleotide_shuffle(sequence: str, rng: np.random.Generator) -> str:
    """A sequence with the same number of each pair of neighbouring letters, all of these equally likely.

    The first and the last letter stay. Letters are the vertices of a graph and pairs its edges; a new order
    of the edges that leave each vertex is a new sequence if those left last lead from everywhere to the last
    letter.

    Source: Altschul & Erickson 1985 (doi:10.1093/oxfordjournals.molbev.a040370). The edges left last, a
    spanning tree, are drawn by walking at random and forgetting loops (Wilson 1996), not by drawing until
    they fit, which takes long for repeats.
    """
    if len(sequence) < 3:
        return sequence
    following: dict[str, list[str]] = {letter: [] for letter in sequence}
    for letter, behind in zip(sequence, sequence[1:], strict=False):
        following[letter].append(behind)
    lasts: dict[str, str] = {}
    leading = {sequence[-1]}
    for start in following:
        letter = start
        while letter not in leading:
            choices = following[letter]
            lasts[letter] = choices[int(rng.integers(len(choices)))]
            letter = lasts[letter]
        letter = start
        while letter not in leading:
            leading.add(letter)
            letter = lasts[letter]
    orders: dict[str, list[str]] = {}
    for letter, behind in following.items():
        rest = list(behind)
        if letter in lasts:
            rest.remove(lasts[letter])
        order = [rest[i] for i in rng.permutation(len(rest))]
        # walked from the end of the list
        orders[letter] = ([lasts[letter]] if letter in lasts else []) + order
    letters = [sequence[0]]
    while left := orders[letters[-1]]:
        letters.append(left.pop())
    return "".join(letters)


def gc_content(sequence: str) -> float:
    """Share of G and C."""
    return (sequence.count("G") + sequence.count("C")) / len(sequence)


def is_plain(sequence: str) -> bool:
    """Whether it is A, C, G and T only, in upper case."""
    return not sequence.translate(_WITHOUT_BASES)


_WITHOUT_BASES = str.maketrans("", "", "ACGT")
