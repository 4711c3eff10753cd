"""Agreement of basecallers: the same scores as validation gives, whatever their strides."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from lexome.decode.heads import find_head
from lexome.dp.kernels.edit import matches_and_edits
from lexome.evaluate.bootstrap import BootstrapConfig
from lexome.tasks.compare.basecalls import compare_basecalls
from lexome.tasks.compare.models import open_models

QUICK = BootstrapConfig(resamples=20)
SLOWER = {
    "convs": [{"size": 8, "kernel": 9, "stride": 10}],
    "lstms": [{"size": 8, "reverse": True}],
}


def test_two_basecallers(basecaller: Callable[..., str], tiny_store: Path) -> None:
    models = open_models([basecaller(1), basecaller(2, SLOWER)], tiny_store, 99)
    found = compare_basecalls(models, "validation", bootstrap=QUICK)
    assert (found.chunks, found.reads) == (4, 4)
    for model, caller in zip(models, found.callers, strict=True):
        metrics = model.task.evaluate(model.network, "validation")
        assert caller.identity == pytest.approx(metrics["label_identity_mean"], abs=1e-12)
        assert caller.identity_interval is not None
        assert caller.identity_interval[0] <= caller.identity <= caller.identity_interval[1]
    (batch,) = models[0].task.batches("validation", batch_size=9, seed=0, rank=0, world=1, skip=0)
    calls = []
    for model in models:
        decoder = find_head("crf").decoder(model.checkpoint.head.config)
        with torch.no_grad():
            calls.append([decoder(s).bases.astype(np.int64) for s in model.network(batch.signal_NCS).numpy()])
    each = [matches_and_edits(a, b) for a, b in zip(*calls, strict=True)]
    pair = found.pairs[0, 1]
    assert pair.between == pytest.approx(np.mean([m / (m + e) for m, e in each]))
    assert pair.different == sum(e > 0 for _, e in each) > 0
    figures = found.to_json()
    assert [p["a"] + p["b"] for p in figures["pairs"]] == ["bonito1bonito2"]
    json.dumps(figures, allow_nan=False)


def test_a_basecaller_agrees_with_itself(basecaller: Callable[..., str], tiny_store: Path) -> None:
    folder = basecaller(1)
    found = compare_basecalls(open_models([folder] * 3, tiny_store, 99), "validation", bootstrap=QUICK)
    assert [caller.name for caller in found.callers] == ["bonito1 #1", "bonito1 #2", "bonito1 #3"]
    assert len(found.pairs) == 3
    for pair in found.pairs.values():
        assert (pair.different, pair.between, pair.a_better_rate) == (0, 1.0, None)
        assert pair.correlation is None or pair.correlation == pytest.approx(1)
