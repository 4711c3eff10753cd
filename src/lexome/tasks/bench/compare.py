"""Two ways to train, alike in all else: their paired difference over several seeds.

Shapes: S seeds, C chunks.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from lexome.core.errors import UsageError, nearest
from lexome.evaluate.paired import Difference, difference
from lexome.models.named import NAMED
from lexome.tasks.bench.sets import named_trial
from lexome.tasks.bench.trials import (
    VALIDATION,
    Settings,
    Trial,
    read_identities,
    read_result,
)
from lexome.tasks.recipe import read_recipe

DEFAULT_WIDTH = 64


def contender(text: str, settings: Settings) -> Trial:
    """What is compared: a recipe, taken whole but for its stores, seed and time, or a named architecture.

    Args:
        text: a TOML file, or NAME[:WIDTH] of `models.named`, trained as the experiments of `sets` are.
        settings: stores, chunks to judge on, and the time if there is a limit.

    Raises:
        UsageError: if it is neither, or the recipe calls no bases.
    """
    if text.endswith(".toml"):
        return _of_recipe(Path(text), settings)
    name, _, width = text.partition(":")
    if name not in NAMED:
        raise UsageError(
            f"'{text}': neither a recipe ending in .toml nor an architecture; {nearest(name, NAMED)}"
        )
    if width and not (width.isdigit() and int(width)):
        raise UsageError(f"'{text}': the width behind the colon must be a whole number above 0")
    return named_trial(name, int(width or DEFAULT_WIDTH))


def _of_recipe(path: Path, settings: Settings) -> Trial:
    recipe = read_recipe(path)
    if recipe.data["task_kind"] != "basecall":
        raise UsageError(f"{path}: is no recipe of a basecaller")
    task = {
        **recipe.data.get("task", {}),
        "stores": [str(store) for store in settings.stores],
        "validation_chunks": settings.judged_chunks,
    }
    loop = {**recipe.data["loop"], **({"minutes": settings.minutes} if settings.minutes else {})}
    kept = {key: recipe.data[key] for key in ("signal", "distill") if key in recipe.data}
    return Trial(
        path.stem, {"recipe": path.stem}, recipe.data["architecture"], recipe.data["head"],
        more={**kept, "task": task, "loop": loop},
    )  # fmt: skip


def paired_trials(first: Trial, second: Trial, seeds: int) -> list[Trial]:
    """The trainings of both, in turn, so that what is there when time ends can be paired.

    Raises:
        UsageError: if both have one name.
    """
    if first.name == second.name:
        raise UsageError(f"both are called {first.name}; compare two different ones")
    return [
        replace(trial, name=f"{trial.name}-seed{seed}", seed=seed)
        for seed in range(seeds)
        for trial in (first, second)
    ]


def compared(first: Trial, second: Trial, seeds: int, settings: Settings, folder: Path) -> dict[str, Any]:
    """The figures of a comparison, of all seeds that both have finished.

    Returns:
        `seeds` there are; `failures`; per judged store both identities and their paired difference with its
        intervals (`evaluate.paired`); empty without any seed.
    """
    done, failures = [], []
    for seed in range(seeds):
        results = [read_result(folder / f"{trial.name}-seed{seed}") for trial in (first, second)]
        failures += [f"{r.trial}: {r.failure}" for r in results if r is not None and r.failure]
        if all(result is not None and not result.failure for result in results):
            done.append(seed)
    stores = [VALIDATION, *settings.tests] if done else []
    return {
        "first": first.name,
        "second": second.name,
        "seeds": done,
        "asked_seeds": seeds,
        "failures": failures,
        "settings": settings.described(),
        "stores": {store: _store(first, second, done, store, folder) for store in stores},
    }


def _store(first: Trial, second: Trial, seeds: list[int], store: str, folder: Path) -> dict[str, Any]:
    first_SC, second_SC = (
        np.stack([read_identities(folder / f"{trial.name}-seed{seed}", store) for seed in seeds])
        for trial in (first, second)
    )
    found: Difference = difference(first_SC, second_SC)
    return {
        "first": float(first_SC.mean()),
        "second": float(second_SC.mean()),
        "difference": found.mean,
        "by_seed": list(found.by_seed),
        "over_chunks": found.over_chunks,
        "over_seeds": found.over_seeds,
        "is_clear": found.is_clear,
        "chunks": int(first_SC.shape[1]),
    }
