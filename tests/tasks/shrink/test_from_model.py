"""The recipe that trains a model further."""

from pathlib import Path

import pytest

from lexome.checkpoint.store import load
from lexome.core.errors import UsageError
from lexome.tasks.basecall.task import BasecallTask
from lexome.tasks.recipe import resolve_recipe
from lexome.tasks.shrink.from_model import name_of_model, recipe_from_model


def test_it_begins_with_the_weights_of_the_model(small_model: Path, tiny_store: Path) -> None:
    model = load(small_model)
    data = recipe_from_model(
        str(small_model), model, [tiny_store], name="new", steps=7, validate_every=3, lr=1e-3, seed=4
    )
    recipe = resolve_recipe(data, "test")
    assert (recipe.name, recipe.loop.steps, recipe.loop.validate_every, recipe.loop.seed) == ("new", 7, 3, 4)
    task = recipe.task()
    assert isinstance(task, BasecallTask)
    assert task.config.optim.lr == 1e-3
    built = task.build().state_dict()
    assert built.keys() == model.weights.keys()
    assert all((tensor.numpy() == model.weights[name]).all() for name, tensor in built.items())
    assert task.checkpoint(task.build(), {}).features["sample_rate_hz"] == 4000


def test_names_of_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine").mkdir()
    assert name_of_model("mine") == str((tmp_path / "mine").resolve())
    assert name_of_model("r9.4.1_fast") == "r9.4.1_fast"
    assert name_of_model("nobody") == "nobody"


def test_another_task_is_refused(tiny_store: Path) -> None:
    with pytest.raises(UsageError, match="for the task 'correct'; a basecaller is needed"):
        recipe_from_model(
            "hifi_student", load("hifi_student"), [tiny_store], name="x", steps=1, validate_every=1, lr=1e-3
        )
