"""Agreement of basecallers: against numpy's correlation and counting one by one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexome.evaluate.bootstrap import BootstrapConfig, intervals
from lexome.evaluate.call_agreement import call_agreement

QUICK = BootstrapConfig(resamples=20)


def two_callers(seed: int, chunks: int) -> tuple[np.ndarray, ...]:
    """Which calls are the same; identities of both, and of one with the other; reads."""
    rng = np.random.default_rng(seed)
    a = rng.integers(80, 100, chunks) / 100
    same = rng.random(chunks) < 0.3
    b = np.where(same, a, rng.integers(80, 100, chunks) / 100)
    return same, a, b, np.where(same, 1.0, rng.uniform(0.7, 0.99, chunks)), rng.integers(0, 6, chunks)


@given(st.integers(0, 999), st.integers(3, 60))
def test_figures(seed: int, chunks: int) -> None:
    same, a, b, between, reads = two_callers(seed, chunks)
    found = call_agreement(same, a, b, between, reads, BootstrapConfig(resamples=2))
    differ = [i for i in range(chunks) if not same[i]]
    assert (found.examples, found.different) == (chunks, len(differ))
    if differ:
        assert found.a_better_rate == sum(a[i] > b[i] for i in differ) / len(differ)
        assert found.b_better_rate == sum(b[i] > a[i] for i in differ) / len(differ)
    else:
        assert (found.a_better_rate, found.b_better_rate) == (None, None)
    if min(a.std(), b.std()) > 1e-9:
        assert found.correlation == pytest.approx(np.corrcoef(a, b)[0, 1], abs=1e-9)
    assert found.between == pytest.approx(between.mean())
    assert found.between_if_independent == pytest.approx((a * b).mean())


def test_independent_errors_agree_as_often_as_expected() -> None:
    """Calls without insertions or deletions, of many kinds of errors: equal only where both are right."""
    rng = np.random.default_rng(0)
    right_a, right_b = rng.random((500, 400)) < 0.9, rng.random((500, 400)) < 0.8
    between = (right_a & right_b).mean(axis=1)
    zeros = np.zeros(500, bool)
    found = call_agreement(zeros, right_a.mean(axis=1), right_b.mean(axis=1), between, np.arange(500), QUICK)
    assert found.between == pytest.approx(0.72, abs=0.003)
    assert found.between_if_independent == pytest.approx(0.72, abs=0.003)
    assert found.correlation == pytest.approx(0, abs=0.1)


def test_equal_identities_have_no_correlation() -> None:
    ones, some = np.full(50, 0.9), np.random.default_rng(1).random(50)
    found = call_agreement(np.zeros(50, bool), ones, some, some, np.arange(50), QUICK)
    assert found.correlation is None
    assert found.intervals["correlation"] is None


def test_intervals_are_of_reads() -> None:
    same, a, b, between, reads = two_callers(2, 90)
    found = call_agreement(same, a, b, between, reads, QUICK)
    for name, interval in found.intervals.items():
        value = getattr(found, name)
        assert interval is not None
        assert interval[0] <= value <= interval[1], name
    alone = call_agreement(same, a, b, between, np.zeros(90, np.int64), QUICK)
    assert set(alone.intervals.values()) == {None}


def test_the_interval_of_the_correlation_is_that_of_resampled_chunks() -> None:
    same, a, b, between, _ = two_callers(5, 12)
    reads = np.arange(12)
    found = call_agreement(same, a, b, between, reads, QUICK).intervals["correlation"]
    by_hand = intervals(lambda drawn: {"r": np.corrcoef(a[drawn], b[drawn])[0, 1]}, 12, QUICK)["r"]
    assert by_hand is not None
    assert found == pytest.approx(by_hand, abs=1e-9)


def test_no_chunk_is_refused() -> None:
    nothing = np.zeros(0)
    with pytest.raises(ValueError, match="no chunk"):
        call_agreement(nothing.astype(bool), nothing, nothing, nothing, nothing.astype(int), QUICK)
