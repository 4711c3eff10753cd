"""Training a recipe into a folder: what `lexome train` does."""

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from lexome.core.config import from_dict, to_dict
from lexome.core.errors import UsageError
from lexome.tasks.recipe import Recipe
from lexome.tasks.workers import processes_of
from lexome.train.config import LoopConfig
from lexome.train.distributed import ALONE
from lexome.train.loop import train
from lexome.train.state import RECORD, Position, read_record

# keys of [loop] that say where the work is done and what is told of it, not what is learnt
FREE_KEYS = ("device", "processes", "threads", "log_every", "save_every", "save_every_s", "plateau_steps")


def train_recipe(
    recipe: Recipe,
    folder: Path,
    version: str,
    *,
    resume: bool = False,
    on_log: Callable[[dict[str, Any]], None] = lambda row: None,
) -> Position:
    """Trains a recipe.

    Args:
        recipe: what to train.
        folder: gets the model, the state and the log.
        version: of lexome, for the model's record.
        resume: go on from the state in the folder; the recipe must be the same.
        on_log: called with each log row.

    Returns:
        Where training ended.

    Raises:
        UsageError: if the folder holds a training and `resume` is not set, or one of another recipe and it
            is, or if it cannot be a folder.
    """
    if resume:
        _check_same(recipe, folder)
    elif (folder / RECORD).exists():
        raise UsageError(f"{folder} holds a training already; add --resume, or choose another folder")
    task = recipe.task()  # before the folder is made: a store may be missing
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{folder}: cannot be a folder ({error.strerror}); choose another") from error
    provenance = {
        "name": recipe.name,
        "lexome_version": version,
        "seed": recipe.loop.seed,
        **({"minutes": recipe.loop.minutes} if recipe.loop.minutes else {"steps": recipe.loop.steps}),
        "batch_size": recipe.loop.batch_size,
    }
    several = recipe.loop.processes > 1
    with processes_of(recipe, folder, resume=resume) if several else nullcontext(ALONE) as processes:
        return train(
            task, recipe.loop, folder, provenance, recipe.data,
            resume=resume, on_log=on_log, processes=processes,
        )  # fmt: skip


def _check_same(recipe: Recipe, folder: Path) -> None:
    stored, wanted = (learnt(data) for data in (read_record(folder)["recipe"], recipe.data))
    changed = sorted(key for key in {*stored, *wanted} if stored.get(key) != wanted.get(key))
    if changed:
        raise UsageError(
            f"{folder}: this training was started with another recipe (different: {', '.join(changed)}); "
            "--resume needs the same recipe and the same --set"
        )


def learnt(data: Mapping[str, Any]) -> dict[str, Any]:
    """What of a recipe decides what is learnt; settings that an older version did not know are filled in."""
    loop = to_dict(from_dict(LoopConfig, data["loop"], "the recipe of the training in this folder"))
    return {**data, "loop": {key: value for key, value in loop.items() if key not in FREE_KEYS}}
