"""What is refused before anything is made, in words, and what is opened."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from lexome.checkpoint.store import load, save
from lexome.core.config import to_dict
from lexome.core.errors import BadInputError, LexomeError, UsageError
from lexome.io.chunks import LabelledChunk, write_store
from lexome.tasks.bench.frontier import unwatched
from lexome.tasks.shrink.auto_choice import Bounds
from lexome.tasks.shrink.auto_plan import (
    AutoRequest,
    calibration,
    checked,
    open_bench,
    settings_of,
    training_words,
)
from lexome.tasks.shrink.auto_reads import signal_chunks

Make = Callable[..., AutoRequest]


@pytest.fixture
def request_of(own_reads: tuple[Path, Path], small_model: Path, tmp_path: Path) -> Make:
    reads, reference = own_reads
    return lambda **options: replace(
        AutoRequest(str(small_model), tmp_path / "out", (reads,), reference), **options
    )


def store(path: Path, splits: tuple[int, ...], meta: dict) -> Path:
    target, signal = np.ones(5, np.uint8), np.zeros(200, np.float32)
    chunks = [LabelledChunk(signal, target, f"r{n}", "g", 0, 5, split) for n, split in enumerate(splits)]
    write_store(path, chunks, {"task": "basecall", **meta})
    return path


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"bounds": Bounds(float("nan"))}, "a target of nan times"),
        ({"bounds": Bounds(float("inf"))}, "a target of inf times"),
        ({"bounds": Bounds(0.5)}, "a target of 0.5 times"),
        ({"bounds": Bounds(2.0, -0.1)}, "such as 0.005"),
        ({"bounds": Bounds(2.0, 1.0)}, "such as 0.005"),
        ({"steps": 3}, "add --store"),
        ({"minutes": 3.0}, "add --store"),
        ({"model": "dna_bpe"}, "not for basecalling"),
    ],
)
def test_refused(request_of: Make, options: dict, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        checked(request_of(**options))


def test_a_folder_that_holds_something(request_of: Make, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    checked(request_of())
    (tmp_path / "out" / "mine").write_text("kept")
    with pytest.raises(UsageError, match="holds something already"):
        checked(request_of())
    checked(request_of(resume=True))


def test_a_store_of_another_chemistry_or_without_chunks(
    request_of: Make, small_model: Path, tmp_path: Path
) -> None:
    base = load(small_model)
    r9 = replace(base, features={**base.features, "chemistry": "r9.4.1"})
    save(tmp_path / "r9", r9, "random")
    other = store(tmp_path / "r10", (0, 1), {"chemistry": "r10.4.1_e8.2_400bps"})
    with pytest.raises(UsageError, match=r"another chemistry \(r10.4.1_e8.2_400bps\)"):
        checked(request_of(model=str(tmp_path / "r9"), stores=(other,)))

    only_training = store(tmp_path / "training", (0, 0), {})
    checked(request_of(stores=(only_training,)))
    with pytest.raises(LexomeError, match="validation"):
        checked(request_of(stores=(only_training,), steps=3))
    with pytest.raises(LexomeError, match="training"):
        checked(request_of(stores=(store(tmp_path / "validation", (1, 1), {}),)))
    with pytest.raises(LexomeError, match="nowhere"):
        checked(request_of(stores=(tmp_path / "nowhere",)))


def test_reads_of_another_chemistry(request_of: Make, raw_read: Callable, tmp_path: Path) -> None:
    bench_of = lambda request: open_bench(request, checked(request), [].append, unwatched)  # noqa: E731
    bench = bench_of(request_of())
    assert len(bench.halves.choosing) == 6
    base = load(request_of().model)
    save(tmp_path / "fast", replace(base, features={**base.features, "sample_rate_hz": 5000}), "random")
    with pytest.raises(UsageError, match="are reads of"):
        bench_of(request_of(model=str(tmp_path / "fast")))
    (tmp_path / "no.fa").write_text("nothing\n")
    with pytest.raises(BadInputError):
        bench_of(request_of(reference=tmp_path / "no.fa"))
    with pytest.raises(UsageError, match="no such file"):
        bench_of(request_of(reads=(tmp_path / "none.pod5",)))


def test_settings_and_calibration(request_of: Make) -> None:
    request = request_of(stores=(), seed=0)
    base = checked(request)
    bench = open_bench(request, base, [].append, unwatched)
    batches = list(calibration(bench))
    assert {batch.shape[:2] for batch in batches} == {torch.Size([1, 1])}
    multiple = bench.model.engine.chunk_multiple
    wanted = signal_chunks(bench.source, bench.halves.choosing, bench.model.signal, multiple)
    for batch, chunk in zip(batches, wanted, strict=True):  # nothing of the reads kept for the report
        assert np.array_equal(batch[0, 0], chunk)
    assert settings_of(bench, base) == settings_of(bench, base)
    other = replace(bench, request=request_of(bounds=Bounds(3.0, 0.1), only=("int8",)))
    assert settings_of(other, base) == settings_of(bench, base)
    changed = replace(bench, halves=replace(bench.halves, choosing=bench.halves.reporting))
    assert settings_of(changed, base) != settings_of(bench, base)
    assert to_dict(bench.request.bounds) == {"target_speedup": 2.0, "max_identity_loss": 0.005}


def test_how_candidates_are_made_in_words(request_of: Make, tmp_path: Path) -> None:
    assert "without training" in training_words(request_of())
    assert "signal of the reads that choose" in training_words(request_of())
    assert "signal of the reads" not in training_words(request_of(stores=(tmp_path,)))
    assert "5 steps each" in training_words(request_of(stores=(tmp_path,), steps=5))
    assert "0.5 minutes each" in training_words(request_of(stores=(tmp_path,), minutes=0.5))
