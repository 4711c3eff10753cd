"""Percentile bootstrap intervals over reads.

Reads are resampled, not bases or columns: errors within a read go together, so intervals from columns would
be far too narrow.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int


@dataclass(frozen=True)
class BootstrapConfig:
    """How intervals are made: `resamples` draws with a fixed `seed`, central `level` of their results."""

    resamples: int = 1000
    seed: int = 0
    level: float = 0.95


DEFAULT_BOOTSTRAP = BootstrapConfig()


def intervals(
    statistics: Callable[[Int[np.ndarray, " D"]], Mapping[str, float]],
    num_reads: int,
    config: BootstrapConfig,
) -> dict[str, tuple[float, float] | None]:
    """Percentile intervals of several statistics that share the same resamples.

    Args:
        statistics: from the indices of the drawn reads (`num_reads` of them, with repeats) to named numbers;
            NaN where a resample allows none (no mapped read in it).
        num_reads: how many reads there are.
        config: resamples, seed, level.

    Returns:
        (low, high) per name, in the order in which `statistics` names them. None with fewer than two reads,
        or if no resample gave a number. NaN resamples are left out.
    """
    rng = np.random.default_rng(config.seed)
    names = list(statistics(np.arange(num_reads)))
    if num_reads < 2:
        return dict.fromkeys(names)
    drawn: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(config.resamples):
        for name, value in statistics(rng.integers(0, num_reads, num_reads)).items():
            drawn[name].append(value)
    tail = 50.0 * (1.0 - config.level)
    result: dict[str, tuple[float, float] | None] = {}
    for name in names:
        values = np.array(drawn[name])
        values = values[~np.isnan(values)]
        low_high = np.percentile(values, [tail, 100.0 - tail]) if len(values) else None
        result[name] = None if low_high is None else (float(low_high[0]), float(low_high[1]))
    return result
