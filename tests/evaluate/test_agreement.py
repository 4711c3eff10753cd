"""Agreement of two callers: counted one by one, and kappa at its known values."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexome.evaluate.agreement import agreement
from lexome.evaluate.bootstrap import BootstrapConfig

QUICK = BootstrapConfig(resamples=50)


def two_callers(seed: int, number: int) -> dict[str, Any]:
    """Answers 0 (right) to 3 of two callers that often say the same, and how good each answer is."""
    rng = np.random.default_rng(seed)
    a = rng.integers(0, 4, number) * (rng.random(number) < 0.5)
    b = np.where(rng.random(number) < 0.6, a, rng.integers(0, 4, number))
    goodness = np.array([1.0, 0.9, 0.9, 0.7])
    return {
        "right_a": a == 0, "right_b": b == 0, "same": a == b, "identity_a": goodness[a],
        "identity_b": goodness[b], "groups": rng.integers(0, 5, number),
    }  # fmt: skip


@given(st.integers(0, 999), st.integers(1, 60))
def test_counts_one_by_one(seed: int, number: int) -> None:
    callers = two_callers(seed, number)
    found = agreement(**callers, bootstrap=BootstrapConfig(resamples=2))
    counts = dict.fromkeys(
        ("both_right", "only_a", "only_b", "both_wrong", "same_wrong", "different", "a_better", "b_better"), 0
    )
    for a, b, same, x, y in zip(*(callers[name] for name in list(callers)[:5]), strict=True):
        if a and b:
            counts["both_right"] += 1
        elif a or b:
            counts["only_a" if a else "only_b"] += 1
        else:
            counts["both_wrong"] += 1
            counts["same_wrong"] += int(same)
        if not same:
            counts["different"] += 1
            counts["a_better"] += int(x > y)
            counts["b_better"] += int(y > x)
    assert {name: getattr(found, name) for name in counts} == counts
    assert found.examples == number
    assert found.agreement == (counts["both_right"] + counts["both_wrong"]) / number
    for rate, above, below in (
        (found.same_wrong_rate, "same_wrong", "both_wrong"),
        (found.a_better_rate, "a_better", "different"),
        (found.b_better_rate, "b_better", "different"),
    ):
        assert rate == (counts[above] / counts[below] if counts[below] else None)


def from_table(both_right: int, only_a: int, only_b: int, both_wrong: int, groups: int = 10):
    """The agreement of a fourfold table; all wrong answers differ."""
    a = np.repeat([True, True, False, False], [both_right, only_a, only_b, both_wrong])
    b = np.repeat([True, False, True, False], [both_right, only_a, only_b, both_wrong])
    return agreement(
        a, b, a & b, a.astype(float), b.astype(float), np.arange(len(a)) % groups, QUICK
    )  # fmt: skip


def test_kappa_of_cohens_own_kind() -> None:
    # 20 + 15 of 50 agree: 0.7; by chance 0.5 * 0.6 + 0.5 * 0.4 = 0.5: (0.7 - 0.5) / (1 - 0.5)
    assert from_table(20, 5, 10, 15).kappa == pytest.approx(0.4)


def test_kappa_takes_off_what_accuracy_alone_gives() -> None:
    independent = from_table(810, 90, 90, 10)
    assert independent.agreement == 0.82
    assert independent.kappa == pytest.approx(0.0, abs=1e-12)
    assert from_table(90, 0, 0, 10).kappa == 1.0
    assert from_table(0, 50, 50, 0).kappa == -1.0


def test_what_is_not_known() -> None:
    always_right = from_table(50, 0, 0, 0)
    assert (always_right.agreement, always_right.kappa, always_right.same_wrong_rate) == (1.0, None, None)
    assert always_right.a_better_rate is None
    assert always_right.intervals == {
        "agreement": (1.0, 1.0), "kappa": None, "same_wrong_rate": None, "a_better_rate": None,
        "b_better_rate": None,
    }  # fmt: skip


def test_intervals_hold_their_rates() -> None:
    found = from_table(60, 12, 8, 20)
    for name, interval in found.intervals.items():
        value = getattr(found, name)
        assert interval is not None
        assert value is not None
        assert interval[0] <= value <= interval[1]
    assert from_table(60, 12, 8, 20, groups=1).intervals["kappa"] is None


def test_what_makes_no_sense_is_refused() -> None:
    callers = two_callers(0, 20)
    with pytest.raises(ValueError, match="no example"):
        agreement(**{name: values[:0] for name, values in callers.items()}, bootstrap=QUICK)
    with pytest.raises(ValueError, match="judged differently"):
        agreement(**{**callers, "same": np.ones(20, bool)}, bootstrap=QUICK)
