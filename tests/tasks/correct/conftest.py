"""Simulated ZMWs in files, a network with random weights, and one that copies the CCS read."""

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lexome.checkpoint.store import Checkpoint, Component
from lexome.core.zmw import ZmwReads
from lexome.features.pileup import PileupConfig
from lexome.io.subreads import read_zmws
from lexome.simulate.genome import random_genome
from lexome.simulate.hifi import SubreadConfig
from lexome.tasks.correct.model import Corrector
from lexome.tasks.correct.simulate import simulate_to_folder

NETWORK: dict[str, Any] = {"pileup": {"passes": 6}, "size": 16, "feed_forwards": [16]}


@dataclasses.dataclass
class CopyingEngine:
    """Gives the scores of a network that copies the CCS read, one window after the other."""

    config: PileupConfig
    surety: float = 30.0

    @property
    def num_rows(self) -> int:
        return self.config.num_rows + 4

    def run(self, items, post: Callable) -> Iterator:
        for key, rows_RL in items:
            symbols_L = rows_RL[4 * self.config.max_passes].astype(int)
            yield key, post(self.surety * np.eye(5, dtype=np.float32)[symbols_L])


@pytest.fixture
def copying() -> Corrector:
    """A corrector that changes nothing; all windows go through it."""
    config = PileupConfig()
    return Corrector("copy", CopyingEngine(config), config, skip_above=0)


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with five ZMWs of about 600 bases."""
    folder = tmp_path_factory.mktemp("correct")
    (folder / "r.fa").write_text(f">one\n{random_genome(9000, 1)}\n")
    config = SubreadConfig(600.0, 100.0, 300, 4, 6)
    simulate_to_folder(folder / "set", config, 5, 3, reference=folder / "r.fa")
    return folder / "set"


@pytest.fixture(scope="session")
def zmws(simulated: Path) -> list[ZmwReads]:
    """The ZMWs of these files."""
    return list(read_zmws(simulated / "subreads_to_ccs.bam", simulated / "ccs.bam", print))


@pytest.fixture(scope="session")
def random_corrector_model() -> Checkpoint:
    """A small network with random weights."""
    import torch

    from lexome.checkpoint.build import weights_of
    from lexome.models.registry import new_network

    torch.manual_seed(5)
    network = new_network({"name": "deepconsensus", "config": NETWORK}, {"name": "consensus", "config": {}})
    for name, parameter in network.named_parameters():
        if name.endswith("gate"):
            torch.nn.init.constant_(parameter, 0.5)
    return Checkpoint(
        "correct", Component("deepconsensus", NETWORK), Component("consensus", {}), {}, None,
        {"name": "random"}, weights_of(network),
    )  # fmt: skip
