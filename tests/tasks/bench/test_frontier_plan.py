"""What is checked before the long work."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from lexome.core.errors import BadInputError, LexomeError, UsageError
from lexome.tasks.bench.frontier_plan import FrontierRequest, labelled, plan_frontier
from lexome.tasks.bench.speed import SpeedConfig


def test_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lr=1").mkdir()
    assert list(labelled(["r9.4.1_fast", "A b=runs/x=1/model", "lr=1", "lr 1=lr=1"])) == [
        ("", "r9.4.1_fast"), ("A b", "runs/x=1/model"), ("", "lr=1"), ("lr 1", "lr=1"),
    ]  # fmt: skip
    for wrong in ("=model", "  =model", "label=", "x" * 41 + "=model"):
        with pytest.raises(UsageError, match="LABEL=MODEL needs a label of 1 to 40 letters and a model"):
            list(labelled([wrong]))


def request_of(there: Path, folder: Path, *models: object, **more: Any) -> FrontierRequest:
    values: dict[str, Any] = {"store": there, "device": "cpu"} | more
    return FrontierRequest([str(model) for model in models], folder / "out", **values)


def test_a_plan(small_model: Path, tiny_store: Path, tmp_path: Path) -> None:
    plan = plan_frontier(request_of(tiny_store, tmp_path, small_model, f"other={small_model}"))
    assert [(model.label, model.source) for model in plan.models] == [
        ("small", str(small_model)), ("other", str(small_model)),
    ]  # fmt: skip
    assert (plan.source, plan.aligner, plan.notes) == (None, None, [])
    figures = json.loads(json.dumps(plan.figures))
    assert figures["models"] == []
    assert figures["protocol"]["engine"] == "auto"
    assert figures["protocol"]["device"] == "cpu"
    assert figures["protocol"]["chunk_size"] == 2000
    assert figures["data"]["store"]["store"] == "tiny"
    assert not (tmp_path / "out").exists()


def test_a_plan_with_reads(small_model: Path, mixed_pod5: Path, tmp_path: Path) -> None:
    (tmp_path / "ref.fa").write_text(">g\n" + "ACGTTGCAAC" * 30 + "\n")
    request = FrontierRequest(
        [str(small_model)], tmp_path / "out", reads=[mixed_pod5], reference=tmp_path / "ref.fa", device="cpu"
    )
    plan = plan_frontier(request)
    assert plan.aligner is not None
    assert plan.source is not None
    assert plan.figures["data"]["reads"]["files"][0]["name"] == "mixed.pod5"
    assert plan.figures["data"]["store"] is None


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"store": None}, "nothing to measure accuracy on: give --reads and --reference, or --store"),
        ({"reads": [Path("a.pod5")]}, "--reads and --reference belong together"),
        ({"reference": Path("a.fa")}, "--reads and --reference belong together"),
        ({"engine": "tensorrt"}, "unknown engine 'tensorrt'"),
        ({"speed": SpeedConfig(chunk_size=40)}, "small: a chunk of 40 samples is too short"),
        ({"store": Path("none")}, "none"),
    ],
)
def test_requests_that_cannot_be(
    small_model: Path, tiny_store: Path, tmp_path: Path, more: dict[str, Any], said: str
) -> None:
    with pytest.raises(LexomeError, match=said):
        plan_frontier(request_of(tiny_store, tmp_path, small_model, **more))
    assert not (tmp_path / "out").exists()


def test_models_that_cannot_be(small_model: Path, tiny_store: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="two models are called 'small'; name them apart as LABEL=MODEL"):
        plan_frontier(request_of(tiny_store, tmp_path, small_model, small_model))
    with pytest.raises(UsageError, match="^hifi_student: model .* is for the task 'correct', not for"):
        plan_frontier(request_of(tiny_store, tmp_path, small_model, "hifi_student"))
    with pytest.raises(UsageError, match="no model 'r9.4.1_fats'"):
        plan_frontier(request_of(tiny_store, tmp_path, small_model, "r9.4.1_fats"))
    shutil.copytree(small_model, tmp_path / "damaged")
    (tmp_path / "damaged" / "model.safetensors").write_bytes(b"x" * 30)
    with pytest.raises(BadInputError, match="damaged"):
        plan_frontier(request_of(tiny_store, tmp_path, small_model, f"d={tmp_path / 'damaged'}"))


def test_other_weights_of_the_same_label_are_measured_anew(
    small_model: Path, tiny_store: Path, tmp_path: Path
) -> None:
    plan = plan_frontier(request_of(tiny_store, tmp_path, small_model))
    digest = plan.models[0].digest
    there = [{"label": "small", "digest": "other"}, {"label": "left", "digest": "1"}]
    (tmp_path / "out").mkdir()
    path = tmp_path / "out" / "frontier.json"
    path.write_text(json.dumps({**plan.figures, "models": there}))
    request = request_of(tiny_store, tmp_path, small_model, resume=True)
    plan = plan_frontier(request)
    assert [model.label for model in plan.models] == ["small"]
    assert [model["label"] for model in plan.figures["models"]] == ["left"]
    there[0]["digest"] = digest
    path.write_text(json.dumps({**plan.figures, "models": there}))
    plan = plan_frontier(request)
    assert not plan.models
    assert [model["label"] for model in plan.figures["models"]] == ["small", "left"]
