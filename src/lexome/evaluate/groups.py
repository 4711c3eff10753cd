"""Sums and intervals over groups of examples: what is of one read goes together.

Shapes: N examples, G groups, K values of each.
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, Int, Shaped

from lexome.evaluate.bootstrap import BootstrapConfig, intervals

Interval = tuple[float, float] | None


def group_sums(
    values: Shaped[np.ndarray, "N *K"], groups: Int[np.ndarray, " N"]
) -> Shaped[np.ndarray, "G *K"]:
    """Sums over the examples of every group, groups in ascending order of their numbers."""
    present, group_N = np.unique(groups, return_inverse=True)
    sums = np.zeros((len(present), *values.shape[1:]), values.dtype)
    np.add.at(sums, group_N, values)
    return sums


def ratio_intervals(
    numerators: Mapping[str, Float[np.ndarray, " N"]],
    denominators: Mapping[str, Float[np.ndarray, " N"]],
    groups: Int[np.ndarray, " N"],
    bootstrap: BootstrapConfig,
) -> dict[str, Interval]:
    """Intervals of ratios of sums over examples, whole groups of which are resampled.

    Args:
        numerators: what each example adds above, by the ratio's name.
        denominators: and below.
        groups: number of the group of each example.
        bootstrap: how the intervals are made.

    Returns:
        (low, high) by name; None with fewer than two groups, or where nothing is below.
    """
    above_GK = group_sums(np.stack(list(numerators.values()), axis=1), groups)
    below_GK = group_sums(np.stack([denominators[name] for name in numerators], axis=1), groups)

    def statistics(drawn: np.ndarray) -> dict[str, float]:
        above_K, below_K = above_GK[drawn].sum(axis=0), below_GK[drawn].sum(axis=0)
        ratio_K = np.where(below_K > 0, above_K / np.where(below_K > 0, below_K, 1), np.nan)
        return dict(zip(numerators, ratio_K.tolist(), strict=True))

    return intervals(statistics, len(above_GK), bootstrap)
