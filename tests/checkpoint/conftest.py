"""Small random networks as checkpoints."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from lexome.checkpoint.store import Checkpoint, Component

ARCHITECTURE: dict[str, Any] = {
    "convs": [
        {"size": 4, "kernel": 5, "batch_norm": True},
        {"size": 6, "kernel": 9, "stride": 3, "activation": "tanh", "clamp": [-0.5, 3.5]},
    ],
    "lstms": [{"size": 6, "reverse": True}, {"size": 5, "reverse": False, "bias": False}],
    "linears": [{"size": 3}],
}


@pytest.fixture
def checkpoint() -> Checkpoint:
    """A network with every kind of layer, random weights and a full description."""
    import torch

    from lexome.checkpoint.build import weights_of
    from lexome.models.registry import new_network

    torch.manual_seed(0)
    head = {"state_len": 2, "qscore_scale": 1.05, "qscore_bias": 0.2}
    network = new_network({"name": "bonito", "config": ARCHITECTURE}, {"name": "crf", "config": head})
    return Checkpoint(
        task="basecall",
        architecture=Component("bonito", ARCHITECTURE),
        head=Component("crf", head),
        features={"scaling": {"method": "med_mad"}, "chunk_size": 300, "overlap": 30, "sample_rate_hz": None},
        provenance={"name": "small", "note": "µ"},
        weights=weights_of(network),
    )


@pytest.fixture
def dorado_model() -> Checkpoint:
    """A network that dorado has, with statistics of its own in the batch normalisations."""
    import torch

    from lexome.checkpoint.build import weights_of
    from lexome.models.registry import new_network
    from lexome.nn.initialise import scale_to_data

    architecture = {
        "convs": [
            {"size": 16, "kernel": 5, "batch_norm": True},
            {"size": 16, "kernel": 5, "bias": False},
            {"size": 24, "kernel": 19, "stride": 5, "activation": "tanh", "batch_norm": True},
        ],
        "lstms": [{"size": 24, "reverse": i % 2 == 0, "bias": i != 1} for i in range(5)],
    }
    head = {"state_len": 3, "bias": False, "activation": "none", "scale": 1.0, "clamp": [-5.0, 5.0]}
    torch.manual_seed(3)
    network = new_network({"name": "bonito", "config": architecture}, {"name": "crf", "config": head})
    signal = torch.randn(8, 1, 600)
    scale_to_data(network, signal)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if "bias" in name:
                parameter.normal_(0, 0.3)
    for _ in range(3):
        network(signal)
    features = {"scaling": {"method": "pa", "mean": 91.9, "stdev": 22.7}, "chunk_size": 300, "overlap": 30}
    return Checkpoint(
        "basecall",
        Component("bonito", architecture),
        Component("crf", head),
        {**features, "sample_rate_hz": 5000},
        provenance={"name": "for_dorado"},
        weights=weights_of(network),
    )


@pytest.fixture(scope="session")
def styles() -> dict[str, tuple[str, dict[str, Any], dict[str, Any]]]:
    """The shapes of networks that dorado has: architecture, its configuration, and that of the head."""

    def lstms(first: int, size: int) -> dict[str, Any]:
        convs = [
            {"size": first, "kernel": 5},
            {"size": 16, "kernel": 5},
            {"size": size, "kernel": 19, "stride": 6},
        ]
        return {"convs": convs, "lstms": [{"size": size, "reverse": i % 2 == 0} for i in range(5)]}

    bare = {"state_len": 3, "activation": "none", "scale": 1.0, "bias": False}
    narrow = {**lstms(16, 132), "linears": [{"size": 6}]}
    for conv in narrow["convs"]:
        conv["clamp"] = [-0.5, 3.5]
    transformer = {
        "convs": [
            {"size": 8, "kernel": 5, "stride": 2, "batch_norm": True},
            {"size": 16, "kernel": 9, "stride": 3, "bias": False},
        ],
        "attention": {"num_heads": 2, "window": [7, 8]},
        "feed_forwards": [24, 24],
        "upsample": 2,
    }
    return {
        "plain": ("bonito", lstms(16, 8), bare),
        "flat": ("bonito", lstms(4, 8), {"state_len": 3}),
        "bottleneck": ("bonito", narrow, {**bare, "clamp": [-5.0, 5.0]}),
        "transformer": ("transformer", transformer, {**bare, "scale": 5.0}),
    }


@pytest.fixture(scope="session")
def random_model() -> Callable[..., Checkpoint]:
    """Makes a model of an architecture and a head, with random numbers for all weights."""
    import torch

    from lexome.models.registry import new_network

    def make(name: str, architecture: dict[str, Any], head: dict[str, Any]) -> Checkpoint:
        with torch.device("meta"):  # orthogonal starts would take longer than the tests
            network = new_network({"name": name, "config": architecture}, {"name": "crf", "config": head})
        rng = np.random.default_rng(0)
        weights = {
            key: np.array(3, np.int64)
            if tensor.dtype == torch.int64
            else rng.uniform(0.1, 0.5, tuple(tensor.shape)).astype(np.float32)
            for key, tensor in network.state_dict().items()
        }
        features = {"scaling": {"method": "med_mad"}, "sample_rate_hz": 4000}
        return Checkpoint(
            "basecall", Component(name, architecture), Component("crf", head), features, None,
            {"name": "random"}, weights,
        )  # fmt: skip

    return make
