"""The training loop on small tasks: it learns, goes on bit for bit, keeps the best, and stops on nonsense."""

import json
import math
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from lexome.checkpoint.store import Checkpoint, Component, load
from lexome.core.errors import BadInputError, LexomeError, UsageError
from lexome.train.distributed import join, open_meeting
from lexome.train.loop import LOG, MAX_BAD_STEPS, LoopConfig, train
from lexome.train.optim import OptimConfig
from lexome.train.task import Diagnosable, Losses, Outputs, Progress, Task, Update

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


def run(
    task: Task, folder: Path, steps: int = 6, every: int = 3, log_every: int = 1, loop: dict | None = None,
    **more: Any,
):  # fmt: skip
    settings = {"validate_every": every, "save_every": every, "log_every": log_every, "device": "cpu"}
    config = LoopConfig(steps, 16, 1, **(settings | (loop or {})))
    return train(task, config, folder, {"name": "m"}, {"recipe": "r"}, **more)


def rows_of(folder: Path) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in (folder / LOG).read_text().splitlines()]
    timed = {"seconds", "speed"}
    return [{name: value for name, value in row.items() if name not in timed} for row in rows]


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


@pytest.mark.parametrize(
    ("saved", "stopped", "optimizer"), [(3, 4, "adamw"), (3, 5, "lamb"), (2, 3, "adamw"), (4, 4, "adamw")]
)
def test_a_stopped_training_ends_with_the_same_bits(
    tmp_path: Path, saved: int, stopped: int, optimizer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules[__name__], "OPTIM", replace(OPTIM, optimizer=optimizer))
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
        config = LoopConfig(4, 8, seed, 4, 4, 1, device="cpu")
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


@pytest.mark.parametrize(("saved", "stopped"), [(3, 5), (2, 3)])
def test_an_average_goes_on_to_the_bit_and_is_what_is_judged(
    tmp_path: Path, saved: int, stopped: int
) -> None:
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    loop = {"average_decay": 0.9}
    run(Regression(), straight, every=saved, loop=loop)
    with pytest.raises(StoppedError):
        run(Regression(), broken, every=saved, loop=loop, on_log=stop_at(stopped))
    run(Regression(), broken, every=saved, loop=loop, resume=True)
    assert rows_of(broken) == rows_of(straight)
    final = tensors_of(straight)
    assert {"average.1.weight", "model.1.weight"} <= set(final)
    assert not torch.equal(final["average.1.weight"], final["model.1.weight"])
    for name, tensor in tensors_of(broken).items():
        assert torch.equal(final[name], tensor), name
    run(Regression(), tmp_path / "plain", every=saved)
    plain = tensors_of(tmp_path / "plain")
    assert all(torch.equal(final[name], tensor) for name, tensor in plain.items())  # it changes no training
    validations = [row for row in rows_of(straight) if "validation" in row]
    assert all(row["validation"]["error"] <= row["other"]["error"] for row in validations)
    plain_errors = [row["validation"] for row in rows_of(tmp_path / "plain") if "validation" in row]
    assert [row["validation" if row["weights"] == "last" else "other"] for row in validations] == plain_errors


def test_an_average_of_noisy_steps_is_better(tmp_path: Path) -> None:
    class Noisy(Regression):
        def build(self) -> nn.Module:
            return nn.Linear(8, 3)

        def loss(self, model: nn.Module, batch: Batch, progress: Progress) -> Losses:
            seed = 10**6 + progress.step
            noise = torch.randn(batch[1].shape, generator=torch.Generator().manual_seed(seed))
            return super().loss(model, (batch[0], batch[1] + 3 * noise), progress)

    run(Noisy(), tmp_path, steps=600, every=200, log_every=600, loop={"average_decay": 0.98})
    row = rows_of(tmp_path)[0]  # while the learning rate is high
    assert row["step"] == 200
    assert row["weights"] == "average"
    assert row["validation"]["error"] < 0.8 * row["other"]["error"]


def test_a_state_from_before_there_were_averages(tmp_path: Path) -> None:
    """As older versions wrote it: other names, fewer keys."""
    from safetensors.torch import save_file

    straight, old = tmp_path / "straight", tmp_path / "old"
    run(Regression(), straight)
    with pytest.raises(StoppedError):
        run(Regression(), old, on_log=stop_at(5))
    record = json.loads((old / "training.json").read_text())
    tensors = tensors_of(old)
    tensors["rng.torch"] = tensors.pop("rng.0")
    for key in ("average_updates", "more"):
        del record[key]
    del record["position"]["spent_s"]
    save_file(tensors, old / "training.safetensors", metadata={"token": record["token"]})
    (old / "training.json").write_text(json.dumps(record))
    run(Regression(), old, resume=True, loop={"average_decay": 0.9})  # it begins with what is there
    for name, tensor in tensors_of(straight).items():
        assert torch.equal(tensors_of(old)[name], tensor), name


class Timed(Regression):
    """A task whose steps and validations take time on a clock of its own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, step_s: float, validation_s: float) -> None:
        super().__init__()
        self.now_s, self.step_s, self.validation_s = 1000.0, step_s, validation_s
        self.rates: list[float] = []
        monkeypatch.setattr("time.monotonic", lambda: self.now_s)

    def loss(self, model: nn.Module, batch: Batch, progress: Progress) -> Losses:
        self.now_s += self.step_s
        self.rates.append(progress.fraction)
        return super().loss(model, batch, progress)

    def evaluate(self, model: nn.Module, split: str) -> dict[str, float]:
        self.now_s += self.validation_s
        return super().evaluate(model, split)


def test_a_training_with_so_many_minutes_ends_in_time(tmp_path: Path, monkeypatch) -> None:
    with monkeypatch.context() as patch:
        task = Timed(patch, step_s=2.0, validation_s=5.0)
        position = run(task, tmp_path, steps=5, every=1000, log_every=10, loop={"minutes": 2.0})
    spent_s = task.now_s - 1000
    assert 110 < spent_s <= 122
    assert position.spent_s is not None
    assert position.step == (spent_s - 10) / 2  # `steps` did not count
    validations = [row["step"] for row in rows_of(tmp_path) if "validation" in row]
    assert validations == [30, position.step]
    assert task.rates[0] == 0
    assert 0.95 < task.rates[-1] < 1
    assert load(tmp_path / "model").provenance["step"] in validations


def test_the_minutes_count_on_after_a_stop(tmp_path: Path, monkeypatch) -> None:
    with monkeypatch.context() as patch:
        task = Timed(patch, step_s=2.0, validation_s=0.0)
        with pytest.raises(StoppedError):
            run(task, tmp_path, every=10, loop={"minutes": 2.0}, on_log=stop_at(25))
        saved = json.loads((tmp_path / "training.json").read_text())["position"]
        assert (saved["step"], saved["spent_s"]) == (20, 40.0)
        task.now_s += 10_000
        started_s = task.now_s
        position = run(task, tmp_path, every=10, loop={"minutes": 2.0}, resume=True)
        assert task.now_s - started_s == pytest.approx(80, abs=2)
        assert position.step == 60
        again = run(task, tmp_path, every=10, loop={"minutes": 2.0}, resume=True)
    assert again.step == 60


def test_the_state_is_saved_when_it_is_time(tmp_path: Path, monkeypatch) -> None:
    saved: list[int] = []
    with monkeypatch.context() as patch:
        task = Timed(patch, step_s=2.0, validation_s=0.0)
        patch.setattr("lexome.train.loop.save_state", lambda *a, **k: saved.append(a[4].step))
        run(task, tmp_path, steps=20, every=100, loop={"save_every_s": 7.0})
        assert saved == [4, 8, 12, 16, 20]
        saved.clear()
        run(task, tmp_path, steps=20, every=100, loop={"save_every_s": 0.0})
    assert saved == [20]


class Stuck(Regression):
    """Learns nothing, and can say why."""

    plateau = (1.2, 1.6)

    def loss(self, model: nn.Module, batch: Batch, progress: Progress) -> Losses:
        total = 0 * super().loss(model, batch, progress).total + 1.39
        return Losses(total, {"loss": float(total.detach())})

    def diagnose(self, model: nn.Module, measured: Mapping[str, float]) -> str:
        assert set(measured) == {"loss", "gradient_norm", "learning_rate"}
        assert measured["loss"] == pytest.approx(1.39)
        return "likely causes:\n- the moon"


def test_a_plateau_is_spoken_of_once_however_often_it_is_stopped(tmp_path: Path) -> None:
    assert isinstance(Stuck(), Diagnosable)
    assert not isinstance(Regression(), Diagnosable)
    loop = {"plateau_steps": 10}
    run(Stuck(), tmp_path / "straight", steps=30, every=4, loop=loop)
    with pytest.raises(StoppedError):
        run(Stuck(), tmp_path / "broken", steps=30, every=4, loop=loop, on_log=stop_at(9))
    with pytest.raises(StoppedError):
        run(Stuck(), tmp_path / "broken", steps=30, every=4, loop=loop, on_log=stop_at(19), resume=True)
    run(Stuck(), tmp_path / "broken", steps=30, every=4, loop=loop, resume=True)
    assert rows_of(tmp_path / "broken") == rows_of(tmp_path / "straight")
    (row,) = [row for row in rows_of(tmp_path / "straight") if "warning" in row]
    assert row["step"] == 10
    first = "the loss has stayed near 1.39 for 10 steps: nothing has been learnt yet\n"
    assert row["warning"] == f"{first}likely causes:\n- the moon"
    run(Stuck(), tmp_path / "off", steps=30, loop={"plateau_steps": 0})
    assert not [row for row in rows_of(tmp_path / "off") if "warning" in row]


def test_advice_comes_once_before_the_first_step(tmp_path: Path) -> None:
    task = Regression()
    task.advice = ["sleep on it"]  # type: ignore[attr-defined]
    with pytest.raises(StoppedError):
        run(task, tmp_path, steps=30, every=4, on_log=stop_at(9))
    run(task, tmp_path, steps=30, every=4, resume=True)
    rows = rows_of(tmp_path)
    assert rows[0] == {"step": 0, "warning": "sleep on it"}
    assert not [row for row in rows[1:] if "warning" in row]


def test_the_bottleneck_is_told_once_after_a_minute(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("lexome.train.loop.FIRST_MINUTE_S", 0.0)
    run(Regression(), tmp_path)
    rows = [json.loads(line) for line in (tmp_path / LOG).read_text().splitlines()]
    speeds = [row["speed"] for row in rows if "validation" not in row]
    assert ["bottleneck" in speed for speed in speeds] == [True] + [False] * 5
    for speed in speeds:
        assert speed["chunks_per_s"] > 0
        shares = {n: s for n, s in speed.items() if n not in ("chunks_per_s", "bottleneck")}
        assert {"data", "network", "optimizer"} <= set(shares)
        assert sum(shares.values()) == pytest.approx(1, abs=1e-3)
    assert "validation" in speeds[3]


class Shared(Regression):
    """Without dropout, every process taking its part of a batch; half of the items of some batches count."""

    def build(self) -> nn.Module:
        network = nn.Sequential(nn.Identity(), nn.Linear(8, 3))
        # threads share torch's generator, as processes do not: which of them draws first would be chance
        own = torch.Generator().manual_seed(3)
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=own) / 3)
        return network

    def batches(
        self, split: str, *, batch_size: int, seed: int, rank: int, world: int, skip: int
    ) -> Iterator[Batch]:
        whole = super().batches(split, batch_size=batch_size * world, seed=seed, rank=0, world=1, skip=skip)
        own = slice(rank * batch_size, (rank + 1) * batch_size)
        return ((x[own], y[own]) for x, y in whole)

    def loss(self, model: nn.Module, batch: Batch, progress: Progress) -> Losses:
        counts = batch[0][:, 0] > -0.5
        error_N = (model(batch[0]) - batch[1]).square().mean(dim=1)
        total = (error_N * counts).sum() / counts.sum().clamp(min=1)
        left_out = {"ignored": float((~counts).sum())}
        return Losses(total, {"loss": float(total.detach())}, left_out, float(counts.sum()))


def in_two_threads(folder: Path, **more: Any) -> None:
    """The two processes of a training, played by threads."""
    meeting = open_meeting(2)
    errors: list[BaseException] = []

    def work(rank: int) -> None:
        try:
            processes = join(rank, 2, meeting if rank == 0 else meeting.port)
            run(Shared(), folder, loop={"processes": 2}, processes=processes, **more)
        except BaseException as error:
            # without what it came from, which would keep the connection open
            errors.append(error.with_traceback(None))

    threads = [threading.Thread(target=work, args=(rank,), daemon=True) for rank in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    if errors:
        raise errors[0]


def test_two_processes_learn_what_one_does(tmp_path: Path) -> None:
    run(Shared(), tmp_path / "one", steps=20, every=10, log_every=5)
    in_two_threads(tmp_path / "two", steps=20, every=10, log_every=5)
    with pytest.raises(StoppedError):
        in_two_threads(tmp_path / "broken", steps=20, every=10, log_every=5, on_log=stop_at(15))
    in_two_threads(tmp_path / "broken", steps=20, every=10, log_every=5, resume=True)
    one, two, broken = (tensors_of(tmp_path / name) for name in ("one", "two", "broken"))
    assert set(two) - set(one) == {"rng.1"}
    for name, tensor in one.items():
        if name.startswith("model"):
            torch.testing.assert_close(two[name], tensor, rtol=1e-5, atol=1e-6)
        if not name.startswith("rng"):  # threads share torch's generator, as processes do not
            assert torch.equal(two[name], broken[name]), name
    for left, right in zip(rows_of(tmp_path / "one"), rows_of(tmp_path / "two"), strict=True):
        assert left.keys() == right.keys()
        for key, value in left.items():
            assert right[key] == (pytest.approx(value, rel=1e-4) if isinstance(value, float) else value) or (
                isinstance(value, dict) and right[key] == pytest.approx(value, rel=1e-4)
            ), key


def test_processes_must_be_those_of_the_recipe(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="recipe is for 2 processes, here are 1"):
        run(Shared(), tmp_path, loop={"processes": 2})


def test_mixed_precision_needs_a_gpu(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'mixed' is for a GPU"):
        run(Regression(), tmp_path, loop={"precision": "mixed"})
    assert not (tmp_path / LOG).exists()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("precision", ["fp32", "mixed"])
def test_on_a_gpu_it_learns_and_goes_on(tmp_path: Path, precision: str) -> None:
    class OnGpu(Regression):
        def evaluate(self, model: nn.Module, split: str) -> dict[str, float]:
            model.cpu()
            metrics = super().evaluate(model, split)
            model.cuda()
            return metrics

        def checkpoint(self, model: nn.Module, provenance: Mapping[str, Any]) -> Checkpoint:
            weights = {name: tensor.cpu().numpy().copy() for name, tensor in model.state_dict().items()}
            none = Component("none", {})
            return Checkpoint("regression", none, none, {}, None, dict(provenance), weights)

    loop = {"device": "cuda", "precision": precision, "average_decay": 0.9}
    with pytest.raises(StoppedError):
        run(OnGpu(), tmp_path, steps=300, every=100, log_every=50, loop=loop, on_log=stop_at(250))
    position = run(OnGpu(), tmp_path, steps=300, every=100, log_every=50, loop=loop, resume=True)
    assert position.step == 300
    assert position.best_metric is not None
    assert position.best_metric < 0.2


@pytest.mark.parametrize(
    "key", ["steps", "batch_size", "validate_every", "save_every", "log_every", "threads"]
)
def test_impossible_settings_are_refused(key: str) -> None:
    with pytest.raises(ValueError, match=f"{key} must be at least 1, is 0"):
        LoopConfig(**({"steps": 5} | {key: 0}))
