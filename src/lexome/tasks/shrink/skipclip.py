"""From a recipe or a model to a training that removes skip connections, and what that saves."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

from lexome.checkpoint.build import build_network
from lexome.checkpoint.store import Checkpoint, load
from lexome.compress.skipclip import SkipClipConfig
from lexome.core.config import apply_overrides, from_dict, read_toml
from lexome.core.errors import UsageError
from lexome.features.signal import SignalConfig
from lexome.models.costs import NetworkCosts, network_costs
from lexome.models.registry import new_network
from lexome.tasks.recipe import Recipe, resolve_recipe
from lexome.tasks.shrink.from_model import name_of_model, recipe_from_model

VALIDATE_EVERY = 200
LR = 5e-4


@dataclass(frozen=True)
class SkipClipRequest:
    """What to take skip connections out of, and how.

    Attributes:
        subject: a recipe (a file ending in .toml), or a model to begin with: bundled name, or folder.
        teacher: a model; None: the recipe's `skipclip.teacher`, or the model to begin with.
        stores: folders of `lexome prepare`; none: the recipe's.
        every: validations between removals; None: the recipe's, or 1.
        at_once: skip connections that go together; None: the recipe's, or 1.
        steps: of training; None: the recipe's, or for a model twice as many as all removals take.
        overrides: further ones, as of `--set`.
    """

    subject: str
    teacher: str | None = None
    stores: Sequence[Path] = ()
    every: int | None = None
    at_once: int | None = None
    steps: int | None = None
    overrides: Sequence[str] = ()


def skipclip_recipe(request: SkipClipRequest) -> Recipe:
    """The recipe of a request.

    Raises:
        UsageError: if no teacher or no store is named, or the recipe or model is none.
    """
    is_recipe = request.subject.endswith(".toml")
    data = read_toml(Path(request.subject)) if is_recipe else _from_model(request)
    data = apply_overrides(data, request.overrides)
    table = data.setdefault("skipclip", {})
    if not isinstance(table, dict):
        raise UsageError(f"{request.subject}: 'skipclip' is not a table")
    options: dict[str, Any] = {"every": request.every, "at_once": request.at_once}
    if request.teacher is not None:
        options["teacher"] = name_of_model(request.teacher)
    table.update({key: value for key, value in options.items() if value is not None})
    if not table.get("teacher"):
        raise UsageError(f"{request.subject}: no teacher is named; add --teacher MODEL")
    if is_recipe and request.stores:
        data.setdefault("task", {})["stores"] = [str(store.resolve()) for store in request.stores]
    if is_recipe and request.steps:
        data.setdefault("loop", {})["steps"] = request.steps
    return resolve_recipe(data, request.subject)


def _from_model(request: SkipClipRequest) -> dict[str, Any]:
    if not request.stores:
        raise UsageError("name chunks to train on: --store, a folder of 'lexome prepare' (repeatable)")
    model = load(request.subject)
    if model.task != "basecall":
        raise UsageError(f"model {model.name} is for the task '{model.task}'; a basecaller is needed")
    config = SkipClipConfig(every=request.every or 1, at_once=request.at_once or 1)
    removals = ceil(len(build_network(model).skips) / config.at_once)
    steps = request.steps or 2 * max(1, config.every * removals) * VALIDATE_EVERY
    data = recipe_from_model(
        request.subject, model, request.stores, name=f"{model.name}_without_skips", steps=steps,
        validate_every=VALIDATE_EVERY, lr=LR,
    )  # fmt: skip
    return {**data, "skipclip": {"teacher": name_of_model(request.subject)}}


def costs_before_and_after(recipe: Recipe, clipped: Checkpoint) -> tuple[NetworkCosts, NetworkCosts]:
    """What one chunk costs a recipe's network, and the one that came out of it."""
    signal = from_dict(SignalConfig, recipe.data.get("signal", {}), f"recipe {recipe.name}, [signal]")
    before = new_network(recipe.data["architecture"], recipe.data["head"])
    first, second = (
        network_costs(network, signal.chunk_size) for network in (before, build_network(clipped))
    )
    return first, second
