"""A training with so many minutes: when it ends, and how far it believes to be."""

import pytest

from lexome.train.budget import FIRST_RESERVE, TimeBudget


class Time:
    """A clock that goes when it is told to."""

    now_s = 50.0

    def __call__(self) -> float:
        return self.now_s


def run(step_s: float, validation_s: float, seconds: float = 100.0, spent_s: float = 0.0):
    """Trains without training; gives the step at the end, the time, and the part done at every step."""
    time = Time()
    budget = TimeBudget(seconds, spent_s, time)
    step, parts, validations = 0, [], 0
    while True:
        parts.append(step / budget.total_steps(step))
        time.now_s += step_s
        step += 1
        if budget.is_over or budget.needs_trial:
            is_last = budget.is_over
            time.now_s += validation_s
            validations += 1
            budget.set_reserve(validation_s)
            if is_last:
                return step, time.now_s - 50 + spent_s, parts, validations


@pytest.mark.parametrize(("step_s", "validation_s"), [(0.1, 0.5), (1.0, 10.0), (0.01, 20.0), (3.0, 0.0)])
def test_it_ends_in_time_and_its_schedule_with_it(step_s: float, validation_s: float) -> None:
    step, end_s, parts, validations = run(step_s, validation_s)
    assert 100 - 0.5 * validation_s - 2 * step_s <= end_s <= 100 + step_s
    assert validations == 2
    # the validation in the middle takes time in which no step is done
    assert parts == sorted(parts) or validation_s > 0
    assert parts[-1] > 0.93
    assert all(0 <= part < 1 for part in parts)
    assert step > 10


def test_no_step_is_the_last_one_by_mistake() -> None:
    time = Time()
    budget = TimeBudget(10.0, 0.0, time)
    assert budget.total_steps(0) == 1
    time.now_s += 5
    assert budget.total_steps(40) == pytest.approx(80 * (1 - FIRST_RESERVE), abs=1)
    time.now_s += 50
    assert budget.total_steps(40) == 41
    assert budget.is_over


def test_what_was_spent_before_counts() -> None:
    step, end_s, _, _ = run(1.0, 1.0, spent_s=60.0)
    assert 35 <= step <= 40
    assert end_s <= 101


def test_the_reserve_does_not_shrink() -> None:
    budget = TimeBudget(100.0, 0.0, Time())
    assert budget.reserve_s == 100 * FIRST_RESERVE
    budget.set_reserve(2.0)
    assert budget.reserve_s == 3.0
    budget.set_reserve(1.0)
    assert budget.reserve_s == 3.0
