"""Recipes of pre-training."""

from pathlib import Path
from types import ModuleType

import pytest

from lexome.core.errors import UsageError
from lexome.tasks.language.pretrain_recipe import OPTIM, SMALL, pretrain_recipe
from lexome.tasks.recipe import resolve_recipe

MASKING = {"share": 0.15, "span": 1, "random_share": 0.0, "keep_share": 0.0}


def test_a_new_model_is_small() -> None:
    data = pretrain_recipe([Path("a"), Path("b")], masking=MASKING, sampling=0.5, lr=0.0)
    recipe = resolve_recipe(data, "test")
    assert recipe.data["architecture"]["config"] == SMALL
    assert recipe.data["task"]["stores"] == ["a", "b"]
    assert recipe.data["task"]["optim"]["lr"] == OPTIM["lr"]
    assert pretrain_recipe([], masking=MASKING, sampling=1, lr=0.5)["task"]["optim"]["lr"] == 0.5


def test_a_model_that_goes_on_keeps_its_shape_and_learns_more_slowly(toy: ModuleType, tmp_path: Path) -> None:
    model = toy.saved_model(tmp_path / "toy")
    data = pretrain_recipe([Path("a")], model=str(model), masking=MASKING, sampling=1.0, lr=0.0)
    assert data["architecture"]["config"] == toy.CONFIG
    assert data["task"]["start_from"] == str(model)
    assert data["name"] == "toy_further"
    assert data["task"]["optim"]["lr"] < OPTIM["lr"]


def test_only_masked_models_go_on() -> None:
    with pytest.raises(UsageError, match="scores no masked tokens"):
        pretrain_recipe([], model="r9.4.1_fast", masking=MASKING, sampling=1.0, lr=0.0)


def test_a_model_that_writes_text_goes_on_with_its_spans(toy: ModuleType, tmp_path: Path) -> None:
    model = str(toy.saved_text_model(tmp_path / "toy"))
    masking = MASKING | {"share": 0.3}
    data = pretrain_recipe([Path("a")], model=model, masking=masking, sampling=1.0, lr=0.0)
    assert data["head"]["name"] == "text"
    assert data["task"]["spans"] == {
        "share": 0.3, "mean_span": 7.0, "sentinels": "descending", "too_few_sentinels": "merge",
    }  # fmt: skip
    with pytest.raises(UsageError, match="it learns from whole spans, without --span"):
        pretrain_recipe([], model=model, masking=MASKING | {"span": 3}, sampling=1.0, lr=0.0)
