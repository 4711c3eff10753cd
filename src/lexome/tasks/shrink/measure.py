"""Latencies of the operations of a search space on the machine at hand (`lexome compress measure`).

Each operation runs by itself in the engine that calls reads on a CPU (onnxruntime, one thread). All are
measured in turn, round after round, so that what else the machine does falls on all of them; the median of
the rounds counts.

An operation by itself reads its input from memory and writes it back, as between the layers of a network;
what an engine saves by joining layers is not seen. Bits change nothing here: the engine computes convolutions
in float32 whatever their weights are stored in.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any, Literal

import numpy as np
import torch

from lexome.compress.costs import CostTable, Operation, OperationCost, counted_costs
from lexome.core.errors import UsageError
from lexome.engine.onnx import open_session, traced
from lexome.nn.conv import fold_batchnorm
from lexome.tasks.bench.machine import machine_facts
from lexome.tasks.bench.timing import TimingConfig, throughput
from lexome.tasks.shrink.search_file import Space

FREE = {"signal": {0: "batch", 2: "samples"}, "scores": {0: "batch", 1: "steps"}}
SEED = 0


@dataclass(frozen=True)
class MeasureConfig:
    """How to measure.

    Attributes:
        batch_size: chunks at a time.
        chunk_size: samples of a chunk; operations behind a stride get as many fewer steps.
        rounds: over all operations.
        repeats: of a run within a round.
        min_s: the repeats of a round go on for at least so long.
        by: "cpu", seconds of the processor, which other work disturbs less; "wall", those of the clock.
    """

    batch_size: int = 8
    chunk_size: int = 2000
    rounds: int = 3
    repeats: int = 3
    min_s: float = 0.02
    by: Literal["cpu", "wall"] = "cpu"

    def __post_init__(self) -> None:
        if min(self.batch_size, self.chunk_size, self.rounds, self.repeats) < 1 or self.min_s < 0:
            raise ValueError("batch_size, chunk_size, rounds and repeats must be at least 1")


def measure_costs(
    space: Space, config: MeasureConfig, on_done: Callable[[int], None] = lambda done: None
) -> CostTable:
    """Measures all operations of a space.

    Args:
        space: the networks.
        config: how to measure.
        on_done: told how many measurements are done, of operations x rounds.

    Returns:
        The table, with what of the machine decides its numbers.

    Raises:
        UsageError: if a chunk is too short for an operation.
    """
    operations = space.operations()
    # operations that differ in bits alone run alike
    alike: dict[str, list[str]] = {}
    for key, one in operations.items():
        alike.setdefault(repr((one.architecture, one.config, one.samples_per_step)), []).append(key)
    runs = {keys[0]: _ready(operations[keys[0]], config) for keys in alike.values()}
    seconds: dict[str, list[float]] = {key: [] for key in runs}
    done = 0
    for _ in range(config.rounds):
        for key, run in runs.items():
            seconds[key].append(run())
            done += 1
            on_done(done)
    costs = {}
    for keys in alike.values():
        for key in keys:
            macs, size = counted_costs(operations[key])
            costs[key] = OperationCost(1e9 * median(seconds[keys[0]]), macs, size)
    return CostTable({key: costs[key] for key in operations}, _protocol(config), _machine())


def measurements_of(space: Space, config: MeasureConfig) -> int:
    """How many measurements `measure_costs` makes at most."""
    return len(space.operations()) * config.rounds


def _ready(operation: Operation, config: MeasureConfig) -> Callable[[], float]:
    """An operation ready to run: gives seconds per sample of signal."""
    steps = config.chunk_size // operation.samples_per_step
    if steps < 1:
        raise UsageError(f"chunks of {config.chunk_size} samples are too short for '{operation.key}'")
    torch.manual_seed(SEED)
    module = fold_batchnorm(operation.module())
    graph = traced(module, torch.zeros(1, operation.in_channels, steps), FREE).SerializeToString()
    session = open_session(graph)
    x_NCT = np.random.default_rng(SEED).standard_normal(
        (config.batch_size, operation.in_channels, steps), dtype=np.float32
    )
    samples = steps * operation.samples_per_step
    timing = TimingConfig(min_repeats=config.repeats, min_s=config.min_s)

    def run() -> float:
        found = throughput(
            lambda batch: session.run(None, {"signal": batch}),
            lambda size: x_NCT,
            [config.batch_size],
            samples,
            config=timing,
        )
        at = found.at(config.batch_size)
        rate = at and (at.samples_per_cpu_s if config.by == "cpu" else at.samples_per_s)
        if not rate:
            why = found.why_not(config.batch_size) or "the clock of the processor is too coarse"
            raise UsageError(f"'{operation.key}' could not be measured: {why}; try other sizes, or --by wall")
        return 1 / rate

    return run


def _protocol(config: MeasureConfig) -> Mapping[str, Any]:
    return {"engine": "onnxruntime, one thread", "statistic": "median of rounds", **vars(config)}


def _machine() -> dict[str, str]:
    return machine_facts("cpu", 1)
