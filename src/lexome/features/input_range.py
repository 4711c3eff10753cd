"""Whether a ZMW's kinetics and signal are such as a read corrector has learnt from (numpy).

Source: own. Bases and qualities of a corrector rest on how wide pulses are and how far apart; another
chemistry, instrument or coding (codes or frames) shifts these, and nothing else would show it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lexome.core.zmw import ZmwReads

MARGIN = 0.1  # of either end: so far outside of what was seen is still like it
MEASURES = {
    "pulse_width": "pulse widths",
    "interpulse": "times between pulses",
    "signal_to_noise": "signal-to-noise ratios",
}

Ranges = Mapping[str, tuple[float, float]]


def input_means(zmw: ZmwReads) -> dict[str, float]:
    """The means of a ZMW, by `MEASURES`: over all bases of its subreads, in the units of the file."""
    return {
        "pulse_width": float(np.mean(np.concatenate([subread.pw for subread in zmw.subreads]))),
        "interpulse": float(np.mean(np.concatenate([subread.ip for subread in zmw.subreads]))),
        "signal_to_noise": float(np.mean(zmw.subreads[0].snr)),
    }


def ranges_of(means: Sequence[Mapping[str, float]]) -> dict[str, tuple[float, float]]:
    """The least and the largest of each measure."""
    return {name: (min(m[name] for m in means), max(m[name] for m in means)) for name in MEASURES}


def read_ranges(stated: Any) -> dict[str, tuple[float, float]]:
    """Ranges as they are written down: two numbers for each measure.

    Raises:
        ValueError: if it is something else.
    """
    try:
        return {name: (float(stated[name][0]), float(stated[name][1])) for name in MEASURES}
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise ValueError("not the ranges of kinetics and signal") from error


def joined(ranges: Sequence[Ranges]) -> dict[str, tuple[float, float]]:
    """What several ranges cover together."""
    return {name: (min(r[name][0] for r in ranges), max(r[name][1] for r in ranges)) for name in MEASURES}


def outside(means: Mapping[str, float], ranges: Ranges) -> list[str]:
    """The measures of a ZMW that lie outside of their range by more than `MARGIN` of its end."""
    found = []
    for name in MEASURES:
        low, high = ranges[name]
        if not low * (1 - MARGIN) <= means[name] <= high * (1 + MARGIN):
            found.append(name)
    return found
