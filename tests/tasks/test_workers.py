"""Training with several real processes: the same network, resuming, and what happens when one is lost."""

import json
import os
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from lexome.core.errors import LexomeError
from lexome.tasks import workers
from lexome.tasks.recipe import read_recipe
from lexome.tasks.training import train_recipe
from lexome.tasks.workers import processes_of, work
from lexome.train.distributed import LostProcessError


class Stop(Exception):  # noqa: N818
    """As Ctrl-C, in the middle."""


def tensors(folder: Path) -> dict[str, np.ndarray]:
    return load_file(folder / "training.safetensors")


def order_for(recipe: dict) -> dict:
    return {"recipe": recipe, "rank": 1, "world": 2, "port": 1, "folder": "", "resume": False}


def watch_started(
    monkeypatch: pytest.MonkeyPatch, instead: list[str] | None = None
) -> list[subprocess.Popen]:
    """The processes that are started from now on; with `instead`, other ones in their place."""
    started: list[subprocess.Popen] = []
    popen = subprocess.Popen

    def start(command: list[str], **settings: object) -> subprocess.Popen:
        started.append(popen(instead or command, **settings))  # pyright: ignore
        return started[-1]

    monkeypatch.setattr(workers.subprocess, "Popen", start)
    return started


@pytest.mark.slow
def test_two_processes_learn_what_one_does(tiny_recipe: Path, tmp_path: Path) -> None:
    settings = ["loop.steps=20", "loop.validate_every=10", "loop.save_every=10", "loop.average_decay=0.9"]
    settings += ["task.augment.noise_sd=0.2", "task.augment.min_stretch=0.8", "task.weighting.by_loss=true"]
    one = read_recipe(tiny_recipe, settings)
    two = read_recipe(tiny_recipe, [*settings, "loop.processes=2"])

    def stop(row: dict) -> None:
        if row["step"] == 14:
            raise Stop

    train_recipe(one, tmp_path / "one", "1")
    train_recipe(two, tmp_path / "two", "1")
    with pytest.raises(Stop):
        train_recipe(two, tmp_path / "broken", "1", on_log=stop)
    train_recipe(two, tmp_path / "broken", "1", resume=True)
    expected = tensors(tmp_path / "one")
    for name, value in tensors(tmp_path / "two").items():
        if name.startswith(("model", "average")):
            np.testing.assert_allclose(value, expected[name], rtol=1e-4, atol=1e-5, err_msg=name)
        assert np.array_equal(value, tensors(tmp_path / "broken")[name]), name
    losses = [
        [json.loads(line).get("loss") for line in (tmp_path / name / "log.jsonl").read_text().splitlines()]
        for name in ("one", "two", "broken")
    ]
    assert losses[1] == losses[2]
    assert [loss for loss in losses[0] if loss] == pytest.approx(
        [loss for loss in losses[1] if loss], rel=1e-5
    )
    train_recipe(
        one, tmp_path / "two", "1", resume=True
    )  # the number of processes is no part of what is learnt


@pytest.mark.slow
def test_a_process_that_is_killed_is_said_and_takes_the_others_along(
    tiny_recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = []
    popen = workers.subprocess.Popen
    monkeypatch.setattr(
        workers.subprocess, "Popen", lambda *a, **k: started.append(popen(*a, **k)) or started[-1]
    )

    def kill(row: dict) -> None:
        if row["step"] == 10:
            os.kill(started[0].pid, signal.SIGKILL)

    settings = ["loop.steps=100000", "loop.save_every=5", "loop.processes=3", "loop.batch_size=6"]
    with pytest.raises(LostProcessError, match="another of the 3 processes of this training has ended"):
        train_recipe(read_recipe(tiny_recipe, settings), tmp_path / "out", "1", on_log=kill)
    assert len(started) == 2
    assert all(child.returncode is not None for child in started)
    assert json.loads((tmp_path / "out" / "training.json").read_text())["position"]["step"] >= 5


def test_a_process_that_cannot_start_is_not_waited_for(
    tiny_recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers.sys, "executable", "false")
    recipe = read_recipe(tiny_recipe, ["loop.processes=2"])
    with pytest.raises(LexomeError, match=r"process 1 of 2 ended at once \(exit code 1\)"):
        train_recipe(recipe, tmp_path / "out", "1")


def test_a_further_process_says_what_is_wrong_in_a_line(
    tiny_recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = read_recipe(tiny_recipe).data
    order = {
        "recipe": data | {"task_kind": "x"},
        "rank": 1,
        "world": 2,
        "port": 1,
        "folder": "",
        "resume": False,
    }
    assert work(order) == 2
    assert capsys.readouterr().err.startswith(
        "lexome: process 1: recipe of the first process: unknown task_kind"
    )


def test_a_further_process_that_was_left_says_nothing(
    tiny_recipe: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def lost(*_: object) -> None:
        raise LostProcessError("gone")

    monkeypatch.setattr(workers, "join", lost)
    order = {
        "recipe": read_recipe(tiny_recipe).data,
        "rank": 1,
        "world": 2,
        "port": 1,
        "folder": "",
        "resume": False,
    }
    assert work(order) == 1
    assert capsys.readouterr().err == ""


def test_processes_end_with_the_block(
    tiny_recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when it is left by an error."""
    started = watch_started(monkeypatch, ["sleep", "60"])
    monkeypatch.setattr(workers, "join", lambda *_: None)

    def use() -> None:
        with processes_of(read_recipe(tiny_recipe, ["loop.processes=2"]), tmp_path, resume=False):
            assert started[0].poll() is None
            raise Stop

    with pytest.raises(Stop):
        use()
    assert started[0].returncode == -signal.SIGTERM
