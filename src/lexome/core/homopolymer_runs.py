"""The homopolymers of a sequence, single bases too."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Runs:
    """The homopolymers of a sequence: `of_base` (T) is the run of every base, the rest is by run."""

    of_base: np.ndarray
    base: np.ndarray
    start: np.ndarray
    length_bp: np.ndarray


def runs_of(codes: np.ndarray) -> Runs:
    """Finds the homopolymers of a sequence, single bases too; codes uint8[T], T at least 1."""
    is_start = np.diff(codes.astype(np.int16), prepend=-1) != 0
    start = np.flatnonzero(is_start)
    return Runs(np.cumsum(is_start) - 1, codes[start], start, np.diff(start, append=len(codes)))
