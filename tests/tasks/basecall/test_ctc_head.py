"""A network with the CTC head on the whole path: trained by the loop, saved, opened, run by both engines."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lexome.checkpoint.build import weights_of
from lexome.checkpoint.store import Checkpoint, Component, save
from lexome.core.alphabet import encode
from lexome.core.config import to_dict
from lexome.core.errors import UsageError
from lexome.core.records import Basecall
from lexome.decode.ctc import CtcDecoder
from lexome.decode.quality import QualityScale
from lexome.dp.kernels.edit import matches_and_edits
from lexome.features.signal import ScalingConfig, SignalConfig, normalise
from lexome.io.chunks import LabelledChunk, write_store
from lexome.models.registry import new_network
from lexome.nn.initialise import scale_to_data
from lexome.simulate.genome import random_genome
from lexome.simulate.levels import bundled_levels
from lexome.simulate.pore import PoreConfig, SimulatedRead, simulate_reads
from lexome.tasks.basecall.model import open_model
from lexome.tasks.basecall.run import basecall_reads
from lexome.tasks.basecall.task import BasecallTask, BasecallTaskConfig
from lexome.tasks.recipe import resolve_recipe
from lexome.tasks.training import train_recipe

ARCHITECTURE: dict[str, Any] = {
    "name": "bonito",
    "config": {
        "convs": [{"size": 16, "kernel": 5}, {"size": 48, "kernel": 9, "stride": 3}],
        "lstms": [{"size": 48, "reverse": True}, {"size": 48, "reverse": False}],
    },
}
SAMPLES = 450


@pytest.fixture(scope="module")
def reads() -> list[SimulatedRead]:
    config = PoreConfig(mean_length_bp=400.0, noise=0.3, adapter=False)
    return list(simulate_reads({"g": random_genome(5_000, 1)}, bundled_levels(), config, 6, 7))


def labelled(read: SimulatedRead, number: int, split: int) -> LabelledChunk:
    """The first samples of a read and the bases that begin in them."""
    normalised = normalise(read.read, SignalConfig())
    begin = normalised.trimmed_samples
    first, last = np.searchsorted(read.base_starts, [begin, begin + SAMPLES])
    target = (encode(read.sequence[first:last]) + 1).astype(np.uint8)
    return LabelledChunk(
        normalised.signal[:SAMPLES], target, f"read{number}", "g", 1000 * number, 1000 * number + 1, split
    )


def call(reads: list[SimulatedRead], model: Path | Checkpoint, **options: Any) -> list[Basecall]:
    opened = open_model(model, device="cpu", **options)
    return list(basecall_reads((r.read for r in reads), opened, lambda skipped: pytest.fail(str(skipped))))


@pytest.mark.parametrize("beam_width", [None, 5])
def test_both_engines_call_the_same_from_a_saved_model(
    tmp_path: Path, reads: list[SimulatedRead], monkeypatch: pytest.MonkeyPatch, beam_width: int | None
) -> None:
    import torch

    monkeypatch.setenv("LEXOME_CACHE", str(tmp_path / "cache"))
    torch.manual_seed(3)
    head = {"qscore_scale": 1.1, "qscore_bias": 2.0, "label_smoothing": [0.4, 0.1, 0.1, 0.1, 0.1]}
    network = new_network(ARCHITECTURE, {"name": "ctc", "config": head})
    scale_to_data(network, torch.randn(8, 1, 900))
    network.get_parameter("scorer.linear.weight").data *= 3  # surer scores
    features = to_dict(SignalConfig(chunk_size=900, overlap=90))
    made = Checkpoint(
        "basecall", Component(**ARCHITECTURE), Component("ctc", head), features, None, {"name": "ctc"},
        weights_of(network),
    )  # fmt: skip
    save(tmp_path / "model", made, "A random network for tests.")
    onnx, plain = (
        call(reads, tmp_path / "model", engine=e, beam_width=beam_width) for e in ("onnx", "torch")
    )
    assert len(onnx) == len(reads)
    for a, b, read in zip(onnx, plain, reads, strict=True):
        assert a.read_id == read.read.read_id
        assert a.sequence == b.sequence
        assert a.moves is not None
        np.testing.assert_array_equal(a.moves, b.moves)
        assert a.moves.sum() == len(a.sequence) == len(a.qualities) > 50
        # scores of other bits may fall on the other side of a rounding
        assert np.abs(a.qualities.astype(int) - b.qualities).max() <= 1
    assert opened_decoder(tmp_path / "model", beam_width) == CtcDecoder(beam_width, QualityScale(1.1, 2.0))


def opened_decoder(model: Path, beam_width: int | None) -> object:
    return open_model(model, device="cpu", engine="torch", beam_width=beam_width).decoder


def test_the_training_loop_learns_a_handful_of_simulated_chunks_by_heart(
    tmp_path: Path, reads: list[SimulatedRead]
) -> None:
    chunks = [labelled(read, n + 10 * split, split) for split in (0, 1) for n, read in enumerate(reads)]
    write_store(tmp_path / "store", chunks, {"scaling": to_dict(ScalingConfig())})
    recipe = {
        "task_kind": "basecall", "name": "ctc", "architecture": ARCHITECTURE,
        "head": {"name": "ctc", "config": {}}, "signal": {"chunk_size": SAMPLES, "overlap": 45},
        "task": {"stores": [str(tmp_path / "store")], "optim": {"lr": 0.01, "warmup_steps": 10}},
        "loop": {"steps": 200, "batch_size": 6, "validate_every": 100, "save_every": 200, "log_every": 50},
    }  # fmt: skip
    position = train_recipe(resolve_recipe(recipe, "ctc"), tmp_path / "run", "0")
    assert position.best_metric is not None
    assert position.best_metric > 0.95
    # the first chunk of each read is the one that was learnt
    calls = call(reads, tmp_path / "run" / "model", engine="torch", chunk_size=SAMPLES, overlap=0)
    for chunk, basecall in zip(chunks, calls, strict=False):
        assert basecall.moves is not None
        called = encode(basecall.sequence)[: basecall.moves[: SAMPLES // 3].sum()].astype(np.int64)
        matches, edits = matches_and_edits(called, chunk.target.astype(np.int64) - 1)
        assert matches / (matches + edits) > 0.8  # one has thirteen times the same base in a row


def test_label_smoothing_comes_from_the_heads_configuration(
    tmp_path: Path, reads: list[SimulatedRead]
) -> None:
    write_store(tmp_path / "store", [labelled(reads[0], n, n % 2) for n in range(4)], {})

    def task(**head: Any) -> BasecallTask:
        config = BasecallTaskConfig((str(tmp_path / "store"),))
        return BasecallTask(config, ARCHITECTURE, {"name": "ctc", "config": head}, SignalConfig())

    plain = task()
    model = plain.build()
    batch = next(plain.batches("training", batch_size=2, seed=0, rank=0, world=1, skip=0))
    log_probs = plain.outputs(model, batch).scores.log_softmax(-1)
    losses = {
        w: task(label_smoothing=[w] * 5)._loss(log_probs, batch.targets_NL, batch.lengths_N) for w in (0, 1)
    }
    per_base = (losses[1] - losses[0]) / batch.lengths_N
    np.testing.assert_allclose(per_base.detach(), -log_probs.detach().mean(dim=(1, 2)), rtol=1e-4)
    with pytest.raises(UsageError, match="label_smoothing needs 5 numbers"):
        task(label_smoothing=[1])._loss(log_probs, batch.targets_NL, batch.lengths_N)
    with pytest.raises(UsageError, match="unknown key 'label_smothing'"):
        task(label_smothing=[1]).build()
