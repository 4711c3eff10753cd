"""What a request for SkipClip makes of a recipe or a model, and what it costs before and after."""

from pathlib import Path

import pytest
import torch

from lexome.checkpoint.build import build_network
from lexome.checkpoint.store import load, save
from lexome.core.errors import UsageError
from lexome.tasks.recipe import resolve_recipe
from lexome.tasks.shrink.skipclip import SkipClipRequest, costs_before_and_after, skipclip_recipe
from lexome.tasks.training import train_recipe

BLOCKS = [
    {"size": 6, "kernel": 5, "stride": 5, "separable": False},
    {"size": 6, "kernel": 3, "residual": True},
    {"size": 6, "kernel": 3, "residual": True},
]


@pytest.fixture
def model(tiny_store: Path, tmp_path: Path) -> Path:
    """A model with two skip connections."""
    data = {
        "task_kind": "basecall", "name": "tiny",
        "architecture": {"name": "quartznet", "config": {"blocks": BLOCKS}},
        "head": {"name": "ctc", "config": {}}, "signal": {"chunk_size": 200, "overlap": 20},
        "task": {"stores": [str(tiny_store)]},
        "loop": {"steps": 2, "batch_size": 4, "validate_every": 2, "device": "cpu"},
    }  # fmt: skip
    torch.manual_seed(0)
    task = resolve_recipe(data, "test").task()
    save(tmp_path / "wise", task.checkpoint(task.build(), {"name": "wise"}), "A model.")
    return tmp_path / "wise"


def test_a_model_becomes_a_recipe_that_clips_it(model: Path, tiny_store: Path, tmp_path: Path) -> None:
    recipe = skipclip_recipe(
        SkipClipRequest(
            str(model), stores=[tiny_store], at_once=2, steps=4,
            overrides=["loop.validate_every=2", "loop.batch_size=4"],
        )
    )  # fmt: skip
    assert recipe.data["skipclip"] == {"teacher": str(model.resolve()), "at_once": 2}
    train_recipe(recipe, tmp_path / "out", "0")
    clipped = load(tmp_path / "out" / "model")
    assert build_network(clipped).skips == ()
    before, after = costs_before_and_after(recipe, clipped)
    assert before.parameters == load(model).num_parameters
    assert after.parameters == clipped.num_parameters < before.parameters
    assert after.macs < before.macs


def test_time_enough_is_the_default(model: Path, tiny_store: Path) -> None:
    one = skipclip_recipe(SkipClipRequest(str(model), stores=[tiny_store], every=3))
    both = skipclip_recipe(SkipClipRequest(str(model), stores=[tiny_store], every=3, at_once=2))
    assert one.loop.steps == 2 * both.loop.steps > 0


def test_refused(model: Path, tiny_recipe: Path) -> None:
    with pytest.raises(UsageError, match="name chunks to train on: --store"):
        skipclip_recipe(SkipClipRequest(str(model)))
    with pytest.raises(UsageError, match="no teacher is named; add --teacher MODEL"):
        skipclip_recipe(SkipClipRequest(str(tiny_recipe)))
