"""Trials: trained, judged, gone on with, and what their failure is."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from lexome.checkpoint.build import build_network
from lexome.checkpoint.store import load
from lexome.core.errors import UsageError
from lexome.tasks.bench.trials import (
    RESULT,
    Settings,
    Trial,
    judging_task,
    read_identities,
    read_result,
    run_trials,
    trial_recipe,
)

NETWORK = {
    "name": "bonito",
    "config": {"convs": [{"size": 4, "kernel": 5, "stride": 5}], "lstms": [{"size": 4, "reverse": True}]},
}
HEAD = {"name": "ctc", "config": {}}


def settings(store: Path, **changes: object) -> Settings:
    return dataclasses.replace(
        Settings((store,), {"others": store}, chunks=24, batch_size=4, judged_chunks=6), **changes
    )


def trial(name: str = "a", seed: int = 0, **changes: object) -> Trial:
    return dataclasses.replace(Trial(name, {"architecture": "bonito"}, NETWORK, HEAD, seed), **changes)


def test_a_trial_is_trained_and_judged(tiny_store: Path, tmp_path: Path) -> None:
    told: list[str] = []
    (result,) = run_trials(
        [trial()], settings(tiny_store), tmp_path, on_result=lambda r: told.append(r.trial)
    )
    assert told == ["a"]
    model = load(str(tmp_path / "a" / "model"))
    assert result.parameters == model.num_parameters
    assert model.provenance["step"] == 24 // 4
    assert read_result(tmp_path / "a") == result
    # what the result says is what the saved model does
    task = judging_task(trial_recipe(trial(), settings(tiny_store)), [tiny_store], 6)
    metrics, identities = task.judge(build_network(model), "validation")
    assert dict(result.figures["validation"]) == metrics
    assert np.array_equal(read_identities(tmp_path / "a", "validation"), identities)
    assert result.figures["others"]["label_identity_mean"] == pytest.approx(identities.mean())


def test_finished_trials_are_not_trained_again(tiny_store: Path, tmp_path: Path) -> None:
    trials = [trial("a"), trial("b", 1)]
    first = run_trials(trials, settings(tiny_store), tmp_path)
    (tmp_path / "a" / "log.jsonl").unlink()
    assert run_trials(trials, settings(tiny_store), tmp_path) == first
    assert not (tmp_path / "a" / "log.jsonl").exists()
    assert first[0].figures != first[1].figures, "the seed does not matter"


def test_none_begins_when_time_is_over(tiny_store: Path, tmp_path: Path) -> None:
    now = iter([0.0, 0.0, 100.0])
    results = run_trials(
        [trial("a"), trial("b")], settings(tiny_store), tmp_path, budget_s=50.0, clock=lambda: next(now)
    )
    assert [result.trial for result in results] == ["a"]
    assert read_result(tmp_path / "b") is None


def test_a_stopped_trial_goes_on_to_the_same_bits(tiny_store: Path, tmp_path: Path) -> None:
    class Stop(Exception):  # noqa: N818
        pass

    def stop(name: str, row: dict) -> None:
        if row["step"] == 60:
            raise Stop

    long = settings(tiny_store, chunks=4 * 60)
    with pytest.raises(Stop):
        run_trials([trial()], long, tmp_path / "parts", on_log=stop)
    assert read_result(tmp_path / "parts" / "a") is None
    (resumed,) = run_trials([trial()], long, tmp_path / "parts")
    (whole,) = run_trials([trial()], long, tmp_path / "whole")
    assert resumed.figures == whole.figures


def test_a_trial_made_otherwise_is_refused(tiny_store: Path, tmp_path: Path) -> None:
    """Finished or not: else old results would stand for new settings."""
    run_trials([trial()], settings(tiny_store), tmp_path)
    with pytest.raises(UsageError, match=r"other settings \(different: task\)"):
        run_trials([trial()], settings(tiny_store, lr=1e-3), tmp_path)
    with pytest.raises(UsageError, match=r"other settings \(different: loop, task\)"):
        run_trials([trial()], settings(tiny_store, chunks=400), tmp_path)
    with pytest.raises(UsageError, match=r"other settings \(different: tests\)"):
        run_trials([trial()], settings(tiny_store, tests={}), tmp_path)
    (tmp_path / "a" / RESULT).unlink()
    with pytest.raises(UsageError, match="started with another recipe"):
        run_trials([trial()], settings(tiny_store, lr=1e-3), tmp_path)


def test_a_training_that_blows_up_is_a_result(tiny_store: Path, tmp_path: Path) -> None:
    (result,) = run_trials([trial()], settings(tiny_store, lr=1e30, chunks=4 * 60), tmp_path)
    assert "not finite" in result.failure
    assert result.figures == {}
    assert run_trials([trial()], settings(tiny_store, lr=1e30, chunks=4 * 60), tmp_path) == [result]


def test_the_recipe_says_what_the_trial_says(tiny_store: Path) -> None:
    recipe = trial_recipe(
        trial(seed=7, lr_factor=0.25, more={"task": {"stores": [str(tiny_store)]}}), settings(tiny_store)
    )
    assert recipe.loop.seed == 7
    assert recipe.data["task"] == {"stores": [str(tiny_store)]}
    plain = trial_recipe(trial(lr_factor=0.25), settings(tiny_store)).data
    assert plain["task"]["optim"] == {"lr": 1e-3, "warmup_steps": 1}
    assert plain["loop"]["steps"] == 6
    assert plain["signal"]["chunk_size"] == 200


def test_refused(tiny_store: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be called 'validation'"):
        settings(tiny_store, tests={"validation": tiny_store})
    with pytest.raises(UsageError, match="make no batch"):
        settings(tiny_store, chunks=3)
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / RESULT).write_text(json.dumps({"trial": "a"}))
    with pytest.raises(UsageError, match="not a result of a trial"):
        run_trials([trial()], settings(tiny_store), tmp_path)
