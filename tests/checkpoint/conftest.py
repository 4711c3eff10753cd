"""A small random network as a checkpoint."""

from typing import Any

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
