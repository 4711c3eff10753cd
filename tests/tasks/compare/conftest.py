"""Small models with random weights in folders: read correctors and basecallers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from lexome.checkpoint.build import weights_of
from lexome.checkpoint.store import Checkpoint, Component, save
from lexome.models.registry import new_network
from lexome.nn.initialise import scale_to_data
from lexome.tasks.compare.models import ComparedModel, open_models

PASSES, WIDTH = 8, 60  # of the fixture window_stores
CORRECTOR: dict[str, Any] = {"pileup": {"passes": PASSES}, "size": 16, "band": 5, "feed_forwards": [16, 12]}
BONITO: dict[str, Any] = {
    "convs": [{"size": 4, "kernel": 5}, {"size": 6, "kernel": 5, "stride": 5}],
    "lstms": [{"size": 8, "reverse": True}, {"size": 8, "reverse": False}],
}
SIGNAL = {"sample_rate_hz": 4000, "chunk_size": 200, "overlap": 20}


def write_model(folder: Path, checkpoint: Checkpoint) -> str:
    save(folder, checkpoint, "Random weights, for tests.")
    return str(folder)


@pytest.fixture
def corrector(tmp_path: Path) -> Callable[..., str]:
    """Writes a read corrector with weights of a seed and open gates; gives its folder."""

    def write(seed: int, name: str = "small", width: int = WIDTH, **changes: Any) -> str:
        torch.manual_seed(seed)
        config = {**CORRECTOR, **changes}
        network = new_network(
            {"name": "deepconsensus", "config": config}, {"name": "consensus", "config": {}}
        )
        for key, parameter in network.named_parameters():
            if key.endswith("gate"):
                torch.nn.init.constant_(parameter, 0.5)
        checkpoint = Checkpoint(
            "correct", Component("deepconsensus", config), Component("consensus", {}), {"width": width}, None,
            {"name": name}, weights_of(network),
        )  # fmt: skip
        return write_model(tmp_path / f"corrector{seed}{name}", checkpoint)

    return write


@pytest.fixture
def basecaller(tmp_path: Path) -> Callable[..., str]:
    """Writes a basecaller with weights of a seed; gives its folder."""

    def write(seed: int, config: dict[str, Any] = BONITO, architecture: str = "bonito") -> str:
        torch.manual_seed(seed)
        head = {"state_len": 1}
        network = new_network({"name": architecture, "config": config}, {"name": "crf", "config": head})
        scale_to_data(network, torch.randn(4, 1, 200))
        checkpoint = Checkpoint(
            "basecall", Component(architecture, config), Component("crf", head), SIGNAL, None,
            {"name": f"{architecture}{seed}"}, weights_of(network),
        )  # fmt: skip
        return write_model(tmp_path / f"{architecture}{seed}", checkpoint)

    return write


@pytest.fixture
def two_correctors(
    corrector: Callable[..., str], window_stores: tuple[Path, Path]
) -> tuple[ComparedModel, ComparedModel]:
    """Two correctors, the second with a layer less, opened on all validation windows."""
    first, second = corrector(1, "teacher"), corrector(2, "student", feed_forwards=[16])
    opened = open_models([first, second], window_stores[1], 10_000)
    return opened[0], opened[1]
