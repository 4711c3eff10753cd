"""How fast basecallers are when they take turns, so that other work on the machine meets all alike.

Every round times each of them once, after a warm-up, as `timing` does; the median of the rounds counts.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lexome.engine.engine import Engine
from lexome.tasks.basecall.model import BasecallModel
from lexome.tasks.bench.speed import run_of, signal_maker
from lexome.tasks.bench.timing import GPU, BatchTiming, TimingConfig, clock_for, throughput

NETWORK, CALLED = "network", "called"  # what is timed: signal to scores, signal to bases


@dataclass(frozen=True)
class RoundsConfig:
    """How long is measured: so many rounds, and for at least `min_s` in all of them."""

    rounds: int = 5
    min_s: float = 1.0

    def __post_init__(self) -> None:
        if self.rounds < 1 or not 0 <= self.min_s < float("inf"):
            raise ValueError(f"{self.rounds} rounds and {self.min_s} s: at least one round, and 0 s")

    @property
    def of_a_round(self) -> TimingConfig:
        """The part of one round."""
        return TimingConfig(min_repeats=1, min_s=self.min_s / self.rounds, max_s=float("inf"))


@dataclass(frozen=True)
class InTurn:
    """How fast one is: medians over the rounds, of samples and seconds as in `timing.BatchTiming`.

    Attributes:
        chunk_size: samples of a chunk.
        batch_size: chunks at a time, of all threads together.
        rounds: how many count; fewer than asked for if memory ran out.
        repeats: in all rounds.
        samples_per_s: by the clock; None without any round.
        samples_per_s_quartiles: of the rounds, the lower first; None without any.
        samples_per_cpu_s: by the time of the processor, all threads; None on a GPU.
        cores: seconds of the processor in a second: as many as threads, if nothing else ran.
        left_out: why there are fewer rounds; empty if there are not.
    """

    chunk_size: int
    batch_size: int
    rounds: int
    repeats: int
    samples_per_s: float | None
    samples_per_s_quartiles: tuple[float, float] | None
    samples_per_cpu_s: float | None
    cores: float | None
    left_out: str = ""


def time_in_turn(
    models: Sequence[BasecallModel],
    config: RoundsConfig,
    on_round: Callable[[int], None] = lambda done: None,
) -> list[dict[str, InTurn]]:
    """Times models in the batches in which `lexome basecall` runs them, on random signal.

    Args:
        models: opened with the engine and the threads that are wanted.
        config: how long.
        on_round: told how many timings are done, of models * rounds * 2.

    Returns:
        For each model its timings, by `NETWORK` and `CALLED`.
    """
    kept: list[dict[str, list[BatchTiming]]] = [{NETWORK: [], CALLED: []} for _ in models]
    left_out = [{NETWORK: "", CALLED: ""} for _ in models]
    done = 0
    for _ in range(config.rounds):
        for number, model in enumerate(models):
            for what in (NETWORK, CALLED):
                timing, reason = _timed(model, what, config.of_a_round)
                kept[number][what] += [timing] if timing is not None else []
                left_out[number][what] = left_out[number][what] or reason
                done += 1
                on_round(done)
    return [
        {what: _summary(model, rows[what], reasons[what]) for what in rows}
        for model, rows, reasons in zip(models, kept, left_out, strict=True)
    ]


def batch_of(engine: Engine) -> int:
    """Chunks at a time when an engine has enough of them: a batch for every thread, on a GPU one."""
    return engine.batch_size * (1 if engine.device.startswith(GPU) else engine.threads)


def _timed(model: BasecallModel, what: str, config: TimingConfig) -> tuple[BatchTiming | None, str]:
    engine, samples = model.engine, model.signal.chunk_size
    post: Callable[[np.ndarray], Any] = model.decoder if what == CALLED else lambda scores_TK: None
    size = batch_of(engine)
    found = throughput(
        run_of(engine, post), signal_maker(samples), [size], samples, config=config,
        clock=clock_for(engine.device),
    )  # fmt: skip
    return found.at(size), found.why_not(size)


def _summary(model: BasecallModel, rows: Sequence[BatchTiming], left_out: str) -> InTurn:
    chunk_size, batch_size = model.signal.chunk_size, batch_of(model.engine)
    if not rows:
        return InTurn(chunk_size, batch_size, 0, 0, None, None, None, None, left_out)
    low, median, high = (float(v) for v in np.percentile([r.samples_per_s for r in rows], [25, 50, 75]))
    per_cpu_s = [row.samples_per_cpu_s for row in rows if row.samples_per_cpu_s is not None]
    cores = [row.cpu_s / row.wall_s for row in rows if row.cpu_s is not None]
    return InTurn(
        chunk_size, batch_size, len(rows), sum(row.repeats for row in rows), median, (low, high),
        float(np.median(per_cpu_s)) if per_cpu_s else None, float(np.median(cores)) if cores else None,
        left_out,
    )  # fmt: skip
