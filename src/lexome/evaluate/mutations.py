"""How well children of sequences were foretold: exact ones among the first, and edit distances.

Intervals are bootstrapped over parents: pairs of one parent share what is foretold of it.

Legend: N pairs, G different parents.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from lexome.dp.kernels.edit import matches_and_edits
from lexome.evaluate.bootstrap import BootstrapConfig, intervals

MOST = 5  # candidates that count
Figure = dict[str, float | list[float] | None]


@dataclass(frozen=True)
class Scored:
    """How a predictor did on every pair.

    Attributes:
        first: whether the first candidate is the child.
        among: whether one of the first five is.
        distance: edits between the first candidate and the child.
    """

    first: Bool[np.ndarray, " N"]
    among: Bool[np.ndarray, " N"]
    distance: Int[np.ndarray, " N"]


def levenshtein(a: str, b: str) -> int:
    """The fewest letters to insert, delete or replace that make one text of another."""
    if a == b:
        return 0
    codes = [np.frombuffer(text.encode("utf-32-le"), np.uint32) for text in (a, b)]
    return int(matches_and_edits(*codes)[1])


def score(candidates: Sequence[Sequence[str]], children: Sequence[str]) -> Scored:
    """Compares candidates, the best first, with the true children; of no candidate the child is far."""
    known: dict[tuple[str, str], int] = {}
    first, among, distance = [], [], []
    for texts, child in zip(candidates, children, strict=True):
        best = texts[0] if texts else ""
        if (best, child) not in known:
            known[best, child] = levenshtein(best, child)
        first.append(best == child)
        among.append(child in texts[:MOST])
        distance.append(known[best, child])
    return Scored(np.array(first, bool), np.array(among, bool), np.array(distance, np.int64))


def figures(
    scored: Scored,
    parents: Sequence[str],
    bootstrap: BootstrapConfig,
    against: Mapping[str, Scored] | None = None,
) -> dict[str, Figure]:
    """Top-1, Top-5, mean and median distance with intervals.

    Args:
        scored: of the pairs.
        parents: of every pair.
        bootstrap: how intervals are made.
        against: others on the same pairs, by name: differences to them become figures such as
            `top1_minus_copy`, from the same resamples.

    Returns:
        By name the value and its interval; None without pairs, no interval with fewer than two parents.
    """
    columns: dict[str, Float[np.ndarray, " N"]] = {
        "top1": scored.first.astype(float),
        "top5": scored.among.astype(float),
        "mean_distance": scored.distance.astype(float),
    }
    for name, other in (against or {}).items():
        columns[f"top1_minus_{name}"] = columns["top1"] - other.first
        columns[f"top5_minus_{name}"] = columns["top5"] - other.among
    if not len(parents):
        return {name: {"value": None, "interval": None} for name in (*columns, "median_distance")}
    of_pairs = _statistics(columns, scored.distance, np.unique(np.array(parents), return_inverse=True)[1])
    num_parents = len(set(parents))
    values = of_pairs(np.arange(num_parents))
    ranges = intervals(of_pairs, num_parents, bootstrap)
    return {
        name: {"value": value, "interval": None if (both := ranges[name]) is None else list(both)}
        for name, value in values.items()
    }


def _statistics(
    columns: Mapping[str, Float[np.ndarray, " N"]],
    distance_N: Int[np.ndarray, " N"],
    parent_N: Int[np.ndarray, " N"],
) -> Callable[[Int[np.ndarray, " D"]], dict[str, float]]:
    """From drawn parents to figures of their pairs."""
    stacked_KN = np.stack(list(columns.values()))
    num_parents = int(parent_N.max()) + 1

    def of(drawn_D: Int[np.ndarray, " D"]) -> dict[str, float]:
        weight_N = np.bincount(drawn_D, minlength=num_parents)[parent_N]
        means_K = stacked_KN @ weight_N / weight_N.sum()
        median = float(np.median(np.repeat(distance_N, weight_N)))
        return {**dict(zip(columns, means_K.tolist(), strict=True)), "median_distance": median}

    return of
