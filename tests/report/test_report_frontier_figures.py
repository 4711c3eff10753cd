"""Tables and plots of a frontier, from plain values."""

import copy
from typing import Any

import pytest

from lexome.report.frontier_figures import (
    frontier_panels,
    frontier_points,
    frontier_tables,
    judged_by,
    rate_text,
)

TOO_LONG = "it would take about 300 s (limit: 120)"


def timing(batch_size: int, rate: float, cpu_rate: float | None) -> dict[str, Any]:
    samples = 2000 * batch_size
    return {
        "batch_size": batch_size, "samples": samples, "repeats": 5, "wall_s": samples / rate,
        "wall_s_quartiles": [0.9 * samples / rate, 1.1 * samples / rate], "samples_per_s": rate,
        "samples_per_s_quartiles": [0.9 * rate, 1.1 * rate],
        "cpu_s": None if cpu_rate is None else samples / cpu_rate, "samples_per_cpu_s": cpu_rate,
    }  # fmt: skip


def model(
    label: str, rates: tuple[float, float | None], identity: float | None, front: bool
) -> dict[str, Any]:
    best, fixed = timing(16, rates[0], 1.05 * rates[0]), None
    if rates[1] is not None:
        fixed = timing(512, rates[1], 1.25 * rates[1])
    return {
        "label": label, "model": f"runs/{label}", "digest": "d", "name": label, "architecture": "bonito",
        "parameters": 203952, "macs_per_sample": 34567.8, "stride": 5, "engine": "onnx",
        "accuracy": {
            "reads": {
                "reads": 12, "mapped": 12 if identity else 0, "skipped": 1, "bases": 196535,
                "identity_median": identity,
                "identity_median_interval": identity and [identity - 0.01, identity + 0.01],
                "identity_mean": identity, "samples_per_s": 312345.6,
            },
            "chunks": None,
        },
        "speed": {
            "chunk_size": 2000, "best": best, "fixed": fixed,
            "fixed_left_out": "" if fixed else TOO_LONG,
            "with_decoding": timing(16, 0.8 * rates[0], None),
            "latency": {"repeats": 20, "median_s": 0.00234, "p95_s": 0.0123},
            "sweep": [timing(1, 0.5 * rates[0], 0.6 * rates[0]), best, *([fixed] if fixed else [])],
            "left_out": [] if fixed else [{"batch_size": 512, "reason": TOO_LONG}],
        },
        "pareto_best": front, "pareto_fixed": front and fixed is not None,
    }  # fmt: skip


FIGURES: dict[str, Any] = {
    "lexome_version": "1.2",
    "machine": {"processor": "Some CPU", "cores": "4", "threads": "1", "onnxruntime": "1.3"},
    "protocol": {
        "engine": "auto", "device": "cpu", "chunk_size": 2000, "max_batch": 256, "fixed_batch": 512,
        "rate": "samples_per_s",
        "timing": {"warm_ups": 1, "min_repeats": 5, "min_s": 1.0, "max_repeats": 1000, "max_s": 120.0},
    },
    "data": {
        "reads": {
            "files": [{"name": "a.pod5", "size": 5}], "max_reads": 12, "reference": "ref.fa",
            "reference_sha256": "0",
        },
        "store": None,
        "bootstrap": {"level": 0.95, "resamples": 1000, "seed": 0},
    },
    "commands": ["lexome bench frontier a b"],
    "models": [
        model("slow <a>", (1e5, 0.9e5), 0.9, True),
        model("fast", (1e6, 1.4e6), 0.85, True),
        model("bad", (2e5, None), 0.8, False),
    ],
}  # fmt: skip


@pytest.fixture
def figures() -> dict[str, Any]:
    return copy.deepcopy(FIGURES)


def test_tables(figures: dict[str, Any]) -> None:
    speed, accuracy = frontier_tables(figures)
    assert dict(zip(speed.columns, speed.rows[0], strict=True)) == {
        "model": "slow <a>", "parameters": "203,952", "MAC/sample": "34,600", "best batch": "16",
        "samples/s": "100,000", "quartiles": "90,000–110,000", "per CPU-s": "105,000",
        "with decoding": "80,000", "samples/s at 512": "90,000", "per CPU-s at 512": "112,000",
        "latency": "2.34 ms", "p95": "12.3 ms", "front": "best, 512",
    }  # fmt: skip
    bad = dict(zip(speed.columns, speed.rows[2], strict=True))
    assert (bad["samples/s at 512"], bad["per CPU-s at 512"], bad["front"]) == ("-", "-", "-")
    assert dict(zip(accuracy.columns, accuracy.rows[0], strict=True)) == {
        "model": "slow <a>", "identity (median)": "90.00%", "95%": "89.00–91.00%", "mean": "90.00%",
        "mapped": "12", "reads": "12", "skipped": "1", "bases": "196,535", "all of it": "312,000/s",
    }  # fmt: skip


def test_tables_of_chunks(figures: dict[str, Any]) -> None:
    figures["data"] |= {"store": {"store": "s", "split": "validation", "chunks": 64}}
    chunks = {"chunks": 64, "reads": 5, "identity_mean": 0.7, "identity_mean_interval": [0.6, 0.8]}
    for one in figures["models"]:
        one["accuracy"]["chunks"] = chunks
    _, both = frontier_tables(figures)
    assert both.columns[-4:] == ("label identity (mean)", "95% ", "chunks", "of reads")
    assert both.rows[0][-4:] == ("70.00%", "60.00–80.00%", "64", "5")
    assert judged_by(figures["models"][0])[0] == 0.9
    for one in figures["models"]:
        one["accuracy"]["reads"] = None
    figures["data"]["reads"] = None
    assert judged_by(figures["models"][0]) == (0.7, (0.6, 0.8))
    _, alone = frontier_tables(figures)
    assert alone.rows[0] == ("slow <a>", "70.00%", "60.00–80.00%", "64", "5")
    assert frontier_panels(figures)[0].y.label == "mean identity with the labels"


def test_nothing_was_measured(figures: dict[str, Any]) -> None:
    for one in figures["models"]:
        one["speed"] |= {"best": None, "fixed": None, "with_decoding": None, "sweep": []}
        one["macs_per_sample"] = None
        one["accuracy"]["reads"] |= {"identity_median": None, "identity_median_interval": None}
        one["accuracy"]["reads"]["identity_mean"] = None
    speed, accuracy = frontier_tables(figures)
    assert speed.rows[0][2:9] == ("-",) * 7
    assert accuracy.rows[0][1:4] == ("-", "-", "-")
    assert frontier_panels(figures) == []


def test_panels(figures: dict[str, Any]) -> None:
    best, fixed = frontier_panels(figures)
    assert (best.title, fixed.title) == ("At the best batch size", "At batch size 512")
    assert best.x == fixed.x
    assert best.x.low < 0.9e5 < 1.4e6 < best.x.high
    assert best.x.log
    assert best.y.low <= 0.79
    assert 0.91 <= best.y.high <= 1.0
    front, others = best.series
    assert (list(front.x), list(front.y), list(front.labels)) == (
        [1e5, 1e6],
        [0.9, 0.85],
        ["slow <a>", "fast"],
    )
    assert (front.is_joined, front.is_hollow) == (True, False)
    assert front.intervals[0] == (0.9 - 0.01, 0.9 + 0.01)
    assert (list(others.labels), others.is_joined, others.is_hollow) == (["bad"], False, True)
    assert [list(one.labels) for one in fixed.series] == [["slow <a>", "fast"]]
    assert list(fixed.series[0].x) == [0.9e5, 1.4e6]


def test_the_front_is_joined_from_slow_to_fast(figures: dict[str, Any]) -> None:
    figures["models"].reverse()
    assert list(frontier_panels(figures)[0].series[0].x) == [1e5, 1e6]


def test_per_second_of_the_processor(figures: dict[str, Any]) -> None:
    figures["protocol"]["rate"] = "samples_per_cpu_s"
    best, fixed = frontier_panels(figures)
    assert best.x.label == "samples per CPU-second"
    assert list(fixed.series[0].x) == pytest.approx([1.25 * 0.9e5, 1.25 * 1.4e6])
    assert [point.rate for point in frontier_points(figures, "best")] == pytest.approx(
        [1.05e5, 1.05e6, 2.1e5]
    )


def test_a_model_without_a_mapped_read_is_in_no_plot(figures: dict[str, Any]) -> None:
    figures["models"][0]["accuracy"]["reads"] |= {"identity_median": None, "identity_median_interval": None}
    assert [point.label for point in frontier_points(figures, "best")] == ["fast", "bad"]


def test_rates() -> None:
    assert [rate_text(value) for value in (None, 12.34, 1234.5, 987654.0)] == ["-", "12", "1,230", "988,000"]
