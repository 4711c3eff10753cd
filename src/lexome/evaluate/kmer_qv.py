"""Quality of a set of reads from its k-mers, without any alignment.

A k-mer and its reverse complement are one (canonical). A read k-mer that the truth does not have is an error;
k bases can each have caused it, so the share of wrong bases is 1 - (1 - wrong / all)^(1 / k).

Shapes: L bases, M k-mers, T distinct true k-mers.

Source: Merqury (Rhie 2020) and yak (Cheng 2021). Differs: the truth takes the place of a set of short reads;
in a large truth only one in 2, 4, 8 ... k-mers is looked at, picked by a hash, which estimates the same.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64, UInt8

from lexome.core.alphabet import NO_BASE, kmer_index

K = 21
MOST_KMERS = 1 << 27  # of the truth, 8 bytes each, sorted once
_HASH = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio (Fibonacci hashing)
_HASH_BITS = 24  # of the product, the highest ones, decide


def canonical_kmers(codes: UInt8[np.ndarray, " L"], k: int = K) -> Int64[np.ndarray, " M"]:
    """Every k-mer of a sequence as a number, the lower one of both strands; none over an unknown base.

    >>> canonical_kmers(np.array([0, 3, 3], np.uint8), 2).tolist()  # AT is its own other strand, TT is AA
    [3, 0]
    """
    if k > 31:
        raise ValueError(f"k-mers of {k} bases do not fit 64 bits")
    known = codes != NO_BASE
    forward = kmer_index(np.where(known, codes, 0).astype(np.int64), k)
    # the other strand, read backwards: its k-mers come in the opposite order
    backward = kmer_index(np.where(known, 3 - codes.astype(np.int64), 0)[::-1], k)[::-1]
    unknown = np.concatenate([[0], np.cumsum(~known)])
    whole = unknown[k:] == unknown[:-k] if len(codes) >= k else np.zeros(0, bool)
    return np.minimum(forward, backward)[whole]


@dataclass(frozen=True)
class TrueKmers:
    """The distinct k-mers of all molecules, sorted.

    `one_in` k-mers is looked at; `k` bases each.
    """

    kmers: Int64[np.ndarray, " T"]
    k: int
    one_in: int

    def lookup(self, codes: UInt8[np.ndarray, " L"]) -> tuple[int, Int64[np.ndarray, " M"]]:
        """Looks up a read.

        Returns:
            How many of its k-mers are looked at, and which true ones are among them (indices, each once for
            every time that it occurs).
        """
        kmers = _picked(canonical_kmers(codes, self.k), self.one_in)
        if not len(self.kmers):
            return len(kmers), np.zeros(0, np.int64)
        at = np.minimum(np.searchsorted(self.kmers, kmers), len(self.kmers) - 1)
        return len(kmers), at[self.kmers[at] == kmers]


def true_kmers(truths: Iterable[UInt8[np.ndarray, " L"]], bases: int, k: int = K) -> TrueKmers:
    """The k-mers of the truth.

    Args:
        truths: base codes of every molecule.
        bases: of all of them, which decides how many k-mers are looked at.
        k: bases of a k-mer.
    """
    one_in = 1
    while bases // one_in > MOST_KMERS:
        one_in *= 2
    parts = [_picked(canonical_kmers(codes, k), one_in) for codes in truths]
    return TrueKmers(np.unique(np.concatenate([np.zeros(0, np.int64), *parts])), k, one_in)


def _picked(kmers: np.ndarray, one_in: int) -> np.ndarray:
    if one_in == 1:
        return kmers
    mixed = (kmers.astype(np.uint64) * _HASH) >> np.uint64(64 - _HASH_BITS)
    return kmers[mixed % np.uint64(one_in) == 0]


class KmerTally:
    """Adds up the looked-up reads of one set."""

    def __init__(self, truth: TrueKmers) -> None:
        self._truth = truth
        self._found = np.zeros(len(truth.kmers), bool)
        self.kmers = 0
        self.unknown = 0

    def add(self, kmers: int, true: Int64[np.ndarray, " M"]) -> None:
        """Adds what `TrueKmers.lookup` says of a read."""
        self.kmers += kmers
        self.unknown += kmers - len(true)
        self._found[true] = True

    @property
    def quality(self) -> float | None:
        """The Phred quality of the reads' bases; None if no k-mer is wrong (no bound), or there is none."""
        return kmer_quality(self.unknown, self.kmers, self._truth.k)

    @property
    def completeness(self) -> float | None:
        """The share of the distinct true k-mers that some read has."""
        return float(self._found.mean()) if len(self._found) else None


def kmer_quality(wrong: int, total: int, k: int) -> float | None:
    """-10 log10 of the share of wrong bases; None if no k-mer is wrong or there is none.

    >>> round(kmer_quality(21, 10000, 21), 2)
    40.0
    """
    if wrong == 0 or total == 0:
        return None
    if wrong == total:
        return 0.0
    # 1 - (1 - e/n)^(1/k) without losing digits
    return -10.0 * math.log10(-math.expm1(math.log1p(-wrong / total) / k)) + 0.0
