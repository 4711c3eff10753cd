"""Spans of a profile's mass against every span there is."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexome.evaluate.bootstrap import BootstrapConfig
from lexome.evaluate.receptive_field import Span, field_of, reached, shortest_span, span_above

# eighths add up without rounding, so that ties are ties
profiles = st.lists(st.integers(0, 8).map(lambda n: n / 8), min_size=1, max_size=12)


@given(profiles, st.integers(-12, 2), st.sampled_from([0.125, 0.5, 0.9, 1.0]))
def test_no_shorter_span_holds_the_share(masses: list[float], first: int, share: float) -> None:
    span = shortest_span(np.array(masses), first, share)
    enough = [
        Span(i + first, j + first)
        for i in range(len(masses))
        for j in range(i, len(masses))
        if sum(masses[i : j + 1]) >= share * sum(masses) - 1e-9
    ]
    if not any(masses):
        assert span is None
        return
    best = min(enough, key=lambda one: (one.width, abs(one.first + one.last), one.first))
    assert span == best


def test_a_span_of_nothing_or_too_much_is_refused() -> None:
    for share, mass in ((0.0, 1.0), (1.1, 1.0), (0.5, -1.0)):
        with pytest.raises(ValueError, match="share"):
            shortest_span(np.array([mass]), 0, share)


def test_where_a_profile_is_high_and_where_it_is_at_all() -> None:
    profile = np.array([0.0, 0.01, 0.2, 2.0, 0.1, 0.0])
    assert span_above(profile, -3, 0.1) == Span(-1, 0)
    assert span_above(profile, -3, 0.05) == Span(-1, 1)
    assert reached(profile, -3) == Span(-2, 1)
    assert reached(np.zeros(3), -1) is None
    assert span_above(np.zeros(3), -1, 0.1) is None


def test_figures_of_a_mean_of_reads() -> None:
    """Two reads whose masses add up: 1 at -1, 2 at 0, 1 at +3, of 4."""
    profiles = np.zeros((2, 10))
    profiles[0, [4, 5]], profiles[1, [5, 8]] = (2.0, 1.0), (3.0, 2.0)
    field = field_of(profiles, -5, shares=(0.5, 1.0), bootstrap=BootstrapConfig(resamples=50))
    assert field is not None
    assert field.spans == {0.5: Span(0, 0), 1.0: Span(-1, 3)}
    assert (field.before, field.after, field.distance) == pytest.approx((0.25, 0.25, 1.0))
    assert field.reached == Span(-1, 3)
    # the one read alone needs 2 positions for everything, the other 4, both together 5
    assert field.intervals[1.0] == (2.0, 5.0)
    assert field_of(np.zeros((2, 4)), -2) is None


def test_mass_at_the_edge_is_told() -> None:
    profile = np.full((1, 40), 1.0)
    field = field_of(profile, -20)
    assert field is not None
    assert field.at_edge == pytest.approx(0.1)
    assert field.intervals[0.5] is None
    profile[0, 2:38] = 100.0
    assert (field_of(profile, -20) or field).at_edge == pytest.approx(4 / 3604)
