"""Models timed in turn: a machine that gets slower in between changes nothing in the ratios."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lexome.core.errors import LexomeError
from lexome.tasks.bench.timing import Clock
from lexome.tasks.shrink import auto_speed
from lexome.tasks.shrink.auto_speed import RoundsConfig, speeds_in_turn

SAMPLES = 3000


class Machine:
    """Time that passes only when something is called; every round it is half as fast as before."""

    def __init__(self, models: int, calls_per_turn: int) -> None:
        self.now_s, self.calls = 0.0, 0
        self.per_round = models * calls_per_turn

    def call(self, reads: Any, model: Any, on_skip: Any) -> Iterator[None]:
        slowness = 2.0 ** (self.calls // self.per_round)
        self.calls += 1
        self.now_s += model * slowness
        yield None

    def clock(self, cpu_part: float = 1.0) -> Clock:
        return Clock(wall_s=lambda: self.now_s, cpu_s=lambda: cpu_part * self.now_s)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine(models=3, calls_per_turn=2)  # a warm-up and a repeat
    monkeypatch.setattr(auto_speed, "basecall_reads", made.call)
    return made


def test_ratios_are_of_one_round(machine: Machine, raw_read: Callable) -> None:
    costs: dict[str, Any] = {"": 4.0, "fast": 1.0, "slow": 8.0}
    done: list[int] = []
    found = speeds_in_turn(
        costs, [raw_read(1, SAMPLES)], RoundsConfig(3, 0.0), done.append, machine.clock(0.5)
    )
    assert done == list(range(1, 10))
    assert {name: one.speedup_cpu for name, one in found.items()} == {"": 1.0, "fast": 4.0, "slow": 0.5}
    assert found["fast"].speedup == 4.0
    assert found["fast"].speedup_cpu_range == (4.0, 4.0)
    # the second of three rounds is the median: half as fast as the first
    assert found["fast"].samples_per_s == pytest.approx(SAMPLES / 2)
    assert found["fast"].samples_per_cpu_s == pytest.approx(2 * SAMPLES / 2)


def test_a_clock_that_is_too_coarse(machine: Machine, raw_read: Callable) -> None:
    with pytest.raises(LexomeError, match="more --reads"):
        speeds_in_turn({"": 1.0}, [raw_read(1, 100)], RoundsConfig(1, 0.0), clock=machine.clock(0.0))  # type: ignore[dict-item]
    with pytest.raises(ValueError, match="rounds"):
        RoundsConfig(0)
