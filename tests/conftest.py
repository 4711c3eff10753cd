"""What all tests share."""

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from uuid import UUID

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
SHARED = REPOSITORY.parent / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data beside the repository; the test skips visibly without it."""
    if not SHARED.is_dir():
        pytest.skip("needs the real data in ../shared, which is not here")
    return SHARED


@pytest.fixture(scope="session")
def load_file() -> Callable[[Path], ModuleType]:
    """Loads a Python file that is no test and lies in no package."""

    def load(path: Path) -> ModuleType:
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture(scope="session", autouse=True)
def graph_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache of exported networks for this run of the tests, also for the processes that they start."""
    folder = tmp_path_factory.mktemp("graphs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEXOME_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="session")
def small_model(tmp_path_factory: pytest.TempPathFactory, graph_cache: Path) -> Path:
    """A model that calls at once: random weights that listen to the signal, chunks of 1000 samples, stride 5.

    Its graph is in the cache already, so calling with it needs no torch.
    """
    import torch

    from lexome.checkpoint.build import weights_of
    from lexome.checkpoint.store import Checkpoint, Component, save
    from lexome.engine.onnx import OnnxEngine
    from lexome.models.registry import new_network
    from lexome.nn.initialise import scale_to_data

    architecture = {
        "convs": [{"size": 8, "kernel": 5}, {"size": 24, "kernel": 9, "stride": 5}],
        "lstms": [{"size": 24, "reverse": True}, {"size": 24, "reverse": False}],
    }
    head = {"state_len": 2, "blank_score": 3.0}
    torch.manual_seed(11)
    network = new_network({"name": "bonito", "config": architecture}, {"name": "crf", "config": head})
    scale_to_data(network, torch.randn(8, 1, 1000))
    network.scorer.linear.weight.data *= 3  # surer scores, more kinds of bases
    features = {"scaling": {"method": "med_mad"}, "sample_rate_hz": 4000, "chunk_size": 1000, "overlap": 100}
    checkpoint = Checkpoint(
        "basecall", Component("bonito", architecture), Component("crf", head), features, None,
        {"name": "small"}, weights_of(network),
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("models") / "small"
    save(folder, checkpoint, "A random network for tests.")
    OnnxEngine(checkpoint)
    return folder


@pytest.fixture(scope="session")
def raw_read() -> Callable:
    """Makes a raw read with a signal that jumps between levels every ten samples or so."""
    import numpy as np

    from lexome.core.records import RawRead, ReadInfo, RunInfo

    def make(number: int, samples: int = 2000, run_id: str = "run", **changes) -> RawRead:
        rng = np.random.default_rng(number)
        run = RunInfo(run_id, "FAX1", 4000, "MN1", "2024-01-02T03:04:05.000000+00:00")
        levels = rng.normal(500, 80, samples // 10 + 1).repeat(rng.integers(6, 15, samples // 10 + 1))
        signal = np.resize(levels, samples) + rng.normal(0, 10, samples)
        info = ReadInfo(str(UUID(int=number)), samples, 1 + number, 1, number, 0, "signal_positive", run, "x")
        values = {"raw": signal.astype(np.int16), "scale": 0.18, "offset": 4.0} | changes
        return RawRead(info, **values)

    return make


@pytest.fixture(scope="session")
def mixed_reads(raw_read: Callable) -> list:
    """Reads of all sizes around those of `small_model` (stride 5, chunk 1000), four that cannot be called.

    Those are the numbers 102 (constant), 105 (one sample), 108 (calibration not a number), 111 (a
    calibration that overflows).
    """
    import numpy as np

    sizes = [2500, 3, 800, 7013, 1000, 1, 1001, 999, 600, 12, 6400, 300, 2, 40, 1905, 5, 1010, 3333]
    reads = []
    for number, samples in enumerate(sizes, 100):
        changes = {
            102: {"raw": np.full(samples, 77, np.int16)},
            108: {"scale": float("nan")},
            111: {"scale": 3e38},
        }.get(number, {})
        reads.append(raw_read(number, samples, **changes))
    return reads


@pytest.fixture(scope="session")
def mixed_pod5(tmp_path_factory: pytest.TempPathFactory, mixed_reads: list) -> Path:
    """The mixed reads in a file."""
    from lexome.io.pod5 import write_pod5

    path = tmp_path_factory.mktemp("signal") / "mixed.pod5"
    write_pod5(path, mixed_reads)
    return path


@pytest.fixture(scope="session")
def random_language_model(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Makes the folder of a language model with random weights that differ much, so that mistakes show.

    It is called with a tokenizer (or the name of one) and, for a model that predicts, its target.
    """
    import json

    import torch

    from lexome.checkpoint.build import weights_of
    from lexome.checkpoint.store import Checkpoint, Component, save
    from lexome.core.config import to_dict
    from lexome.features.tokens import load_tokenizer
    from lexome.features.tokens_json_text import tokenizer_as_json
    from lexome.models.registry import new_language_network

    def make(tokenizer="nucleotide", target=None, *, pooling: str = "mean", layers: int = 2) -> Path:
        opened = load_tokenizer(tokenizer) if isinstance(tokenizer, str) else tokenizer
        architecture = {
            "vocab_size": opened.vocab_size, "size": 16, "num_layers": layers, "num_heads": 4, "hidden": 24,
            "pad_id": opened.special_ids["pad"], "initial_std": 0.3,
        }  # fmt: skip
        head = "masked_lm" if target is None else "sequence"
        config: dict[str, object] = {"vocab_size": opened.vocab_size}
        features: dict[str, object] = {"tokenizer_json": json.dumps(tokenizer_as_json(opened))}
        if target is not None:
            config = {"num_outputs": target.num_outputs, "pooling": pooling}
            features["target"] = to_dict(target)
        torch.manual_seed(5)
        network = new_language_network(
            {"name": "dnabert2", "config": architecture}, {"name": head, "config": config}
        )
        for parameter in network.scorer.parameters():
            torch.nn.init.normal_(parameter, std=0.5)
        folder = tmp_path_factory.mktemp("language") / "random"
        checkpoint = Checkpoint(
            "language", Component("dnabert2", architecture), Component(head, config), features, None,
            {"name": "random"}, weights_of(network),
        )  # fmt: skip
        save(folder, checkpoint, "A random language model for tests.")
        return folder

    return make


@pytest.fixture(scope="session")
def tiny_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty chunks of 200 samples; each base is a level of its own that lasts ten samples."""
    import numpy as np

    from lexome.io.chunks import LabelledChunk, write_store

    rng = np.random.default_rng(0)
    chunks = []
    for number in range(20):
        target = rng.integers(1, 5, 20).astype(np.uint8)
        signal = (target.astype(np.float32) - 2.5).repeat(10) + rng.normal(0, 0.1, 200)
        chunks.append(
            LabelledChunk(signal.astype(np.float32), target, f"read-{number}", "g", 0, 20, int(number >= 16))
        )
    folder = tmp_path_factory.mktemp("stores") / "tiny"
    write_store(folder, chunks, {"task": "basecall"})
    return folder
