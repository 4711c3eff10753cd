"""Implementations of one network: the same weights, the same scores."""

import numpy as np
import pytest

from lexome.nn.recurrent import RecurrentLayer
from lexome.tasks.bench.implementations import (
    FUSED,
    ONNX,
    TORCH_KINDS,
    Shape,
    implementations_subject,
    network_macs,
    onnx_engine,
    same_network,
    torch_engine,
)
from lexome.tasks.bench.layer_speed import SpeedRequest, measure_subject
from lexome.tasks.bench.speed import signal_maker
from lexome.tasks.bench.timing import Clock, TimingConfig

SMALL = Shape(8, layers=2)
SAMPLES = 200


@pytest.fixture(scope="module")
def engines() -> dict:
    request = SpeedRequest()
    found = {name: torch_engine(SMALL, kind, request) for name, kind in TORCH_KINDS.items()}
    return {**found, ONNX: onnx_engine(SMALL, request)}


def test_all_give_the_same_scores(engines: dict) -> None:
    signal = signal_maker(SAMPLES)(3)[:, None]
    expected = engines[FUSED].scores(signal)
    assert expected.std() > 0.01
    for engine in engines.values():
        np.testing.assert_allclose(engine.scores(signal), expected, atol=1e-4)


def test_their_lstms_are_of_different_kinds() -> None:
    kinds = []
    for architecture in TORCH_KINDS.values():
        layers = same_network(SMALL, architecture).modules()
        kinds.append(next(one.config.kind for one in layers if isinstance(one, RecurrentLayer)))
    assert kinds == ["lstm", "lstm_steps", "lstm_scripted"]


def test_subject() -> None:
    ticks = iter(range(10**6))
    subject = implementations_subject(SpeedRequest(max_batch=2), (8,), SAMPLES, layers=2)
    timing = TimingConfig(min_repeats=1, min_s=0.0, max_s=1e9)
    (group,) = measure_subject(subject, timing, Clock(lambda: float(next(ticks)), None))["groups"]
    assert [one["name"] for one in group["series"]] == [*TORCH_KINDS, ONNX]
    for one in group["series"]:
        assert [p["samples"] for p in one["points"]] == [SAMPLES, 2 * SAMPLES]
        assert one["points"][1]["macs"] == 2 * network_macs(SMALL, SAMPLES)
    on_gpu = implementations_subject(SpeedRequest("cuda:0", max_batch=2), (8,), SAMPLES)
    assert [one.name for one in on_gpu.groups[0].series] == list(TORCH_KINDS)
