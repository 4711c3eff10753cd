"""What can be trained in a second: a recipe for a store of random chunks, stores of windows."""

from dataclasses import replace
from pathlib import Path

import pytest

RECIPE = """
task_kind = "basecall"
name = "tiny"

[architecture]
name = "bonito"
config = { convs = [{ size = 4, kernel = 5, stride = 5 }], lstms = [{ size = 4, reverse = true }] }

[head]
name = "crf"
config = { state_len = 1 }

[signal]
sample_rate_hz = 4000
chunk_size = 200
overlap = 20

[task]
stores = ["STORE"]

[task.optim]
warmup_steps = 2

[loop]
steps = 6
batch_size = 4
seed = 1
validate_every = 3
save_every = 2
log_every = 2
device = "cpu"
"""


@pytest.fixture
def tiny_recipe(tmp_path: Path, tiny_store: Path) -> Path:
    """A recipe that trains a network of a hundred weights for six steps."""
    path = tmp_path / "tiny.toml"
    path.write_text(RECIPE.replace("STORE", tiny_store.as_posix()))
    return path


@pytest.fixture(scope="session")
def window_stores(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two stores of windows, 60 columns, 8 passes: simulated ZMWs to train on, others to judge by."""
    from lexome.features.pileup import PileupConfig
    from lexome.simulate.hifi import SubreadConfig
    from lexome.tasks.correct.prepare import WindowRequest, prepare_windows
    from lexome.tasks.correct.simulate import BED, CCS, SPLIT, SUBREADS, TRUTH, simulate_to_folder

    folder = tmp_path_factory.mktemp("windows")
    for seed, (split, zmws) in enumerate({"training": 8, "validation": 3}.items(), 1):
        made = folder / f"{split}_zmws"
        simulate_to_folder(made, SubreadConfig(1000.0, 100.0, 500, 4, 6), zmws, seed, genome_bp=60_000)
        subreads, ccs, truth, bed, chromosomes = (made / name for name in (SUBREADS, CCS, TRUTH, BED, SPLIT))
        request = WindowRequest(subreads, ccs, truth, bed, chromosomes, folder / split)
        config = PileupConfig(max_passes=8, width=60)
        prepare_windows(replace(request, config=config, as_split=split))
    return folder / "training", folder / "validation"
