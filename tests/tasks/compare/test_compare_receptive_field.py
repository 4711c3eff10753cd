"""From reads to the figures of a network's receptive field."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from lexome.checkpoint.build import weights_of
from lexome.checkpoint.store import Checkpoint, Component, save
from lexome.core.errors import UsageError
from lexome.models.registry import new_network
from lexome.tasks.compare.receptive_field import FieldConfig, receptive_field
from lexome.tasks.compare.signal_network import ReadSignal, SignalNetwork, open_signal_network

# behind two convolutions of 7 and 5 samples: 5 to each side
BLOCKS = [{"size": 4, "kernel": kernel, "separable": False} for kernel in (7, 5)]
CONFIG = FieldConfig(reach_samples=40, steps=4, reads=2, batch_size=3)


@pytest.fixture
def model(tmp_path: Path) -> SignalNetwork:
    torch.manual_seed(5)  # not that of an untrained network
    config = {"blocks": BLOCKS, "dropout": 0.0}
    network = new_network({"name": "quartznet", "config": config}, {"name": "ctc", "config": {}})
    parts = Component("quartznet", config), Component("ctc", {})
    save(
        tmp_path / "m", Checkpoint("basecall", *parts, {}, None, {"name": "m"}, weights_of(network)), "Test."
    )
    return open_signal_network(str(tmp_path / "m"))


def reads(*lengths: int) -> Iterator[ReadSignal]:
    rng = np.random.default_rng(0)
    for number, length in enumerate(lengths):
        yield ReadSignal(f"r{number}", rng.standard_normal(length, dtype=np.float32), 10)


def test_figures(model: SignalNetwork) -> None:
    told: list[int] = []
    found = receptive_field(model, reads(50, 300, 90, 400, 500), CONFIG, on_windows=told.append)
    assert (found.reads, found.too_short, found.window_samples) == (2, 1, 80)
    assert told == [3, 5]  # 4 windows of the first long read, of the other one all that there is: one
    names = [layer.name for layer in found.layers]
    assert names == ["signal", "encoder.blocks.0", "encoder.blocks.1", "scorer"]
    for layer, reach in zip(found.layers, (5, 5, 2, 0), strict=True):
        assert layer.of_scores is not None
        assert layer.untrained is not None
        assert (layer.of_scores.reached.first, layer.of_scores.reached.last) == (-reach, reach)
        assert layer.of_scores.reached == layer.untrained.reached
    assert [layer.of_itself and layer.of_itself.reached.last for layer in found.layers] == [None, 3, 2, 0]
    figures = json.loads(json.dumps(found.to_json()))
    signal = figures["layers"][0]
    assert (signal["first_offset"], len(signal["profile"]), max(signal["profile"])) == (-40, 80, 1.0)
    assert signal["own"] is None
    assert signal["scores"]["spans"][2]["width_interval"] is not None
    again = receptive_field(model, reads(50, 300, 90, 400, 500), CONFIG)
    assert again.to_json() == found.to_json()


def test_the_other_network_is_untrained(model: SignalNetwork) -> None:
    found = receptive_field(model, reads(400), CONFIG)
    trained, untrained = found.layers[0].profiles[0], found.layers[0].profiles[2]
    assert trained is not None
    assert untrained is not None
    assert np.abs(trained - untrained).max() > 0.01


def test_no_read_is_long_enough(model: SignalNetwork) -> None:
    with pytest.raises(UsageError, match=r"no read has 80 samples behind its start \(1 are shorter\)"):
        receptive_field(model, reads(60), CONFIG)


def test_modules_that_do_not_exist(model: SignalNetwork) -> None:
    with pytest.raises(UsageError, match="no module 'encoder.lstms"):
        receptive_field(model, reads(400), CONFIG, taps=["encoder.lstms.0"])
