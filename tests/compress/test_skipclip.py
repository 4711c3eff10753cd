"""SkipClip: which skips go and when, the loss over the classes, the network that is kept, resuming."""

import copy
import json
import math
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from torch import nn

from lexome.checkpoint.build import build_network
from lexome.checkpoint.store import load, save
from lexome.compress.skipclip import Clipped, SkipClipConfig, SkipClipTask, SkipSwitch
from lexome.core.config import to_dict
from lexome.core.errors import UsageError
from lexome.models import registry
from lexome.models.costs import network_costs
from lexome.models.registry import build_encoder, new_network
from lexome.nn.network import Network
from lexome.tasks.basecall.task import BasecallTask
from lexome.tasks.recipe import Recipe, resolve_recipe
from lexome.tasks.training import train_recipe
from lexome.train.config import LoopConfig
from lexome.train.task import Progress

NOW = Progress(0, 1, 0)
CTC = {"name": "ctc", "config": {}}
EXAMPLES = runpy.run_path(str(Path(__file__).parents[1] / "models" / "registry_examples.py"))["EXAMPLES"]
WITH_INPUTS = {
    "inputs": {"degree": 2, "window": 5},
    "architecture": {"name": "quartznet", "config": EXAMPLES["quartznet"][0]},
}
CASES = [(name, config) for name, configs in EXAMPLES.items() for config in configs]
CASES += [("with_inputs", WITH_INPUTS)]
SKIPPING = ("quartznet", "causalcall", "with_inputs")
BLOCKS = [
    {"size": 6, "kernel": 5, "stride": 5, "separable": False},
    {"size": 6, "kernel": 3, "residual": True},
    {"size": 8, "kernel": 5, "repeat": 2, "residual": True, "groups_of": 2},
    {"size": 6, "kernel": 3, "residual": True},
]
ARCHITECTURE = {"name": "quartznet", "config": {"blocks": BLOCKS, "dropout": 0.1}}
LSTM = {
    "name": "bonito",
    "config": {
        "convs": [{"size": 4, "kernel": 5, "stride": 5}],
        "lstms": [{"size": 4, "reverse": True}],
    },
}


def recipe_of(store: Path, teacher: str = "", architecture: dict = ARCHITECTURE, **tables: Any) -> Recipe:
    data = {
        "task_kind": "basecall", "name": "student", "architecture": architecture, "head": CTC,
        "signal": {"sample_rate_hz": 4000, "chunk_size": 200, "overlap": 20},
        "task": {"stores": [str(store)], "optim": {"lr": 0.02, "warmup_steps": 2}},
        "loop": {
            "steps": 10, "batch_size": 4, "seed": 1, "validate_every": 2, "save_every": 1, "log_every": 1,
            "device": "cpu",
        },
    }  # fmt: skip
    if teacher:
        data["skipclip"] = {"teacher": teacher}
    for key, table in tables.items():
        data[key] = {**data.get(key, {}), **table}
    return resolve_recipe(data, "student")


def random_weights(network: nn.Module, seed: int = 3) -> nn.Module:
    """Weights and statistics of normalisations as after some training."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if tensor.is_floating_point():
                tensor.copy_(torch.randn(tensor.shape, generator=generator) * 0.5)
                if name.endswith("running_var"):
                    tensor.abs_().add_(0.5)
    return network.eval()


@pytest.fixture(scope="module")
def teacher(tiny_store: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    task = recipe_of(tiny_store).task()
    assert isinstance(task, BasecallTask)
    folder = tmp_path_factory.mktemp("teacher") / "model"
    save(folder, task.checkpoint(random_weights(task.build()), {"name": "wise"}), "A random network.")
    return str(folder)


def clipping(store: Path, teacher: str, **tables: Any) -> SkipClipTask:
    task = recipe_of(store, teacher, **tables).task()
    assert isinstance(task, SkipClipTask)
    return task


def built(task: SkipClipTask, seed: int = 0) -> Clipped:
    torch.manual_seed(seed)
    return task.build()


def one_batch(task: SkipClipTask, size: int = 4) -> Any:
    return next(task.batches("training", batch_size=size, seed=0, rank=0, world=1, skip=0))


def student_of(task: SkipClipTask, model: Clipped) -> Network:
    student = task.inner.network_of(model.model)
    assert isinstance(student, Network)
    return student


@pytest.mark.parametrize(
    ("name", "config"),
    [case for case in CASES if case[0] in SKIPPING and case[1] not in EXAMPLES["with_inputs"]],
)
def test_a_network_built_without_its_skips_is_the_one_whose_skips_give_nothing(
    name: str, config: dict
) -> None:
    """Any encoder that names skips, one by one and all together."""
    encoder = random_weights(build_encoder(name, config))
    skips: tuple[str, ...] = encoder.skips  # type: ignore[assignment]
    channels = int(getattr(encoder.config, "in_channels", 1))  # type: ignore[arg-type]
    signal = torch.randn(2, channels, 60, generator=torch.Generator().manual_seed(5))
    whole = encoder(signal)
    for removed in [*((skip,) for skip in skips), skips]:
        found = build_encoder(name, to_dict(encoder.config_without(removed)))  # type: ignore[operator]
        assert found.skips == tuple(skip for skip in skips if skip not in removed)
        weights = {
            key: value
            for key, value in encoder.state_dict().items()
            if not any(key.startswith(f"{skip}.") for skip in removed)
        }
        found.load_state_dict(weights, strict=True)
        zeroed = copy.deepcopy(encoder)
        for skip in removed:
            parent, _, child = skip.rpartition(".")
            switch = SkipSwitch(zeroed.get_submodule(skip))
            switch.is_on.zero_()
            setattr(zeroed.get_submodule(parent), child, switch)
        assert torch.equal(found.eval()(signal), zeroed(signal))
        if removed:
            assert not torch.allclose(found(signal), whole)


def test_all_encoders_with_skips_say_how_they_are_built_without() -> None:
    for name, config in CASES:
        encoder = build_encoder(name, config)
        if encoder.skips:
            assert name in SKIPPING
            assert hasattr(encoder, "config_without")


def test_a_switch_that_is_on_changes_nothing(tiny_store: Path, teacher: str) -> None:
    task = clipping(tiny_store, teacher)
    model, batch = built(task).eval(), one_batch(clipping(tiny_store, teacher))
    torch.manual_seed(0)
    plain = task.inner.inner.build().eval()
    assert torch.equal(student_of(task, model)(batch.signal_NCS), plain(batch.signal_NCS))
    assert task.left(model) == ["encoder.blocks.1.residual", "encoder.blocks.2.residual",
                                "encoder.blocks.3.residual"]  # fmt: skip


def slow_divergence(student_NTK: np.ndarray, teacher_NTK: np.ndarray, temperature: float) -> float:
    """Mean over all steps of the divergence between the softmaxes over the last axis, in plain sums."""
    total, steps = 0.0, 0
    for ours, theirs in zip(student_NTK.reshape(-1, 5), teacher_NTK.reshape(-1, 5), strict=True):
        q = [math.exp(value / temperature) for value in ours]
        p = [math.exp(value / temperature) for value in theirs]
        total += sum(a / sum(p) * math.log((a / sum(p)) / (b / sum(q))) for a, b in zip(p, q, strict=True))
        steps += 1
    return total / steps


def test_the_teachers_loss_is_over_the_classes_and_weighed_as_published(
    tiny_store: Path, teacher: str
) -> None:
    alpha, temperature = 0.7, 2.5
    task = clipping(tiny_store, teacher, skipclip={"alpha": alpha, "temperature": temperature})
    model, batch = built(task).eval(), one_batch(task)
    student = student_of(task, model)
    found = task.loss(model, batch, NOW)
    labels = task.inner.inner.loss(student, batch, NOW)
    with torch.no_grad():
        scores = [n(batch.signal_NCS).double().numpy() for n in (student, task.inner.teacher)]
    divergence = slow_divergence(scores[0], scores[1], temperature)
    expected = (1 - alpha) * float(labels.total.detach()) + alpha * temperature**2 * divergence
    assert float(found.total.detach()) == pytest.approx(expected, rel=1e-4)
    assert found.parts["loss"] == pytest.approx(expected, rel=1e-4)
    assert found.parts["distillation"] == pytest.approx(divergence, rel=1e-4)
    assert found.parts["skips"] == 3


def test_the_reads_of_a_batch_do_not_matter_to_one_another(tiny_store: Path, teacher: str) -> None:
    """With softmaxes over the batch, as the published code has them, one read would have no divergence."""
    task = clipping(tiny_store, teacher)
    model, batch = built(task).eval(), one_batch(task)
    together = task.loss(model, batch, NOW).parts["distillation"]
    kind = type(batch)
    alone = [
        task.loss(
            model, kind(batch.signal_NCS[n : n + 1], batch.targets_NL[n : n + 1], batch.lengths_N[n : n + 1]),
            NOW,
        ).parts["distillation"]
        for n in range(4)
    ]  # fmt: skip
    assert min(alone) > 0.01
    assert together == pytest.approx(float(np.mean(alone)), rel=1e-4)


def test_skips_go_in_their_order_at_their_time(tiny_store: Path, teacher: str) -> None:
    task = clipping(tiny_store, teacher, skipclip={"every": 2, "at_once": 2}, loop={"steps": 12})
    model = built(task)
    left, changed = [], []
    for _ in range(6):
        changed.append(task.on_epoch(model, NOW))
        left.append([name.split(".")[2] for name in task.left(model)])
    assert changed == [False, True, False, True, False, False]
    assert left == [["1", "2", "3"], ["3"], ["3"], [], [], []]


def test_a_skip_that_is_off_gets_no_gradient(tiny_store: Path, teacher: str) -> None:
    task = clipping(tiny_store, teacher)
    model, batch = built(task).train(), one_batch(task)
    task.on_epoch(model, NOW)
    task.loss(model, batch, NOW).total.backward()
    for name, parameter in student_of(task, model).named_parameters():
        assert (parameter.grad is None) == name.startswith("encoder.blocks.1.residual."), name
    assert all(p.grad is None for p in task.inner.teacher.parameters())


def test_what_is_kept_has_no_skips_and_computes_the_same(
    tiny_store: Path, teacher: str, tmp_path: Path
) -> None:
    rows: list[dict] = []
    recipe = recipe_of(tiny_store, teacher, loop={"average_decay": 0.5})
    position = train_recipe(recipe, tmp_path / "run", "0", on_log=rows.append)
    judged = {row["step"]: row for row in rows if "validation" in row}
    assert [row["validation"]["skips"] for row in judged.values()] == [3, 2, 1, 0, 0]
    assert [row["best"] for row in judged.values()][:4] == [False, False, False, True]
    assert position.best_step in (8, 10)
    model = load(tmp_path / "run" / "model")
    assert [block["residual"] for block in model.architecture.config["blocks"]] == [False] * 4
    assert not any("residual" in name for name in model.weights)
    network = build_network(model)
    assert network.skips == ()
    record = model.provenance["skipclip"]
    assert (record["teacher"], len(record["removed"]), record["alpha"]) == ("wise", 3, 0.9)
    assert "distill" not in model.provenance
    # the network with switches, in the state at the end, gives what the one without gives
    task = recipe.task()
    assert isinstance(task, SkipClipTask)
    trained = built(task)
    state = load_file(tmp_path / "run" / "training.safetensors")
    trained.load_state_dict(
        {n[len("model.") :]: torch.from_numpy(a) for n, a in state.items() if n.startswith("model.")}
    )
    assert task.left(trained) == []
    plain = build_network(task.checkpoint(trained, {"name": "x"}))
    signal = one_batch(task).signal_NCS
    torch.testing.assert_close(plain(signal), student_of(task, trained.eval())(signal), rtol=0, atol=1e-6)
    again = recipe_of(tiny_store, architecture=to_dict(model.architecture)).task()
    assert (
        again.evaluate(network, "validation")["label_identity_mean"]
        == (model.provenance["validation"]["label_identity_mean"])
    )


def test_a_network_with_some_skips_left_is_written_with_those(tiny_store: Path, teacher: str) -> None:
    task = clipping(tiny_store, teacher)
    model = built(task)
    task.on_epoch(model, NOW)
    found = task.checkpoint(model, {"name": "x"})
    assert [block["residual"] for block in found.architecture.config["blocks"]] == [False, False, True, True]
    signal = one_batch(task).signal_NCS
    expected = student_of(task, model.eval())(signal)
    torch.testing.assert_close(build_network(found)(signal), expected, rtol=0, atol=1e-6)


def test_memory_products_and_weights_become_fewer() -> None:
    blocks = [{"size": 6, "kernel": 5, "stride": 5}, *[{"size": 6, "kernel": 3, "residual": True}] * 3]
    with_skips = new_network({"name": "quartznet", "config": {"blocks": blocks}}, CTC)
    config = to_dict(with_skips.encoder.config_without(with_skips.encoder.skips))  # type: ignore[operator,union-attr]
    without = new_network({"name": "quartznet", "config": config}, CTC)
    before, after = (network_costs(network, 1000) for network in (with_skips, without))
    assert before.parameters - after.parameters == 3 * (6 * 6 + 2 * 6)
    assert before.macs - after.macs == 3 * 200 * 6 * 6
    one_tensor = 4 * 200 * 6
    # the block's input, its other branch, and two results of the skip, against input and two results
    assert (before.peak_bytes, after.peak_bytes) == (4 * one_tensor, 3 * one_tensor)


class StoppedError(Exception):
    """Somebody pulled the plug."""


@pytest.mark.parametrize("stopped_at", [1, 4, 5, 9])
def test_training_resumes_to_the_bit(tiny_store: Path, teacher: str, tmp_path: Path, stopped_at: int) -> None:
    """Before, at and after removals; with the average of the weights and dropout."""
    recipe = recipe_of(tiny_store, teacher, loop={"average_decay": 0.9})

    def stop(row: dict) -> None:
        if row["step"] > stopped_at:
            raise StoppedError

    train_recipe(recipe, tmp_path / "whole", "0")
    with pytest.raises(StoppedError):
        train_recipe(recipe, tmp_path / "parts", "0", on_log=stop)
    train_recipe(recipe, tmp_path / "parts", "0", resume=True)
    whole, parts = (load_file(tmp_path / name / "training.safetensors") for name in ("whole", "parts"))
    assert whole.keys() == parts.keys()
    for name, array in whole.items():
        np.testing.assert_array_equal(array, parts[name], name)
    for file in ("model.safetensors", "config.json", "README.md"):
        assert (tmp_path / "whole/model" / file).read_bytes() == (
            tmp_path / "parts/model" / file
        ).read_bytes()
    logs = [
        [
            {key: value for key, value in json.loads(line).items() if key not in ("seconds", "speed")}
            for line in (tmp_path / name / "log.jsonl").read_text().splitlines()
        ]
        for name in ("whole", "parts")
    ]
    assert str(logs[0]) == str(logs[1])  # nan is not equal to itself


@pytest.mark.slow
def test_two_processes_learn_what_one_does(tiny_store: Path, teacher: str, tmp_path: Path) -> None:
    found = []
    for processes in (1, 2):
        recipe = recipe_of(
            tiny_store, teacher, architecture={**ARCHITECTURE, "config": {"blocks": BLOCKS, "dropout": 0.0}},
            loop={"processes": processes},
        )  # fmt: skip
        train_recipe(recipe, tmp_path / str(processes), "0")
        found.append(load_file(tmp_path / str(processes) / "training.safetensors"))
    switches = [name for name in found[0] if name.endswith(".is_on")]
    assert len(switches) == 3
    assert all(not found[n][name].any() for n in (0, 1) for name in switches)


def test_what_cannot_be_clipped_is_refused(
    tiny_store: Path, teacher: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(words: str, named: str = teacher, **tables: Any) -> None:
        with pytest.raises(UsageError, match=words) as caught:
            recipe_of(tiny_store, named, **tables).task()
        assert "\n" not in str(caught.value)

    refused("the network 'bonito' has no skip connections to remove", architecture=LSTM)
    refused("no model 'nobody'", "nobody")
    refused("makes one step of 6 samples, its student one of 5", "r9.4.1_turbo")
    refused("no teacher is named; set skipclip.teacher", skipclip={"teacher": ""})
    refused(r"\[distill\] and \[skipclip\] cannot be one training", distill={"teacher": teacher})
    refused("3 validations are too few to remove 3 skip .*at least 4", loop={"steps": 6})
    refused("leave out loop.minutes; set loop.steps", loop={"minutes": 1.0})
    refused("leave out loop.patience", loop={"patience": 2})
    encoder = registry.build_encoder("quartznet", ARCHITECTURE["config"])
    monkeypatch.delattr(type(encoder), "config_without")
    refused(r"names skip connections, but not how .*\(config_without\)")


def test_just_enough_validations_are_enough(tiny_store: Path, teacher: str) -> None:
    task = clipping(tiny_store, teacher)
    task.check_loop(LoopConfig(steps=7, validate_every=2))  # the last step is a validation, too
    with pytest.raises(UsageError, match="too few"):
        task.check_loop(LoopConfig(steps=6, validate_every=2))


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"every": 0}, "at least 1"), ({"at_once": 0}, "at least 1"), ({"alpha": 0.0}, "alpha must be"),
        ({"alpha": 1.0}, "alpha must be"), ({"alpha": math.nan}, "alpha must be"),
    ],
)  # fmt: skip
def test_settings_that_cannot_be_are_refused(config: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        SkipClipConfig("r9.4.1_fast", **config)
