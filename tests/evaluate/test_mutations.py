"""Tests of `lexome.evaluate.mutations`."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexome.evaluate.bootstrap import BootstrapConfig
from lexome.evaluate.mutations import figures, levenshtein, score

TEXT = st.text("ACGN", max_size=8)


def slow_levenshtein(a: str, b: str) -> int:
    """By its definition."""
    if not a or not b:
        return len(a) + len(b)
    replaced = slow_levenshtein(a[1:], b[1:]) + (a[0] != b[0])
    if a[0] == b[0]:
        return replaced
    return min(replaced, 1 + slow_levenshtein(a[1:], b), 1 + slow_levenshtein(a, b[1:]))


@given(TEXT, TEXT)
def test_levenshtein_is_its_definition(a: str, b: str) -> None:
    assert levenshtein(a, b) == slow_levenshtein(a, b)


def test_only_five_candidates_count() -> None:
    candidates = [["A"], ["C", "G", "A"], list("CGTNR") + ["A"], []]
    scored = score(candidates, ["A", "A", "A", "A"])
    assert scored.first.tolist() == [True, False, False, False]
    assert scored.among.tolist() == [True, True, False, False]
    assert scored.distance.tolist() == [0, 1, 1, 1]


def test_figures_and_differences() -> None:
    children = ["AA", "AC", "CC", "GG"]
    good = score([["AA"], ["AC"], ["GG", "CC"], ["GT"]], children)
    copy = score([["AA"], ["AA"], ["CG"], ["GG"]], children)
    found = figures(good, ["AA", "AA", "CG", "GG"], BootstrapConfig(200), {"copy": copy})
    value = {name: one["value"] for name, one in found.items()}
    assert value == {
        "top1": 0.5,
        "top5": 0.75,
        "mean_distance": 0.75,
        "median_distance": 0.5,
        "top1_minus_copy": 0.0,
        "top5_minus_copy": 0.25,
    }
    low, high = found["top1"]["interval"]  # type: ignore[misc]
    assert low < 0.5 < high


def test_a_parent_is_drawn_with_all_its_pairs() -> None:
    rng = np.random.default_rng(0)
    right = np.repeat(rng.random(12) < 0.5, 40)  # pairs of a parent are all right or all wrong
    children = ["A" if one else "C" for one in right]
    scored = score([["A"]] * len(children), children)
    apart = figures(scored, [str(i) for i in range(len(right))], BootstrapConfig(300))["top1"]["interval"]
    together = figures(scored, [str(i // 40) for i in range(len(right))], BootstrapConfig(300))["top1"]
    low, high = together["interval"]  # type: ignore[misc]
    narrow_low, narrow_high = apart  # type: ignore[misc]
    assert high - low > 3 * (narrow_high - narrow_low)


def test_the_median_of_a_resample_is_that_of_its_pairs() -> None:
    scored = score([["AAA"], ["A"], ["A"]], ["A", "A", "AA"])
    found = figures(scored, ["y", "x", "x"], BootstrapConfig(400, level=0.998))
    assert found["median_distance"] == {"value": 1.0, "interval": [0.5, 2.0]}


@pytest.mark.parametrize("pairs", [0, 1])
def test_few_pairs_have_no_interval(pairs: int) -> None:
    found = figures(score([["A"]] * pairs, ["A"] * pairs), ["A"] * pairs, BootstrapConfig(10))
    assert found["top1"] == {"value": 1.0 if pairs else None, "interval": None}
    assert found["median_distance"]["interval"] is None
