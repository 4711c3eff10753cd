"""Distillation of basecallers: losses, whom the gradient reaches, when the teacher stops, what is saved."""

import copy
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from lexome.checkpoint.build import build_network
from lexome.checkpoint.store import load, save
from lexome.compress.distill import DistillConfig, DistillTask, Taught, unlikeness
from lexome.core.errors import UsageError
from lexome.tasks.basecall.task import BasecallTask
from lexome.tasks.recipe import Recipe, resolve_recipe
from lexome.tasks.training import train_recipe
from lexome.train.optim import build_optimizer
from lexome.train.task import Advised, Progress, Task

NOW = Progress(0, 1, 0)
CRF = {"name": "crf", "config": {"state_len": 1}}
CTC = {"name": "ctc", "config": {}}
WIDE, NARROW = 12, 5


def architecture(width: int, stride: int = 5, kind: str = "lstm") -> dict[str, Any]:
    convs = [{"size": width, "kernel": 5, "stride": stride}]
    lstms = [{"size": width, "reverse": reverse, "kind": kind} for reverse in (True, False)]
    return {"name": "bonito", "config": {"convs": convs, "lstms": lstms}}


def recipe_of(
    store: Path, width: int = NARROW, head: dict = CRF, name: str = "student", **tables: Any
) -> Recipe:
    data = {
        "task_kind": "basecall", "name": name, "architecture": architecture(width), "head": head,
        "signal": {"sample_rate_hz": 4000, "chunk_size": 200, "overlap": 20},
        "task": {
            "stores": [str(store)], "augment": {"noise_sd": 0.1}, "optim": {"lr": 0.02, "warmup_steps": 2},
        },
        "loop": {
            "steps": 8, "batch_size": 4, "seed": 1, "validate_every": 4, "save_every": 3, "log_every": 1,
            "device": "cpu",
        },
    }  # fmt: skip
    for key, table in tables.items():
        data[key] = {**data.get(key, {}), **table}
    return resolve_recipe(data, name)


def save_teacher(store: Path, folder: Path, width: int = WIDE, head: dict = CRF) -> str:
    """A network with random weights that are large enough for its features to differ."""
    task = recipe_of(store, width, head, "wise").task()
    torch.manual_seed(3)
    network = task.build()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(1.5)
    save(folder, task.checkpoint(network, {"name": "wise"}), "A random network for tests.")
    return str(folder)


@pytest.fixture(scope="module")
def teacher(tiny_store: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_teacher(tiny_store, tmp_path_factory.mktemp("teacher") / "model")


@pytest.fixture(scope="module")
def ctc_teacher(tiny_store: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_teacher(tiny_store, tmp_path_factory.mktemp("ctc") / "model", head=CTC)


def taught(store: Path, teacher: str, head: dict = CRF, **config: Any) -> DistillTask:
    task = recipe_of(store, head=head, distill={"teacher": teacher, **config}).task()
    assert isinstance(task, DistillTask)
    return task


def one_batch(task: Task) -> Any:
    return next(task.batches("training", batch_size=4, seed=0, rank=0, world=1, skip=0))


def seeded(task: DistillTask, seed: int = 0) -> Taught:
    torch.manual_seed(seed)
    return task.build()


def features(network: Any, batch: Any) -> torch.Tensor:
    return network.encoder(batch.signal_NCS)


def slow_kl(student: np.ndarray, teacher: np.ndarray, temperature: float) -> float:
    """The definition, one step after the other."""
    total, steps = 0.0, 0
    width = student.shape[-1]
    for ours, theirs in zip(student.reshape(-1, width), teacher.reshape(-1, width), strict=True):
        q = [math.exp(value / temperature) for value in ours]
        p = [math.exp(value / temperature) for value in theirs]
        for one, other in zip(p, q, strict=True):
            total += one / sum(p) * math.log((one / sum(p)) / (other / sum(q)))
        steps += 1
    return total / steps


@pytest.mark.parametrize("temperature", [1.0, 0.25, 3.0])
def test_the_divergence_is_that_of_the_definition(temperature: float) -> None:
    rng = np.random.default_rng(0)
    student, teacher = rng.normal(size=(2, 3, 4, 7))
    found = unlikeness(torch.tensor(student), torch.tensor(teacher), "kl", temperature)
    assert float(found) == pytest.approx(slow_kl(student, teacher, temperature), rel=1e-5)
    assert float(unlikeness(torch.tensor(teacher), torch.tensor(teacher), "kl", temperature)) == 0


def test_the_square_difference_is_that_of_the_definition() -> None:
    rng = np.random.default_rng(0)
    student, teacher = rng.normal(size=(2, 3, 4, 7))
    squares = [(a - b) ** 2 for a, b in zip(student.flat, teacher.flat, strict=True)]
    found = unlikeness(torch.tensor(student), torch.tensor(teacher), "mse")
    assert float(found) == pytest.approx(sum(squares) / len(squares), rel=1e-5)


@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_the_square_difference_of_probabilities_is_that_of_the_definition(temperature: float) -> None:
    rng = np.random.default_rng(1)
    student, teacher = rng.normal(size=(2, 3, 4, 7))
    p, q = (np.exp(x / temperature) for x in (student, teacher))
    p, q = (x / x.sum(axis=-1, keepdims=True) for x in (p, q))
    found = unlikeness(torch.tensor(student), torch.tensor(teacher), "probabilities", temperature)
    assert float(found) == pytest.approx(((p - q) ** 2).mean(), rel=1e-5)


@pytest.mark.parametrize(
    ("schedule", "at_0", "at_quarter", "at_half"),
    [("constant", 8.0, 8.0, 8.0), ("linear", 8.0, 6.0, 4.0), ("cosine", 8.0, 4 + 8**0.5, 4.0)],
)
def test_the_weight_falls_by_its_schedule(
    schedule: Any, at_0: float, at_quarter: float, at_half: float
) -> None:
    config = DistillConfig("r9.4.1_fast", weight=8.0, schedule=schedule, stop_fraction=0.8)
    found = [config.factor_at(fraction) for fraction in (0.0, 0.2, 0.4)]
    assert found == pytest.approx([at_0, at_quarter, at_half])
    assert config.factor_at(0.7999) > 0
    assert config.factor_at(0.8) == config.factor_at(1.0) == 0
    assert DistillConfig("r9.4.1_fast", schedule=schedule, stop_fraction=0.0).factor_at(0.0) == 0


def test_a_falling_weight_reaches_the_loss(tiny_store: Path, teacher: str) -> None:
    task = taught(tiny_store, teacher, weight=4.0, schedule="linear", stop_fraction=1.0)
    model, batch = seeded(task), one_batch(task)
    late = task.loss(model, batch, Progress(75, 100, 0))
    unlike = late.parts["distillation"]
    assert unlike > 0
    assert float(late.total.detach()) == pytest.approx(late.parts["label_loss"] + 1.0 * unlike, rel=1e-5)


def test_the_teacher_gets_no_gradient_from_either_loss() -> None:
    for kind in ("kl", "mse", "probabilities"):
        student, teacher = torch.randn(2, 1, 2, 3, requires_grad=True).unbind()
        leaf = teacher.detach().requires_grad_(True)
        unlikeness(student, leaf, kind).backward()
        assert leaf.grad is None


@pytest.mark.parametrize(
    ("target", "loss", "kind"),
    [
        ("encoder", "auto", "kl"),
        ("encoder", "mse", "mse"),
        ("decoder", "auto", "mse"),
        ("decoder", "kl", "kl"),
    ],
)
def test_both_losses_are_weighed(tiny_store: Path, teacher: str, target: str, loss: str, kind: str) -> None:
    task = taught(tiny_store, teacher, target=target, loss=loss, weight=3.0, stop_fraction=1.0)
    model, batch = seeded(task), one_batch(task)
    assert isinstance(task, Task)
    assert isinstance(task, Advised)
    losses = task.loss(model, batch, NOW)
    with torch.no_grad():
        if target == "encoder":
            mine = model.to_teacher(features(model.student, batch))
            wanted = features(task.teacher, batch)
            assert mine.shape == wanted.shape == (4, 40, WIDE)
        else:
            mine, wanted = model.student(batch.signal_NCS), task.teacher(batch.signal_NCS)
            assert mine.shape == wanted.shape == (4, 40, 20)
        labels = task.inner.loss(model.student, batch, NOW)
    mine, wanted = mine.double().numpy(), wanted.double().numpy()
    unlike = slow_kl(mine, wanted, 1.0) if kind == "kl" else float(((mine - wanted) ** 2).mean())
    assert unlike > 1e-3
    assert losses.parts["distillation"] == pytest.approx(unlike, rel=1e-4)
    assert losses.parts["label_loss"] == pytest.approx(float(labels.total))
    assert float(losses.total.detach()) == pytest.approx(float(labels.total) + 3 * unlike, rel=1e-4)
    assert losses.parts["loss"] == pytest.approx(float(losses.total.detach()))
    assert (losses.weight, losses.counts) == (labels.weight, labels.counts)


@pytest.mark.parametrize("target", ["encoder", "decoder"])
def test_the_gradient_reaches_student_and_map_and_never_the_teacher(
    tiny_store: Path, teacher: str, target: str
) -> None:
    task = taught(tiny_store, teacher, target=target)
    model, batch = seeded(task).train(), one_batch(task)
    alone = copy.deepcopy(model)
    before = copy.deepcopy(task.teacher.state_dict())
    (update,) = task.updates(NOW)
    parameters = list(update.parameters(model))
    trained = {id(p) for p in parameters}
    of_map = list(model.to_teacher.parameters())
    assert len(of_map) == (2 if target == "encoder" else 0)
    assert trained == {id(p) for p in [*model.student.parameters(), *of_map]}
    optimizer = build_optimizer(parameters, update.optimizer)
    task.loss(model, batch, NOW).total.backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in parameters)
    assert not task.teacher.training
    assert all(p.grad is None and not p.requires_grad for p in task.teacher.parameters())
    optimizer.step()
    for name, tensor in task.teacher.state_dict().items():
        assert torch.equal(tensor, before[name])
    # what pulls the student's encoder is the teacher, too, not only the labels
    task.inner.loss(alone.student, batch, NOW).total.backward()
    grads = [
        dict(m.student.named_parameters())["encoder.lstms.0.rnn.weight_ih_l0"].grad for m in (model, alone)
    ]
    assert not torch.equal(*grads)


def test_the_student_is_run_once_a_step(tiny_store: Path, teacher: str) -> None:
    task = taught(tiny_store, teacher)
    model, batch = seeded(task), one_batch(task)
    runs = []
    model.student.register_forward_hook(lambda *_: runs.append("student"))
    task.teacher.register_forward_hook(lambda *_: runs.append("teacher"))
    task.loss(model, batch, NOW)
    assert sorted(runs) == ["student", "teacher"]
    assert not model.student.encoder._forward_hooks


@pytest.mark.parametrize(("stop", "steps", "taught_steps"), [
    (0.0, 4, 0), (0.5, 6, 3), (0.5, 7, 4), (0.7, 10, 7), (0.75, 4, 3), (1.0, 4, 4),
])  # fmt: skip
def test_the_teacher_stops_at_its_step(
    tiny_store: Path, teacher: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    stop: float, steps: int, taught_steps: int,
) -> None:  # fmt: skip
    recipe = recipe_of(
        tiny_store, distill={"teacher": teacher, "stop_fraction": stop},
        loop={"steps": steps, "validate_every": 100},
    )  # fmt: skip
    asked, made = [], DistillTask.__init__

    def counted(self: DistillTask, *arguments: Any) -> None:
        made(self, *arguments)
        self.teacher.register_forward_hook(lambda *_: asked.append(1))

    monkeypatch.setattr(DistillTask, "__init__", counted)
    rows: list[dict] = []
    train_recipe(recipe, tmp_path / "run", "0", on_log=rows.append)
    assert len(asked) == taught_steps
    rows = [row for row in rows if "loss" in row]
    assert [row["step"] for row in rows if "distillation" in row] == list(range(1, taught_steps + 1))
    assert all(("distillation" in row) == (row["loss"] != row["label_loss"]) for row in rows)
    assert len(rows) == steps


def test_a_student_begins_as_layers_of_its_teacher(tiny_store: Path, teacher: str) -> None:
    recipe = recipe_of(tiny_store, WIDE, distill={"teacher": teacher, "start": "top"})
    task = recipe.task()
    assert isinstance(task, DistillTask)
    built, theirs = task.build().student.state_dict(), task.teacher.state_dict()
    assert built.keys() == theirs.keys()
    assert all(torch.equal(built[name], theirs[name]) for name in built)
    listed = recipe_of(tiny_store, WIDE, distill={"teacher": teacher, "start": [2, 1]}).task()
    assert isinstance(listed, DistillTask)
    assert listed.config.start == (2, 1)


@pytest.mark.parametrize(
    ("width", "tables", "words"),
    [
        (NARROW, {}, "only the number of layers may differ"),
        (WIDE, {"task": {"start_from": "r9.4.1_fast"}}, "leave task.start_from empty"),
    ],
)
def test_a_start_that_does_not_fit_is_refused_before_training(
    tiny_store: Path, teacher: str, width: int, tables: dict, words: str
) -> None:
    recipe = recipe_of(tiny_store, width, distill={"teacher": teacher, "start": "top"}, **tables)
    with pytest.raises(UsageError, match=words):
        recipe.task()


def untold(folder: Path) -> list[dict]:
    """The log without what depends on the time and on how it is taught."""
    lines = (folder / "log.jsonl").read_text().splitlines()
    left_out = ("seconds", "speed", "label_loss")
    return [{k: v for k, v in json.loads(line).items() if k not in left_out} for line in lines]


def test_with_a_teacher_that_is_never_asked_nothing_changes(
    tiny_store: Path, teacher: str, tmp_path: Path
) -> None:
    """Dropout draws from the generator at every step, so it must be where it would be without a teacher."""
    dropping = architecture(NARROW)
    dropping["config"]["lstms"][0]["dropout"] = 0.2
    for name, tables in {
        "alone": {},
        "taught": {"distill": {"teacher": teacher, "stop_fraction": 0.0}},
    }.items():
        data = {**recipe_of(tiny_store, **tables).data, "architecture": dropping}
        train_recipe(resolve_recipe(data, name), tmp_path / name, "0")
    alone, with_teacher = (load(tmp_path / name / "model").weights for name in ("alone", "taught"))
    assert alone.keys() == with_teacher.keys()
    for name, array in alone.items():
        np.testing.assert_array_equal(array, with_teacher[name], name)
    assert untold(tmp_path / "alone") == untold(tmp_path / "taught")


class StoppedError(Exception):
    """Somebody pulled the plug."""


@pytest.mark.parametrize("stopped_at", [2, 4, 7])
def test_training_resumes_to_the_bit(tiny_store: Path, teacher: str, tmp_path: Path, stopped_at: int) -> None:
    """Before, at and after the step at which the teacher is left out; with the average of the weights."""
    recipe = recipe_of(tiny_store, distill={"teacher": teacher}, loop={"average_decay": 0.9, "save_every": 2})

    def stop(row: dict) -> None:
        if row["step"] > stopped_at:
            raise StoppedError

    train_recipe(recipe, tmp_path / "whole", "0")
    with pytest.raises(StoppedError):
        train_recipe(recipe, tmp_path / "parts", "0", on_log=stop)
    train_recipe(recipe, tmp_path / "parts", "0", resume=True)
    whole, parts = (load_file(tmp_path / name / "training.safetensors") for name in ("whole", "parts"))
    assert whole.keys() == parts.keys()
    assert "model.to_teacher.weight" in whole
    for name, array in whole.items():
        np.testing.assert_array_equal(array, parts[name], name)
    for file in ("model.safetensors", "config.json", "README.md"):
        assert (tmp_path / "whole/model" / file).read_bytes() == (
            tmp_path / "parts/model" / file
        ).read_bytes()
    assert untold(tmp_path / "whole") == untold(tmp_path / "parts")


@pytest.mark.slow
def test_two_processes_learn_what_one_does(tiny_store: Path, teacher: str, tmp_path: Path) -> None:
    found = []
    for processes in (1, 2):
        recipe = recipe_of(tiny_store, distill={"teacher": teacher}, loop={"processes": processes})
        train_recipe(recipe, tmp_path / str(processes), "0")
        found.append(load_file(tmp_path / str(processes) / "training.safetensors"))
    names = [name for name in found[0] if name.startswith("model.")]
    assert "model.to_teacher.weight" in names
    for name in names:
        np.testing.assert_allclose(found[1][name], found[0][name], rtol=1e-4, atol=1e-5, err_msg=name)
    told = [[row.get("distillation") for row in untold(tmp_path / name)] for name in ("1", "2")]
    assert [row is None for row in told[0]] == [row is None for row in told[1]]
    assert [row for row in told[0] if row] == pytest.approx([row for row in told[1] if row], rel=1e-4)


@pytest.mark.parametrize("head", [CRF, CTC], ids=["crf", "ctc"])
@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_the_saved_student_knows_nothing_of_the_map_and_calls_bases(
    tiny_store: Path, teacher: str, tmp_path: Path, head: dict, kind: str
) -> None:
    """Also a student with GRUs, and one with another head than its teacher."""
    data = {
        **recipe_of(tiny_store, head=head, distill={"teacher": teacher}).data,
        "architecture": architecture(NARROW, kind=kind),
    }
    train_recipe(resolve_recipe(data, "student"), tmp_path / "run", "0")
    model = load(tmp_path / "run" / "model")
    alone = resolve_recipe({k: v for k, v in data.items() if k != "distill"}, "alone").task()
    assert isinstance(alone, BasecallTask)
    assert model.weights.keys() == alone.build().state_dict().keys()
    again = alone.evaluate(build_network(model), "validation")
    assert again == model.provenance["validation"]
    assert model.provenance["distill"] == {
        "teacher": "wise", "target": "encoder", "loss": "kl", "weight": 30.0, "stop_fraction": 0.5,
        "temperature": 1.0,
        "schedule": "constant",
        "start": "",
    }  # fmt: skip
    assert "distill: " in (tmp_path / "run" / "model" / "README.md").read_text()


def distance(task: DistillTask, student: Any) -> float:
    """How far a student is from its teacher on validation chunks, by its best linear map."""
    batch = next(task.batches("validation", batch_size=4, seed=0, rank=0, world=1, skip=0))
    with torch.no_grad():
        if task.config.target == "decoder":
            scores = (network(batch.signal_NCS) for network in (student, task.teacher))
            return float(unlikeness(*scores, task.config.kind))
        mine, wanted = (features(network, batch).flatten(0, 1) for network in (student, task.teacher))
        mine = torch.cat([mine, torch.ones(len(mine), 1)], dim=1)
        # what all features of a step have in common is nothing to the softmax
        fitted = mine @ torch.linalg.lstsq(mine, wanted - wanted.mean(dim=1, keepdim=True)).solution
        return float(unlikeness(fitted[None], wanted[None], task.config.kind))


@pytest.mark.parametrize(("target", "head"), [("encoder", CRF), ("decoder", CRF), ("decoder", CTC)])
def test_the_student_gets_nearer_to_its_teacher(
    tiny_store: Path, teacher: str, ctc_teacher: str, tmp_path: Path, target: str, head: dict
) -> None:
    """Nearer than a student that learns from the labels alone."""
    found = {}
    for stop in (0.0, 1.0):
        distill = {"teacher": teacher if head is CRF else ctc_teacher, "target": target, "weight": 300.0}
        recipe = recipe_of(
            tiny_store, head=head, distill={**distill, "stop_fraction": stop},
            loop={"steps": 120, "validate_every": 120},
        )  # fmt: skip
        rows: list[dict] = []
        train_recipe(recipe, tmp_path / str(stop), "0", on_log=rows.append)
        task = recipe.task()
        assert isinstance(task, DistillTask)
        # the last weights, not the best model, which the labels choose
        state = load_file(tmp_path / str(stop) / "training.safetensors")
        model = seeded(task)
        prefix = "model."
        model.load_state_dict(
            {n[len(prefix) :]: torch.from_numpy(a) for n, a in state.items() if n.startswith(prefix)}
        )
        found[stop] = distance(task, task.network_of(model))
        if stop:
            pulls = [row["distillation"] for row in rows if "distillation" in row]
            assert np.mean(pulls[-5:]) < 0.7 * np.mean(pulls[:5])
    assert found[1.0] < 0.85 * found[0.0]


def test_a_teacher_that_cannot_teach_is_refused(
    tiny_store: Path, teacher: str, ctc_teacher: str, tmp_path: Path
) -> None:
    def refused(words: str, named: str = teacher, head: dict = CRF, **config: Any) -> None:
        with pytest.raises(UsageError, match=words) as caught:
            taught(tiny_store, named, head, **config)
        assert "\n" not in str(caught.value)

    refused("no teacher is named; set distill.teacher", "")
    refused("no model 'nobody'", "nobody")
    refused("model for the task 'correct', its student one for 'basecall'", "hifi_student")
    refused("makes one step of 6 samples, its student one of 5: .*strides", "r9.4.1_turbo")
    refused(r"another head \(crf, state_len 1\) than its student \(ctc\)", head=CTC, target="decoder")
    longer = {"name": "crf", "config": {"state_len": 2}}
    refused(r"\(crf, state_len 1\) than .* \(crf, state_len 2\)", head=longer, target="decoder")
    taught(tiny_store, teacher, CTC)  # features are compared, whatever the head
    taught(tiny_store, ctc_teacher, CTC, target="decoder")
    for changes, words in {
        ("scaling", "quantile"): r"another scaling \(quantile\) than its student \(med_mad\)",
        ("sample_rate_hz", 5000): r"another sample rate \(5000\) than its student \(4000\)",
    }.items():
        model = load(teacher)
        key, value = changes
        model.features[key] = {**model.features[key], "method": value} if key == "scaling" else value
        save(tmp_path / key, model, "Other signal.")
        refused(words, str(tmp_path / key))
    model = load(teacher)
    model.features["scaling"] = {"method": "med_mad"}  # the same one, without what it does not change
    save(tmp_path / "brief", model, "Short.")
    taught(tiny_store, str(tmp_path / "brief"))
    model = load(teacher)
    unknown = model.features | {"sample_rate_hz": None}
    save(tmp_path / "unknown", type(model)(**{**vars(model), "features": unknown}), "Unknown rate.")
    taught(tiny_store, str(tmp_path / "unknown"))


def test_a_teacher_that_makes_other_steps_of_a_chunk_is_refused(
    tiny_store: Path, teacher: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = taught(tiny_store, teacher)
    model, batch = seeded(task), one_batch(task)
    run = task.teacher.encoder.forward
    monkeypatch.setattr(task.teacher.encoder, "forward", lambda signal: run(signal)[:, 1:])
    with pytest.raises(
        UsageError, match="makes 39 steps of a chunk, its student 40: they cannot be compared"
    ):
        task.loss(model, batch, NOW)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"weight": 0.0}, "weight must be above 0"),
        ({"weight": math.nan}, "weight must be above 0"),
        ({"weight": math.inf}, "weight must be above 0 and finite"),
        ({"stop_fraction": 1.1}, "stop_fraction must be from 0 to 1"),
        ({"stop_fraction": -0.1}, "stop_fraction must be from 0 to 1"),
        ({"temperature": 0.0}, "temperature must be above 0"),
        ({"loss": "mse", "temperature": 2.0}, "a temperature is for the losses 'kl'"),
        ({"target": "decoder", "temperature": 2.0}, "a temperature is for the losses 'kl'"),
    ],
)
def test_settings_that_cannot_be_are_refused(config: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        DistillConfig("r9.4.1_fast", **config)


@pytest.mark.parametrize(("target", "kind", "weight"), [("encoder", "kl", 30.0), ("decoder", "mse", 1.0)])
def test_loss_and_weight_follow_the_target_unless_they_are_named(
    target: Any, kind: str, weight: float
) -> None:
    config = DistillConfig("r9.4.1_fast", target)
    assert (config.kind, config.factor) == (kind, weight)
    config = DistillConfig("r9.4.1_fast", target, "kl", 2.5)
    assert (config.kind, config.factor) == ("kl", 2.5)
    assert DistillConfig("r9.4.1_fast", target, "mse").kind == "mse"


def test_the_map_leaves_the_students_first_weights_as_they_are(tiny_store: Path, teacher: str) -> None:
    task = taught(tiny_store, teacher)
    model = seeded(task, 7)
    after = torch.rand(3)
    torch.manual_seed(7)
    alone = task.inner.build()
    assert torch.equal(torch.rand(3), after)
    for name, tensor in alone.state_dict().items():
        assert torch.equal(model.student.state_dict()[name], tensor)
    assert isinstance(task.network_of(model), type(alone))


def test_losses_that_are_not_finite_go_on_for_the_loop_to_see(tiny_store: Path, teacher: str) -> None:
    task = taught(tiny_store, teacher)
    model, batch = seeded(task), one_batch(task)
    with torch.no_grad():
        next(model.to_teacher.parameters()).fill_(math.nan)
    assert math.isnan(task.loss(model, batch, NOW).total.item())
