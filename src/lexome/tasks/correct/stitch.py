"""Corrected windows back into one read, with proof that none is missing; and the mean quality of bases.

Differs from DeepConsensus: that looks whether the first CCS base of a window is a multiple of the window's
width in columns, which a lost window seldom violates. Here every window says which CCS bases it stands for.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from lexome.core.errors import LexomeError
from lexome.features.pileup_windows import uncovered


class MissingWindowError(LexomeError):
    """The pieces do not make up the whole read."""


@dataclass(frozen=True)
class Piece:
    """What became of one window.

    Attributes:
        index: of the window within its read.
        ccs_start_bp: first base of the CCS read that it stands for.
        ccs_end_bp: the base behind its last one.
        sequence: corrected.
        qualities: of these bases, Phred scores.
    """

    index: int
    ccs_start_bp: int
    ccs_end_bp: int
    sequence: str
    qualities: np.ndarray


def stitch(pieces: Sequence[Piece], num_windows: int, length_bp: int) -> tuple[str, UInt8[np.ndarray, " B"]]:
    """Joins the pieces of a read.

    Args:
        pieces: in any order.
        num_windows: how many windows the read was cut into.
        length_bp: of the CCS read.

    Returns:
        Sequence and qualities.

    Raises:
        MissingWindowError: unless every window is there once and together they stand for every base of the
            CCS read once.
    """
    ordered = sorted(pieces, key=lambda piece: piece.index)
    if [piece.index for piece in ordered] != list(range(num_windows)):
        raise MissingWindowError(f"{len(pieces)} windows of {num_windows} are there, or one is there twice")
    spans_bp = [(piece.ccs_start_bp, piece.ccs_end_bp) for piece in ordered]
    missing = uncovered(spans_bp, length_bp)
    if missing:
        start, end = missing[0]
        raise MissingWindowError(f"no window stands for the bases {start} to {end} of the CCS read")
    borders = [0, *(end for _, end in spans_bp)]
    if [start for start, _ in spans_bp] != borders[:-1] or borders[-1] != length_bp:
        raise MissingWindowError("two windows stand for the same bases of the CCS read")
    for piece in ordered:
        if len(piece.sequence) != len(piece.qualities):
            raise MissingWindowError(f"window {piece.index} has more or fewer qualities than bases")
    qualities = [np.zeros(0, np.uint8), *(piece.qualities for piece in ordered)]
    return "".join(piece.sequence for piece in ordered), np.concatenate(qualities).astype(np.uint8)


def mean_quality(qualities: UInt8[np.ndarray, " B"]) -> float:
    """-10 log10 of the mean probability of an error, to five decimals as DeepConsensus; 0 without bases.

    >>> mean_quality(np.array([10, 40], np.uint8))
    13.00596
    """
    if len(qualities) == 0:
        return 0.0
    return max(0.0, round(float(-10 * np.log10(error_rate(qualities))), 5))


def error_rate(qualities: UInt8[np.ndarray, " B"]) -> float:
    """The mean probability of an error; 1 without bases."""
    return float(np.mean(10 ** (qualities.astype(np.float64) / -10))) if len(qualities) else 1.0
