"""The roof: products and copies that do what they say, bytes by hand, shares of made-up measurements."""

from typing import Any

import numpy as np
import pytest
import torch

from lexome.tasks.bench.layer_speed import SpeedRequest, Subject
from lexome.tasks.bench.roofline import (
    COPIES,
    LAYERS,
    PRODUCTS,
    LayerTraffic,
    bonito_blocks,
    derive_roof,
    product_intensity,
    roofline_subject,
)


def small(max_batch: int = 2) -> Subject:
    return roofline_subject(SpeedRequest(max_batch=max_batch), (8, 32), (1,), (16,), 100)


def test_products_multiply() -> None:
    group = small().groups[0]
    assert [one.name for one in group.series][0] == "torch"
    for one in group.series:
        for spot in one.spots:
            opened, batch = spot.case.open(), spot.case.make_input(1)
            assert opened.macs_per_item == spot.x**3
            opened.run(batch)
            if isinstance(batch, tuple):
                a, b, c = (np.asarray(matrix) for matrix in batch)
                assert c.shape == (spot.x, spot.x)
                np.testing.assert_allclose(c, a.astype(float) @ b, rtol=1e-3, atol=1e-4)
            else:
                assert batch.shape == (spot.x, spot.x)


def test_copies_copy_and_count_reading_and_writing() -> None:
    for one in small().groups[1].series:
        (spot,) = one.spots
        source, target = spot.case.make_input(1)
        spot.case.open().run((source, target))
        assert np.asarray(target).min() == 1.0
        assert np.asarray(source).nbytes + np.asarray(target).nbytes == spot.case.samples_per_item == 2 << 20


def test_bonitos_layers_fit_together() -> None:
    blocks = bonito_blocks(16, 100)
    assert [name for name, _, _ in blocks] == [
        "convolution 1", "convolution 2", "convolution 3", "LSTM", "scores"
    ]  # fmt: skip
    assert [shape for _, _, shape in blocks] == [(1, 100), (16, 100), (16, 100), (20, 16), (20, 16)]
    subject = small()
    assert [one.name for one in subject.groups[2].series] == [f"width 16: {name}" for name, _, _ in blocks]
    lstm = subject.groups[2].series[3].spots[0]
    assert lstm.case.open().macs_per_item == 20 * 2 * 16 * 4 * 16
    assert lstm.batch_size == 2
    traffic = subject.derive.keywords["traffic"]  # type: ignore[attr-defined]
    assert traffic[0] == LayerTraffic("width 16: convolution 1", 4 * 100 * 17, 4 * (5 * 16 + 16), 0)
    weights = 4 * 16 * (16 + 16)
    assert traffic[3] == LayerTraffic(
        "width 16: LSTM", 4 * 20 * 32, 4 * (weights + 2 * 64), 4 * 19 * 4 * 16 * 16
    )


def test_building_leaves_the_generator_alone() -> None:
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    bonito_blocks(16, 100)
    assert torch.equal(torch.rand(2), expected)


def measured() -> list[dict[str, Any]]:
    def product(x: int, rate: float) -> dict[str, Any]:
        return {"x": x, "gflop_per_s": rate, "gflop_per_cpu_s": 2 * rate}

    layer = {"batch_size": 10, "macs": 500, "gflop_per_s": 25.0, "gflop_per_cpu_s": 40.0}
    copies = [{"x": 1, "samples_per_s": 9e10}, {"x": 64, "samples_per_s": 2e10}]
    return [
        {"title": PRODUCTS, "series": [{"points": [product(8, 10.0), product(16, 80.0)]},
                                       {"points": [product(8, 30.0), product(16, 100.0)]}]},
        {"title": COPIES, "series": [{"points": copies}, {"points": []}]},
        {"title": LAYERS, "series": [{"name": "a", "points": [layer]}, {"name": "b", "points": []}]},
    ]  # fmt: skip


def test_roof_of_made_up_measurements() -> None:
    traffic = [LayerTraffic("a", 40, 100, 500), LayerTraffic("b", 1, 1, 0)]
    roof = derive_roof(measured(), traffic)["roof"]
    assert roof["peak_gflop_per_s"] == 100.0
    assert roof["bytes_per_s"] == 2e10  # of the largest array, that no cache holds
    assert roof["ridge_flop_per_byte"] == pytest.approx(5.0)
    assert [(p["x"], p["gflop_per_s"]) for p in roof["products"]] == [(8, 30.0), (16, 100.0)]
    (layer,) = roof["layers"]  # b was not measured
    assert layer["flop_per_byte"] == pytest.approx(1000 / (40 * 10 + 100))
    assert layer["flop_per_byte_anew"] == pytest.approx(1000 / 1000)
    assert layer["of_best_product"] == pytest.approx(0.25)
    assert layer["of_best_product_per_cpu_s"] == pytest.approx(0.2)
    assert layer["of_roof"] == pytest.approx(25 / 40)  # 2 FLOP per byte at 20 GB/s


def test_roof_without_measurements() -> None:
    groups = measured()
    for group in groups[:2]:
        for one in group["series"]:
            one["points"] = []
    roof = derive_roof(groups, [LayerTraffic("a", 40, 100, 0)])["roof"]
    assert (roof["peak_gflop_per_s"], roof["ridge_flop_per_byte"], roof["products"]) == (None, None, [])
    layer = roof["layers"][0]
    assert (layer["of_best_product"], layer["of_roof"], layer["flop_per_byte_anew"]) == (None, None, None)
    assert layer["of_best_product_per_cpu_s"] is None


def test_intensity_of_products() -> None:
    """2 n^3 operations on three matrices of n^2 numbers of four bytes."""
    assert product_intensity(6) == 1.0
    assert product_intensity(600) == 100.0
