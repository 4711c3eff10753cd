"""One of a task's updates at work: its batches, loss, gradients and optimiser."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from lexome.train.device import autocast
from lexome.train.distributed import Processes
from lexome.train.optim import GradientClip, build_optimizer, learning_rate
from lexome.train.task import Losses, Progress, Task, Update


@dataclass(frozen=True)
class Stepped:
    """What came of one step: the loss over the whole batch, and the task's own numbers of this process."""

    loss: float
    gradient_norm: float
    losses: Losses


class Updater:
    """One of a task's updates: its batches, parameters, optimiser and clipping.

    Args:
        update: what the task asks for.
        model: the network.
        precision: see `LoopConfig`.
        device: where the model is.
        scaler: scales the loss of a training in mixed precision; None makes one if there is need for it.
    """

    def __init__(
        self,
        update: Update,
        model: nn.Module,
        precision: str,
        device: torch.device,
        scaler: torch.amp.GradScaler | None = None,
    ) -> None:
        self.config = update.optimizer
        self.split = update.split
        self.parameters = list(update.parameters(model))
        self.optimizer = build_optimizer(self.parameters, update.optimizer)
        self.clip = GradientClip(update.optimizer)
        self.batches: Iterator[Any] | None = None
        self._precision, self._device = precision, device
        # autocast runs the LSTMs of cuDNN in fp16, whatever it is asked for: small gradients would be lost
        self.scaler = scaler or torch.amp.GradScaler(device.type, enabled=precision == "mixed")

    def step(self, task: Task, model: nn.Module, progress: Progress, processes: Processes) -> Stepped | None:
        """One optimiser step; None if loss or gradient was not finite (nothing is changed then)."""
        assert self.batches is not None
        clock = progress.clock
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.config, progress.step, progress.steps)
        with clock.phase("data"):
            batch = next(self.batches)
        with clock.phase("network"):
            with autocast(self._device, self._precision):
                losses = task.loss(model, batch, progress)
            self.optimizer.zero_grad(set_to_none=True)
            self.scaler.scale(losses.total).backward()
        total = float(losses.total.detach())
        with clock.phase("exchange" if processes.world > 1 else "optimizer"):
            self.scaler.unscale_(self.optimizer)
            total = processes.mean_step(self.parameters, total, losses.weight)
        with clock.phase("optimizer"):
            norm = self.clip(self.parameters)
            is_good = math.isfinite(norm) and math.isfinite(total)
            if is_good:
                self.scaler.step(self.optimizer)
            self.scaler.update()
        return Stepped(total, norm, losses) if is_good else None


def logged(steps: Sequence[Stepped], processes: Processes) -> dict[str, float]:
    """The numbers of a step's updates, put together over all processes."""
    row: dict[str, float] = {}
    for step in steps:
        losses = step.losses
        own = {"parts": losses.parts, "counts": losses.counts, "weight": losses.weight}
        everyone = processes.gather_records(own)
        for name in dict.fromkeys(name for record in everyone for name in record["parts"]):
            row[name] = _mean(name, everyone)
        for name in dict.fromkeys(name for record in everyone for name in record["counts"]):
            row[name] = sum(record["counts"].get(name, 0.0) for record in everyone)
        row["gradient_norm"] = step.gradient_norm
    return row


def _mean(name: str, records: Sequence[Mapping[str, Any]]) -> float:
    known = [record for record in records if name in record["parts"]]
    if len(known) == 1:
        return known[0]["parts"][name]
    weight = sum(record["weight"] for record in known) or 1.0
    return sum(record["parts"][name] * record["weight"] for record in known) / weight
