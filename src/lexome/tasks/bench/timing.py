"""How fast something runs: throughput over batch sizes, and the latency of one item.

Anything can be measured that takes a batch: a network in its engine, a torch module, a single layer. A
measurement is a number of repeats after a warm-up; what stands for them is the median, beside the quartiles.

Source: the thesis "Towards faster sequence-to-sequence models for basecalling", figure 6.1: a sweep over
batch sizes in powers of two, the largest throughput of which counts, and the fixed batch of 512, the pores of
a MinION. Differs: medians of repeats for a least time instead of means of three runs, and samples per
CPU-second beside those per second, which other work on the machine disturbs far less.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np

MINION_BATCH = 512  # pores that a MinION reads at a time
GPU = "cuda"

Batch = TypeVar("Batch")
Rate = Literal["samples_per_s", "samples_per_cpu_s"]  # of a `BatchTiming`


@dataclass(frozen=True)
class Clock:
    """What a measurement is timed with.

    Attributes:
        wall_s: seconds from any moment.
        cpu_s: seconds of the processor, of all threads that take part; None if they say nothing, as for work
            on a GPU. `time.thread_time` is right for what stays in the calling thread.
        wait: returns when the device has done its work.
    """

    wall_s: Callable[[], float] = time.perf_counter
    cpu_s: Callable[[], float] | None = time.process_time
    wait: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class TimingConfig:
    """How long is measured, and what is too large to be measured.

    Attributes:
        warm_ups: runs before the first that counts.
        min_repeats: runs that count, at least.
        min_s: they go on for at least so long.
        max_repeats: and end after so many in any case.
        max_s: a batch size whose warm-ups and least repeats would take longer is left out.
        max_bytes: one that would need more memory is left out; None: there is no such limit.
    """

    warm_ups: int = 1
    min_repeats: int = 5
    min_s: float = 1.0
    max_repeats: int = 1000
    max_s: float = 120.0
    max_bytes: int | None = None

    def __post_init__(self) -> None:
        if self.warm_ups < 1 or self.min_repeats < 1 or self.max_repeats < self.min_repeats:
            raise ValueError("one warm-up and one repeat at least, and no more repeats than max_repeats")
        if not 0 <= self.min_s <= self.max_s:
            raise ValueError(f"min_s {self.min_s} must be from 0 to max_s {self.max_s}")


DEFAULT_TIMING = TimingConfig()


@dataclass(frozen=True)
class BatchTiming:
    """The repeats of one batch size.

    Attributes:
        batch_size: items at a time.
        samples: in all of them.
        repeats: how many count.
        wall_s: median time of one.
        wall_s_quartiles: a quarter of the repeats was faster than the first, one slower than the second.
        samples_per_s: samples by the median time.
        samples_per_s_quartiles: by the quartiles, the lower first.
        cpu_s: median time of the processor; None if the clock has none.
        samples_per_cpu_s: samples by it.
    """

    batch_size: int
    samples: int
    repeats: int
    wall_s: float
    wall_s_quartiles: tuple[float, float]
    samples_per_s: float
    samples_per_s_quartiles: tuple[float, float]
    cpu_s: float | None
    samples_per_cpu_s: float | None


@dataclass(frozen=True)
class LeftOut:
    """A batch size that was not measured, and why."""

    batch_size: int
    reason: str


@dataclass(frozen=True)
class Throughput:
    """A sweep over batch sizes, both parts in ascending order."""

    timings: tuple[BatchTiming, ...]
    left_out: tuple[LeftOut, ...] = ()

    def best(self, rate: Rate = "samples_per_s") -> BatchTiming | None:
        """The timing of the highest rate, whatever its batch size; None if nothing was measured."""
        return max(self.timings, key=lambda one: getattr(one, rate) or 0.0, default=None)

    def at(self, batch_size: int) -> BatchTiming | None:
        """The timing of a batch size; None if it was not measured."""
        return next((one for one in self.timings if one.batch_size == batch_size), None)

    def why_not(self, batch_size: int) -> str:
        """Why a batch size was not measured; empty if it was, or was not asked for."""
        return next((one.reason for one in self.left_out if one.batch_size == batch_size), "")


@dataclass(frozen=True)
class Latency:
    """How long one item takes by itself: median and 95th percentile of the repeats."""

    repeats: int
    median_s: float
    p95_s: float


def clock_for(device: str) -> Clock:
    """The clock for work on a device, "cpu" or "cuda:N": a GPU is waited for before each look at it."""
    if not device.startswith(GPU):
        return Clock()
    import torch

    return Clock(cpu_s=None, wait=lambda: torch.cuda.synchronize(device))


def powers_of_two(limit: int, also: Iterable[int] = ()) -> list[int]:
    """1, 2, 4, ... up to a limit, and `also`, in ascending order."""
    if limit < 1:
        raise ValueError(f"no batch size is at most {limit}")
    return sorted({2**power for power in range(limit.bit_length())} | set(also))


def throughput(
    run: Callable[[Batch], object],
    make_input: Callable[[int], Batch],
    batch_sizes: Sequence[int],
    samples_per_item: int,
    *,
    config: TimingConfig = DEFAULT_TIMING,
    clock: Clock | None = None,
    grown_bytes: Callable[[], int] = lambda: 0,
    item_bytes: int = 0,
    on_size: Callable[[int], None] = lambda batch_size: None,
) -> Throughput:
    """Measures samples per second over batch sizes.

    A batch size is left out, with its reason, if by what the one before it took it would need more time or
    memory than the configuration allows (both taken as proportional to it), if its warm-up shows so, or if
    memory runs out.

    Args:
        run: takes a batch; the result is thrown away.
        make_input: makes a batch of so many items; not timed.
        batch_sizes: in any order.
        samples_per_item: what an item counts.
        config: repeats and limits.
        clock: default: `Clock()`.
        grown_bytes: the most memory that was used above that of the beginning, so far.
        item_bytes: what an item needs at least, if that is known.
        on_size: told of each batch size before it is measured.

    Returns:
        The timings.
    """
    clock = clock or Clock()
    timings: list[BatchTiming] = []
    left_out: list[LeftOut] = []
    known: tuple[int, float, int] | None = None  # the size measured last, the time of one run, its memory
    for size in sorted(set(batch_sizes)):
        reason = _too_large(size, known, item_bytes, config)
        if not reason:
            on_size(size)
            try:
                batch = make_input(size)
                warm_s = [_once(run, batch, clock)[0] for _ in range(config.warm_ups)]
                reason = _too_slow(min(warm_s), config)
                if not reason:
                    timings.append(_timing(list(_repeats(run, batch, clock, config)), size, samples_per_item))
                known = size, timings[-1].wall_s if not reason else min(warm_s), grown_bytes()
            except (MemoryError, RuntimeError) as error:
                if not _is_memory(error):
                    raise
                reason = "there is not enough memory"
                known = size, float("inf"), 0
        if reason:
            left_out.append(LeftOut(size, reason))
    return Throughput(tuple(timings), tuple(left_out))


def latency(
    run: Callable[[Batch], object],
    make_input: Callable[[int], Batch],
    *,
    config: TimingConfig = DEFAULT_TIMING,
    clock: Clock | None = None,
) -> Latency:
    """Measures how long one item takes: a batch of 1, one after the other.

    Args:
        run: takes a batch.
        make_input: makes a batch of so many items.
        config: repeats; a 95th percentile of fewer than 20 is little more than the slowest.
        clock: default: `Clock()`.
    """
    clock = clock or Clock()
    batch = make_input(1)
    for _ in range(config.warm_ups):
        _once(run, batch, clock)
    wall_s = [wall for wall, _ in _repeats(run, batch, clock, config)]
    return Latency(len(wall_s), float(np.median(wall_s)), float(np.percentile(wall_s, 95)))


def _once(run: Callable[[Batch], object], batch: Batch, clock: Clock) -> tuple[float, float]:
    """Seconds by the clock and of the processor of one run."""
    clock.wait()
    cpu_s, wall_s = clock.cpu_s() if clock.cpu_s else 0.0, clock.wall_s()
    run(batch)
    clock.wait()
    return clock.wall_s() - wall_s, (clock.cpu_s() if clock.cpu_s else float("nan")) - cpu_s


def _repeats(
    run: Callable[[Batch], object], batch: Batch, clock: Clock, config: TimingConfig
) -> Iterator[tuple[float, float]]:
    spent_s = 0.0
    for done in range(config.max_repeats):
        if done >= config.min_repeats and spent_s >= config.min_s:
            return
        wall_s, cpu_s = _once(run, batch, clock)
        spent_s += wall_s
        yield wall_s, cpu_s


def _timing(repeats: Sequence[tuple[float, float]], size: int, samples_per_item: int) -> BatchTiming:
    wall_s, cpu_s = np.array(repeats).T
    fast_s, median_s, slow_s = (float(s) for s in np.percentile(wall_s, [25, 50, 75]))
    samples, cpu_median_s = size * samples_per_item, float(np.median(cpu_s))
    is_known = cpu_median_s > 0  # NaN without such a clock; 0 if that is too coarse
    return BatchTiming(
        batch_size=size,
        samples=samples,
        repeats=len(repeats),
        wall_s=median_s,
        wall_s_quartiles=(fast_s, slow_s),
        samples_per_s=samples / median_s,
        samples_per_s_quartiles=(samples / slow_s, samples / fast_s),
        cpu_s=cpu_median_s if is_known else None,
        samples_per_cpu_s=samples / cpu_median_s if is_known else None,
    )


def _too_large(size: int, known: tuple[int, float, int] | None, item_bytes: int, config: TimingConfig) -> str:
    """Why a batch size cannot be measured, by what another one took; empty if it can."""
    before, wall_s, grown = known or (1, 0.0, 0)
    need_bytes = max(grown / before, item_bytes) * size
    if config.max_bytes is not None and need_bytes > config.max_bytes:
        return f"it would need about {need_bytes / 2**30:.1f} GiB (limit: {config.max_bytes / 2**30:.1f})"
    if wall_s == float("inf"):
        return "there is not enough memory"
    return _too_slow(wall_s * size / before, config)


def _too_slow(wall_s: float, config: TimingConfig) -> str:
    need_s = wall_s * (config.warm_ups + config.min_repeats)
    return f"it would take about {need_s:.0f} s (limit: {config.max_s:.0f})" if need_s > config.max_s else ""


def _is_memory(error: Exception) -> bool:
    # torch's error on a GPU is a RuntimeError; asked by its name, torch need not be there
    return isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
