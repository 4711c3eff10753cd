"""Where the time goes: nested phases, steps that stand for others, the line that names what holds it up."""

import pytest

from lexome.train.speed import ADVICE, PhaseClock, bottleneck


class Time:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.waits = 0

    def __call__(self) -> float:
        return self.now_s

    def wait(self) -> None:
        self.waits += 1


def spend(clock: PhaseClock, time: Time, name: str, seconds: float) -> None:
    with clock.phase(name):
        time.now_s += seconds


def test_a_second_counts_for_the_innermost_phase() -> None:
    time = Time()
    clock = PhaseClock(time)
    clock.start_step(0)
    with clock.phase("network"):
        time.now_s += 2
        spend(clock, time, "loss", 3)
        time.now_s += 1
    spend(clock, time, "optimizer", 4)
    assert clock.shares() == pytest.approx({"network": 0.3, "loss": 0.3, "optimizer": 0.4})
    assert clock.total_s == 10


def test_what_lies_between_phases_goes_to_the_steps() -> None:
    time = Time()
    clock = PhaseClock(time)
    spend(clock, time, "data", 1)
    spend(clock, time, "network", 3)
    time.now_s += 4
    spend(clock, time, "validation", 2)
    assert clock.shares() == pytest.approx({"data": 0.2, "network": 0.6, "validation": 0.2})


def test_a_lap_counts_from_the_last_one() -> None:
    time = Time()
    clock = PhaseClock(time)
    spend(clock, time, "network", 4)
    assert clock.lap() == (4, {"network": 1.0})
    spend(clock, time, "data", 3)
    spend(clock, time, "network", 1)
    seconds, shares = clock.lap()
    assert (seconds, shares) == (4, pytest.approx({"data": 0.75, "network": 0.25}))
    assert clock.shares() == pytest.approx({"data": 3 / 8, "network": 5 / 8})
    assert clock.lap() == (0, {})


def test_timed_steps_stand_for_the_others() -> None:
    time = Time()
    clock = PhaseClock(time, time.wait, every=4)
    for step in range(8):
        clock.start_step(step)
        # only steps 0 and 4 may be looked at, and waited for
        spend(clock, time, "data", 1 if step % 4 == 0 else 50)
        spend(clock, time, "network", 3)
    assert time.waits == 2 * 2 * 2
    spend(clock, time, "validation", clock.total_s)
    assert clock.shares() == pytest.approx({"data": 0.125, "network": 0.375, "validation": 0.5})


def test_an_error_ends_its_phase() -> None:
    time = Time()
    clock = PhaseClock(time)

    def fail() -> None:
        with clock.phase("data"):
            time.now_s += 1
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    spend(clock, time, "network", 1)
    assert clock.shares() == pytest.approx({"data": 0.5, "network": 0.5})


def test_the_bottleneck_is_named_with_what_would_help() -> None:
    for name in ADVICE:
        line = bottleneck({"other": 0.2, name: 0.8}, 61.234)
        assert line.startswith("61.23 chunks/s, 80% of the time is ")
        assert line.endswith(ADVICE[name])
