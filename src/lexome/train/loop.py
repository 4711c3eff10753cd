"""The only training loop. Methods such as distillation are tasks around tasks and come through here."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import torch

from lexome.core.errors import LexomeError, UsageError
from lexome.train.averaging import WeightAverage
from lexome.train.best import judge
from lexome.train.budget import TimeBudget
from lexome.train.config import LoopConfig
from lexome.train.device import autocast, find_device, on_device
from lexome.train.diagnosis import PlateauWatch
from lexome.train.distributed import ALONE, Processes
from lexome.train.optim import learning_rate
from lexome.train.speed import PhaseClock, bottleneck
from lexome.train.state import Position, load_state, read_record, save_state
from lexome.train.task import Advised, Diagnosable, Progress, Task
from lexome.train.update import Stepped, Updater, logged

LOG = "log.jsonl"
MAX_BAD_STEPS = 20
FIRST_MINUTE_S = 60.0
TIMED_STEPS_CUDA = 10  # on a GPU one step out of so many is timed in parts, as that makes it slower


@dataclass(frozen=True)
class _Plan:
    """What all processes do after a step; the clock of the first one decides."""

    steps: int
    is_last: bool
    validates: bool
    saves: bool


def train(
    task: Task,
    config: LoopConfig,
    folder: Path,
    provenance: dict[str, Any],
    recipe: dict[str, Any],
    *,
    resume: bool = False,
    on_log: Callable[[dict[str, Any]], None] = lambda row: None,
    processes: Processes = ALONE,
) -> Position:
    """Trains a task's network; the best one by the task's primary metric is in FOLDER/model.

    On a CPU with one thread a resumed training ends with the same bits as one that was never stopped.

    Args:
        task: what to learn.
        config: how long, how often, where.
        folder: gets `model/` (best), the training state, and `log.jsonl`.
        provenance: goes into the model's config.
        recipe: the resolved recipe, stored with the state.
        resume: go on from the state in `folder`.
        on_log: called with each log row.
        processes: those that train together (`config.processes`), each of which calls this; only the first
            one validates, writes and calls `on_log`.

    Returns:
        Where it ended, with the best metric.

    Raises:
        LexomeError: if the loss is not finite for many steps in a row, or another process has ended.
        UsageError: for a device that is not there, or settings that do not go together.
    """
    training = _Training(task, config, folder, provenance, recipe, processes, resume)
    if not processes.is_first:
        training.run(None, on_log)
        return training.position
    kept = _log_until(folder / LOG, training.position.step) if resume else []
    with (folder / LOG).open("w", encoding="utf-8") as log:
        log.writelines(kept)
        training.run(log, on_log)
    return training.position


class _Training:
    """A training and its state: network, optimisers, average of the weights, position."""

    def __init__(
        self, task: Task, config: LoopConfig, folder: Path, provenance: dict[str, Any],
        recipe: dict[str, Any], processes: Processes, resume: bool,
    ) -> None:  # fmt: skip
        self.task, self.config, self.folder, self.recipe = task, config, folder, recipe
        self.provenance, self.processes = provenance, processes
        self.device = find_device(config.device)
        autocast(self.device, config.precision)  # refuses what cannot be before anything is made
        if processes.world > 1 and self.device.type != "cpu":
            raise UsageError("several processes train on the CPU only; set loop.device to 'cpu'")
        if processes.world != config.processes:
            raise UsageError(f"the recipe is for {config.processes} processes, here are {processes.world}")
        torch.set_num_threads(config.threads)
        torch.manual_seed(config.seed)
        folder.mkdir(parents=True, exist_ok=True)
        self.model = task.build().to(self.device)
        processes.copy_from_first(self.model)
        if processes.rank:
            torch.manual_seed(config.seed + processes.rank)  # a network that draws numbers draws others here
        self.position = Position()
        self.average = WeightAverage(self.model, config.average_decay) if config.average_decay else None
        self.updaters = self._make_updaters()
        bounds = task.plateau if isinstance(task, Diagnosable) else (0.0, 0.0)
        self.watch = PlateauWatch(*bounds, config.plateau_steps if isinstance(task, Diagnosable) else 0)
        if resume:
            self._restore()
        self.budget = None
        if config.minutes:
            self.budget = TimeBudget(60 * config.minutes, self.position.spent_s or 0.0, time.monotonic)
        self._give_batches()
        self._bad_steps = self._left_out = 0
        self._saved_s = self._started_s = time.monotonic()
        wait = (lambda: torch.cuda.synchronize(self.device)) if self.device.type == "cuda" else (lambda: None)
        self.clock = PhaseClock(wait=wait, every=TIMED_STEPS_CUDA if self.device.type == "cuda" else 1)
        self._lap_items, self._is_told = self.position.items, False

    def _make_updaters(self) -> list[Updater]:
        updates = self.task.updates(Progress(self.position.step, self.config.steps, self.position.items))
        return [Updater(update, self.model, self.config.precision, self.device) for update in updates]

    def _give_batches(self) -> None:
        processes = self.processes
        for updater in self.updaters:
            batches = self.task.batches(
                updater.split, batch_size=self.config.batch_size // processes.world, seed=self.config.seed,
                rank=processes.rank, world=processes.world, skip=self.position.step,
            )  # fmt: skip
            updater.batches = on_device(batches, self.device)

    def _restore(self) -> None:
        optimizers = [updater.optimizer for updater in self.updaters]
        self.position, norms = load_state(
            self.folder, self.model, optimizers, average=self.average, rank=self.processes.rank
        )
        more = read_record(self.folder).get("more") or {}
        for number, (updater, history) in enumerate(zip(self.updaters, norms, strict=True)):
            updater.clip.norms = history
            if more.get("scalers"):
                updater.scaler.load_state_dict(more["scalers"][number])
        if more.get("watch"):
            self.watch.state = more["watch"]
        self.processes.copy_from_first(self.model)

    def run(self, log: TextIO | None, on_log: Callable[[dict[str, Any]], None]) -> None:
        """Trains to the end; only the first process has a log."""

        def write(row: dict[str, Any]) -> None:
            if log is not None:
                log.write(json.dumps(row) + "\n")
                log.flush()
                on_log(row)

        if self.position.step == 0 and isinstance(self.task, Advised):
            for text in self.task.advice:
                write({"step": 0, "warning": text})
        self.model.train()
        plan = self._agree()
        while not plan.is_last:
            plan = self._step(plan, write)

    def _agree(self) -> _Plan:
        """What is to be done after the steps so far."""
        config, step = self.config, self.position.step
        steps, is_last, is_trial = config.steps, step >= config.steps, False
        if self.budget is not None:
            is_last = step > 0 and self.budget.is_over
            steps, is_trial = self.budget.total_steps(step), self.budget.needs_trial
        is_last = is_last or self.position.is_stale(config.patience)
        is_late = config.save_every_s > 0 and time.monotonic() - self._saved_s >= config.save_every_s
        validates = is_last or is_trial or step % config.validate_every == 0
        saves = is_last or is_late or step % config.save_every == 0
        numbers = self.processes.numbers_from_first(
            [float(number) for number in (steps, is_last, validates, saves)]
        )
        return _Plan(int(numbers[0]), *(bool(number) for number in numbers[1:]))

    def _step(self, plan: _Plan, write: Callable[[dict[str, Any]], None]) -> _Plan:
        """One step and what follows on it."""
        position, config = self.position, self.config
        progress = Progress(position.step, plan.steps, position.items, self.clock, self.processes)
        self.clock.start_step(position.step)
        done = [u.step(self.task, self.model, progress, self.processes) for u in self.updaters]
        good = [step for step in done if step is not None]
        is_bad = len(good) < len(done)
        self._bad_steps, self._left_out = (
            (self._bad_steps + 1, self._left_out + 1) if is_bad else (0, self._left_out)
        )
        if self._bad_steps >= MAX_BAD_STEPS:
            raise LexomeError(
                f"loss or gradient not finite for {MAX_BAD_STEPS} steps in a row at step "
                f"{position.step}; lower optim.lr or look at the data"
            )
        if self.average is not None and not is_bad:
            with self.clock.phase("optimizer"):
                self.average.update(self.model)
        position.step += 1
        position.items += config.batch_size
        plan = self._agree()
        if not is_bad and (position.step % config.log_every == 0 or plan.is_last):
            write(self._progress_row(logged(good, self.processes)))
        if good:
            self._watch(good[0], progress, write)
        began_s = time.monotonic()
        if plan.validates:
            with self.clock.phase("validation"):
                self._validate(progress, write)
        if plan.saves:
            with self.clock.phase("saving"):
                self._save()
        if plan.validates and self.budget is not None:
            self.budget.set_reserve(time.monotonic() - began_s)
        return plan

    def _progress_row(self, parts: dict[str, float]) -> dict[str, Any]:
        if self._left_out:  # steps since the last row that changed nothing: loss or gradient not finite
            parts["left_out_steps"], self._left_out = float(self._left_out), 0
        seconds, shares = self.clock.lap()
        items, self._lap_items = self.position.items - self._lap_items, self.position.items
        rate = items / max(seconds, 1e-9)
        speed: dict[str, Any] = {"chunks_per_s": round(rate, 2)}
        speed |= {name: round(share, 4) for name, share in shares.items()}
        if not self._is_told and self.clock.total_s >= FIRST_MINUTE_S and (whole := self.clock.shares()):
            speed["bottleneck"], self._is_told = bottleneck(whole, rate), True
        elapsed_s = round(time.monotonic() - self._started_s, 1)
        return {"step": self.position.step, **parts, "seconds": elapsed_s, "speed": speed}

    def _watch(self, last: Stepped, progress: Progress, write: Callable[[dict[str, Any]], None]) -> None:
        mean = self.watch.add(last.loss)
        if mean is None or not self.processes.is_first or not isinstance(self.task, Diagnosable):
            return
        rate = learning_rate(self.updaters[0].config, progress.step, progress.steps)
        measured = {"loss": mean, "gradient_norm": last.gradient_norm, "learning_rate": rate}
        with self.clock.phase("validation"):
            found = self.task.diagnose(self.model, measured)
        stayed = f"the loss has stayed near {mean:.2f} for {self.config.plateau_steps} steps"
        write({"step": self.position.step, "warning": f"{stayed}: nothing has been learnt yet\n{found}"})

    def _validate(self, progress: Progress, write: Callable[[dict[str, Any]], None]) -> None:
        if self.processes.is_first:
            write(judge(self.task, self.model, self.average, self.position, self.folder, self.provenance))
        if self.task.on_epoch(self.model, progress):
            batches = [updater.batches for updater in self.updaters]
            self.processes.copy_from_first(self.model)
            self.updaters = self._make_updaters()
            for updater, same in zip(self.updaters, batches, strict=True):
                updater.batches = same
            if self.average is not None:
                self.average = WeightAverage(self.model, self.config.average_decay)

    def _save(self) -> None:
        own = torch.get_rng_state()
        generators = self.processes.gather(own).split(len(own))
        self._saved_s = time.monotonic()
        if not self.processes.is_first:
            return
        if self.budget is not None:
            self.position.spent_s = self.budget.spent_s
        scalers = [u.scaler.state_dict() for u in self.updaters if u.scaler.is_enabled()]
        save_state(
            self.folder, self.model, [u.optimizer for u in self.updaters],
            [u.clip.norms for u in self.updaters], self.position, self.recipe, average=self.average,
            generators=generators, more={"watch": self.watch.state, "scalers": scalers},
        )  # fmt: skip


def _log_until(path: Path, step: int) -> list[str]:
    """The log's lines up to a step: what came after the last saved state is done again."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    whole = [line for line in lines if line.endswith("\n")]
    return [line for line in whole if json.loads(line)["step"] <= step]
