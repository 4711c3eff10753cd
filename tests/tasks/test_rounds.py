"""Distillation in rounds: who teaches whom, where, and what is begun or goes on."""

import json
from pathlib import Path

import pytest

from lexome.checkpoint.store import load
from lexome.core.errors import UsageError
from lexome.tasks.recipe import Recipe, read_recipe
from lexome.tasks.rounds import rounds_of
from lexome.tasks.training import train_recipe


@pytest.fixture
def recipe(tiny_recipe: Path, tmp_path: Path) -> Recipe:
    """A student as large as its first teacher."""
    train_recipe(read_recipe(tiny_recipe, ["name=first", "loop.seed=9"]), tmp_path / "first", "0")
    return read_recipe(tiny_recipe, [f"distill.teacher={json.dumps(str(tmp_path / 'first' / 'model'))}"])


def test_each_student_is_the_next_ones_teacher(recipe: Recipe, tmp_path: Path) -> None:
    out = tmp_path / "out"
    plans = rounds_of(recipe, 3, out, resume=False)
    assert [place.name for _, place, _ in plans] == ["round_1", "round_2", "round_3"]
    assert [planned.name for planned, _, _ in plans] == ["tiny_round_1", "tiny_round_2", "tiny_round_3"]
    teachers = [planned.data["distill"]["teacher"] for planned, _, _ in plans]
    assert teachers == [
        recipe.data["distill"]["teacher"], str(out / "round_1/model"), str(out / "round_2/model")
    ]  # fmt: skip
    same = [
        {k: v for k, v in planned.data.items() if k not in ("name", "distill")} for planned, _, _ in plans
    ]
    assert same[0] == same[1] == same[2] == {k: v for k, v in recipe.data.items() if k in same[0]}
    for planned, place, goes_on in plans:
        train_recipe(planned, place, "0", resume=goes_on)
    names = [load(place / "model").provenance["distill"]["teacher"] for _, place, _ in plans]
    assert names == ["first", "tiny_round_1", "tiny_round_2"]
    weights = [load(place / "model").weights for _, place, _ in plans]
    assert any((weights[0][name] != weights[1][name]).any() for name in weights[0])


class StoppedError(Exception):
    """Somebody pulled the plug."""


def test_rounds_go_on_where_they_were_stopped(recipe: Recipe, tmp_path: Path) -> None:
    for planned, place, _ in rounds_of(recipe, 2, tmp_path / "whole", resume=False):
        train_recipe(planned, place, "0")

    def stop(row: dict) -> None:
        if row["step"] == 6:
            raise StoppedError

    out = tmp_path / "out"
    first, second = rounds_of(recipe, 2, out, resume=False)
    train_recipe(first[0], first[1], "0")
    assert [goes_on for _, _, goes_on in rounds_of(recipe, 2, out, resume=True)] == [True, False]
    with pytest.raises(StoppedError):
        train_recipe(second[0], second[1], "0", on_log=stop)
    with pytest.raises(UsageError, match="round_1 holds a training already; add --resume"):
        rounds_of(recipe, 2, out, resume=False)
    assert [goes_on for _, _, goes_on in rounds_of(recipe, 2, out, resume=True)] == [True, True]
    for planned, place, goes_on in rounds_of(recipe, 3, out, resume=True):
        train_recipe(planned, place, "0", resume=goes_on)  # a third one may follow
    for number in (1, 2):
        weights = [tmp_path / name / f"round_{number}/model/model.safetensors" for name in ("whole", "out")]
        assert weights[0].read_bytes() == weights[1].read_bytes()
    assert (out / "round_3/model").is_dir()


def test_a_later_round_that_is_there_is_not_trained_over(recipe: Recipe, tmp_path: Path) -> None:
    (_, place, _), *_ = rounds_of(recipe, 1, tmp_path / "out", resume=False)
    train_recipe(recipe, place, "0")
    place.rename(place.with_name("round_2"))
    with pytest.raises(UsageError, match="round_2 holds a training already"):
        rounds_of(recipe, 2, tmp_path / "out", resume=False)
