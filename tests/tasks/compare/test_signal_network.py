"""Opening a network of signal, and reads for it."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from lexome.core.errors import UsageError
from lexome.core.records import Skipped
from lexome.features.signal import SignalConfig, normalise
from lexome.io.pod5 import write_pod5
from lexome.simulate.genome import random_genome
from lexome.simulate.levels import bundled_levels
from lexome.simulate.pore import PoreConfig, simulate_reads
from lexome.tasks.compare.signal_network import open_signal_network, signals_of


def test_a_model_of_signal_is_opened(small_model: Path) -> None:
    opened = open_signal_network(str(small_model))
    assert not opened.network.training
    assert not any(parameter.requires_grad for parameter in opened.network.parameters())
    assert opened.to_json()["samples_per_step"] == 5


@pytest.mark.parametrize("name", ["hifi_student", "dna_conv"])
def test_other_models_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match="no signal"):
        open_signal_network(name)


def test_reads_are_whole_and_normalised(tmp_path: Path) -> None:
    config = PoreConfig(mean_length_bp=300.0, min_length_bp=200)
    genome = {"g": random_genome(5000, 1)}
    reads = [one.read for one in simulate_reads(genome, bundled_levels(), config, 3, 1)]
    flat = dataclasses.replace(reads[1], raw=np.full_like(reads[1].raw, 500))
    write_pod5(tmp_path / "reads.pod5", iter([reads[0], flat, reads[2]]))
    skipped: list[Skipped] = []
    found = list(signals_of([tmp_path], SignalConfig(), on_skip=skipped.append))
    assert [read.read_id for read in found] == [reads[0].read_id, reads[2].read_id]
    assert [(one.name, one.reason) for one in skipped] == [(reads[1].read_id, "the signal is constant")]
    for read, raw in zip(found, (reads[0], reads[2]), strict=True):
        called = normalise(raw, SignalConfig())
        assert len(read.signal) == len(raw.raw)
        assert read.trimmed == called.trimmed_samples
        np.testing.assert_array_equal(read.signal[read.trimmed :], called.signal)
    wanted = reads[2].read_id
    (one,) = signals_of([tmp_path], SignalConfig(), wanted=lambda name: name == wanted)
    assert one.read_id == wanted
