"""Distillation: what the student starts from, what it is pulled to, and training it for real."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from lexome.checkpoint.store import load, save
from lexome.core.errors import UsageError
from lexome.models.deepconsensus import DeepConsensus
from lexome.tasks.correct.distil import DistilConfig, DistilTask
from lexome.tasks.correct.task import CorrectTask, CorrectTaskConfig, WindowBatch
from lexome.tasks.recipe import resolve_recipe
from lexome.tasks.training import train_recipe
from lexome.train.task import Progress, Task

HEAD = {"name": "consensus", "config": {}}
NOW = Progress(0, 1, 0)
Stores = tuple[Path, Path]


def architecture(layers: int, **changes: Any) -> dict[str, Any]:
    config = {"pileup": {"passes": 8}, "size": 24, "feed_forwards": [32] * layers} | changes
    return {"name": "deepconsensus", "config": config}


def task_of(stores: Stores, layers: int, **changes: Any) -> CorrectTask:
    config = CorrectTaskConfig(tuple(map(str, stores)), validation_windows=10)
    return CorrectTask(config, architecture(layers, **changes), HEAD)


@pytest.fixture(scope="module")
def teacher(window_stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Three layers with random weights, open gates and a normalisation of its own."""
    task = task_of(window_stores, 3)
    torch.manual_seed(3)
    network = task.build()
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.endswith("gate") or "norm" in name:
                parameter.uniform_(0.3, 0.9)
    folder = tmp_path_factory.mktemp("teacher") / "model"
    save(folder, task.checkpoint(network, {"name": "wise"}), "A random network for tests.")
    return str(folder)


def distil(stores: Stores, teacher: str, layers: int = 3, dropout: float = 0.0, **config: Any) -> DistilTask:
    return DistilTask(DistilConfig(teacher, **config), task_of(stores, layers, attention_dropout=dropout))


def one_batch(task: DistilTask, size: int = 6) -> WindowBatch:
    return next(task.batches("training", batch_size=size, seed=0, rank=0, world=1, skip=0))


def test_it_is_a_task(window_stores: Stores, teacher: str) -> None:
    assert isinstance(distil(window_stores, teacher), Task)


@pytest.mark.parametrize("kind", ["mse", "kl"])
def test_a_student_that_is_its_teacher_is_not_unlike_it(
    window_stores: Stores, teacher: str, kind: Any
) -> None:
    same = {"mapping": "top", "kind": kind, "temperature": 2.0}
    task = distil(window_stores, teacher, copy_gates=True, copy_norm=True, **same)
    student = task.build().train()
    batch = one_batch(task)
    losses = task.loss(student, batch, NOW)
    assert losses.parts["distillation"] == pytest.approx(0, abs=1e-12)
    assert losses.parts["loss"] == pytest.approx(losses.parts["alignment"], rel=1e-6)
    for changes in ({"copy_gates": True}, {"copy_norm": True}, {"copy_gates": True, "dropout": 0.3}):
        other = distil(window_stores, teacher, **(same | changes))
        torch.manual_seed(0)
        assert other.loss(other.build().train(), batch, NOW).parts["distillation"] > 1e-6


def test_both_losses_are_weighed(window_stores: Stores, teacher: str) -> None:
    task = distil(window_stores, teacher, 2, student_alpha=0.5, distill_alpha=300.0)
    torch.manual_seed(0)
    student, batch = task.build(), one_batch(task)
    losses = task.loss(student, batch, NOW)
    with torch.no_grad():
        mine, theirs = (network(batch.rows_NRL).softmax(-1) for network in (student, task.teacher))
        alignment = float(task.inner.loss(student, batch, NOW).total)
    unlike = float((mine - theirs).square().mean())
    assert losses.parts["alignment"] == pytest.approx(alignment)
    assert losses.parts["distillation"] == pytest.approx(unlike, rel=1e-5)
    assert float(losses.total.detach()) == pytest.approx(0.5 * alignment + 300 * unlike, rel=1e-5)
    assert losses.weight == 6


def test_it_starts_from_the_teachers_layers(window_stores: Stores, teacher: str) -> None:
    task = distil(window_stores, teacher, 2, mapping=(3, 1))
    student, weights = task.build(), load(teacher).weights
    new = {name: tensor.numpy() for name, tensor in student.state_dict().items()}
    for ours, theirs in ((0, 2), (1, 0)):
        for part in ("attention.inner.qkv.weight", "feed_forward.inner.into.weight"):
            np.testing.assert_array_equal(
                new[f"encoder.layers.{ours}.{part}"], weights[f"encoder.layers.{theirs}.{part}"]
            )
    assert isinstance(student.encoder, DeepConsensus)
    assert all(float(v) == 0 for name, v in new.items() if name.endswith("gate"))
    assert not np.array_equal(new["encoder.norm.weight"], weights["encoder.norm.weight"])


def test_the_teacher_gets_no_gradient_and_no_dropout(window_stores: Stores, teacher: str) -> None:
    task = distil(window_stores, teacher, 2)
    student = task.build().train()
    task.loss(student, one_batch(task), NOW).total.backward()
    assert all(p.grad is None and not p.requires_grad for p in task.teacher.parameters())
    assert not task.teacher.training
    assert {id(p) for p in student.parameters()}.isdisjoint(id(p) for p in task.teacher.parameters())
    (update,) = task.updates(NOW)
    assert len(update.parameters(student)) == len(list(student.parameters()))


def test_the_teacher_is_judged_beside_the_student(window_stores: Stores, teacher: str) -> None:
    task = distil(window_stores, teacher, 2)
    metrics = task.evaluate(task.build(), "validation")
    alone = task.inner.evaluate(task.teacher, "validation")
    for name in ("loss", "identity", "exact", "errors"):
        assert metrics[f"teacher_{name}"] == alone[name]
    assert metrics["identity"] != metrics["teacher_identity"]
    assert task.evaluate(task.build(), "validation").keys() == metrics.keys()


def test_what_cannot_be_is_refused(window_stores: Stores, teacher: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="names no teacher"):
        distil(window_stores, "")
    with pytest.raises(UsageError, match="does not correct reads"):
        distil(window_stores, "r9.4.1_fast")
    model = load(teacher)
    model.features["width"] = 50
    save(tmp_path / "narrow", model, "Other windows.")
    with pytest.raises(UsageError, match="other windows than the stores"):
        distil(window_stores, str(tmp_path / "narrow"))
    with pytest.raises(UsageError, match="cannot start from"):
        distil(window_stores, teacher, 4).build()
    config = CorrectTaskConfig(tuple(map(str, window_stores)), start_from=teacher)
    with pytest.raises(UsageError, match="leave task.start_from empty"):
        DistilTask(DistilConfig(teacher), CorrectTask(config, architecture(3), HEAD))
    wrong: list[dict[str, Any]] = [
        {"student_alpha": -1.0}, {"distill_alpha": float("inf")}, {"temperature": 0.0},
        {"student_alpha": 0.0, "distill_alpha": 0.0},
    ]  # fmt: skip
    for bad in wrong:
        with pytest.raises(ValueError, match="must be|nothing to learn"):
            DistilConfig(teacher, **bad)


def test_training_from_a_recipe_resumes_to_the_bit(
    window_stores: Stores, teacher: str, tmp_path: Path
) -> None:
    """With dropout, so that the generator counts; the student becomes more like its teacher."""
    recipe = resolve_recipe(
        {
            "task_kind": "correct", "name": "student", "architecture": architecture(2, attention_dropout=0.1),
            "head": HEAD,
            "task": {
                "stores": [str(path) for path in window_stores], "validation_windows": 8,
                "optim": {"lr": 5e-3, "warmup_steps": 2},
            },
            "distil": {"teacher": teacher, "mapping": [1, 3], "student_alpha": 0.0, "distill_alpha": 1e3},
            "loop": {
                "steps": 20, "batch_size": 4, "seed": 1, "validate_every": 100, "save_every": 7,
                "log_every": 1, "device": "cpu",
            },
        },
        "here",
    )  # fmt: skip

    class Stop(Exception):  # noqa: N818
        pass

    def stop(row: dict) -> None:
        if row["step"] == 9:
            raise Stop

    rows: list[dict] = []
    train_recipe(recipe, tmp_path / "whole", "1", on_log=rows.append)
    with pytest.raises(Stop):
        train_recipe(recipe, tmp_path / "parts", "1", on_log=stop)
    train_recipe(recipe, tmp_path / "parts", "1", resume=True)
    whole, parts = (load_file(tmp_path / name / "training.safetensors") for name in ("whole", "parts"))
    for name, array in whole.items():
        np.testing.assert_array_equal(array, parts[name], name)
    unlike = [row["distillation"] for row in rows if "distillation" in row]
    assert np.mean(unlike[-3:]) < 0.5 * unlike[0]
    model = load(tmp_path / "whole" / "model")
    assert model.provenance["teacher"] == "wise"
    assert json.dumps(model.provenance)
    assert not any("teacher" in name for name in model.weights)
