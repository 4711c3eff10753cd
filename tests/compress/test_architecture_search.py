"""Searching through the training loop: a planted optimum is found, a stopped search goes on to the bit."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from lexome.checkpoint.build import weights_of
from lexome.checkpoint.store import Checkpoint, Component, load
from lexome.compress.costs import plain_costs
from lexome.compress.search import ARCHITECTURE, OPTIM, SearchConfig, SearchTask, encoder_of, with_cost
from lexome.compress.space import ConvolutionSpace, Stage
from lexome.compress.space_costs import SpaceCosts
from lexome.core.errors import UsageError
from lexome.models.registry import new_network
from lexome.train.config import LoopConfig
from lexome.train.loop import train
from lexome.train.optim import OptimConfig
from lexome.train.task import Losses, Outputs, Progress, Task, Update, tapped

KERNELS = (3, 7, 15)
REACH = 3  # what is to be said lies so many samples to both sides: kernels of 7 and more see it
NOW = Progress(0, 1, 0)


@dataclass(frozen=True)
class Shifted:
    """Signal, and what of it is to be said."""

    signal_NCS: torch.Tensor
    wanted_NT: torch.Tensor


class ToyTask:
    """Says the difference of the signal before and behind; `side` tells two tasks' data apart."""

    name, primary_metric, higher_is_better = "toy", "loss", False
    architecture: Mapping[str, Any] = {"name": "quartznet", "config": {}}
    head: Mapping[str, Any] = {"name": "ctc", "config": {}}

    def __init__(self, side: int) -> None:
        self.side = side
        self.asked: list[str] = []

    def build(self) -> nn.Module:
        return new_network(self.architecture, self.head)

    def batches(
        self, split: str, *, batch_size: int, seed: int, rank: int, world: int, skip: int
    ) -> Iterator[Shifted]:
        for number in range(skip, 10_000):
            self.asked.append(split)
            generator = torch.Generator().manual_seed(2 * number + self.side)
            signal = torch.randn(batch_size, 1, 48, generator=generator)
            padded = nn.functional.pad(signal[:, 0], (REACH, REACH))
            yield Shifted(signal, padded[:, 2 * REACH :] - padded[:, : -2 * REACH])

    def outputs(self, model: nn.Module, batch: Shifted, taps: Sequence[str] = ()) -> Outputs:
        return tapped(model, batch.signal_NCS, taps)

    def loss(self, model: nn.Module, batch: Shifted, progress: Progress) -> Losses:
        scores = model(batch.signal_NCS)
        total = (scores[..., 0] - scores[..., 1] - batch.wanted_NT).square().mean()
        return Losses(total, {"loss": float(total.detach())})

    def evaluate(self, model: nn.Module, split: str) -> dict[str, float]:
        return {"loss": 1.0}

    def updates(self, progress: Progress) -> Sequence[Update]:
        optim = OptimConfig(lr=0.02, warmup_steps=0, weight_decay=0.0, final_lr=1.0)
        return [Update("training", lambda model: list(model.parameters()), optim)]

    def on_epoch(self, model: nn.Module, progress: Progress) -> bool:
        return False

    def checkpoint(self, model: nn.Module, provenance: Mapping[str, Any]) -> Checkpoint:
        architecture, head = Component("quartznet", {}), Component("ctc", {})
        return Checkpoint("basecall", architecture, head, {}, None, {"name": "toy"}, weights_of(model))


SPACE = ConvolutionSpace((Stage((4,), KERNELS, layers=1),), activation="none", dropout=0.0)
SLOT = "stage0.layer0.operator"


def costs() -> SpaceCosts:
    return SpaceCosts(SPACE, plain_costs(SPACE.operations(), "macs"), "MAC per sample")


def search_task(**config: Any) -> SearchTask:
    wanted = {"steps": 150, "warm_up": 0.2, "strength": 0.3, "optim": replace(OPTIM, lr=0.05), **config}
    at_seven = costs().of({"stage0.channels": 0, SLOT: 1, "stage0.layer0.bits": 0})
    return SearchTask(SearchConfig(**wanted), SPACE, costs(), at_seven, ToyTask(0), ToyTask(1))


def run(
    task: SearchTask, folder: Path, resume: bool = False, on_log: Any = lambda row: None, **loop: Any
) -> None:
    given = {"steps": task.config.steps, "batch_size": 8, "validate_every": 1000, "device": "cpu", **loop}
    train(task, LoopConfig(**given), folder, {}, {}, resume=resume, on_log=on_log)


def alphas(folder: Path) -> torch.Tensor:
    return load_file(folder / "training.safetensors")["model.encoder.architecture.alphas.0"]


# darts with add and strength 0.3 chooses kernel 3 here: docs/search.md says so
@pytest.mark.parametrize(
    ("method", "form", "strength"), [("proxyless", "add", 0.3), ("darts", "add", 0.1), ("darts", "mul", 2.0)]
)
def test_a_search_finds_the_planted_optimum(method: str, form: str, strength: float, tmp_path: Path) -> None:
    run(search_task(method=method, form=form, strength=strength), tmp_path)
    found = alphas(tmp_path)
    assert KERNELS[int(found.argmax())] == 7, found
    blocks = load(tmp_path / "model").architecture.config["blocks"]  # of the last validation: the likeliest
    assert [block["kernel"] for block in blocks] == [7]


def test_without_the_cost_the_smallest_kernel_is_no_better(tmp_path: Path) -> None:
    run(search_task(strength=0.0), tmp_path)
    shares = alphas(tmp_path).softmax(0)
    assert shares[0] < 0.2
    assert shares[1:].sum() > 0.8


def test_a_stopped_search_goes_on_to_the_bit(tmp_path: Path) -> None:
    steps: dict[str, Any] = {"steps": 12, "save_every": 4, "log_every": 1, "validate_every": 6}

    def stop(row: dict[str, Any]) -> None:
        if row["step"] == 7:
            raise InterruptedError

    run(search_task(steps=12, warm_up=0.1), tmp_path / "whole", **steps)
    with pytest.raises(InterruptedError):
        run(search_task(steps=12, warm_up=0.1), tmp_path / "cut", on_log=stop, **steps)
    run(search_task(steps=12, warm_up=0.1), tmp_path / "cut", resume=True, **steps)
    one, other = (load_file(tmp_path / name / "training.safetensors") for name in ("whole", "cut"))
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert alphas(tmp_path / "whole").abs().sum() > 0


def test_weights_and_architecture_learn_on_data_of_their_own() -> None:
    task = search_task(warm_up=0.5)
    assert isinstance(task, Task)
    torch.manual_seed(0)
    model = task.build()
    architecture, weights = task.updates(NOW)
    assert [update.split for update in (architecture, weights)] == [ARCHITECTURE, "training"]
    own, others = architecture.parameters(model), weights.parameters(model)
    assert not {id(p) for p in own} & {id(p) for p in others}
    assert len(own) + len(others) == len(list(model.parameters()))
    for split, asked in ((ARCHITECTURE, (0, 1)), ("training", (1, 0))):
        batch = next(task.batches(split, batch_size=2, seed=0, rank=0, world=1, skip=0))
        counts = [len(one.asked) for one in (task.inner, task.held_back)]  # pyright: ignore[reportAttributeAccessIssue]
        assert counts == list(asked)
        for one in (task.inner, task.held_back):
            one.asked.clear()  # pyright: ignore[reportAttributeAccessIssue]
        model.zero_grad()
        losses = task.loss(model, batch, Progress(1, 2, 0))
        losses.total.backward()
        moved = [p.grad is not None and bool(p.grad.any()) for p in own]
        changed = [p.grad is not None and bool(p.grad.any()) for p in others]
        assert any(moved) == (split == ARCHITECTURE)
        assert any(changed) == (split == "training")
        assert all(p.requires_grad for p in model.parameters())
        assert ("expected_cost" in losses.parts) == (split == ARCHITECTURE)
    # until the warm-up is over the architecture stays
    batch = next(task.batches(ARCHITECTURE, batch_size=2, seed=0, rank=0, world=1, skip=0))
    model.zero_grad()
    task.loss(model, batch, Progress(0, 2, 0)).total.backward()
    assert not any(bool(p.grad.any()) for p in own if p.grad is not None)
    assert task.evaluate(model, "validation")["cost"] == costs().of(
        encoder_of(model).architecture.likeliest()
    )


def test_the_cost_comes_in_as_the_source_says() -> None:
    loss, expected = torch.tensor(2.0), torch.tensor(150.0)
    assert float(with_cost(loss, expected, 100.0, SearchConfig(strength=0.6))) == pytest.approx(2.3)
    found = with_cost(loss, expected, 100.0, SearchConfig(strength=0.5, form="mul"))
    assert float(found) == pytest.approx(2 * (5.0106353 / 4.6051702) ** 0.5)


def test_targets_that_cannot_be() -> None:
    task = search_task()
    with pytest.raises(UsageError, match="least possible is"):
        SearchTask(task.config, SPACE, costs(), 1.0, ToyTask(0), ToyTask(1))
    small = SpaceCosts(SPACE, dict.fromkeys(SPACE.operations(), 0.5), "MAC")
    with pytest.raises(UsageError, match="must be above 1; use 'add'"):
        SearchTask(SearchConfig(form="mul"), SPACE, small, 2.0, ToyTask(0), ToyTask(1))
    wrongs: list[dict[str, Any]] = [{"steps": 0}, {"warm_up": 1.0}, {"strength": -1.0}]
    for wrong in wrongs:
        with pytest.raises(ValueError, match="must"):
            SearchConfig(**wrong)
