"""Whether two basecallers are good and bad on the same chunks, and whether they make the same errors.

A chunk of hundreds of bases is hardly ever exactly right, so what is compared is its identity.

Shapes: N chunks, G reads, whose chunks are resampled together.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from lexome.evaluate.bootstrap import DEFAULT_BOOTSTRAP, BootstrapConfig, intervals
from lexome.evaluate.groups import Interval, group_sums


@dataclass(frozen=True)
class CallAgreement:
    """Two callers A and B on the same chunks; None where nothing is there to divide by.

    Attributes:
        examples: chunks.
        different: chunks with different calls.
        correlation: Pearson's, of the identities of A's and B's calls with the truth.
        a_better_rate: of the different ones, the part where A has the higher identity.
        b_better_rate: where B has; equal ones count for neither.
        between: mean identity of A's call with B's.
        between_if_independent: about what that would be if the two made their errors independently: the mean
            product of their identities with the truth.
        intervals: of the figures from `correlation` on.
    """

    examples: int
    different: int
    correlation: float | None
    a_better_rate: float | None
    b_better_rate: float | None
    between: float | None
    between_if_independent: float | None
    intervals: Mapping[str, Interval]


def call_agreement(
    same: Bool[np.ndarray, " N"],
    identity_a: Float[np.ndarray, " N"],
    identity_b: Float[np.ndarray, " N"],
    between: Float[np.ndarray, " N"],
    groups: Int[np.ndarray, " N"],
    bootstrap: BootstrapConfig = DEFAULT_BOOTSTRAP,
) -> CallAgreement:
    """Compares two callers chunk by chunk.

    Args:
        same: where both call the same bases.
        identity_a: of A's calls with the truth.
        identity_b: of B's.
        between: of A's calls with B's.
        groups: number of the read of each chunk; reads are resampled.
        bootstrap: how the intervals are made.

    Raises:
        ValueError: without chunks.
    """
    if not len(same):
        raise ValueError("no chunk to compare on")
    # deviations from the mean, so that little cancels in the sums of squares
    a, b = identity_a - identity_a.mean(), identity_b - identity_b.mean()
    columns = {
        "chunks": np.ones(len(a)), "a": a, "b": b, "aa": a * a, "bb": b * b, "ab": a * b,
        "different": ~same, "a_better": ~same & (identity_a > identity_b),
        "b_better": ~same & (identity_b > identity_a), "between": between, "product": identity_a * identity_b,
    }  # fmt: skip
    sums_GK = group_sums(np.stack([c.astype(np.float64) for c in columns.values()], axis=1), groups)

    def statistics(drawn: np.ndarray) -> dict[str, float]:
        return _figures(dict(zip(columns, sums_GK[drawn].sum(axis=0).tolist(), strict=True)))

    found = statistics(np.arange(len(sums_GK)))
    values = {name: None if np.isnan(value) else value for name, value in found.items()}
    spread = intervals(statistics, len(sums_GK), bootstrap)
    return CallAgreement(len(same), int((~same).sum()), **values, intervals=spread)


def _figures(total: Mapping[str, float]) -> dict[str, float]:
    """The figures of some sums; NaN where there is nothing to divide by."""
    n, different = total["chunks"], total["different"]
    ab = total["ab"] - total["a"] * total["b"] / n
    aa, bb = (total[x + x] - total[x] ** 2 / n for x in "ab")
    # what rounding leaves of the variance of equal numbers is none
    least = 1e-12 * n
    return {
        "correlation": ab / (aa * bb) ** 0.5 if min(aa, bb) > least else float("nan"),
        "a_better_rate": total["a_better"] / different if different else float("nan"),
        "b_better_rate": total["b_better"] / different if different else float("nan"),
        "between": total["between"] / n,
        "between_if_independent": total["product"] / n,
    }
