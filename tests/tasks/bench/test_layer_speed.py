"""Series over sizes, with work and a clock of their own: nothing here depends on how fast this machine is."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from lexome.core.errors import UsageError
from lexome.tasks.bench.layer_speed import (
    Case,
    Group,
    Opened,
    Series,
    Spot,
    Subject,
    batch_series,
    check_some,
    find_points,
    measure_subject,
    spots_of,
)
from lexome.tasks.bench.timing import Clock, TimingConfig

QUICK = TimingConfig(warm_ups=1, min_repeats=3, min_s=0.0, max_s=100.0)


@dataclass
class Machine:
    """Runs take the seconds that a batch names; half of them on the processor."""

    now_s: float = 3.0
    opened: list[str] = field(default_factory=list)

    def case(self, name: str, seconds: Callable[[int], float], macs: int | None = None) -> Case:
        def run(count: int) -> None:
            self.now_s += seconds(count)

        def open_case() -> Opened:
            self.opened.append(name)
            return Opened(run, macs, lambda count: 10 * count)

        return Case(open_case, lambda count: count, samples_per_item=100)

    @property
    def clock(self) -> Clock:
        return Clock(lambda: self.now_s, lambda: 0.5 * self.now_s)


def measure(machine: Machine, *groups: Group, **more: Any) -> dict[str, Any]:
    return measure_subject(Subject("t", "a", "s", groups), QUICK, machine.clock, **more)


def pair(machine: Machine) -> tuple[Series, Series]:
    plain = batch_series("plain", machine.case("plain", lambda n: 2.0 * n), [1, 2, 4])
    fast = batch_series("fast", machine.case("fast", lambda n: 2.0, macs=10**9), [1, 2, 4])
    return plain, fast


def test_rates_products_and_ratios_to_a_series_of_the_same_run() -> None:
    machine = Machine()
    done: list[str] = []
    found = measure(machine, Group("g", "batch size", "steps", pair(machine), "plain"), on_spot=done.append)
    (group,) = found["groups"]
    last = group["series"][1]["points"][-1]
    assert (last["x"], last["batch_size"], last["samples"], last["wall_s"], last["cpu_s"]) == (
        4,
        4,
        400,
        2,
        1,
    )
    assert last["samples_per_s"] == pytest.approx(200)
    assert last["macs"] == 4 * 10**9
    assert last["gflop_per_s"] == pytest.approx(2 * 4 / 2)  # two operations for each product
    assert last["gflop_per_cpu_s"] == pytest.approx(2 * 4 / 1)
    assert last["cores"] == pytest.approx(0.5)
    assert last["peak_bytes"] == 40
    assert [p["ratio"] for p in group["series"][1]["points"]] == pytest.approx([1, 2, 4])
    assert [p["ratio_per_cpu_s"] for p in group["series"][1]["points"]] == pytest.approx([1, 2, 4])
    assert [p["ratio"] for p in group["series"][0]["points"]] == pytest.approx([1, 1, 1])
    assert group["series"][0]["points"][0]["gflop_per_s"] is None
    assert machine.opened == ["plain", "fast"]  # each once, when its turn comes
    assert done == ["plain"] * 3 + ["fast"] * 3
    assert find_points(found["groups"], "g", "fast")[-1] is last
    assert find_points(found["groups"], "g", "slow") == []


def test_ratios_to_the_first_spot_of_itself_or_of_another() -> None:
    machine = Machine()
    plain, fast = pair(machine)
    own = measure(machine, Group("g", "x", "steps", (plain, fast), at_first=True))["groups"][0]
    assert [p["ratio"] for p in own["series"][1]["points"]] == pytest.approx([1, 2, 4])
    other = measure(machine, Group("g", "x", "steps", (plain, fast), "plain", at_first=True))["groups"][0]
    assert [p["ratio"] for p in other["series"][1]["points"]] == pytest.approx([1, 2, 4])
    slow = batch_series("slow", machine.case("slow", lambda n: 4.0), [1, 2])
    other = measure(machine, Group("g", "x", "steps", (slow, plain), "slow", at_first=True))["groups"][0]
    assert [p["ratio"] for p in other["series"][1]["points"]] == pytest.approx([2, 2, 2])


def test_no_ratio_to_what_was_left_out() -> None:
    machine = Machine()
    plain = batch_series("plain", machine.case("plain", lambda n: 8.0 * n), [1, 4])
    fast = batch_series("fast", machine.case("fast", lambda n: 1.0), [1, 4])
    group = measure(machine, Group("g", "x", "steps", (plain, fast), "plain"))["groups"][0]
    assert group["series"][0]["left_out"] == [{"x": 4, "reason": "it would take about 128 s (limit: 100)"}]
    assert [p["ratio"] for p in group["series"][1]["points"]] == [pytest.approx(8), None]
    # the first spot itself is missing: no ratio at all, rather than one to the second
    spots = tuple(Spot(x, x, machine.case("never", lambda n: 90.0 / n)) for x in (1, 4))
    never = Series("never", spots)
    group = measure(machine, Group("g", "x", "steps", (never, fast), "never", at_first=True))["groups"][0]
    assert [p["x"] for p in group["series"][0]["points"]] == [4]
    assert [p["ratio"] for p in group["series"][1]["points"]] == [None, None]


def test_more_work_than_what_was_left_out_is_not_tried() -> None:
    machine = Machine()
    spots = tuple(
        Spot(x, 1, machine.case(str(x), lambda n, x=x: float(x)), work=float(x)) for x in (10, 40, 80, 20)
    )
    group = measure(machine, Group("g", "x", "steps", (Series("s", spots),)))["groups"][0]
    (series,) = group["series"]
    assert [p["x"] for p in series["points"]] == [10, 20]
    assert [one["x"] for one in series["left_out"]] == [40, 80]
    assert series["left_out"][1]["reason"] == "more work than 40, left out too"
    assert machine.opened == ["10", "40", "20"]
    without = tuple(Spot(spot.x, 1, spot.case) for spot in spots)
    measure(machine, Group("g", "x", "steps", (Series("s", without),)))
    assert machine.opened[3:] == ["10", "40", "80", "20"]


def test_every_case_has_a_meter_of_its_own() -> None:
    """The memory of one must not count for the next."""
    machine = Machine()
    meters = iter([lambda: 2**40, lambda: 0])
    config = TimingConfig(min_repeats=3, min_s=0.0, max_s=1e9, max_bytes=2**30)
    group = Group("g", "x", "steps", pair(machine))
    found = measure_subject(
        Subject("t", "a", "s", (group,)), config, machine.clock, new_meter=lambda: next(meters)
    )
    plain, fast = found["groups"][0]["series"]
    assert [p["x"] for p in plain["points"]] == [1]
    assert [p["x"] for p in fast["points"]] == [1, 2, 4]


def test_derived_values_and_counts() -> None:
    machine = Machine()
    group = Group("g", "x", "steps", pair(machine))
    subject = Subject("t", "a", "s", (group,), lambda groups: {"titles": [one["title"] for one in groups]})
    assert spots_of(subject) == 6
    assert measure_subject(subject, QUICK, machine.clock)["titles"] == ["g"]
    with pytest.raises(ValueError, match="no series 'x'"):
        Group("g", "x", "steps", pair(machine), "x")


def test_nothing_measured_is_an_error() -> None:
    machine = Machine()
    series = batch_series("slow", machine.case("slow", lambda n: 1e6), [1])
    found = measure(machine, Group("g", "x", "steps", (series,)))
    with pytest.raises(UsageError, match="kan: nothing could be measured: it would take"):
        check_some("kan", found)
    check_some("kan", measure(machine, Group("g", "x", "steps", pair(machine))))
