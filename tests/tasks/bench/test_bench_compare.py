"""Comparing two ways to train: what is taken of a recipe, pairs, and the figures."""

from pathlib import Path

import numpy as np
import pytest

from lexome.core.errors import UsageError
from lexome.tasks.bench.compare import compared, contender, paired_trials
from lexome.tasks.bench.trials import Result, Settings, _write, run_trials, trial_recipe


def settings(store: Path, minutes: float = 0.0) -> Settings:
    return Settings((store,), {"others": store}, 24, 4, 4e-3, minutes, 6)


def test_a_recipe_is_taken_whole(tiny_recipe: Path, tiny_store: Path) -> None:
    text = tiny_recipe.read_text().replace(tiny_store.as_posix(), "elsewhere")
    tiny_recipe.write_text(text.replace("[task.optim]", "[task.optim]\nlr = 0.03"))
    trial = contender(str(tiny_recipe), settings(tiny_store))
    recipe = trial_recipe(trial, settings(tiny_store)).data
    assert recipe["task"]["stores"] == [str(tiny_store)]
    assert recipe["task"]["optim"] == {"lr": 0.03, "warmup_steps": 2}
    assert recipe["task"]["validation_chunks"] == 6
    assert (recipe["loop"]["steps"], recipe["loop"]["minutes"], recipe["loop"]["seed"]) == (6, 0.0, 0)
    limited = contender(str(tiny_recipe), settings(tiny_store, 3.0))
    assert trial_recipe(limited, settings(tiny_store, 3.0)).loop.minutes == 3.0


def test_an_architecture_by_name_and_width(tiny_store: Path) -> None:
    trial = contender("bonito_gru:32", settings(tiny_store))
    assert trial.labels["width"] == 32
    assert {layer["size"] for layer in trial.architecture["config"]["lstms"]} == {32}
    assert contender("bonito", settings(tiny_store)).labels["width"] == 64


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("bonita", "neither a recipe ending in .toml nor an architecture; did you mean 'bonito'"),
        ("bonito:wide", "must be a whole number above 0"),
        ("bonito:0", "must be a whole number above 0"),
        ("missing.toml", "no such file"),
    ],
)
def test_refused(text: str, message: str, tiny_store: Path) -> None:
    with pytest.raises(UsageError, match=message):
        contender(text, settings(tiny_store))


def test_what_is_the_same_is_not_compared(tiny_store: Path) -> None:
    one = contender("bonito:8", settings(tiny_store))
    with pytest.raises(UsageError, match="both are called"):
        paired_trials(one, one, 2)


def test_pairs_come_in_turn(tiny_store: Path) -> None:
    a, b = (contender(name, settings(tiny_store)) for name in ("bonito:8", "bonito_gru:8"))
    names = [trial.name for trial in paired_trials(a, b, 2)]
    assert names == [f"{t.name}-seed{seed}" for seed in (0, 1) for t in (a, b)]


def test_only_whole_pairs_count(tiny_store: Path, tmp_path: Path) -> None:
    a, b = (contender(name, settings(tiny_store)) for name in ("bonito:8", "bonito_gru:8"))
    rng = np.random.default_rng(0)
    hard = rng.normal(0.7, 0.1, 40)
    for trial, shift in ((a, 0.03), (b, 0.0)):
        for seed in range(2 if trial is a else 3):
            name = f"{trial.name}-seed{seed}"
            values = {s: hard + shift + rng.normal(0, 0.001, 40) for s in ("validation", "others")}
            figures = {s: {"loss": 1.0} for s in values}
            _write(tmp_path / name, Result(name, {}, seed, 1, figures), values)
    found = compared(a, b, 3, settings(tiny_store), tmp_path)
    assert found["seeds"] == [0, 1]
    on = found["stores"]["validation"]
    assert on["difference"] == pytest.approx(0.03, abs=0.001)
    assert on["over_seeds"][0] < on["difference"] < on["over_seeds"][1]
    assert on["over_chunks"][0] < on["difference"] < on["over_chunks"][1]


def test_two_tiny_networks(tiny_store: Path, tmp_path: Path) -> None:
    a, b = (contender(name, settings(tiny_store)) for name in ("bonito:8", "bonito_gru:8"))
    run_trials(paired_trials(a, b, 2), settings(tiny_store), tmp_path)
    found = compared(a, b, 2, settings(tiny_store), tmp_path)
    assert found["seeds"] == [0, 1]
    for figures in found["stores"].values():
        assert figures["difference"] == pytest.approx(figures["first"] - figures["second"])
        assert len(figures["by_seed"]) == 2
        assert figures["chunks"] == 4
