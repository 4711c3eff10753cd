"""Kolmogorov-Arnold networks beside plain ones: sizes of the thesis, its ratios beside ours."""

import pytest
import torch

from lexome.tasks.bench.kan_speed import BATCHES, PAPER, kan_subject, paper_ratios
from lexome.tasks.bench.layer_speed import SpeedRequest


def test_subject_has_the_shapes_of_the_thesis() -> None:
    subject = kan_subject(SpeedRequest(max_batch=64))
    convs, layers = subject.groups
    for group, item, out in ((convs, (4, 100), (16, 100)), (layers, (1, 64), (1, 64))):
        assert [series.name for series in group.series][1:] == ["KAN of splines", "KAN of sines"]
        for series in group.series:
            assert [spot.batch_size for spot in series.spots] == [1, 16, 64]
            case = series.spots[0].case
            assert case.make_input(2).shape == (2, *item)
            opened = case.open()
            output = opened.run(case.make_input(2))
            assert isinstance(output, torch.Tensor)
            assert output.shape == (2, *out)
    conv, spline, _ = (series.spots[0].case.open().macs_per_item for series in convs.series)
    assert conv == 100 * 5 * 4 * 16
    assert spline is not None
    # two layers of (11 splines + one smooth part) each, and the copying of windows
    assert spline >= 100 * 12 * (20 * 16 + 16 * 16)
    assert layers.series[0].spots[0].case.open().macs_per_item == 2 * 64 * 64


def test_ratios_of_the_thesis_and_of_here() -> None:
    def points(ratio: float) -> list[dict]:
        return [{"x": 1, "ratio": ratio, "ratio_per_cpu_s": ratio / 2}, {"x": 16, "ratio": None,
                 "ratio_per_cpu_s": None}]  # fmt: skip

    groups = [
        {"title": title, "series": [{"name": "KAN of sines", "points": points(ratio)}]}
        for title, ratio in (("Convolutions", 0.1), ("Layers", 0.5))
    ]
    rows = paper_ratios(groups)["paper"]
    assert [(row["group"], row["x"]) for row in rows] == [(t, x) for t in PAPER for x in BATCHES]
    first, second = rows[0], rows[1]
    assert first["thesis"] == pytest.approx(13917.09 / 1626.53)
    assert first["sine"] == pytest.approx(10)
    assert first["sine per CPU-s"] == pytest.approx(20)
    assert (first["spline"], second["sine"], second["sine per CPU-s"]) == (None, None, None)
    assert rows[4]["thesis"] == pytest.approx(9387.37 / 2081.21)
