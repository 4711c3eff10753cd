"""A Markov model of bases: what a sequence's letters say about it without a network.

Legend: L letters of a sequence.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Float, UInt8

from lexome.core.alphabet import encode, reverse_complement
from lexome.core.errors import UsageError

MAX_ORDER = 12  # its counts are 4 ** 13 numbers of 4 bytes, 358 MB with those of all lower orders
_BASES = 4
_TOGETHER = 4_000_000  # letters counted at once


class MarkovModel:
    """Chances of a base behind those before it, of a fixed order; make one with `fit_markov`."""

    def __init__(self, counts: Sequence[np.ndarray], pseudo_count: float) -> None:
        """Keeps the counts.

        Args:
            counts: of every order from 0: those of order k are the (k + 1)-mers, 4 ** (k + 1), last base
                fastest.
            pseudo_count: how many observations the lower order's chances count as.
        """
        self._counts, self._pseudo_count = tuple(counts), pseudo_count

    @property
    def order(self) -> int:
        """Bases that are looked at."""
        return len(self._counts) - 1

    def log_likelihoods(self, sequence: str) -> Float[np.ndarray, " L"]:
        """Natural logarithm of the chance of every base behind those before it; NaN where it is not ACGT.

        As many bases before it are looked at as there are, in the sequence and without another letter
        between, at most the order's.
        """
        codes_L = encode(sequence)
        chance_L = np.full(len(codes_L), 1 / _BASES)
        kmers, whole = np.zeros(len(codes_L), np.int64), np.ones(len(codes_L), bool)
        for order, counts in enumerate(self._counts):
            # the (order + 1)-mer that ends at each letter, out of the one a letter shorter before it
            if order >= len(codes_L):
                break
            last = codes_L[order:]
            kmers = (kmers if order == 0 else kmers[:-1]) * _BASES + last
            whole = (whole if order == 0 else whole[:-1]) & (last < _BASES)
            at = np.flatnonzero(whole)
            here = kmers[at]
            seen = counts[here].astype(np.float64)
            before = counts.reshape(-1, _BASES)[here // _BASES].sum(axis=1, dtype=np.float64)
            chance_L[at + order] = (seen + self._pseudo_count * chance_L[at + order]) / (
                before + self._pseudo_count
            )
        log_L = np.log(chance_L)
        log_L[codes_L >= _BASES] = np.nan
        return log_L

    def per_base(self, sequence: str) -> float:
        """Mean of `log_likelihoods` over the bases of both strands; NaN without any."""
        both = [self.log_likelihoods(one) for one in (sequence, reverse_complement(sequence))]
        values = np.concatenate(both)
        known = values[~np.isnan(values)]
        return float(known.mean()) if len(known) else float("nan")


def fit_markov(sequences: Iterable[str], order: int = MAX_ORDER, pseudo_count: float = 1.0) -> MarkovModel:
    """Counts the k-mers of sequences on both strands.

    The chance of a base behind k others is (n + a p) / (N + a): n and N are how often they were seen with and
    without it, p is the chance behind the last k - 1 of them (of order 0: one quarter), a the pseudo-count.
    So contexts that were never seen fall back to shorter ones.

    Args:
        sequences: of DNA; letters other than A, C, G and T end a context.
        order: bases that are looked at.
        pseudo_count: a.

    Raises:
        UsageError: if the order or the pseudo-count is out of range, or there is no base.

    Source: interpolation with a Dirichlet prior at the lower order (MacKay and Peto 1995).
    """
    if not 0 <= order <= MAX_ORDER or not 0 < pseudo_count < float("inf"):
        raise UsageError(f"the order must lie between 0 and {MAX_ORDER}, the pseudo-count above 0")
    counts = np.zeros(_BASES ** (order + 1), np.uint32)
    for sequence in sequences:
        for start in range(0, len(sequence), _TOGETHER):
            piece = sequence[start : start + _TOGETHER + order]
            for strand in (piece, reverse_complement(piece)):
                kmers, times = np.unique(_kmers(encode(strand), order + 1), return_counts=True)
                counts[kmers] += times.astype(np.uint32)
    if not counts.any():
        raise UsageError(f"no stretch of {order + 1} bases to learn a Markov model from")
    by_order = [counts]
    for _ in range(order):
        by_order.append(by_order[-1].reshape(_BASES, -1).sum(axis=0, dtype=np.uint32))
    return MarkovModel(by_order[::-1], pseudo_count)


def _kmers(codes_L: UInt8[np.ndarray, " L"], k: int) -> np.ndarray:
    """Numbers of the k-mers without other letters."""
    fitting = len(codes_L) - k + 1
    if fitting < 1:
        return np.zeros(0, np.int64)
    kmers, whole = np.zeros(fitting, np.int64), np.ones(fitting, bool)
    for i in range(k):
        letter = codes_L[i : i + fitting]
        kmers = kmers * _BASES + letter
        whole &= letter < _BASES
    return kmers[whole]
