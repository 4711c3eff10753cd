"""Timing the network of a basecaller in its engine; the engine here is one that counts."""

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lexome.core.errors import UsageError
from lexome.tasks.basecall.model import BasecallModel, open_model
from lexome.tasks.bench.speed import SpeedConfig, fitting_size, measure_speed, run_of, signal_maker
from lexome.tasks.bench.timing import TimingConfig

ONCE = TimingConfig(min_repeats=1, min_s=0.0, max_repeats=1)


@dataclass
class CountingEngine:
    """An engine that only remembers what it was given."""

    threads: int = 1
    device: str = "cpu"
    batch_size: int = 12
    stride: int = 5
    chunk_multiple: int = 10
    stay_score: float | None = None
    name: str = "onnx"
    runs: list[tuple[int, int, int]] = field(default_factory=list)  # batch size, chunks, samples of each

    def run(
        self, items: Iterable[tuple[Any, np.ndarray]], post: Callable[[np.ndarray], Any]
    ) -> Iterator[tuple[Any, Any]]:
        signals = [signal for _, signal in items]
        self.runs.append((self.batch_size, len(signals), len(signals[0])))
        for number, signal in enumerate(signals):
            yield number, post(signal.reshape(-1, 1))


@pytest.mark.parametrize(
    ("threads", "device", "chunks", "batch_size"),
    [(1, "cpu", 8, 8), (2, "cpu", 8, 4), (3, "cpu", 8, 3), (4, "cpu", 1, 1), (4, "cuda:0", 8, 8)],
)
def test_threads_share_a_batch_on_a_cpu(threads: int, device: str, chunks: int, batch_size: int) -> None:
    engine = CountingEngine(threads, device)
    done: list[int] = []
    run_of(engine, lambda scores_TK: done.append(len(scores_TK)))(np.zeros((chunks, 20), np.float32))
    assert engine.runs == [(batch_size, chunks, 20)]
    assert done == [20] * chunks  # all of it is run, nothing is left waiting


def test_chunks_that_fit() -> None:
    engine = CountingEngine()
    assert fitting_size(engine, 2000) == 2000
    assert fitting_size(engine, 2009) == 2000
    assert fitting_size(engine, 50) == 50
    with pytest.raises(UsageError, match="49 samples is too short; take at least 50"):
        fitting_size(engine, 49)


def test_random_signal_is_always_the_same() -> None:
    first, second = signal_maker(30)(4), signal_maker(30)(4)
    assert (first.shape, first.dtype) == ((4, 30), np.float32)
    assert np.array_equal(first, second)
    assert 0.7 < first.std() < 1.3


def test_what_is_measured() -> None:
    engine, decoded = CountingEngine(), []
    model = BasecallModel("m", engine, lambda scores_TK: decoded.append(1), None)  # pyright: ignore[reportArgumentType]
    told: list[int] = []
    config = SpeedConfig(chunk_size=105, max_batch=4, fixed_batch=6, timing=ONCE)
    found = measure_speed(model, config, told.append)
    assert told == [1, 2, 4, 6]
    assert [one.batch_size for one in found.sweep.timings] == [1, 2, 4, 6]
    assert {samples for _, _, samples in engine.runs} == {100}
    assert found.sweep.timings[2].samples == 400
    best = found.sweep.best()
    assert best is not None
    # the sweep with a warm-up each, then the best size with its decoder, then single chunks
    expected = [1, 1, 2, 2, 4, 4, 6, 6] + [best.batch_size] * 2 + [1] * 21
    assert [chunks for _, chunks, _ in engine.runs] == expected
    assert found.with_decoding is not None
    assert found.with_decoding.batch_size == best.batch_size
    assert len(decoded) == 2 * best.batch_size
    assert found.latency.repeats == 20
    figures = found.to_json(6)
    assert figures["fixed"]["batch_size"] == 6
    assert figures["fixed"] == figures["sweep"][-1]
    assert figures["best"]["samples_per_s"] == max(one["samples_per_s"] for one in figures["sweep"])
    assert found.to_json(512)["fixed"] is None


def test_nothing_can_be_measured() -> None:
    class Full(CountingEngine):
        def run(self, items: Any, post: Any) -> Iterator[tuple[Any, Any]]:
            raise MemoryError

    model = BasecallModel("m", Full(), lambda scores_TK: None, None)  # pyright: ignore[reportArgumentType]
    with pytest.raises(MemoryError):  # not even one chunk: there is no latency either
        measure_speed(model, SpeedConfig(chunk_size=100, max_batch=2, timing=ONCE))


@pytest.mark.parametrize("engine", ["onnx", "torch"])
@pytest.mark.parametrize("threads", [1, 2])
def test_a_real_engine(small_model: Path, engine: str, threads: int) -> None:
    before = threading.active_count()
    model = open_model(small_model, engine=engine, device="cpu", threads=threads)
    config = SpeedConfig(chunk_size=103, max_batch=2, fixed_batch=3, timing=ONCE)
    found = measure_speed(model, config)
    assert found.chunk_size == 100
    assert [one.batch_size for one in found.sweep.timings] == [1, 2, 3]
    assert all(one.wall_s > 0 for one in found.sweep.timings)
    assert found.latency.p95_s >= found.latency.median_s > 0
    assert threading.active_count() == before
