"""Whether two callers are right and wrong on the same examples, and whether they say the same.

Source: the per-example agreement of Belyaeva 2022 (figure 3c), after Shor 2022: how often one model is
better, given that the two say different things. Added: Cohen's kappa (1960), which takes off the agreement
that two independent callers of the same accuracies would have, and how often two wrong answers are the same.

Shapes: N examples, G reads, whose examples are resampled together, K counts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Bool, Float, Int

from lexome.evaluate.bootstrap import DEFAULT_BOOTSTRAP, BootstrapConfig, intervals
from lexome.evaluate.groups import Interval, group_sums


@dataclass(frozen=True)
class Agreement:
    """Two callers A and B on the same examples; rates are None where nothing is there to divide by.

    Attributes:
        examples: how many there are.
        both_right: examples that both have right; `only_a`, `only_b` and `both_wrong` are the others.
        only_a: A right, B wrong.
        only_b: B right, A wrong.
        both_wrong: neither.
        same_wrong: of both wrong, those with the same answer.
        different: examples with different answers, right or wrong.
        a_better: of the different ones, those where A has the higher identity.
        b_better: those where B has; equal ones count for neither.
        agreement: part of the examples that both have right or both wrong.
        kappa: Cohen's, of right and wrong: 1 full agreement, 0 what independent callers reach.
        same_wrong_rate: same_wrong / both_wrong.
        a_better_rate: a_better / different.
        b_better_rate: b_better / different.
        intervals: of these five rates; None where resamples do not give one.
    """

    examples: int
    both_right: int
    only_a: int
    only_b: int
    both_wrong: int
    same_wrong: int
    different: int
    a_better: int
    b_better: int
    agreement: float | None
    kappa: float | None
    same_wrong_rate: float | None
    a_better_rate: float | None
    b_better_rate: float | None
    intervals: Mapping[str, Interval]


_COUNTS = tuple(field.name for field in fields(Agreement))[1:9]


def agreement(
    right_a: Bool[np.ndarray, " N"],
    right_b: Bool[np.ndarray, " N"],
    same: Bool[np.ndarray, " N"],
    identity_a: Float[np.ndarray, " N"],
    identity_b: Float[np.ndarray, " N"],
    groups: Int[np.ndarray, " N"],
    bootstrap: BootstrapConfig = DEFAULT_BOOTSTRAP,
) -> Agreement:
    """Compares two callers example by example.

    Args:
        right_a: where A's answer is exactly right.
        right_b: where B's is.
        same: where both give the same answer.
        identity_a: how good A's answers are.
        identity_b: how good B's are.
        groups: number of the read of each example; reads are resampled, as errors within one go together.
        bootstrap: how the intervals are made.

    Raises:
        ValueError: without examples, or if equal answers are judged differently.
    """
    if not len(same):
        raise ValueError("no example to compare on")
    if (same & ((right_a != right_b) | (identity_a != identity_b))).any():
        raise ValueError("equal answers to the same example are judged differently")
    flags = {
        "both_right": right_a & right_b,
        "only_a": right_a & ~right_b,
        "only_b": right_b & ~right_a,
        "both_wrong": ~right_a & ~right_b,
        "same_wrong": ~right_a & ~right_b & same,
        "different": ~same,
        "a_better": ~same & (identity_a > identity_b),
        "b_better": ~same & (identity_b > identity_a),
    }
    counts_GK = group_sums(np.stack([flags[name] for name in _COUNTS], axis=1).astype(np.int64), groups)

    def statistics(drawn: np.ndarray) -> dict[str, float]:
        return _rates(dict(zip(_COUNTS, counts_GK[drawn].sum(axis=0).tolist(), strict=True)))

    totals = dict(zip(_COUNTS, counts_GK.sum(axis=0).tolist(), strict=True))
    rates = {name: None if np.isnan(rate) else rate for name, rate in _rates(totals).items()}
    spread = intervals(statistics, len(counts_GK), bootstrap)
    return Agreement(len(same), **totals, **rates, intervals=spread)  # type: ignore[arg-type]


def _rates(count: Mapping[str, int]) -> dict[str, float]:
    """The rates of some counts; NaN where there is nothing to divide by."""
    number = count["both_right"] + count["only_a"] + count["only_b"] + count["both_wrong"]
    agree = (count["both_right"] + count["both_wrong"]) / number
    a = (count["both_right"] + count["only_a"]) / number
    b = (count["both_right"] + count["only_b"]) / number
    by_chance = a * b + (1 - a) * (1 - b)
    return {
        "agreement": agree,
        "kappa": _ratio(agree - by_chance, 1 - by_chance),
        "same_wrong_rate": _ratio(count["same_wrong"], count["both_wrong"]),
        "a_better_rate": _ratio(count["a_better"], count["different"]),
        "b_better_rate": _ratio(count["b_better"], count["different"]),
    }


def _ratio(numerator: float | int, denominator: float | int) -> float:
    return float(numerator / denominator) if denominator > 0 else float("nan")
