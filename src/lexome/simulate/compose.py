"""Signal for any sequence, composed of pieces of real signal whose bases are known (numpy).

Every base of the new sequence gets the samples of a real base that stood in the longest matching context (9
bases down to 6); where possible the pieces go on in the same read, so dwells, noise and what lies beyond the
k-mer stay real. A piece is moved by the difference of the levels that are expected in its new and in its old
context, and a composed stretch keeps to reads of about one speed. White noise on a level table is a worse
teacher: real events carry context that no 6-mer table has.

Legend: E events (real bases), L bases of the new sequence, S samples.

Source: own.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from lexome.core.alphabet import kmer_index

CONTEXT_BP = 9  # widest context looked up, centred on the base
KMER_BP = 6  # narrowest: the pore's k-mer, which begins two bases before its base
KMER_BEFORE = 2
CONTINUE_PROBABILITY = 0.9
SPEED_WINDOW = 0.1  # share of a context's events, ordered by their reads' speed, that a stretch draws from


@dataclass(frozen=True)
class RealRead:
    """A read whose bases are placed on its signal.

    `signal` is float32[S] with the read's gain and offset taken out; base i (code 0..3) lasts from sample
    starts[i] to starts[i + 1] and is expected at `levels[i]` (the same units). A base without samples was
    skipped by the alignment and is not used. `samples_per_base` tells how slow the whole read is.
    """

    signal: np.ndarray
    codes: np.ndarray
    starts: np.ndarray
    levels: np.ndarray
    samples_per_base: float


class EventBank:
    """Real bases, found by their context."""

    def __init__(self, reads: Iterable[RealRead]) -> None:
        # slow reads last: so the events of a context, in the order of the bank, are ordered by speed
        pool = sorted(reads, key=lambda read: read.samples_per_base)
        lengths = np.array([len(r.codes) for r in pool])
        self.signal_S = np.concatenate([r.signal for r in pool])
        self.level_E = np.concatenate([r.levels for r in pool])
        offsets = np.concatenate([[0], np.cumsum([len(r.signal) for r in pool])])
        self.begin_E = np.concatenate([r.starts[:-1] + o for r, o in zip(pool, offsets[:-1], strict=True)])
        self.end_E = np.concatenate([r.starts[1:] + o for r, o in zip(pool, offsets[:-1], strict=True)])
        codes_E = np.concatenate([r.codes for r in pool])
        # contexts must not reach over the border of two reads, and the base needs samples of its own
        side = CONTEXT_BP // 2
        place = np.concatenate([np.arange(n) for n in lengths])
        left = np.repeat(lengths, lengths) - place - 1
        usable = (place >= side) & (left >= side) & (self.end_E > self.begin_E)
        self.order: list[np.ndarray] = []  # per context: events sorted by it, and where each context begins
        self.bounds: list[np.ndarray] = []
        for before, width in CONTEXTS:
            index_E = np.full(len(codes_E), -1, np.int32)
            whole = kmer_index(codes_E, width)
            index_E[before : before + len(whole)] = whole
            index_E[~usable] = -1
            order = np.argsort(index_E, kind="stable").astype(np.int32)
            self.order.append(order)
            self.bounds.append(np.searchsorted(index_E[order], np.arange(4**width + 1)))
            self.kmer_E = index_E  # in the end that of the narrowest context, the pore's k-mer
        self.usable = np.flatnonzero(usable)  # what is left for a k-mer that no event has

    def compose(
        self, codes_L: np.ndarray, levels_L: np.ndarray, generator: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Composes the signal of a sequence.

        Args:
            codes_L: base codes 0..3; the first and last four bases give context only.
            levels_L: expected levels, float32, by the same model as the reads'.
            generator: source of randomness.

        Returns:
            (signal float32[S], starts int64[L - 8 + 1]): base 4 + i lasts from starts[i] to starts[i + 1].
        """
        side = CONTEXT_BP // 2
        count = len(codes_L) - 2 * side
        contexts = []
        for before, width in CONTEXTS:
            whole = kmer_index(codes_L, width)
            contexts.append(whole[side - before : side - before + count].tolist())
        kmers = contexts[-1]
        goes_on = (generator.random(count) < CONTINUE_PROBABILITY).tolist()
        # a rank within the speeds, in [0, 1); the window is moved inwards at the ends
        lowest = (1 - SPEED_WINDOW) * generator.random()
        draws = (lowest + SPEED_WINDOW * generator.random(count)).tolist()
        chosen = np.empty(count, np.int64)
        last = -1
        for i in range(count):
            following = last + 1
            if (
                last >= 0
                and goes_on[i]
                and following < len(self.kmer_E)
                and self.kmer_E[following] == kmers[i]
            ):
                last = following
            else:
                last = self._pick([c[i] for c in contexts], draws[i])
            chosen[i] = last
        begin, end = self.begin_E[chosen], self.end_E[chosen]
        starts = np.concatenate([[0], np.cumsum(end - begin)])
        position = np.arange(starts[-1]) + np.repeat(begin - starts[:-1], end - begin)
        moved = levels_L[side : side + count] - self.level_E[chosen]
        return self.signal_S[position] + np.repeat(moved.astype(np.float32), end - begin), starts

    def _pick(self, contexts: list[int], draw: float) -> int:
        """An event of the widest context that has any, at the rank `draw`; of all events if none has."""
        for order, bounds, context in zip(self.order, self.bounds, contexts, strict=True):
            low, high = bounds[context], bounds[context + 1]
            if high > low:
                return int(order[low + int(draw * (high - low))])
        return int(self.usable[int(draw * len(self.usable))])


# (bases before the base, width): 9 centred, then narrower ones that keep the pore's k-mer inside
CONTEXTS = ((CONTEXT_BP // 2, CONTEXT_BP), (3, 8), (3, 7), (KMER_BEFORE, KMER_BP))
