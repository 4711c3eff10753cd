"""Bytes, operations, identity and speed of quantised models."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from lexome.checkpoint.store import load, save
from lexome.compress.quantize_config import QuantizeConfig
from lexome.tasks.basecall.model import open_model
from lexome.tasks.shrink.quantize import (
    QuantizeRequest,
    float_basecaller,
    for_int8,
    quantize_recipe,
    quantize_task,
    without_training,
)
from lexome.tasks.shrink.quantize_figures import (
    bits_per_layer,
    described,
    label_identity,
    measure,
    operations_of,
    rates_in_turn,
    validation_chunks,
    weight_bytes,
)


def test_figures_of_a_model_in_integers(small_model: Path, tiny_store: Path, tmp_path: Path) -> None:
    base = float_basecaller(str(small_model))
    config = for_int8(base, QuantizeConfig(), None)
    task = quantize_task(quantize_recipe(QuantizeRequest(str(small_model), [tiny_store], config), base))
    made = without_training(task, base, "9")
    chunks = validation_chunks(task)
    before, after = measure([base, made], chunks, repeats=1)
    metric = task.inner.evaluate(task.inner.build(), "validation")["label_identity_mean"]
    assert before.identity == pytest.approx(metric, abs=0.01)
    assert after.identity == label_identity(open_model(made, device="cpu"), chunks)
    assert min(before.samples_per_cpu_s, after.samples_per_cpu_s) > 0
    # conv 1: 8 x 5 for each sample; the rest for each step of 5 samples
    lstm = 4 * 24 * (24 + 24)
    each = [40, 8 * 24 * 9 / 5, lstm / 5, lstm / 5, 24 * 64 / 5]
    assert [layer.macs_per_sample for layer in bits_per_layer(made, 200)] == pytest.approx(each)
    assert before.macs_per_sample == after.macs_per_sample == pytest.approx(sum(each))
    assert before.bit_operations_per_sample == pytest.approx(1024 * sum(each))
    bits = [8 * 32, 8 * 32, 56, 56, 8 * 32]
    wanted = sum(b * m for b, m in zip(bits, each, strict=True))
    assert operations_of(made, 200)[1] == after.bit_operations_per_sample == pytest.approx(wanted)
    save(tmp_path / "m", made, "For tests.")
    in_file = (tmp_path / "m" / "model.safetensors").stat().st_size
    assert weight_bytes(load(tmp_path / "m")) == after.weight_bytes < in_file < after.weight_bytes + 4000
    assert described(made).startswith("LSTMs and linear layers with weights of at most 7 bits")
    assert described(base).startswith("Simulated")


def test_speeds_are_taken_in_turn() -> None:
    order: list[tuple[str, tuple[int, ...]]] = []
    engines = [
        SimpleNamespace(
            chunk_multiple=1, batch_size=2, scores=lambda batch, name=name: order.append((name, batch.shape))
        )
        for name in "ab"
    ]
    rates = rates_in_turn(engines, np.zeros((5, 10), np.float32), 2)
    assert order == [(name, (2, 1, 10)) for name in "aabb"] * 3
    assert all(rate > 0 for rate in rates)
