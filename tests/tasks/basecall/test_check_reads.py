"""Reads to try a model with."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lexome.checkpoint.store import load
from lexome.core.errors import UsageError
from lexome.features.signal import SignalConfig
from lexome.tasks.basecall import check_reads
from lexome.tasks.basecall.check_reads import first_reads, simulated_reads


def test_simulated_reads_are_always_the_same(small_model: Path) -> None:
    one, two = (simulated_reads(load(small_model), SignalConfig()) for _ in range(2))
    assert len(one.reads) == len(one.truths) == 6
    assert all(np.array_equal(a.raw, b.raw) for a, b in zip(one.reads, two.reads, strict=True))
    assert one.truths == two.truths
    assert one.num_samples == sum(len(read.raw) for read in one.reads)
    assert one.fits


def test_a_large_model_gets_few_reads(small_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_reads, "SMALL_MODEL", 100)
    trial = simulated_reads(load(small_model), SignalConfig())
    assert len(trial.reads) == 2
    assert trial.num_samples < 30_000


@pytest.mark.parametrize(
    ("signal", "fits"),
    [
        (SignalConfig(chemistry="r9.4.1", sample_rate_hz=4000), True),
        (SignalConfig(chemistry="r10.4.1_e8.2_400bps", sample_rate_hz=4000), False),
        (SignalConfig(sample_rate_hz=5000), False),
    ],
)
def test_it_is_known_whom_simulated_reads_suit(small_model: Path, signal: SignalConfig, fits: bool) -> None:
    assert simulated_reads(load(small_model), signal).fits == fits


def test_the_first_usable_reads_are_taken(
    mixed_pod5: Path, raw_read: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = first_reads([mixed_pod5], SignalConfig())
    assert len(trial.reads) == 8
    assert trial.skipped
    assert (trial.truths, trial.fits) == ([], True)
    whole = [raw_read(1, 900), dataclasses.replace(raw_read(2, 900), raw=np.full(900, 7, np.int16))]
    monkeypatch.setattr(check_reads, "iter_reads", lambda files, on_skip: iter(whole))
    monkeypatch.setattr(check_reads, "MAX_READ_SAMPLES", 500)
    trial = first_reads([mixed_pod5], SignalConfig())
    assert [len(read.raw) for read in trial.reads] == [500]
    assert [(s.name, s.reason) for s in trial.skipped] == [(whole[1].read_id, "the signal is constant")]


def test_a_path_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file or folder"):
        first_reads([tmp_path / "nosuch.pod5"], SignalConfig())
