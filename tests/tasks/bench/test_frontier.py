"""The Pareto front, and the whole measurement with a network of a few weights."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexome.checkpoint.store import load
from lexome.core.errors import LexomeError, UsageError
from lexome.tasks.bench import frontier as module
from lexome.tasks.bench.frontier import costs_of, mark_fronts, measure_frontier, pareto
from lexome.tasks.bench.frontier_plan import FrontierRequest, plan_frontier
from lexome.tasks.bench.speed import SpeedConfig
from lexome.tasks.bench.timing import TimingConfig

ONCE = SpeedConfig(
    chunk_size=100, max_batch=2, fixed_batch=3, timing=TimingConfig(min_repeats=1, min_s=0.0, max_repeats=1)
)


def test_a_front_by_hand() -> None:
    assert pareto([1, 2, 3], [0.9, 0.8, 0.7]) == [0, 1, 2]
    assert pareto([1, 2, 3], [0.7, 0.8, 0.9]) == [2]
    assert pareto([3, 1, 2, 2], [0.7, 0.9, 0.6, 0.8]) == [1, 3, 0]
    assert pareto([2, 2], [0.8, 0.9]) == [1]  # as fast and more accurate
    assert pareto([1, 2], [0.9, 0.9]) == [1]  # as accurate and faster
    assert pareto([2, 2], [0.9, 0.9]) == [0, 1]
    assert pareto([9, None, 1], [None, 0.9, 0.1]) == [2]
    assert pareto([], []) == []


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=12))
def test_a_front_is_what_no_point_beats(points: list[tuple[int, int]]) -> None:
    front = pareto([a for a, _ in points], [b for _, b in points])
    on = {points[i] for i in front}
    values = np.array(points).reshape(-1, 2)
    for i, point in enumerate(points):
        beaten = bool(((values >= point).all(axis=1) & (values > point).any(axis=1)).any())
        assert (i in front) == (not beaten)
    ordered = sorted(on)
    assert [b for _, b in ordered] == sorted((b for _, b in ordered), reverse=True)  # faster, less accurate
    assert [points[i][0] for i in front] == sorted(points[i][0] for i in front)


def model_of(best: float | None, fixed: float | None, reads: float | None, chunks: float) -> dict[str, Any]:
    def timing(rate: float | None) -> dict[str, float] | None:
        return None if rate is None else {"samples_per_s": rate}

    judged = {"identity_median": reads, "identity_median_interval": None}
    return {
        "speed": {"best": timing(best), "fixed": timing(fixed)},
        "accuracy": {"reads": judged, "chunks": {"identity_mean": chunks, "identity_mean_interval": None}},
    }


def test_fronts_are_of_the_identity_of_reads_where_there_is_one() -> None:
    models = [model_of(2.0, 1.0, 0.8, 0.5), model_of(1.0, 2.0, 0.9, 0.4), model_of(3.0, None, None, 0.9)]
    mark_fronts(models)
    assert [model["pareto_best"] for model in models] == [True, True, False]
    assert [model["pareto_fixed"] for model in models] == [False, True, False]
    for model, rate in zip(models, (9.0, 1.0, 2.0), strict=True):
        model["speed"]["best"]["samples_per_cpu_s"] = rate
    mark_fronts(models, "samples_per_cpu_s")
    assert [model["pareto_best"] for model in models] == [True, True, False]
    models[0]["speed"]["best"]["samples_per_cpu_s"] = 0.5
    mark_fronts(models, "samples_per_cpu_s")
    assert [model["pareto_best"] for model in models] == [False, True, False]
    for model in models:
        model["accuracy"]["reads"] = None
    mark_fronts(models)
    assert [model["pareto_best"] for model in models] == [False, False, True]
    assert [model["pareto_fixed"] for model in models] == [True, True, False]


def request_of(folder: Path, store: Path, *models: object, **more: Any) -> FrontierRequest:
    values: dict[str, Any] = {"store": store, "chunks": 4, "device": "cpu", "speed": ONCE} | more
    return FrontierRequest([str(model) for model in models], folder / "out", **values)


def test_a_measurement(small_model: Path, tiny_store: Path, tmp_path: Path) -> None:
    shown: list[tuple[str, str]] = []

    @contextmanager
    def watch(doing: str, unit: str, total: float | None) -> Iterator[Callable[[float], None]]:
        shown.append((doing, unit))
        yield lambda done: None

    request = request_of(tmp_path, tiny_store, small_model, f"again={small_model}")
    figures = measure_frontier(plan_frontier(request), watch)
    assert figures == json.loads((tmp_path / "out" / "frontier.json").read_text()) | figures
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["frontier.json"]
    first, second = figures["models"]
    assert (first["label"], second["label"]) == ("small", "again")
    assert first["digest"] == second["digest"]
    assert first["parameters"] == load(small_model).num_parameters
    assert first["accuracy"] == second["accuracy"]
    assert first["accuracy"]["reads"] is None
    assert first["accuracy"]["chunks"]["chunks"] == 4
    assert [one["batch_size"] for one in first["speed"]["sweep"]] == [1, 2, 3]
    assert first["speed"]["fixed"] == first["speed"]["sweep"][2]
    assert first["macs_per_sample"] > 100
    assert any(model["pareto_best"] for model in figures["models"])
    assert shown[:2] == [("judging small", "chunks"), ("timing small", "batch sizes")]


def test_a_stopped_measurement_goes_on(
    small_model: Path, tiny_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = request_of(tmp_path, tiny_store, small_model, f"b={small_model}", command="first")
    judge, asked = module.judge_on_chunks, []

    def stops(model: str, *others: Any, **more: Any) -> Any:
        if asked:
            raise LexomeError("stopped")
        asked.append(model)
        return judge(model, *others, **more)

    monkeypatch.setattr(module, "judge_on_chunks", stops)
    with pytest.raises(LexomeError, match="stopped"):
        measure_frontier(plan_frontier(request))
    (left,) = (tmp_path / "out").iterdir()
    assert left.name == "frontier.json.partial"
    kept = json.loads(left.read_text())["models"]
    monkeypatch.setattr(module, "judge_on_chunks", judge)
    with pytest.raises(UsageError, match="--resume goes on"):
        plan_frontier(request)
    plan = plan_frontier(replace(request, resume=True, command="second"))
    assert [model.label for model in plan.models] == ["b"]
    figures = measure_frontier(plan)
    assert [model["label"] for model in figures["models"]] == ["small", "b"]
    timed = figures["models"][0]
    assert {**kept[0]} == {key: timed[key] for key in kept[0]}
    assert figures["commands"] == ["first", "second"]


def test_memory_is_limited(small_model: Path, tiny_store: Path, tmp_path: Path) -> None:
    request = request_of(tmp_path, tiny_store, small_model, max_memory_bytes=2**29)
    assert costs_of(load(small_model), 100).peak_bytes * 60_000 > 2**29
    speed = replace(ONCE, fixed_batch=60_000)
    figures = measure_frontier(plan_frontier(replace(request, speed=speed)))
    (model,) = figures["models"]
    assert [one["batch_size"] for one in model["speed"]["sweep"]] == [1, 2]
    assert model["speed"]["fixed"] is None
    assert "GiB (limit: 0.5)" in model["speed"]["fixed_left_out"]


def test_products_per_sample(small_model: Path) -> None:
    """By hand: two convolutions, two LSTMs and the scores, of which the last four are once per 5 samples."""
    convolutions = 5 * 8 + 9 * 8 * 24 / 5
    lstm = 4 * 24 * (24 + 24) / 5
    scores = 24 * 4**2 * 4 / 5
    expected = convolutions + 2 * lstm + scores
    assert costs_of(load(small_model), 100).macs_per_sample == pytest.approx(expected, rel=0.05)
