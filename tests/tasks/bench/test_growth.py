"""Growth: slopes of made-up data, formulas of the table, the layers, and the table of exponents."""

import numpy as np
import pytest
import torch

from lexome.tasks.bench.growth import (
    AXES,
    LAYERS,
    LSTM,
    MODES,
    TABLE,
    Ranges,
    exponents,
    growth_subject,
    slope,
)
from lexome.tasks.bench.layer_speed import SpeedRequest, measure_subject
from lexome.tasks.bench.timing import Clock, TimingConfig

SMALL = Ranges(length=(8, 16, 32), width=(16, 32, 64), batch=(1, 2, 4), base=(8, 16, 2))


@pytest.mark.parametrize("power", [0.0, 1.0, 2.5])
def test_slope_of_a_power(power: float) -> None:
    x = [2.0, 4.0, 7.0, 16.0, 21.0]
    assert slope(x, [3 * v**power for v in x]) == pytest.approx(power)


def test_slope_is_over_the_larger_half_and_needs_three_points() -> None:
    x = np.array([1.0, 2, 4, 8, 16, 32])
    y = np.where(x < 8, 100.0, x**2)  # a floor of fixed costs, then the square
    assert slope(x, y) == pytest.approx(2.0)  # pyright: ignore[reportArgumentType]
    assert slope([1.0, 2.0], [1.0, 2.0]) is None
    noisy = slope([1.0, 2.0, 4.0], [1.0, 2.2, 3.9])
    assert noisy == pytest.approx(np.polyfit(np.log([1, 2, 4]), np.log([1, 2.2, 3.9]), 1)[0])


def test_formulas_of_the_table() -> None:
    """At L = 8, H = 4, B = 2, worked out by hand; L log L = 24, H log H = 8."""
    time = {row: formula(8, 4, 2) for row, formula, _ in TABLE.values()}
    space = {row: formula(8, 4, 2) for row, _, formula in TABLE.values()}
    assert time == {
        "convolution": 24 * 4 * 6,
        "recurrence": 256,
        "attention": 2 * (256 + 128),
        "S4": 256 + 192,
    }
    assert space == {"convolution": 64, "recurrence": 64, "attention": 2 * (64 + 32), "S4": 64}
    assert set(TABLE) < set(LAYERS)


@pytest.mark.parametrize("name", LAYERS)
def test_layers_keep_the_shape(name: str) -> None:
    assert LAYERS[name](16)(torch.zeros(2, 8, 16)).shape == (2, 8, 16)


def test_exponents_of_made_up_points() -> None:
    def group(title: str, power: float) -> dict:
        points = [
            {"x": x, "wall_s": x**power, "cpu_s": None if "batch" in title else 2 * x, "macs": x**2,
             "peak_bytes": 0 if "width" in title else 5 * x}
            for x in (8, 16, 32)
        ]  # fmt: skip
        return {"title": title, "series": [{"name": name, "points": points} for name in (LSTM, "minGRU")]}

    groups = [
        group(f"{mode.capitalize()}, {axis}", 1.5 if mode == "training" else 0.5)
        for mode in MODES
        for axis in AXES
    ]
    rows = exponents(groups, SMALL)["exponents"]
    assert len(rows) == 12
    by = {(row["mode"], row["axis"], row["layer"]): row for row in rows}
    row = by["training", "length", LSTM]
    assert (row["time"], row["cpu_time"], row["macs"], row["memory"]) == pytest.approx((1.5, 1, 2, 1))
    assert (row["table_time"], row["table_memory"], row["table_row"]) == (
        pytest.approx(1), pytest.approx(1), "recurrence"
    )  # fmt: skip
    assert by["training", "width", LSTM]["table_time"] == pytest.approx(2)
    assert by["training", "width", LSTM]["memory"] is None  # nothing was taken: no logarithm
    assert by["training", "batch", LSTM]["cpu_time"] is None
    assert by["inference", "length", LSTM]["time"] == pytest.approx(0.5)
    assert by["inference", "length", LSTM]["table_time"] is None  # there it counts one more step
    assert by["training", "length", "minGRU"]["table_time"] is None


def test_subject_measures_products_and_memory() -> None:
    ticks = iter(range(10**6))
    timing = TimingConfig(min_repeats=1, min_s=0.0, max_s=1e9)
    some = {name: LAYERS[name] for name in (LSTM, "attention")}
    subject = growth_subject(SpeedRequest(max_batch=4), SMALL, some)
    found = measure_subject(subject, timing, Clock(lambda: float(next(ticks)), None))
    assert [g["title"] for g in found["groups"]] == [
        "Inference, length", "Inference, width", "Inference, batch",
        "Training, length", "Training, width", "Training, batch",
    ]  # fmt: skip
    by = {(row["mode"], row["axis"], row["layer"]): row for row in found["exponents"]}
    for mode in MODES:
        assert by[mode, "length", LSTM]["macs"] == pytest.approx(1)
        assert by[mode, "width", LSTM]["macs"] == pytest.approx(2)
        assert by[mode, "batch", "attention"]["macs"] == pytest.approx(1)
        assert 1 < by[mode, "length", "attention"]["macs"] < 2
    assert by["training", "batch", "attention"]["memory"] == pytest.approx(1, abs=0.2)
    one = found["groups"][3]["series"][0]["points"][0]
    assert one["peak_bytes"] > found["groups"][0]["series"][0]["points"][0]["peak_bytes"] > 0
    fewer = growth_subject(SpeedRequest(max_batch=2), SMALL, some)
    assert [spot.x for spot in fewer.groups[2].series[0].spots] == [1, 2]
