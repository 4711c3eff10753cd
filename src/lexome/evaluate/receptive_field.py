"""Receptive fields from gradients: where the mass of a profile lies. Arrays in, figures out.

A profile says how strongly one step of an output depends on each position of an input: K positions, the first
of them at offset `first` from the step (below 0: before it).

Shapes: R reads, K positions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from lexome.evaluate.bootstrap import BootstrapConfig, intervals

SHARES = (0.5, 0.9, 0.99)
LEVELS = (0.1, 0.01)
EDGE = 0.1  # the outermost part of a profile, of its length
_SLACK = 1e-12  # of the whole mass: sums in another order differ by as much


@dataclass(frozen=True)
class Span:
    """A run of positions, both ends included, as offsets from the step."""

    first: int
    last: int

    @property
    def width(self) -> int:
        """Positions in it."""
        return self.last - self.first + 1


def shortest_span(profile_K: Float[np.ndarray, " K"], first: int, share: float) -> Span | None:
    """The shortest run of positions that holds a share of a profile's mass.

    Of several as short the one whose middle is nearest to the step, of two as near the earlier one.

    Args:
        profile_K: masses, none negative.
        first: offset of the first position.
        share: above 0, at most 1.

    Returns:
        The run; None if there is no mass at all.

    Raises:
        ValueError: for a share out of range or a negative mass.
    """
    if not 0 < share <= 1 or not (profile_K >= 0).all():
        raise ValueError("a share is above 0 and at most 1, and no mass is negative")
    upto = np.concatenate([[0.0], np.cumsum(profile_K, dtype=np.float64)])
    whole = upto[-1]
    if whole == 0:
        return None
    # for every start the first end at which enough is inside
    ends = np.searchsorted(upto, upto[:-1] + (share - _SLACK) * whole, side="left")
    starts = np.flatnonzero(ends < len(upto))
    widths = ends[starts] - starts
    shortest = starts[widths == widths.min()]
    off_middle = np.abs(2 * (shortest + first) + widths.min() - 1)
    start = int(shortest[np.argmin(off_middle)])
    return Span(start + first, start + int(widths.min()) - 1 + first)


def span_above(profile_K: Float[np.ndarray, " K"], first: int, level: float) -> Span | None:
    """From the first to the last position with at least `level` times the largest mass; None without mass.

    Unlike `shortest_span` it does not depend on how far a profile was followed once that is far enough.
    """
    if not profile_K.any():
        return None
    places = np.flatnonzero(profile_K >= level * profile_K.max())
    return Span(int(places[0]) + first, int(places[-1]) + first)


def reached(profile_K: Float[np.ndarray, " K"], first: int) -> Span | None:
    """From the first to the last position with any mass: of convolutions the exact receptive field."""
    places = np.flatnonzero(profile_K)
    return Span(int(places[0]) + first, int(places[-1]) + first) if len(places) else None


@dataclass(frozen=True)
class Field:
    """The figures of a profile; lengths in positions of its input.

    Attributes:
        spans: by share of the mass, see `shortest_span`.
        intervals: of the width of each, 95%, from resampling reads; None with fewer than two reads.
        above: by level, see `span_above`.
        reached: see `reached`.
        at_edge: part of the mass in the outermost tenth of the profile; if it is not small, more lies beyond
            what was looked at, and the spans are too short.
        before: part of the mass before the step; `after` the part behind it. The rest is at the step itself.
        distance: mean distance from the step, weighed with the mass.
    """

    spans: Mapping[float, Span]
    intervals: Mapping[float, tuple[float, float] | None]
    above: Mapping[float, Span]
    reached: Span
    at_edge: float
    before: float
    after: float
    distance: float


def field_of(
    profiles_RK: Float[np.ndarray, "R K"],
    first: int,
    *,
    shares: Sequence[float] = SHARES,
    bootstrap: BootstrapConfig | None = None,
) -> Field | None:
    """The figures of the mean of the profiles of several reads.

    Args:
        profiles_RK: one profile per read; each read counts as much as its mass.
        first: offset of the first position.
        shares: of the mass, for the spans.
        bootstrap: how the intervals are made; None: there are none.

    Returns:
        The figures; None if no read has any mass.
    """
    mean_K = profiles_RK.mean(axis=0, dtype=np.float64)
    everything = reached(mean_K, first)
    if everything is None:
        return None
    spans = {share: _known(shortest_span(mean_K, first, share)) for share in shares}
    known: dict[float, tuple[float, float] | None] = dict.fromkeys(shares)
    if bootstrap is not None:

        def widths(drawn: np.ndarray) -> dict[str, float]:
            mass_K = profiles_RK[drawn].mean(axis=0, dtype=np.float64)
            found = {share: shortest_span(mass_K, first, share) for share in shares}
            return {str(share): float("nan") if s is None else float(s.width) for share, s in found.items()}

        resampled = intervals(widths, len(profiles_RK), bootstrap)
        known = {share: resampled[str(share)] for share in shares}
    share_K = mean_K / mean_K.sum()
    offset_K = np.arange(len(share_K)) + first
    edge = int(EDGE / 2 * len(share_K))
    above = {level: _known(span_above(mean_K, first, level)) for level in LEVELS}
    at_edge = float(share_K[:edge].sum() + share_K[len(share_K) - edge :].sum())
    return Field(
        spans,
        known,
        above,
        everything,
        at_edge,
        before=float(share_K[offset_K < 0].sum()),
        after=float(share_K[offset_K > 0].sum()),
        distance=float((share_K * np.abs(offset_K)).sum()),
    )


def _known(span: Span | None) -> Span:
    assert span is not None  # there is mass
    return span
