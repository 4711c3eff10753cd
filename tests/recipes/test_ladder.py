"""The script that trains all basecallers of the ladder."""

import runpy
from pathlib import Path

import numpy as np
import pytest

from lexome.io.chunks import LabelledChunk, read_store, write_store

SCRIPT = Path(__file__).parents[2] / "recipes" / "faster_basecalling" / "ladder.py"


@pytest.fixture(scope="module")
def ladder() -> dict:
    return runpy.run_path(str(SCRIPT))


@pytest.fixture
def store(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    chunks = [
        LabelledChunk(
            rng.normal(size=1500).clip(-3.9, 3.9).astype(np.float32),
            rng.integers(1, 5, 150 + n % 9).astype(np.uint8),
            f"read{n}", "g", n, n + 150, int(n % 8 == 0),
        )
        for n in range(400)
    ]  # fmt: skip
    write_store(tmp_path / "store", chunks, {"note": "toy"})
    return tmp_path / "store"


def test_a_pack_holds_what_fits(ladder: dict, store: Path, tmp_path: Path) -> None:
    ladder["pack"]([store, store], tmp_path / "pack", 0.6, 0)
    assert sum(path.stat().st_size for path in (tmp_path / "pack").iterdir()) < 0.61e6
    whole = read_store(store)
    place = {source["read"]: row for row, source in enumerate(whole.source_N)}
    for path in ladder["unpack"](tmp_path / "pack", tmp_path / "runs"):
        part = read_store(path)
        assert part.meta["note"] == "toy"
        assert len(part.indices("validation")) == 50
        assert 0 < len(part.indices("training")) < 350
        rows = [place[source["read"]] for source in part.source_N]
        near = np.abs(part.signal_NS.astype(np.float32) - whole.signal_NS[rows].astype(np.float32))
        assert 0 < near.max() < 0.51 / ladder["STEPS_PER_UNIT"] + 1e-3
        assert np.array_equal(part.split_N, whole.split_N[rows])
        assert np.array_equal(part.source_N, whole.source_N[rows])
        assert np.array_equal(part.lengths_N, whole.lengths_N[rows])
        for row, (target, length) in enumerate(zip(part.targets_NL, part.lengths_N, strict=True)):
            assert np.array_equal(target[:length], whole.targets_NL[rows[row], :length])


@pytest.mark.slow
def test_all_models_are_trained_once(ladder: dict, store: Path, tmp_path: Path) -> None:
    ladder["pack"]([store], tmp_path / "pack", 60.0, 0)
    settings = ["task.validation_chunks=2", "loop.device=cpu", "signal.chunk_size=1500"]
    ladder["train"](tmp_path / "pack", tmp_path / "runs", 0.2, settings)
    models = [tmp_path / "runs" / name / "model" / "model.safetensors" for name in ("fast", "turbo", "hac")]
    times = [model.stat().st_mtime_ns for model in models]
    ladder["train"](tmp_path / "pack", tmp_path / "runs", 0.2, settings)
    assert [model.stat().st_mtime_ns for model in models] == times
