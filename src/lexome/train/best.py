"""Judging a network while it is trained, and keeping the best."""

import math
from pathlib import Path
from typing import Any

from torch import nn

from lexome.checkpoint.store import save
from lexome.train.averaging import WeightAverage
from lexome.train.card import model_card
from lexome.train.state import Position
from lexome.train.task import Task

MODEL = "model"


def judge(
    task: Task,
    model: nn.Module,
    average: WeightAverage | None,
    position: Position,
    folder: Path,
    provenance: dict[str, Any],
) -> dict[str, Any]:
    """Validates a network, and the average of its weights; the better one is kept if it is the best yet.

    Args:
        task: judges it.
        model: the network; unchanged.
        average: the average of its weights, if there is one.
        position: where training stands; notes the best metric.
        folder: gets `model/`.
        provenance: of the model's config.

    Returns:
        A row for the log: `validation` are the metrics of the better one; with an average, `weights` says
        which it was and `other` are the metrics of the other one.
    """
    metrics = task.evaluate(model, "validation")
    row: dict[str, Any] = {"step": position.step, "validation": metrics}
    is_average = False
    if average is not None:
        with average.in_place_of(model):
            averaged = task.evaluate(model, "validation")
        is_average = _is_better(task, averaged, metrics[task.primary_metric])
        metrics, other = (averaged, metrics) if is_average else (metrics, averaged)
        row |= {"validation": metrics, "weights": "average" if is_average else "last", "other": other}
    is_best = _is_better(task, metrics, position.best_metric)
    position.waited = 0 if is_best else position.waited + 1
    if is_best:
        position.best_metric, position.best_step = metrics[task.primary_metric], position.step
        # JSON has no nan
        finite = {name: number for name, number in metrics.items() if math.isfinite(number)}
        made = {**provenance, "step": position.step, "items": position.items, "validation": finite}
        if average is None:
            checkpoint = task.checkpoint(model, made)
        elif is_average:
            with average.in_place_of(model):
                checkpoint = task.checkpoint(model, {**made, "weights": "moving average of the last steps"})
        else:
            checkpoint = task.checkpoint(model, {**made, "weights": "those of the step"})
        save(folder / MODEL, checkpoint, model_card(checkpoint), overwrite=True)
    return row | {"best": is_best}


def _is_better(task: Task, metrics: dict[str, float], than: float | None) -> bool:
    value = metrics[task.primary_metric]
    if not math.isfinite(value):
        return False
    if than is None or not math.isfinite(than):
        return True
    return value > than if task.higher_is_better else value < than
