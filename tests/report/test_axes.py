"""Axes: round ticks within the range, places that keep the order, text that reads well."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexome.report.axes import Axis, drawing, frame, label, nice_range, nice_step, number, x_at, y_at

ENDS = st.floats(-1e6, 1e6, allow_nan=False)


@given(ENDS, st.floats(1e-3, 1e6))
def test_ticks_are_a_few_round_values_inside_the_range(low: float, width: float) -> None:
    axis = Axis("a", low, low + width)
    ticks = axis.ticks()
    assert 2 <= len(ticks) <= 6
    slack = 1e-6 * width
    assert all(low - slack <= tick <= low + width + slack for tick in ticks)
    steps = [b - a for a, b in zip(ticks, ticks[1:], strict=False)]
    assert steps == pytest.approx([nice_step((axis.high - axis.low) / 5)] * len(steps), rel=1e-4)


@given(st.floats(1e-9, 1e9))
def test_a_nice_step_is_one_two_or_five_times_a_power_of_ten(size: float) -> None:
    step = nice_step(size)
    assert size * (1 - 1e-6) <= step <= 2.5 * size * (1 + 1e-6)
    assert round(step / 10.0 ** math.floor(math.log10(step * (1 + 1e-9))), 6) in (1, 2, 5)


@given(ENDS, st.floats(0, 1e6))
def test_a_nice_range_holds_what_it_was_made_for(low: float, width: float) -> None:
    first, last = nice_range(low, low + width)
    slack = 1e-6 * (1 + abs(low) + width)
    assert first < last
    assert first <= low + slack
    assert last >= low + width - slack


def test_places() -> None:
    axis = Axis("a", 10.0, 20.0)
    assert [axis.place(v) for v in (5, 10, 15, 20, 25)] == [0.0, 0.0, 0.5, 1.0, 1.0]
    assert Axis("a", 1.0, 100.0, log=True).place(10.0) == pytest.approx(0.5)
    assert Axis("a", 1.0, 100.0, log=True).place(0.0) == 0.0
    assert x_at(axis, 12.0) < x_at(axis, 13.0)
    assert y_at(axis, 12.0) > y_at(axis, 13.0)  # up is more


def test_ticks_of_a_log_axis() -> None:
    assert Axis("a", 150.0, 4000.0, log=True).ticks() == [200.0, 500.0, 1000.0, 2000.0]
    assert Axis("a", 1.0, 1e5, log=True).ticks() == [1.0, 10.0, 100.0, 1000.0, 1e4, 1e5]


@pytest.mark.parametrize(
    ("style", "value", "text"),
    [
        ("number", 0.5, "0.5"),
        ("percent", 0.9, "90%"),
        ("percent", 0.925, "92.5%"),
        ("count", 500, "500"),
        ("count", 12_000, "12k"),
        ("count", 2_500_000, "2.5M"),
    ],
)
def test_numbers_as_text(style: str, value: float, text: str) -> None:
    assert Axis("a", 0.0, 1.0, style).text(value) == text


@pytest.mark.parametrize(("low", "high", "log"), [(1.0, 1.0, False), (2.0, 1.0, False), (0.0, 1.0, True)])
def test_an_impossible_axis_is_refused(low: float, high: float, log: bool) -> None:
    with pytest.raises(ValueError, match="cannot run from"):
        Axis("a", low, high, log=log)


def test_coordinates_are_short() -> None:
    assert [number(v) for v in (1.0, 1.04, 1.06, 0.0)] == ["1", "1", "1.1", "0"]


def test_text_is_escaped() -> None:
    assert "a &lt;b&gt;" in label(0, 0, "a <b>")
    assert 'aria-label="&lt;b&gt; &quot;c&quot;"' in drawing("", '<b> "c"')


def test_a_frame_names_both_axes_and_all_ticks() -> None:
    text = frame(Axis("length", 0.0, 10.0), Axis("share", 0.0, 1.0, "percent"))
    for word in ("length", "share", ">0%<", ">100%<", ">10<"):
        assert word in text
