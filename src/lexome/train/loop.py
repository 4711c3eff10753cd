"""The only training loop. Methods such as distillation are tasks around tasks and come through here."""

import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from lexome.checkpoint.store import save
from lexome.core.errors import LexomeError
from lexome.train.card import model_card
from lexome.train.optim import GradientClip, build_optimizer, learning_rate
from lexome.train.state import Position, load_state, save_state
from lexome.train.task import Progress, Task

LOG, MODEL = "log.jsonl", "model"
MAX_BAD_STEPS = 20


@dataclass(frozen=True)
class LoopConfig:
    """How long and how often: `steps` of `batch_size` items; validation and saving every so many steps."""

    steps: int
    batch_size: int = 32
    seed: int = 0
    validate_every: int = 1000
    save_every: int = 1000
    log_every: int = 50
    threads: int = 1

    def __post_init__(self) -> None:
        for key in ("steps", "batch_size", "validate_every", "save_every", "log_every", "threads"):
            if getattr(self, key) < 1:
                raise ValueError(f"{key} must be at least 1, is {getattr(self, key)}")


class _Updater:
    """One of a task's updates: its batches, parameters, optimiser and clipping."""

    def __init__(
        self, task: Task, model: nn.Module, index: int, config: LoopConfig, position: Position
    ) -> None:
        update = task.updates(Progress(position.step, config.steps, position.items))[index]
        self.config = update.optimizer
        self.split = update.split
        self.parameters = list(update.parameters(model))
        self.optimizer = build_optimizer(self.parameters, update.optimizer)
        self.clip = GradientClip(update.optimizer)
        self.batches: Iterator[Any] | None = None

    def step(self, task: Task, model: nn.Module, progress: Progress) -> dict[str, float] | None:
        """One optimiser step; None if loss or gradient was not finite (nothing is changed then)."""
        assert self.batches is not None
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.config, progress.step, progress.steps)
        losses = task.loss(model, next(self.batches), progress)
        self.optimizer.zero_grad(set_to_none=True)
        losses.total.backward()
        norm = self.clip(self.parameters)
        if not (math.isfinite(norm) and math.isfinite(float(losses.total.detach()))):
            return None
        self.optimizer.step()
        return {**losses.parts, "gradient_norm": norm}


def train(
    task: Task,
    config: LoopConfig,
    folder: Path,
    provenance: dict[str, Any],
    recipe: dict[str, Any],
    *,
    resume: bool = False,
    on_log: Callable[[dict[str, Any]], None] = lambda row: None,
) -> Position:
    """Trains a task's network; the best one by the task's primary metric is in FOLDER/model.

    On a CPU with one thread a resumed training ends with the same bits as one that was never stopped.

    Args:
        task: what to learn.
        config: how long.
        folder: gets `model/` (best), the training state, and `log.jsonl`.
        provenance: goes into the model's config.
        recipe: the resolved recipe, stored with the state.
        resume: go on from the state in `folder`.
        on_log: called with each log row.

    Returns:
        Where it ended, with the best metric.

    Raises:
        LexomeError: if the loss is not finite for many steps in a row.
    """
    torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    folder.mkdir(parents=True, exist_ok=True)
    model = task.build()
    position = Position()
    updaters = _updaters(task, model, config, position)
    if resume:
        position, norms = load_state(folder, model, [u.optimizer for u in updaters])
        for updater, history in zip(updaters, norms, strict=True):
            updater.clip.norms = history
    for updater in updaters:
        updater.batches = task.batches(
            updater.split, batch_size=config.batch_size, seed=config.seed, rank=0, world=1, skip=position.step
        )
    bad_steps, left_out, started = 0, 0, time.monotonic()
    kept = _log_until(folder / LOG, position.step) if resume else []
    with (folder / LOG).open("w", encoding="utf-8") as log:
        log.writelines(kept)

        def write(row: dict[str, Any]) -> None:
            log.write(json.dumps(row) + "\n")
            log.flush()
            on_log(row)

        model.train()
        while position.step < config.steps:
            progress = Progress(position.step, config.steps, position.items)
            done = [updater.step(task, model, progress) for updater in updaters]
            parts = {name: value for row in done if row is not None for name, value in row.items()}
            is_bad = None in done
            bad_steps, left_out = (bad_steps + 1, left_out + 1) if is_bad else (0, left_out)
            if bad_steps >= MAX_BAD_STEPS:
                raise LexomeError(
                    f"loss or gradient not finite for {MAX_BAD_STEPS} steps in a row at step "
                    f"{position.step}; lower optim.lr or look at the data"
                )
            position.step += 1
            position.items += config.batch_size
            is_last = position.step == config.steps
            if not is_bad and (position.step % config.log_every == 0 or is_last):
                if left_out:  # steps since the last row that changed nothing: loss or gradient not finite
                    parts["left_out_steps"], left_out = float(left_out), 0
                write({"step": position.step, **parts, "seconds": round(time.monotonic() - started, 1)})
            if position.step % config.validate_every == 0 or is_last:
                _validate(task, model, position, folder, provenance, write)
                if task.on_epoch(model, progress):
                    batches = [u.batches for u in updaters]
                    updaters = _updaters(task, model, config, position)
                    for updater, same in zip(updaters, batches, strict=True):
                        updater.batches = same
            if position.step % config.save_every == 0 or is_last:
                save_state(
                    folder,
                    model,
                    [u.optimizer for u in updaters],
                    [u.clip.norms for u in updaters],
                    position,
                    recipe,
                )
    return position


def _updaters(task: Task, model: nn.Module, config: LoopConfig, position: Position) -> list[_Updater]:
    count = len(task.updates(Progress(position.step, config.steps, position.items)))
    return [_Updater(task, model, index, config, position) for index in range(count)]


def _log_until(path: Path, step: int) -> list[str]:
    """The log's lines up to a step: what came after the last saved state is done again."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    whole = [line for line in lines if line.endswith("\n")]
    return [line for line in whole if json.loads(line)["step"] <= step]


def _validate(
    task: Task,
    model: nn.Module,
    position: Position,
    folder: Path,
    provenance: dict[str, Any],
    write: Callable[[dict[str, Any]], None],
) -> None:
    """Judges the network, and keeps it if it is the best so far."""
    metrics = task.evaluate(model, "validation")
    value = metrics[task.primary_metric]
    best = position.best_metric
    is_best = math.isfinite(value) and (
        best is None or (value > best if task.higher_is_better else value < best)
    )
    write({"step": position.step, "validation": metrics, "best": is_best})
    if is_best:
        position.best_metric, position.best_step = value, position.step
        # JSON has no nan
        finite = {name: number for name, number in metrics.items() if math.isfinite(number)}
        made = {**provenance, "step": position.step, "items": position.items, "validation": finite}
        checkpoint = task.checkpoint(model, made)
        save(folder / MODEL, checkpoint, model_card(checkpoint), overwrite=True)
