"""Qualities fitted to the errors that a model makes."""

from pathlib import Path

import numpy as np
import pytest

from lexome.checkpoint.store import load
from lexome.core.errors import LexomeError
from lexome.decode.heads import find_head
from lexome.decode.quality import QualityScale, quality_scale
from lexome.io.chunks import LabelledChunk, write_store
from lexome.tasks.basecall import calibrate as module
from lexome.tasks.basecall.calibrate import calibrate, fit_quality

SURE = 12  # the raw quality from which a base counts as sure


@pytest.fixture(scope="module")
def store(small_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model's own calls as labels, but for every second unsure base and every tenth sure one."""
    from lexome.tasks.basecall.model import open_model

    model = open_model(small_model, device="cpu")
    generator = np.random.default_rng(2)
    chunks = []
    signals = [generator.normal(size=1000).astype(np.float16) for _ in range(60)]
    called = model.engine.run(((i, s.astype(np.float32)) for i, s in enumerate(signals)), model.decoder)
    for index, decoded in called:
        target = decoded.bases + 1
        for changed in (
            np.flatnonzero(decoded.qualities < SURE)[::2],
            np.flatnonzero(decoded.qualities >= SURE)[::10],
        ):
            target[changed] = target[changed] % 4 + 1
        chunks.append(LabelledChunk(signals[index], target, f"r{index}", "g", 0, 1, 1))
    path = tmp_path_factory.mktemp("calibration") / "store"
    write_store(path, chunks, {})
    return path


def test_errors_become_qualities(small_model: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MIN_BASES", 100)
    calibrated, fit = calibrate(load(small_model), [store])
    raw, bases, empirical = (np.array(column) for column in zip(*fit.rows, strict=True))
    for sure, q in ((raw < SURE, 3.0), (raw >= SURE, 10.0)):
        assert sure.any()
        assert np.average(empirical[sure], weights=bases[sure]) == pytest.approx(q, abs=1.0)
    assert fit.quality.scale > 0
    assert quality_scale(calibrated.head.config) == fit.quality
    decoder = find_head("crf").decoder(calibrated.head.config)
    assert decoder.quality == fit.quality  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "true", [QualityScale(0.8, 1.5), QualityScale(0.9, -0.5, 17.0), QualityScale(1.1, 1.0, 22.5)]
)
def test_lines_and_ceilings_are_found(true: QualityScale) -> None:
    raw = np.arange(3.0, 45.0)
    bases = 1000.0 + 100 * raw
    fitted = fit_quality(raw, true.line(raw), bases)
    assert np.abs(fitted.line(raw) - true.line(raw)).max() < 0.15
    assert (fitted.ceiling is None) == (true.ceiling is None)


def test_calibrating_twice_changes_nothing(small_model: Path, store: Path, monkeypatch) -> None:
    monkeypatch.setattr(module, "MIN_BASES", 100)
    once, first = calibrate(load(small_model), [store])
    _, second = calibrate(once, [store])
    assert first == second


def test_too_few_bases_are_refused(small_model: Path, tiny_store: Path, tmp_path: Path) -> None:
    with pytest.raises(LexomeError, match="too few validation chunks"):
        calibrate(load(small_model), [tiny_store])
