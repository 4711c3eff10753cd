"""Candidates are what the single methods make, are trained by the model alone, and are made once."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from lexome.checkpoint.build import build_network
from lexome.checkpoint.store import Checkpoint, load, save
from lexome.compress.low_rank import low_rank, ranks_of
from lexome.compress.quantize_config import QuantizeConfig
from lexome.compress.structured import cut
from lexome.core.config import from_dict, to_dict
from lexome.core.errors import UsageError
from lexome.features.signal import SignalConfig
from lexome.tasks.basecall.model import open_model
from lexome.tasks.shrink import auto_build
from lexome.tasks.shrink.auto_build import Workshop, build, calibrated
from lexome.tasks.shrink.auto_ladder import Candidate, narrower
from lexome.tasks.shrink.quantize import (
    QuantizeRequest,
    for_int8,
    quantize_recipe,
    quantize_task,
    without_training,
)


@pytest.fixture
def base(small_model: Path, tmp_path: Path) -> Path:
    """A random model that says all of its signal settings, as trained ones do."""
    checkpoint = load(small_model)
    signal = to_dict(from_dict(SignalConfig, checkpoint.features, "test"))
    save(tmp_path / "base", replace(checkpoint, features=signal), "random")
    return tmp_path / "base"


@pytest.fixture
def shop(base: Path, tmp_path: Path) -> Workshop:
    """Without chunks, without training."""
    torch.manual_seed(0)
    signal = [torch.randn(1, 1, 500) for _ in range(5)]
    return Workshop(str(base), load(base), tmp_path / "candidates", (), 0, 0.0, 0, 1, "0", lambda: signal)


def judged(shop: Workshop) -> Workshop:
    """The same with a model that knows how it validated."""
    base = replace(shop.base, provenance={**shop.base.provenance, "validation": {"loss": 1.0}})
    folder = shop.folder.parent / "judged"
    save(folder / "base", base, "random", overwrite=True)
    return replace(shop, model=str(folder / "base"), base=base, folder=folder / "candidates")


PRUNED = Candidate("prune", "prune", "", 0.2)
THIN = Candidate("thin", "low-rank", "", 8.0)
INT8 = Candidate("int8", "int8", "")
STUDENT = Candidate("student", "student", "", 0.3)


def same(a: Checkpoint, b: Checkpoint) -> bool:
    return a.weights.keys() == b.weights.keys() and all(
        np.array_equal(a.weights[n], b.weights[n]) for n in a.weights
    )


def test_at_once_they_are_what_the_methods_make(shop: Workshop) -> None:
    pruned, thin = build(PRUNED, shop), build(THIN, shop)
    assert same(pruned, cut(shop.base, *narrower(shop.base, 0.2)))
    assert same(thin, low_rank(shop.base, ranks_of(shop.base, rank=8))[0])
    assert pruned.name == "small_prune"
    assert pruned.provenance["compressed_from"] == "small"
    assert pruned.provenance["candidate"] == "prune"
    for name in ("prune", "thin"):
        assert same(load(shop.folder / name / "model"), {"prune": pruned, "thin": thin}[name])
    assert "training" not in pruned.provenance
    assert "validation" not in build(PRUNED, judged(shop)).provenance  # that was another network's
    assert "validation" not in build(INT8, judged(shop)).provenance


def test_a_finished_one_is_not_made_again(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    made = build(PRUNED, shop)
    monkeypatch.setattr(auto_build, "prune", pytest.fail)
    assert same(build(PRUNED, shop), made)


def test_integers_by_signal_without_labels(shop: Workshop) -> None:
    made = build(INT8, shop)
    config = for_int8(shop.base, QuantizeConfig(), None)
    assert same(made, calibrated(shop.base, config, shop.signal()))
    assert made.quantization is not None
    assert made.quantization["engine"] == "int8"
    # the range of what goes into the first layer is that of the signal
    wide = replace(shop, folder=shop.folder / "wide", signal=lambda: [10 * one for one in shop.signal()])
    steps = [
        one.quantization["layers"]["encoder.lstms.0.rnn"]["input_step"]
        for one in (made, build(INT8, wide))
        if one.quantization is not None
    ]
    assert steps[1] > 2 * steps[0]
    assert open_model(made, device="cpu").engine.name == "onnx"
    with pytest.raises(UsageError, match="nothing to calibrate"):
        build(INT8, replace(shop, folder=shop.folder / "none", signal=list))


def test_integers_by_a_store_and_of_another_candidate(shop: Workshop, tiny_store: Path) -> None:
    shop = replace(shop, stores=(tiny_store,), signal=lambda: pytest.fail("the store calibrates"))
    made = build(INT8, shop)
    config = for_int8(shop.base, QuantizeConfig(), None)
    request = QuantizeRequest(shop.model, shop.stores, config)
    wanted = without_training(quantize_task(quantize_recipe(request, shop.base)), shop.base, "0")
    assert same(made, wanted)
    assert made.quantization == wanted.quantization

    thin = build(THIN, shop)
    both = build(Candidate("thin+int8", "int8", "", 8.0, "thin"), shop)
    assert both.architecture == thin.architecture
    assert both.quantization is not None
    assert both.provenance["low_rank"]["from"] == "small"
    chunk = np.random.default_rng(0).standard_normal((1, 500), dtype=np.float32)
    scores = [
        next(iter(open_model(one, device="cpu").engine.run(enumerate(chunk), np.copy)))[1]
        for one in (thin, both)
    ]
    assert 0 < np.abs(scores[0] - scores[1]).max() < 0.2 * np.abs(scores[0]).max()


def test_training_is_by_the_model_and_is_kept_if_it_helps(shop: Workshop, tiny_store: Path) -> None:
    rows: list[dict] = []
    shop = replace(shop, stores=(tiny_store,), steps=2, on_log=rows.append)
    assert shop.trains
    made = build(PRUNED, shop)
    record = json.loads((shop.folder / "prune/training/training.json").read_text())["recipe"]
    assert record["distill"] == record["distill"] | {
        "teacher": shop.model, "target": "decoder", "stop_fraction": 1.0,
    }  # fmt: skip
    assert record["loop"]["steps"] == 2
    assert record["task"]["start_from"] == str(shop.folder / "prune/start/model")
    assert any("distillation" in row for row in rows)
    outcome = made.provenance["training"]
    kept = "start" if outcome["label_identity_after"] < outcome["label_identity_before"] else "training"
    assert same(made, load(shop.folder / "prune" / kept / "model"))
    build_network(made)


@pytest.mark.parametrize(("after", "kept"), [(0.4, "start"), (0.6, "training")])
def test_the_better_of_both_is_kept(
    shop: Workshop, tiny_store: Path, monkeypatch: pytest.MonkeyPatch, after: float, kept: str
) -> None:
    shop = replace(shop, stores=(tiny_store,), steps=1)
    from lexome.tasks.basecall.task import BasecallTask

    found = iter([0.5, after])
    evaluate = BasecallTask.evaluate
    monkeypatch.setattr(auto_build, "train_recipe", trained_then(found, monkeypatch, evaluate))
    made = build(THIN, shop)
    assert same(made, load(shop.folder / "thin" / kept / "model"))
    assert made.provenance["training"]["label_identity_after"] == after


def trained_then(found, monkeypatch: pytest.MonkeyPatch, evaluate: Callable) -> Callable:
    """The training, after which the judge says what is given."""
    from lexome.tasks.basecall.task import BasecallTask
    from lexome.tasks.training import train_recipe

    def train(*args, **options):
        position = train_recipe(*args, **options)
        monkeypatch.setattr(
            BasecallTask, "evaluate", lambda self, model, split: {self.primary_metric: next(found)}
        )
        return position

    return train


def test_a_student_has_new_weights_and_a_stopped_training_goes_on(shop: Workshop, tiny_store: Path) -> None:
    shop = replace(shop, stores=(tiny_store,), steps=3)

    class StoppedError(Exception):
        pass

    def stop(row: dict) -> None:
        raise StoppedError

    with pytest.raises(StoppedError):
        build(STUDENT, replace(shop, on_log=stop))
    assert not (shop.folder / "student/model").exists()
    made = build(STUDENT, shop)
    whole = build(STUDENT, replace(shop, folder=shop.folder / "again"))
    assert same(made, whole)
    shape = cut(shop.base, *narrower(shop.base, 0.3))
    assert to_dict(made.architecture) == to_dict(shape.architecture)
    name = "encoder.lstms.0.rnn.weight_hh_l0"
    far = np.abs(made.weights[name] - shape.weights[name]).mean()
    assert far > 0.3 * np.abs(shape.weights[name]).mean()
    record = json.loads((shop.folder / "student/training/training.json").read_text())["recipe"]
    assert not record["task"].get("start_from")
    assert record["distill"]["teacher"] == shop.model


def test_integers_that_are_trained(shop: Workshop, tiny_store: Path) -> None:
    shop = replace(shop, stores=(tiny_store,), steps=2)
    made = build(Candidate("int8-tuned", "int8-tuned", ""), shop)
    assert made.quantization is not None
    assert made.quantization["engine"] == "int8"
    record = json.loads((shop.folder / "int8-tuned/training/training.json").read_text())["recipe"]
    assert record["quantize"]["distill"] == 1.0
    assert record["loop"]["steps"] == 2
    assert not same(made, build(INT8, shop))
