"""Borders between bases, found at single samples and judged with a tolerance.

Legend: N signals, S samples.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

TOLERANCE = 1  # samples


@dataclass(frozen=True)
class BorderCounts:
    """Borders that were called, that there are, and pairs of both; adds up over signals."""

    called: int = 0
    true: int = 0
    matched: int = 0

    def __add__(self, other: "BorderCounts") -> "BorderCounts":
        """The counts of both."""
        return BorderCounts(self.called + other.called, self.true + other.true, self.matched + other.matched)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall, 0 if nothing was called or nothing is there."""
        both = self.called + self.true
        return 2 * self.matched / both if both else 0.0


def call_borders(probability_NS: Float[np.ndarray, "N S"]) -> Bool[np.ndarray, "N S"]:
    """Where borders are, from the probability that one is at a sample.

    A border is called where the probability is highest among neighbours and that of one within a sample of
    it, the sum of three, is more than a half: a network that cannot tell between two samples is sure of a
    border all the same. Of two equal neighbours it is the later one.
    """
    filled = np.pad(probability_NS, ((0, 0), (1, 1)))
    before, at, behind = filled[:, :-2], filled[:, 1:-1], filled[:, 2:]
    return (at >= before) & (at > behind) & (before + at + behind > 0.5)


def count_borders(
    called_NS: Bool[np.ndarray, "N S"], true_NS: Bool[np.ndarray, "N S"], tolerance: int = TOLERANCE
) -> BorderCounts:
    """Pairs called borders with true ones at most `tolerance` samples away, each used once.

    From left to right each true border takes the first free called one; along a line there is no pairing
    with more pairs.
    """
    matched = 0
    for called_S, true_S in zip(called_NS, true_NS, strict=True):
        called, n = np.flatnonzero(called_S).tolist(), 0
        for place in np.flatnonzero(true_S).tolist():
            while n < len(called) and called[n] < place - tolerance:
                n += 1
            if n < len(called) and called[n] <= place + tolerance:
                matched, n = matched + 1, n + 1
    return BorderCounts(int(called_NS.sum()), int(true_NS.sum()), matched)


def even_borders(signals: int, samples: int, share: float) -> Bool[np.ndarray, "N S"]:
    """Borders at even distances, as many as there are in truth: what one knows without any signal.

    Args:
        signals: N.
        samples: S.
        share: of the samples that are borders.
    """
    upto = np.floor(np.arange(samples + 1) * share + 0.5)
    return np.broadcast_to(np.diff(upto) > 0, (signals, samples)).copy()
