"""A task around a task does as the one within, with the network that it takes out of what is trained."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from lexome.checkpoint.store import Checkpoint, Component
from lexome.train.around import TaskAround
from lexome.train.optim import OptimConfig
from lexome.train.task import Advised, Diagnosable, Losses, Outputs, Progress, Task, Update

NOW = Progress(3, 8, 24)
OPTIM = OptimConfig(lr=0.125)


class Shell(nn.Module):
    """A network within another."""

    def __init__(self) -> None:
        super().__init__()
        self.network, self.more = nn.Linear(2, 2), nn.Linear(3, 1)


class Opened(TaskAround[Task]):
    """A method that trains a shell."""

    def network_of(self, model: nn.Module) -> nn.Module:
        assert isinstance(model, Shell)
        return model.network


def test_everything_reaches_the_task_within(make_task: Callable[..., Any]) -> None:
    seen: list[tuple[Any, ...]] = []

    def told(name: str, answer: Any) -> Callable[..., Any]:
        def method(*arguments: Any, **named: Any) -> Any:
            seen.append((name, *arguments, *named.values()))
            return answer

        return method

    losses, outputs = Losses(torch.zeros(())), Outputs(torch.zeros(()))
    answers = {
        "build": Shell(), "batches": iter("ab"), "outputs": outputs, "loss": losses, "evaluate": {"x": 1.0},
        "on_epoch": True,
        "checkpoint": Checkpoint("basecall", Component("a", {}), Component("h", {}), {}),
    }  # fmt: skip
    inner = make_task(
        name="inner", primary_metric="x", higher_is_better=True, advice=["mind the gap"],
        **{name: told(name, answer) for name, answer in answers.items()},
    )  # fmt: skip
    task, shell = Opened(inner), Shell()
    assert isinstance(task, Task)
    assert isinstance(task, Advised)
    assert (task.name, task.primary_metric, task.higher_is_better) == ("inner", "x", True)
    assert list(task.advice) == ["mind the gap"]
    assert task.build() is answers["build"]
    assert task.batches("s", batch_size=1, seed=2, rank=3, world=4, skip=5) is answers["batches"]
    assert task.outputs(shell, "b", ("t",)) is outputs
    assert task.loss(shell, "b", NOW) is losses
    assert task.evaluate(shell, "s") == {"x": 1.0}
    assert task.on_epoch(shell, NOW) is True
    assert task.checkpoint(shell, {"a": 1}) is answers["checkpoint"]
    net = shell.network
    assert seen == [
        ("build",), ("batches", "s", 1, 2, 3, 4, 5), ("outputs", net, "b", ("t",)), ("loss", net, "b", NOW),
        ("evaluate", net, "s"), ("on_epoch", net, NOW), ("checkpoint", net, {"a": 1}),
    ]  # fmt: skip


def test_updates_are_of_the_network_within(make_task: Callable[..., Any]) -> None:
    updates = [
        Update("training", lambda model: list(model.parameters())[:1], OPTIM),
        Update("validation", lambda model: list(model.parameters())[1:], OptimConfig(lr=0.5)),
    ]
    inner = make_task(updates=lambda progress: updates if progress is NOW else [])
    shell = Shell()
    first, second = Opened(inner).updates(NOW)
    assert (first.split, first.optimizer, second.split) == ("training", OPTIM, "validation")
    assert first.parameters(shell)[0] is shell.network.weight
    assert second.parameters(shell)[0] is shell.network.bias


def test_without_a_shell_the_network_is_the_model_and_the_plateau_is_not_the_inner_ones(
    make_task: Callable[..., Any],
) -> None:
    model = nn.Linear(1, 1)
    inner = make_task(
        plateau=(1.0, 2.0), diagnose=lambda model, measured: "why", on_epoch=lambda m, p: m is model
    )
    assert isinstance(inner, Diagnosable)
    task = TaskAround(inner)
    assert not isinstance(task, Diagnosable)
    assert list(task.advice) == []
    assert task.on_epoch(model, NOW) is True
