"""The training loop on small tasks: it learns, goes on bit for bit, keeps the best, and stops on nonsense."""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from lexome.checkpoint.store import Checkpoint, Component, load
from lexome.core.errors import BadInputError, LexomeError
from lexome.train.loop import LOG, MAX_BAD_STEPS, LoopConfig, train
from lexome.train.optim import OptimConfig
from lexome.train.task import Losses, Outputs, Progress, Task, Update

Batch = tuple[torch.Tensor, torch.Tensor]
OPTIM = OptimConfig(lr=0.05, warmup_steps=2, clip=2.0)


class Regression:
    """y = W x with dropout (so that torch's generator matters); metrics may be scripted."""

    name = "regression"
    primary_metric = "error"

    def __init__(self, metrics: Sequence[float] = (), higher_is_better: bool = False) -> None:
        self.metrics = list(metrics)
        self.higher_is_better = higher_is_better
        self.is_bad: Callable[[Progress], bool] = lambda progress: False
        self.rebuilds_at: set[int] = set()
        self.truth = torch.randn(3, 8, generator=torch.Generator().manual_seed(5))

    def build(self) -> nn.Module:
        return nn.Sequential(nn.Dropout(0.1), nn.Linear(8, 3))

    def batches(
        self, split: str, *, batch_size: int, seed: int, rank: int, world: int, skip: int
    ) -> Iterator[Batch]:
        step = skip
        while split == "training" or step < 1:
            x = torch.randn(batch_size, 8, generator=torch.Generator().manual_seed(1000 * seed + step))
            yield x, x @ self.truth.T
            step += 1

    def outputs(self, model: nn.Module, batch: Batch, taps: Sequence[str] = ()) -> Outputs:
        return Outputs(model(batch[0]))

    def loss(self, model: nn.Module, batch: Batch, progress: Progress) -> Losses:
        total = nn.functional.mse_loss(model(batch[0]), batch[1])
        if self.is_bad(progress):
            total = total * float("nan")
        return Losses(total, {"loss": float(total.detach())})

    def evaluate(self, model: nn.Module, split: str) -> dict[str, float]:
        if self.metrics:
            return {"error": self.metrics.pop(0), "other": math.nan}
        model.eval()
        x, y = next(self.batches(split, batch_size=64, seed=9, rank=0, world=1, skip=0))
        error = float(nn.functional.mse_loss(model(x), y).detach())
        model.train()
        return {"error": error}

    def updates(self, progress: Progress) -> Sequence[Update]:
        return [Update("training", lambda model: list(model.parameters()), OPTIM)]

    def on_epoch(self, model: nn.Module, progress: Progress) -> bool:
        return progress.step + 1 in self.rebuilds_at

    def checkpoint(self, model: nn.Module, provenance: Mapping[str, Any]) -> Checkpoint:
        weights = {name: tensor.detach().numpy().copy() for name, tensor in model.state_dict().items()}
        none = Component("none", {})
        return Checkpoint("regression", none, none, {}, None, dict(provenance), weights)


def run(task: Task, folder: Path, steps: int = 6, every: int = 3, log_every: int = 1, **more: Any):
    config = LoopConfig(steps, 16, 1, validate_every=every, save_every=every, log_every=log_every)
    return train(task, config, folder, {"name": "m"}, {"recipe": "r"}, **more)


def rows_of(folder: Path) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in (folder / LOG).read_text().splitlines()]
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


def steps_of(folder: Path) -> list[dict[str, Any]]:
    return [row for row in rows_of(folder) if "validation" not in row]


class StoppedError(Exception):
    """Somebody pulled the plug."""


def stop_at(step: int) -> Callable[[dict[str, Any]], None]:
    def on_log(row: dict[str, Any]) -> None:
        if row["step"] >= step:
            raise StoppedError

    return on_log


def test_a_task_of_the_tests_is_a_task() -> None:
    assert isinstance(Regression(), Task)


def test_it_learns(tmp_path: Path) -> None:
    position = run(Regression(), tmp_path, steps=300, every=100, log_every=50)
    assert (position.step, position.items) == (300, 300 * 16)
    errors = [row["validation"]["error"] for row in rows_of(tmp_path) if "validation" in row]
    assert errors == sorted(errors, reverse=True)
    assert position.best_metric == errors[-1] < 0.2
    assert [row["step"] for row in steps_of(tmp_path)] == [50, 100, 150, 200, 250, 300]
    assert set(steps_of(tmp_path)[0]) == {"step", "loss", "gradient_norm"}


@pytest.mark.parametrize(("saved", "stopped"), [(3, 4), (3, 5), (2, 3), (4, 4)])
def test_a_stopped_training_ends_with_the_same_bits(tmp_path: Path, saved: int, stopped: int) -> None:
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    run(Regression(), straight, every=saved)
    with pytest.raises(StoppedError):
        run(Regression(), broken, every=saved, on_log=stop_at(stopped))
    if stopped == 4 == saved:  # it stopped before the save at its step, so there is nothing to go on from
        with pytest.raises(BadInputError, match="no training to resume"):
            run(Regression(), broken, every=saved, resume=True)
        return
    run(Regression(), broken, every=saved, resume=True)
    assert rows_of(broken) == rows_of(straight)
    for file in ("model/model.safetensors", "model/config.json"):
        assert (broken / file).read_bytes() == (straight / file).read_bytes()
    assert tensors_of(broken).keys() == tensors_of(straight).keys()
    for name, tensor in tensors_of(straight).items():
        assert torch.equal(tensors_of(broken)[name], tensor), name
    records = [json.loads((f / "training.json").read_text()) for f in (straight, broken)]
    assert records[0] | {"token": ""} == records[1] | {"token": ""}


def tensors_of(folder: Path) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    return load_file(folder / "training.safetensors")


def test_the_seed_decides(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        config = LoopConfig(4, 8, seed, 4, 4, 1)
        train(Regression(), config, tmp_path / name, {}, {})
    assert rows_of(tmp_path / "a") == rows_of(tmp_path / "b")
    assert rows_of(tmp_path / "a") != rows_of(tmp_path / "c")


def test_a_finished_training_has_nothing_to_go_on_with(tmp_path: Path) -> None:
    run(Regression(), tmp_path)
    before = rows_of(tmp_path)
    assert run(Regression(), tmp_path, resume=True).step == 6
    assert rows_of(tmp_path) == before


@pytest.mark.parametrize(
    ("metrics", "higher_is_better", "best"),
    [
        ([0.2, 0.5, 0.3], True, 2),
        ([0.2, 0.5, 0.3], False, 1),
        ([0.4, 0.3, 0.2], False, 3),
        ([0.5, 0.5, 0.5], True, 1),
        ([math.nan, 0.1, 0.2], False, 2),
        ([math.inf, 0.1, math.nan], True, 2),
    ],
)
def test_the_best_network_is_kept(tmp_path: Path, metrics, higher_is_better: bool, best: int) -> None:
    position = run(Regression(metrics, higher_is_better), tmp_path, steps=6, every=2)
    assert (position.best_step, position.best_metric) == (2 * best, metrics[best - 1])
    validations = [row for row in rows_of(tmp_path) if "validation" in row]
    assert [row["step"] for row in validations] == [2, 4, 6]
    assert max(row["step"] for row in validations if row["best"]) == 2 * best
    kept = load(tmp_path / "model")
    assert kept.provenance["step"] == 2 * best
    assert kept.provenance["items"] == 2 * best * 16
    assert "## Validation" in (tmp_path / "model" / "README.md").read_text()
    again = run(Regression(metrics[:best], higher_is_better), tmp_path / "short", steps=2 * best, every=2)
    assert again.best_step == 2 * best
    if best == 3:  # of the last step, so equal to the training's own weights
        final = tensors_of(tmp_path)
        assert all((final[f"model.{n}"].numpy() == w).all() for n, w in kept.weights.items())


def test_a_step_without_a_finite_loss_changes_nothing_and_is_said(tmp_path: Path) -> None:
    healthy, task = Regression(), Regression()
    task.is_bad = lambda progress: progress.step in (3, 4)
    run(healthy, tmp_path / "healthy", steps=3, every=3)
    run(task, tmp_path / "sick", steps=8, every=8)
    rows = steps_of(tmp_path / "sick")
    assert [row["step"] for row in rows] == [1, 2, 3, 6, 7, 8]
    assert [row.get("left_out_steps") for row in rows] == [None, None, None, 2.0, None, None]
    assert all(torch.isfinite(t).all() for t in tensors_of(tmp_path / "sick").values())


def test_only_nonsense_stops_the_training(tmp_path: Path) -> None:
    task = Regression()
    task.is_bad = lambda progress: progress.step >= 5
    message = f"not finite for {MAX_BAD_STEPS} steps in a row at step {5 + MAX_BAD_STEPS - 1}.*optim.lr"
    with pytest.raises(LexomeError, match=message):
        run(task, tmp_path, steps=1000, every=1000)
    task.is_bad = lambda progress: progress.step % MAX_BAD_STEPS > 0  # one good step in between
    assert run(task, tmp_path, steps=60, every=60).step == 60


def test_a_task_that_changed_its_parameters_gets_a_new_optimizer(tmp_path: Path) -> None:
    task = Regression()
    task.rebuilds_at = {4}
    run(task, tmp_path / "new", steps=5, every=2)
    run(Regression(), tmp_path / "old", steps=5, every=2)
    counts = [tensors_of(tmp_path / n)["optimizer.0.0.step"].item() for n in ("new", "old")]
    assert counts == [1, 5]
    norms = [json.loads((tmp_path / n / "training.json").read_text())["clips"] for n in ("new", "old")]
    assert [len(clip[0]) for clip in norms] == [1, 5]


def test_the_learning_rate_of_the_schedule_is_used(tmp_path: Path) -> None:
    run(Regression(), tmp_path, steps=6, every=6)
    record = json.loads((tmp_path / "training.json").read_text())
    fraction = (5 - 2) / (6 - 2)
    expected = 0.05 * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * fraction)))
    assert record["optimizers"][0]["param_groups"][0]["lr"] == pytest.approx(expected)


def test_an_unfinished_log_does_not_get_into_a_new_training(tmp_path: Path) -> None:
    (tmp_path / LOG).write_text('{"step": 1, "loss": 99}\n{"step": 2, "lo')
    run(Regression(), tmp_path, steps=2, every=2)
    assert [row["step"] for row in rows_of(tmp_path)] == [1, 2, 2]


def test_a_state_of_another_network_is_refused(tmp_path: Path) -> None:
    class Wider(Regression):
        def build(self) -> nn.Module:
            return nn.Sequential(nn.Dropout(0.1), nn.Linear(8, 4))

    run(Regression(), tmp_path)
    with pytest.raises(BadInputError, match="does not fit this recipe"):
        run(Wider(), tmp_path, resume=True)


@pytest.mark.parametrize(
    "key", ["steps", "batch_size", "validate_every", "save_every", "log_every", "threads"]
)
def test_impossible_settings_are_refused(key: str) -> None:
    with pytest.raises(ValueError, match=f"{key} must be at least 1, is 0"):
        LoopConfig(**({"steps": 5} | {key: 0}))
