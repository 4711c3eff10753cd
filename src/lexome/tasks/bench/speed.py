"""How fast a basecaller's network is in the engine that calls with it.

Shapes: N batch, S samples.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lexome.core.config import to_dict
from lexome.core.errors import UsageError
from lexome.decode.crf import Decoded
from lexome.engine.engine import Engine
from lexome.tasks.basecall.model import BasecallModel
from lexome.tasks.bench.footprint import memory_growth
from lexome.tasks.bench.timing import (
    GPU,
    MINION_BATCH,
    BatchTiming,
    Latency,
    Rate,
    Throughput,
    TimingConfig,
    clock_for,
    latency,
    powers_of_two,
    throughput,
)

LATENCY_REPEATS = 20
SEED = 0


@dataclass(frozen=True)
class SpeedConfig:
    """What is run: chunks of `chunk_size` samples, in batches up to `max_batch` and in `fixed_batch`.

    `rate` is what batch sizes and models are compared by: on a busy machine, that per CPU-second.
    """

    chunk_size: int = 2000
    max_batch: int = 512
    fixed_batch: int = MINION_BATCH
    rate: Rate = "samples_per_s"
    timing: TimingConfig = TimingConfig()


@dataclass(frozen=True)
class Speed:
    """How fast a network is.

    Attributes:
        chunk_size: samples of a chunk: what was asked for, or a little less if the network cannot take that.
        sweep: the network alone, from signal to scores.
        with_decoding: the best batch size of the sweep once more, from signal to bases; None without one.
        latency: a single chunk, from signal to scores.
    """

    chunk_size: int
    sweep: Throughput
    with_decoding: BatchTiming | None
    latency: Latency

    def to_json(self, fixed_batch: int, rate: Rate = "samples_per_s") -> dict[str, Any]:
        """All figures as plain values: `best` by a rate, `fixed` of a batch size; None if there is none."""
        best, fixed = self.sweep.best(rate), self.sweep.at(fixed_batch)
        return {
            "chunk_size": self.chunk_size,
            "best": None if best is None else to_dict(best),
            "fixed": None if fixed is None else to_dict(fixed),
            "fixed_left_out": self.sweep.why_not(fixed_batch),
            "with_decoding": None if self.with_decoding is None else to_dict(self.with_decoding),
            "latency": to_dict(self.latency),
            "sweep": [to_dict(one) for one in self.sweep.timings],
            "left_out": [to_dict(one) for one in self.sweep.left_out],
        }


def measure_speed(
    model: BasecallModel,
    config: SpeedConfig,
    on_size: Callable[[int], None] = lambda batch_size: None,
    *,
    item_bytes: int = 0,
) -> Speed:
    """Times the network of a basecaller on random signal.

    Args:
        model: opened with the engine, the device and the threads that are wanted.
        config: sizes and repeats.
        on_size: told of each batch size before it is measured.
        item_bytes: memory that a chunk needs at least, if that is known.

    Raises:
        UsageError: if the network cannot take chunks that short.
    """
    engine, timing = model.engine, config.timing
    samples = fitting_size(engine, config.chunk_size)
    make, clock = signal_maker(samples), clock_for(engine.device)
    alone = run_of(engine, lambda scores_TK: None)
    sizes = powers_of_two(config.max_batch, also=[config.fixed_batch])
    sweep = throughput(
        alone,
        make,
        sizes,
        samples,
        config=timing,
        clock=clock,
        grown_bytes=memory_growth(engine.device),
        item_bytes=item_bytes,
        on_size=on_size,
    )
    decoded, best = None, sweep.best(config.rate)
    if best is not None:
        size, run = best.batch_size, run_of(engine, model.decoder)
        decoded = throughput(run, make, [size], samples, config=timing, clock=clock).at(size)
    repeats = max(LATENCY_REPEATS, timing.min_repeats)
    single = replace(timing, min_repeats=repeats, max_repeats=max(repeats, timing.max_repeats))
    return Speed(samples, sweep, decoded, latency(alone, make, config=single, clock=clock))


def fitting_size(engine: Engine, samples: int) -> int:
    """The longest chunk that an engine takes, of at most so many samples.

    Raises:
        UsageError: if there is none of ten steps or more.
    """
    fitting = samples - samples % engine.chunk_multiple
    if fitting < 10 * engine.stride:
        raise UsageError(f"a chunk of {samples} samples is too short; take at least {10 * engine.stride}")
    return fitting


def signal_maker(samples: int) -> Callable[[int], np.ndarray]:
    """Makes batches (N, S) of random signal of the spread of a normalised one, always the same."""

    def make(count: int) -> np.ndarray:
        return np.random.default_rng(SEED).standard_normal((count, samples), dtype=np.float32)

    return make


def run_of(engine: Engine, post: Callable[[np.ndarray], Decoded | None]) -> Callable[[np.ndarray], None]:
    """One run of a batch (N, S) through an engine: on a CPU its threads share the chunks evenly.

    Args:
        engine: its batch size is set to the part of a thread.
        post: what is done with the scores of each chunk.
    """
    parts = 1 if engine.device.startswith(GPU) else engine.threads

    def run(signal_NS: np.ndarray) -> None:
        engine.batch_size = -(-len(signal_NS) // parts)
        deque(engine.run(enumerate(signal_NS), post), maxlen=0)

    return run
