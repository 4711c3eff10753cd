"""One update at work: scaling of the loss, what is not finite, numbers of several processes put together."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from lexome.train.distributed import ALONE, Processes
from lexome.train.optim import OptimConfig
from lexome.train.speed import PhaseClock
from lexome.train.task import Losses, Progress, Update
from lexome.train.update import Stepped, Updater, logged

NONE: Mapping[int, float] = {}
CPU = torch.device("cpu")


def loss_of(model: nn.Module, batch: torch.Tensor, progress: Progress) -> Losses:
    with progress.clock.phase("loss"):
        total = (model(batch) - 3).square().mean()
    return Losses(total, {"loss": float(total.detach())})


@pytest.fixture
def run(make_task):
    """Fits a line for some steps; the loss may be multiplied by something at some of them."""

    def fit(steps: int, scaler: torch.amp.GradScaler | None = None, factors: Mapping[int, float] = NONE):
        def loss(model: nn.Module, batch: torch.Tensor, progress: Progress) -> Losses:
            losses = loss_of(model, batch, progress)
            return replace(losses, total=losses.total * factors.get(progress.step, 1.0))

        torch.manual_seed(0)
        model = nn.Linear(4, 1)
        update = Update("training", lambda m: list(m.parameters()), OptimConfig(lr=0.05, warmup_steps=2))
        updater = Updater(update, model, "fp32", CPU, scaler)
        updater.batches = iter(torch.randn(steps, 8, 4, generator=torch.Generator().manual_seed(1)))
        task = make_task(loss=loss)
        done = [updater.step(task, model, Progress(n, steps, 0), ALONE) for n in range(steps)]
        return model, done, updater

    return fit


def test_a_scaled_loss_makes_the_same_steps_to_the_bit(run) -> None:
    """A power of two changes no bit; clipping and the norm that is told see the true gradient."""
    plain, plain_done, _ = run(20)
    scaled, scaled_done, updater = run(20, torch.amp.GradScaler("cpu", init_scale=2.0**12))
    assert updater.scaler.get_scale() == 2.0**12
    assert torch.equal(plain.weight, scaled.weight)
    assert torch.equal(plain.bias, scaled.bias)
    for left, right in zip(plain_done, scaled_done, strict=True):
        assert left is not None
        assert right is not None
        assert (left.loss, left.gradient_norm) == (right.loss, right.gradient_norm)


def test_a_scale_too_large_is_halved_and_the_step_left_out(run) -> None:
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**127)
    _, done, _ = run(20, scaler)
    assert done[0] is None
    assert scaler.get_scale() < 2.0**127
    assert all(step is not None for step in done[-10:])


@pytest.mark.parametrize("factor", [float("nan"), float("inf")])
@pytest.mark.parametrize("with_scaler", [False, True])
def test_what_is_not_finite_changes_nothing(run, factor: float, with_scaler: bool) -> None:
    scaler = torch.amp.GradScaler("cpu", init_scale=4.0) if with_scaler else None
    _, done, updater = run(3, scaler, {1: factor})
    assert [step is None for step in done] == [False, True, False]
    assert len(updater.clip.norms) == 2


def test_without_mixed_precision_nothing_is_scaled(run) -> None:
    assert not run(1)[2].scaler.is_enabled()


def test_the_loss_is_timed_within_the_network(make_task) -> None:
    ticks = itertools.count()
    clock = PhaseClock(lambda: float(next(ticks)))
    model = nn.Linear(4, 1)
    update = Update("training", lambda m: list(m.parameters()), OptimConfig())
    updater = Updater(update, model, "fp32", CPU)
    updater.batches = iter([torch.ones(2, 4)])
    updater.step(make_task(loss=loss_of), model, Progress(0, 1, 0, clock), ALONE)
    assert set(clock.shares()) == {"data", "network", "loss", "optimizer"}
    assert sum(clock.shares().values()) == pytest.approx(1)


class Records(Processes):
    """Two processes, of which the other one said this."""

    def __init__(self, other: dict[str, Any]) -> None:
        super().__init__(0, 2)
        self.other = other

    def gather_records(self, record: dict[str, Any]) -> list[dict[str, Any]]:
        return [record, self.other]


def stepped(parts: dict[str, float], counts: dict[str, float], weight: float) -> Sequence[Stepped]:
    return [Stepped(1.0, 0.5, Losses(torch.zeros(1), parts, counts, weight))]


def test_numbers_of_all_processes_are_put_together() -> None:
    other = {"parts": {"loss": 2.0, "only": 5.0}, "counts": {"too_long": 2.0}, "weight": 1.0}
    row = logged(stepped({"loss": 1.0}, {}, 3.0), Records(other))
    assert row == {"loss": 1.25, "only": 5.0, "too_long": 2.0, "gradient_norm": 0.5}
    nothing = logged(stepped({"loss": 1.0}, {"too_long": 8.0}, 0.0), Records(other | {"weight": 0.0}))
    assert nothing["too_long"] == 10
    alone = logged(stepped({"loss": 0.1}, {"bad": 1.0}, 3.0), ALONE)
    assert alone == {"loss": 0.1, "bad": 1.0, "gradient_norm": 0.5}
