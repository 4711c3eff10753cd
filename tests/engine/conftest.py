"""A small random network as a checkpoint, and a cache of its own for every test."""

from pathlib import Path
from typing import Any

import pytest

from lexome.checkpoint.store import Checkpoint, Component

ARCHITECTURE: dict[str, Any] = {
    "convs": [
        {"size": 4, "kernel": 5, "batch_norm": True},
        {"size": 24, "kernel": 9, "stride": 3, "activation": "tanh"},
    ],
    "lstms": [{"size": 24, "reverse": True}, {"size": 24, "reverse": False}],
}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test touches the cache of whoever runs it."""
    monkeypatch.setenv("LEXOME_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="session")
def checkpoint() -> Checkpoint:
    """Random weights, batch normalisation with statistics of its own, a fixed stay score that is clamped."""
    import torch

    from lexome.checkpoint.build import weights_of
    from lexome.models.registry import new_network
    from lexome.nn.initialise import scale_to_data

    torch.manual_seed(0)
    head = {"state_len": 2, "blank_score": 2.0, "clamp": [-1.5, 1.5]}
    network = new_network({"name": "bonito", "config": ARCHITECTURE}, {"name": "crf", "config": head})
    signal = torch.randn(8, 1, 600)
    for _ in range(3):
        network(signal)
    scale_to_data(network, signal)
    return Checkpoint(
        task="basecall",
        architecture=Component("bonito", ARCHITECTURE),
        head=Component("crf", head),
        features={},
        provenance={"name": "small"},
        weights=weights_of(network),
    )
