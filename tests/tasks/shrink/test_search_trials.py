"""Searches by trials: seeded, shared by workers, stopped early, within the target."""

import json
from pathlib import Path
from typing import Any

import pytest

from lexome.core.errors import LexomeError, UsageError
from lexome.tasks.recipe import read_recipe
from lexome.tasks.shrink import trials
from lexome.tasks.shrink.search_file import SearchFile, costs_by, read_search_file
from lexome.tasks.shrink.trials import TrialsRequest, run_trials

LADDER = """
task_kind = "basecall"
name = "ladder"
head = { name = "crf", config = { state_len = 1 } }
signal = { chunk_size = 200, overlap = 20 }
task = { stores = ["STORE"], validation_chunks = 4 }
loop = { steps = 50, batch_size = 2, log_every = 2, device = "cpu" }
search = { method = "optuna", steps = 2, validate_every = 1, trials = 3 }
[space]
kind = "ladder"
widths = [2, 3, 40]
depths = [1, 2]
strides = [5]
convs = [{ size = 2, kernel = 5 }]
"""


@pytest.fixture
def file(tiny_store: Path, tmp_path: Path) -> SearchFile:
    path = tmp_path / "ladder.toml"
    path.write_text(LADDER.replace("STORE", tiny_store.as_posix()))
    return read_search_file(path)


def request(file: SearchFile, folder: Path, target: float = 400.0, **more: Any) -> TrialsRequest:
    return TrialsRequest(file, costs_by("macs", file.space), "macs", target, folder, **more)


def test_trials_of_a_ladder(file: SearchFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def training(recipe: Any, folder: Path, version: str, *, on_log: Any) -> None:
        lstms = recipe.data["architecture"]["config"]["lstms"]
        on_log({"step": 1, "validation": {"label_identity_mean": lstms[0]["size"] / 10 + len(lstms)}})

    monkeypatch.setattr(trials, "train_recipe", training)
    told: list[dict[str, Any]] = []
    asked = request(file, tmp_path / "out")
    figures = run_trials(asked, "0", told.append)
    assert len(told) == 3
    assert all(row["cost"] <= 400 for row in told)
    assert figures["cost"] <= 400
    over = [row for row in figures["trials"] if row["cost"] > 400]
    assert all((row["state"], row["value"]) == ("pruned", None) for row in over)
    assert all("40" != row["choices"]["width"] for row in told)
    assert figures["value"] == max(row["value"] for row in figures["trials"] if row["state"] == "complete")
    assert json.loads((tmp_path / "out/search.json").read_text())["value"] == figures["value"]
    # the same seed, the same trials
    again: list[dict[str, Any]] = []
    run_trials(request(file, tmp_path / "again"), "0", again.append)
    assert again == told
    # nothing is begun anew by mistake; another search does not come into this one
    with pytest.raises(UsageError, match="add --resume"):
        run_trials(asked, "0")
    with pytest.raises(UsageError, match=r"another search \(different: target\)"):
        run_trials(request(file, tmp_path / "out", 401.0, joins=True), "0")
    # a second worker does what is left, here one trial more
    file.data["search"]["trials"] = 4
    more = SearchFile(file.where, file.data, file.space, trials_of(file, 4))
    told.clear()
    run_trials(request(more, tmp_path / "out", worker=1, joins=True), "0", told.append)
    assert len(told) == 1


@pytest.mark.slow
def test_trials_train(file: SearchFile, tmp_path: Path) -> None:
    few = SearchFile(file.where, file.data, file.space, trials_of(file, 1))
    figures = run_trials(request(few, tmp_path / "out"), "0")
    assert 0 <= figures["value"] <= 1
    assert read_recipe(tmp_path / "out/recipe.toml").task()
    assert len(list((tmp_path / "out/trials").iterdir())) == 1


def trials_of(file: SearchFile, number: int) -> Any:
    from dataclasses import replace

    return replace(file.config, trials=number)


def test_bad_trials_are_stopped_early(
    file: SearchFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import optuna

    rows: list[int] = []

    def training(recipe: Any, folder: Path, version: str, *, on_log: Any) -> None:
        for step in (1, 2):
            rows.append(step)
            on_log({"step": step, "validation": {"label_identity_mean": 0.5}})

    monkeypatch.setattr(trials, "train_recipe", training)
    monkeypatch.setattr(optuna.trial.Trial, "should_prune", lambda self: self.number > 0)
    told: list[dict[str, Any]] = []
    figures = run_trials(request(file, tmp_path / "out", 1e9), "0", told.append)
    states = [row["state"] for row in told]
    assert states[0] == "complete"
    assert "pruned" in states
    assert figures["value"] == 0.5
    assert rows[:2] == [1, 2]
    assert rows.count(2) < rows.count(1)


def test_what_trials_cannot_do(file: SearchFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="least possible"):
        run_trials(request(file, tmp_path / "out", 1.0), "0")
    assert not (tmp_path / "out").exists()
    with pytest.raises(UsageError, match="the storage cannot be used") as error:
        run_trials(request(file, tmp_path / "out", storage="nonsense://user:secret@host/x"), "0")
    assert "secret" not in str(error.value)
    monkeypatch.setattr(trials, "MOST_REFUSED", 0)
    with pytest.raises(LexomeError, match="in a row cost more than the target"):
        run_trials(request(file, tmp_path / "out"), "0")
