"""Qualities fitted to the errors that a model makes."""

from pathlib import Path

import numpy as np
import pytest

from lexome.checkpoint.store import load
from lexome.core.errors import LexomeError
from lexome.io.chunks import LabelledChunk, write_store
from lexome.tasks.basecall import calibrate as module
from lexome.tasks.basecall.calibrate import calibrate


@pytest.fixture
def store(small_model: Path, tmp_path: Path) -> Path:
    """Chunks whose labels are what the model itself calls, every tenth base changed."""
    from lexome.tasks.basecall.model import open_model

    model = open_model(small_model, device="cpu")
    generator = np.random.default_rng(2)
    chunks = []
    signals = [generator.normal(size=1000).astype(np.float16) for _ in range(60)]
    called = model.engine.run(((i, s.astype(np.float32)) for i, s in enumerate(signals)), model.decoder)
    for index, decoded in called:
        target = decoded.bases + 1
        target[::10] = target[::10] % 4 + 1
        chunks.append(LabelledChunk(signals[index], target, f"r{index}", "g", 0, 1, 1))
    write_store(tmp_path / "store", chunks, {})
    return tmp_path / "store"


def test_a_tenth_wrong_is_q10(small_model: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MIN_BASES", 100)
    calibrated, fit = calibrate(load(small_model), [store])
    assert len(fit.rows) >= 3
    weights = np.array([bases for _, bases, _ in fit.rows])
    empirical = np.array([q for _, _, q in fit.rows])
    # every tenth base is wrong, whatever the model thinks of it: all qualities mean Q10
    assert np.average(empirical, weights=weights) == pytest.approx(10.0, abs=1.0)
    raw = np.array([q for q, _, _ in fit.rows])
    assert np.average(fit.scale * raw + fit.bias, weights=weights) == pytest.approx(10.0, abs=1.0)
    config = calibrated.head.config
    assert (config["qscore_scale"], config["qscore_bias"]) == (round(fit.scale, 4), round(fit.bias, 4))


def test_calibrating_twice_changes_nothing(small_model: Path, store: Path, monkeypatch) -> None:
    monkeypatch.setattr(module, "MIN_BASES", 100)
    once, first = calibrate(load(small_model), [store])
    _, second = calibrate(once, [store])
    assert first == second


def test_too_few_bases_are_refused(small_model: Path, tiny_store: Path, tmp_path: Path) -> None:
    with pytest.raises(LexomeError, match="too few validation chunks"):
        calibrate(load(small_model), [tiny_store])
