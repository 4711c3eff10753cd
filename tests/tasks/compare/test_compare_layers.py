"""Which modules of a network are its layers, and their output by position."""

from typing import Any

import numpy as np
import pytest
import torch

from lexome.core.errors import UsageError
from lexome.models.registry import new_network
from lexome.nn.network import Network
from lexome.tasks.compare.layers import chosen_layers, layers_of, positions_of

CRF = {"name": "crf", "config": {"state_len": 1}}
CONVS = [{"size": 4, "kernel": 5}, {"size": 8, "kernel": 5, "stride": 5}]
LSTMS = [{"size": 6, "reverse": True}]


def bonito(**changes: Any) -> Network:
    config = {"convs": CONVS, "lstms": LSTMS, **changes}
    return new_network({"name": "bonito", "config": config}, CRF)


def transformer(upsample: int) -> Network:
    config = {
        "convs": CONVS[1:], "attention": {"num_heads": 2, "window": [3, 4]}, "feed_forwards": [8, 8],
        "upsample": upsample,
    }  # fmt: skip
    return new_network({"name": "transformer", "config": config}, CRF)


def deepconsensus() -> Network:
    config = {"pileup": {"passes": 2}, "size": 8, "feed_forwards": [8, 8]}
    return new_network({"name": "deepconsensus", "config": config}, {"name": "consensus", "config": {}})


@pytest.mark.parametrize(
    ("network", "layers"),
    [
        (bonito(), "convs.0 convs.1 lstms.0"),
        (bonito(linears=[{"size": 5}]), "convs.0 convs.1 lstms.0 linears.0"),
        (transformer(1), "convs.0 layers.0 layers.1"),
        (transformer(5), "convs.0 layers.0 layers.1 upsample"),
        (deepconsensus(), "embedding layers.0 layers.1 norm"),
    ],
)
def test_the_layers_of_every_architecture(network: Network, layers: str) -> None:
    assert layers_of(network) == (*(f"encoder.{name}" for name in layers.split()), "scorer")
    assert chosen_layers(network, (), "m") == layers_of(network)


def test_patterns_stand_for_one_part_of_a_name() -> None:
    network = deepconsensus()
    assert chosen_layers(network, ["encoder.layers.*.attention", "scorer"], "m") == (
        "encoder.layers.0.attention", "encoder.layers.1.attention", "scorer",
    )  # fmt: skip
    assert chosen_layers(network, ["encoder.layers.1", "encoder.layers.?"], "m") == (
        "encoder.layers.1", "encoder.layers.0",
    )  # fmt: skip
    with pytest.raises(UsageError, match=r"model m has no module 'encoder.layer.0'; did you mean"):
        chosen_layers(network, ["encoder.layer.0"], "m")


def test_a_row_for_every_position() -> None:
    network, output = bonito(), torch.arange(24.0).reshape(2, 3, 4)
    found = positions_of(network, "encoder.lstms.0", output, None)
    assert found.dtype == np.float64
    assert found.tolist() == output.reshape(6, 4).tolist()
    of_conv = positions_of(network, "encoder.convs.0", output, None)  # 3 channels, 4 samples
    assert of_conv[:4].tolist() == output[0].T.tolist()
    assert positions_of(network, "encoder.convs.0.conv", output, None).tolist() == of_conv.tolist()
    columns_NT = np.array([[True, True, False], [False, True, False]])
    assert positions_of(network, "scorer", output, columns_NT).tolist() == output[columns_NT].tolist()
    assert len(positions_of(network, "scorer", output, columns_NT[:, :2])) == 6


def test_what_has_no_positions() -> None:
    network = bonito()
    for output in ((torch.zeros(2, 3, 4), None), torch.zeros(2, 3)):
        with pytest.raises(UsageError, match="encoder.lstms.0.rnn gives no features"):
            positions_of(network, "encoder.lstms.0.rnn", output, None)
