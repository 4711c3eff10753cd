"""Trials: networks trained alike from named architectures, and judged on chunks that none of them has seen.

A trial is one training. Its folder holds the training (`training.json`, `log.jsonl`, `model/`), and once it
is finished `result.json` and the identity of every judged chunk in `identities.npz`. The same experiment
asked for again goes on where it was stopped.
"""

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lexome import __version__
from lexome.checkpoint.build import build_network
from lexome.checkpoint.store import load
from lexome.core.config import to_dict
from lexome.core.errors import LexomeError, UsageError
from lexome.features.signal import ScalingConfig
from lexome.io.chunks import ChunkStore, read_store
from lexome.tasks.basecall.task import BasecallTask
from lexome.tasks.recipe import Recipe, resolve_recipe
from lexome.tasks.training import learnt, train_recipe

RESULT, IDENTITIES = "result.json", "identities.npz"
VALIDATION = "validation"
WARMUP_SHARE, AVERAGE_DECAY = 0.1, 0.99
SAMPLE_RATE_HZ, CHEMISTRY = 4000, "r9.4.1"
AUGMENT = {"min_stretch": 0.72, "max_stretch": 1.05, "gain_sd": 0.05, "offset_sd": 0.05, "noise_sd": 0.05}


@dataclass(frozen=True)
class Settings:
    """What all trials of an experiment have in common.

    Attributes:
        stores: chunks to train on, with a validation split.
        tests: further stores, by the name they have in the results, whose validation or test chunks are only
            judged.
        chunks: training chunks that a network sees.
        batch_size: chunks of a step.
        lr: peak of the learning rate.
        minutes: time of each training instead of `chunks`; 0: none.
        judged_chunks: of each store, the first ones of a fixed shuffle.
    """

    stores: tuple[Path, ...]
    tests: Mapping[str, Path] = field(default_factory=dict)
    chunks: int = 10_000
    batch_size: int = 8
    lr: float = 4e-3
    minutes: float = 0.0
    judged_chunks: int = 2000

    def __post_init__(self) -> None:
        if VALIDATION in self.tests:
            raise UsageError(f"a test store cannot be called '{VALIDATION}'; give it another name")
        if self.chunks < self.batch_size:
            raise UsageError(f"{self.chunks} chunks make no batch of {self.batch_size}")

    def described(self) -> dict[str, Any]:
        """The settings for a report; of stores only their names."""
        return {
            "stores": [path.name for path in self.stores],
            "tests": list(self.tests),
            "chunks": self.chunks,
            "minutes": self.minutes,
            "batch_size": self.batch_size,
            "lr": self.lr,
            "judged_chunks": self.judged_chunks,
        }


@dataclass(frozen=True)
class Trial:
    """One training of an experiment.

    Attributes:
        name: of its folder; unique within the experiment.
        labels: what it is about, for tables: architecture, width and the like; trials that differ in their
            seeds only have the same ones.
        architecture: {"name": ..., "config": ...} of the encoder.
        head: {"name": ..., "config": ...}.
        seed: of weights, order of the data and its variations.
        lr_factor: of the rate of the settings.
        more: tables that take the place of those of the recipe, such as "distill".
    """

    name: str
    labels: Mapping[str, Any]
    architecture: Mapping[str, Any]
    head: Mapping[str, Any]
    seed: int = 0
    lr_factor: float = 1.0
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """What became of a trial.

    Attributes:
        trial: its name; `labels` and `seed` as there.
        parameters: of the network.
        figures: per judged store the metrics of `BasecallTask.evaluate`; empty if it failed.
        failure: why there are none, else empty.
        seconds: that training took in the session that ended it.
        made_with: its recipe, and what it was judged on.
    """

    trial: str
    labels: Mapping[str, Any]
    seed: int
    parameters: int
    figures: Mapping[str, Mapping[str, float]]
    failure: str = ""
    seconds: float = 0.0
    made_with: Mapping[str, Any] = field(default_factory=dict)


def trial_recipe(trial: Trial, settings: Settings) -> Recipe:
    """The recipe of a trial: what `lexome train` would take.

    The learning rate rises over the first tenth of the steps and falls as a cosine; the moving average of the
    weights is judged beside the last ones; there is one validation, at the end, so that none is chosen by it.
    """
    store = read_store(settings.stores[0])
    steps = settings.chunks // settings.batch_size
    samples = int(store.signal_NS.shape[1])
    data = {
        "task_kind": "basecall",
        "name": trial.name,
        "architecture": dict(trial.architecture),
        "head": dict(trial.head),
        "signal": {
            "sample_rate_hz": SAMPLE_RATE_HZ, "chemistry": CHEMISTRY, "chunk_size": samples,
            "overlap": samples // 10, "scaling": _scaling(store),
        },
        "task": {
            "stores": [str(path) for path in settings.stores],
            "augment": AUGMENT,
            "optim": {"lr": settings.lr * trial.lr_factor, "warmup_steps": max(1,
            round(WARMUP_SHARE * steps))},
            "validation_chunks": settings.judged_chunks,
        },
        "loop": {
            "steps": steps, "batch_size": settings.batch_size, "seed": trial.seed, "device": "auto",
            "validate_every": 10**9, "save_every": max(50, steps // 5), "save_every_s": 120.0,
            "average_decay": AVERAGE_DECAY, "minutes": settings.minutes,
            "plateau_steps": 0,
        },
        **trial.more,
    }  # fmt: skip
    data["loop"] = {**data["loop"], "seed": trial.seed}
    return resolve_recipe(data, trial.name)


def _scaling(store: ChunkStore) -> dict[str, Any]:
    return dict(store.meta.get("scaling") or to_dict(ScalingConfig()))


def run_trials(
    trials: Sequence[Trial],
    settings: Settings,
    folder: Path,
    *,
    budget_s: float = float("inf"),
    on_result: Callable[[Result], None] = lambda result: None,
    on_log: Callable[[str, dict[str, Any]], None] = lambda trial, row: None,
    clock: Callable[[], float] = time.monotonic,
) -> list[Result]:
    """Trains and judges what is not there yet.

    Args:
        trials: in the order in which they are wanted.
        settings: what they have in common.
        folder: gets one folder per trial.
        budget_s: no trial begins after so many seconds.
        on_result: told of each result, also of those that were there.
        on_log: told of the log rows of the training that runs, with the trial's name.
        clock: seconds.

    Returns:
        The results there are, in the order of the trials; fewer than trials if time was over.

    Raises:
        UsageError: if a folder holds a trial made otherwise.
    """
    began_s = clock()
    results = []
    for trial in trials:
        result = read_result(folder / trial.name)
        if result is not None:
            _check_same(result, trial, settings, folder / trial.name)
        else:
            if clock() - began_s >= budget_s:
                continue
            result = _run(trial, settings, folder / trial.name, on_log)
        results.append(result)
        on_result(result)
    return results


def read_result(folder: Path) -> Result | None:
    """The result in a trial's folder, None if it is not finished."""
    try:
        return Result(**json.loads((folder / RESULT).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (json.JSONDecodeError, TypeError) as error:
        raise UsageError(
            f"{folder / RESULT}: not a result of a trial ({error}); remove the folder"
        ) from error


def read_identities(folder: Path, store: str) -> np.ndarray:
    """The identity of every chunk of a store that a finished trial was judged on, float64[n]."""
    with np.load(folder / IDENTITIES, allow_pickle=False) as arrays:
        return arrays[store]


def _run(
    trial: Trial, settings: Settings, folder: Path, on_log: Callable[[str, dict[str, Any]], None]
) -> Result:
    """Trains a network and judges it; that it cannot be trained is a result, too."""
    recipe = trial_recipe(trial, settings)
    made = made_with(trial, settings)
    began_s = time.monotonic()
    try:
        train_recipe(
            recipe, folder, __version__,
            resume=(folder / "training.json").exists(), on_log=lambda row: on_log(trial.name, row),
        )  # fmt: skip
        checkpoint = load(str(folder / "model"))  # there is none if it validated as nothing
    except UsageError:
        raise
    except LexomeError as error:
        return _write(
            folder, Result(trial.name, dict(trial.labels), trial.seed, 0, {}, str(error), 0.0, made), {}
        )
    seconds = time.monotonic() - began_s
    network = build_network(checkpoint)
    figures, identities = {}, {}
    for name, stores in [(VALIDATION, settings.stores), *((n, (p,)) for n, p in settings.tests.items())]:
        task = judging_task(recipe, stores, settings.judged_chunks)
        metrics, identities[name] = task.judge(network, VALIDATION)
        figures[name] = metrics
    result = Result(
        trial.name, dict(trial.labels), trial.seed, checkpoint.num_parameters, figures, "", round(seconds, 1),
        made,
    )  # fmt: skip
    return _write(folder, result, identities)


def made_with(trial: Trial, settings: Settings) -> dict[str, Any]:
    """All that decides a trial's result, as JSON would give it back."""
    recipe = learnt(trial_recipe(trial, settings).data)
    tests = {name: str(path) for name, path in settings.tests.items()}
    return json.loads(json.dumps({**recipe, "tests": tests, "judged_chunks": settings.judged_chunks}))


def _check_same(result: Result, trial: Trial, settings: Settings, folder: Path) -> None:
    wanted = made_with(trial, settings)
    keys = sorted({*wanted, *result.made_with})
    changed = [key for key in keys if wanted.get(key) != result.made_with.get(key)]
    if changed:
        raise UsageError(
            f"{folder} holds a trial that was made with other settings (different: {', '.join(changed)}); "
            f"give "
            "the same ones, or another folder"
        )


def judging_task(recipe: Recipe, stores: Sequence[Path], judged_chunks: int) -> BasecallTask:
    """The task of a recipe on other stores."""
    table = {
        **recipe.data["task"],
        "stores": [str(path) for path in stores],
        "validation_chunks": judged_chunks,
    }
    data = {key: value for key, value in recipe.data.items() if key != "distill"}  # without its teacher
    task = resolve_recipe({**data, "task": table}, recipe.name).task()
    if not isinstance(task, BasecallTask):
        raise UsageError(f"recipe {recipe.name} does not call bases")
    return task


def _write(folder: Path, result: Result, identities: Mapping[str, np.ndarray]) -> Result:
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / IDENTITIES, allow_pickle=False, **dict(identities))
    partial = folder / f"{RESULT}.partial"
    partial.write_text(json.dumps(to_dict(result), indent=1), encoding="utf-8")
    os.replace(partial, folder / RESULT)
    return result
