"""The timing protocol, with a clock and work of its own: nothing here depends on how fast this machine is."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from lexome.tasks.bench.timing import (
    Clock,
    LeftOut,
    Throughput,
    TimingConfig,
    clock_for,
    latency,
    powers_of_two,
    throughput,
)

QUICK = TimingConfig(warm_ups=1, min_repeats=3, min_s=0.0, max_s=1e9)
CHUNK = 100  # samples of an item


@dataclass
class Machine:
    """A machine whose runs take what they are told to; the work is only seen once it has been waited for."""

    seconds: Callable[[int, int], float]  # of a run, by batch size and the number of the run
    cores: float = 1.0
    kept_waiting_s: Callable[[int], float] = lambda size: 0.0  # by other work, of a run of this batch size
    now_s: float = 5.0
    cpu_s: float = 2.0
    pending_s: float = 0.0
    sizes: list[int] = field(default_factory=list)

    def run(self, batch: list[int]) -> None:
        self.pending_s = self.seconds(len(batch), len(self.sizes))
        self.sizes.append(len(batch))
        self.now_s += self.kept_waiting_s(len(batch))

    def wait(self) -> None:
        self.now_s += self.pending_s
        self.cpu_s += self.cores * self.pending_s
        self.pending_s = 0.0

    @property
    def clock(self) -> Clock:
        return Clock(lambda: self.now_s, lambda: self.cpu_s, self.wait)


def items(count: int) -> list[int]:
    return [0] * count


def sweep(machine: Machine, sizes: list[int], config: TimingConfig = QUICK, **more: object) -> Throughput:
    return throughput(machine.run, items, sizes, CHUNK, config=config, clock=machine.clock, **more)  # pyright: ignore[reportArgumentType]


def test_samples_per_second_and_cpu_second() -> None:
    machine = Machine(lambda size, run: 1.0 + 0.5 * size, cores=2.0)
    found = sweep(machine, [4, 1, 2, 4])
    assert [one.batch_size for one in found.timings] == [1, 2, 4]
    assert machine.sizes == [1] * 4 + [2] * 4 + [4] * 4  # each warmed up once
    last = found.timings[-1]
    assert (last.samples, last.repeats, last.wall_s, last.cpu_s) == (400, 3, 3.0, 6.0)
    assert last.samples_per_s == pytest.approx(400 / 3)
    assert last.samples_per_cpu_s == pytest.approx(400 / 6)
    assert found.best() is last
    assert found.at(2) is found.timings[1]
    assert found.at(3) is None
    assert not found.left_out


def test_the_median_of_the_repeats_counts_and_the_warm_up_does_not() -> None:
    times = [100.0, 1.0, 2.0, 3.0, 4.0, 50.0]  # the first is the warm-up
    machine = Machine(lambda size, run: times[run])
    config = TimingConfig(min_repeats=5, min_s=0.0, max_s=1e9)
    (only,) = sweep(machine, [1], config).timings
    assert (only.repeats, only.wall_s, only.wall_s_quartiles) == (5, 3.0, (2.0, 4.0))
    assert only.samples_per_s == pytest.approx(CHUNK / 3)
    assert only.samples_per_s_quartiles == pytest.approx((CHUNK / 4, CHUNK / 2))


def test_repeats_go_on_for_the_least_time_but_not_for_ever() -> None:
    long = TimingConfig(min_repeats=2, min_s=1.0, max_s=1e9)
    (only,) = sweep(Machine(lambda size, run: 0.125), [1], long).timings
    assert only.repeats == 8
    stuck = TimingConfig(min_repeats=2, min_s=1.0, max_repeats=7, max_s=1e9)
    (only,) = sweep(Machine(lambda size, run: 1e-9), [1], stuck).timings
    assert only.repeats == 7


def test_a_middle_batch_size_can_be_best() -> None:
    best = sweep(Machine(lambda size, run: {1: 1.0, 2: 1.5, 4: 4.0}[size]), [1, 2, 4]).best()
    assert best is not None
    assert best.batch_size == 2


def test_the_best_by_time_of_the_processor() -> None:
    """The larger batch had to wait for a core that others used."""
    machine = Machine(lambda size, run: 1.0, kept_waiting_s=lambda size: 20.0 * (size == 4))
    found = sweep(machine, [1, 4])
    by_wall, by_cpu = found.best(), found.best("samples_per_cpu_s")
    assert (by_wall and by_wall.batch_size, by_cpu and by_cpu.batch_size) == (1, 4)


def test_what_would_take_too_long_is_left_out_untried() -> None:
    machine = Machine(lambda size, run: float(size))
    config = TimingConfig(min_repeats=3, min_s=0.0, max_s=20.0)  # a run may take 5 s
    found = sweep(machine, [1, 2, 4, 8, 512], config)
    assert [one.batch_size for one in found.timings] == [1, 2, 4]
    assert max(machine.sizes) == 4
    assert found.left_out[0] == LeftOut(8, "it would take about 32 s (limit: 20)")
    assert found.why_not(512) == "it would take about 2048 s (limit: 20)"
    assert found.why_not(4) == ""


def test_a_warm_up_can_show_that_it_takes_too_long() -> None:
    """The first size, and one that takes more than in proportion."""
    config = TimingConfig(min_repeats=3, min_s=0.0, max_s=20.0)
    first = Machine(lambda size, run: 6.0)
    found = sweep(first, [1, 2], config)
    assert (found.timings, found.best(), first.sizes) == ((), None, [1])
    assert [one.batch_size for one in found.left_out] == [1, 2]
    square = Machine(lambda size, run: float(size**2))
    found = sweep(square, [1, 2, 4, 8], config)
    assert [one.batch_size for one in found.timings] == [1, 2]
    assert square.sizes == [1] * 4 + [2] * 4  # 4 would take 8 s by proportion already


def test_what_would_need_too_much_memory_is_left_out_untried() -> None:
    machine = Machine(lambda size, run: 1.0)
    config = TimingConfig(min_repeats=3, min_s=0.0, max_s=1e9, max_bytes=3 * 2**30)
    found = sweep(machine, [1, 2, 4, 512], config, grown_bytes=lambda: max(machine.sizes) * 2**30)
    assert [one.batch_size for one in found.timings] == [1, 2]
    assert found.left_out[0] == LeftOut(4, "it would need about 4.0 GiB (limit: 3.0)")
    assert max(machine.sizes) == 2


def test_what_an_item_needs_at_least_counts_from_the_first_batch_on() -> None:
    """Memory that was free before is not seen to grow."""
    machine = Machine(lambda size, run: 1.0)
    config = TimingConfig(min_repeats=3, min_s=0.0, max_s=1e9, max_bytes=2**30)
    found = sweep(machine, [1, 512], config, item_bytes=2**22)
    assert [one.batch_size for one in found.timings] == [1]
    assert found.left_out == (LeftOut(512, "it would need about 2.0 GiB (limit: 1.0)"),)
    assert sweep(machine, [1], config, item_bytes=2**31).timings == ()


class OutOfMemoryError(RuntimeError):
    """What torch raises on a GPU, by its name."""


@pytest.mark.parametrize("error", [MemoryError, OutOfMemoryError])
def test_running_out_of_memory_ends_the_sweep(error: type[Exception]) -> None:
    def seconds(size: int, run: int) -> float:
        if size == 4:
            raise error
        return 1.0

    machine = Machine(seconds)
    found = sweep(machine, [1, 2, 4, 8])
    assert [one.batch_size for one in found.timings] == [1, 2]
    assert [(one.batch_size, one.reason) for one in found.left_out] == [
        (4, "there is not enough memory"),
        (8, "there is not enough memory"),
    ]


def test_other_errors_are_not_hidden() -> None:
    def seconds(size: int, run: int) -> float:
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        sweep(Machine(seconds), [1])


def test_a_clock_without_processor_time() -> None:
    machine = Machine(lambda size, run: 1.0)
    clock = Clock(lambda: machine.now_s, None, machine.wait)
    (only,) = throughput(machine.run, items, [1], CHUNK, config=QUICK, clock=clock).timings
    assert (only.cpu_s, only.samples_per_cpu_s) == (None, None)
    assert only.samples_per_s == CHUNK


def test_latency_is_of_a_single_item() -> None:
    machine = Machine(lambda size, run: 99.0 if run == 0 else float(run))
    config = TimingConfig(min_repeats=21, min_s=0.0, max_s=1e9)
    found = latency(machine.run, items, config=config, clock=machine.clock)
    assert set(machine.sizes) == {1}
    assert (found.repeats, found.median_s) == (21, 11.0)
    assert found.p95_s == pytest.approx(20.0)


def test_sizes_are_told_before_they_are_measured() -> None:
    told: list[tuple[int, int]] = []
    machine = Machine(lambda size, run: 1.0)
    sweep(machine, [1, 2], on_size=lambda size: told.append((size, len(machine.sizes))))
    assert told == [(1, 0), (2, 4)]


def test_powers_of_two() -> None:
    assert powers_of_two(1) == [1]
    assert powers_of_two(7) == [1, 2, 4]
    assert powers_of_two(8) == [1, 2, 4, 8]
    assert powers_of_two(4, also=[512, 2]) == [1, 2, 4, 512]
    with pytest.raises(ValueError, match="no batch size"):
        powers_of_two(0)


@pytest.mark.parametrize(
    "wrong", [{"warm_ups": 0}, {"min_repeats": 0}, {"min_repeats": 9, "max_repeats": 8}, {"min_s": 9e9}]
)
def test_settings_that_measure_nothing(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="max_repeats|max_s"):
        TimingConfig(**wrong)  # pyright: ignore[reportArgumentType]


def test_the_real_clock_runs_forwards() -> None:
    clock = clock_for("cpu")
    assert clock.cpu_s is not None
    clock.wait()
    assert clock.wall_s() <= clock.wall_s()
    assert clock.cpu_s() <= clock.cpu_s()
