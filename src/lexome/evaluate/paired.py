"""The difference of two ways to train, judged on the same chunks with several seeds each.

Shapes: S seeds, C chunks.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from lexome.evaluate.bootstrap import DEFAULT_BOOTSTRAP, BootstrapConfig, intervals

# 97.5 % quantiles of Student's t with 1, 2, ... degrees of freedom; beyond, those of the last one are a
# little too wide
T_975 = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093, 2.086,
)  # fmt: skip


@dataclass(frozen=True)
class Difference:
    """How much higher the first is than the second.

    Attributes:
        mean: over chunks and seeds.
        by_seed: mean over the chunks for each seed.
        over_chunks: 95 % bootstrap interval over chunks, the networks as they are: what other chunks might
            have said of these networks.
        over_seeds: 95 % interval of Student's t over the seeds' differences: what other trainings might have
            said; None for fewer than two seeds.
    """

    mean: float
    by_seed: tuple[float, ...]
    over_chunks: tuple[float, float] | None
    over_seeds: tuple[float, float] | None

    @property
    def is_clear(self) -> bool:
        """Whether both intervals are there and neither holds zero: one way to train is better."""
        return _excludes_zero(self.over_chunks) and _excludes_zero(self.over_seeds)

    @property
    def is_consistent(self) -> bool:
        """Whether the interval over chunks does not hold zero, and no seed says the opposite.

        Less than `is_clear`: said of one seed, it holds for these networks and perhaps for no others.
        """
        return _excludes_zero(self.over_chunks) and len({value > 0 for value in self.by_seed}) == 1


def _excludes_zero(interval: tuple[float, float] | None) -> bool:
    return interval is not None and (interval[0] > 0 or interval[1] < 0)


def mean_interval(
    values_C: Float[np.ndarray, " C"], bootstrap: BootstrapConfig = DEFAULT_BOOTSTRAP
) -> tuple[float, float] | None:
    """Percentile bootstrap interval of a mean; None for fewer than two values."""
    found: Mapping[str, tuple[float, float] | None] = intervals(
        lambda drawn_C: {"mean": float(values_C[drawn_C].mean())}, len(values_C), bootstrap
    )
    return found["mean"]


def difference(
    first_SC: Float[np.ndarray, "S C"],
    second_SC: Float[np.ndarray, "S C"],
    bootstrap: BootstrapConfig = DEFAULT_BOOTSTRAP,
) -> Difference:
    """The paired difference of two sets of trainings.

    Args:
        first_SC: a figure of every chunk, for the trainings of one way; the seeds in the order of the
        other's.
        second_SC: the same chunks, the other way.
        bootstrap: of the interval over chunks.

    Returns:
        The difference and its two intervals; they answer different questions, and neither replaces the other.

    Raises:
        ValueError: if the two do not have the same seeds and chunks.
    """
    if first_SC.shape != second_SC.shape or first_SC.size == 0:
        raise ValueError(f"nothing to pair: {first_SC.shape} and {second_SC.shape} figures")
    differences_SC = first_SC - second_SC
    by_seed_S = differences_SC.mean(axis=1)
    return Difference(
        float(by_seed_S.mean()),
        tuple(map(float, by_seed_S)),
        mean_interval(differences_SC.mean(axis=0), bootstrap),
        _t_interval(by_seed_S),
    )


def _t_interval(values_S: Float[np.ndarray, " S"]) -> tuple[float, float] | None:
    """95 % interval of a mean by Student's t."""
    count = len(values_S)
    if count < 2:
        return None
    half = T_975[min(count - 2, len(T_975) - 1)] * float(values_S.std(ddof=1)) / count**0.5
    mean = float(values_S.mean())
    return mean - half, mean + half
