"""`lexome train`: what it says while it learns, resuming, being stopped, errors."""

import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lexome.io.chunks import LabelledChunk, write_store

Run = Callable[..., tuple[int, str, str]]

RECIPE = """
task_kind = "basecall"
name = "tiny"
architecture.name = "bonito"
architecture.config.convs = [{ size = 4, kernel = 5, stride = 5 }]
architecture.config.lstms = [{ size = 4, reverse = true }]
head = { name = "crf", config = { state_len = 1 } }
signal = { chunk_size = 200, overlap = 20 }
task = { stores = ["store"] }
loop = { steps = 6, batch_size = 4, validate_every = 3, save_every = 2, log_every = 2, device = "cpu" }
"""


@pytest.fixture
def run(lexome: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Where the command is typed there is a store and a recipe for it."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    chunks = [
        LabelledChunk(
            rng.normal(size=200).astype(np.float32), np.full(20, 1, np.uint8), "r", "g", 0, 20, int(n > 15)
        )
        for n in range(20)
    ]
    write_store(tmp_path / "store", chunks, {"task": "basecall"})
    (tmp_path / "recipe.toml").write_text(RECIPE)
    return lambda *arguments: lexome("train", *arguments)


def test_losses_and_validations_are_told(run: Run, tmp_path: Path) -> None:
    code, out, err = run("recipe.toml", "-o", "out", "--set", "loop.seed=5", "--set", "name=mine")
    assert (code, out) == (0, "")
    lines = err.splitlines()
    assert [line.split()[2] for line in lines[:-1]] == ["2:", "3:", "4:", "6:", "6:"]
    assert "loss" in lines[0]
    assert "validation: loss " in lines[1]
    assert lines[1].endswith("(best)")
    assert lines[-1].startswith("lexome: best at step ")
    assert lines[-1].endswith(": out/model")
    assert '"seed": 5' in (tmp_path / "out" / "model" / "config.json").read_text()
    assert '"name": "mine"' in (tmp_path / "out" / "model" / "config.json").read_text()


def test_speed_warnings_and_the_kept_weights_are_told(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lexome.train.loop.FIRST_MINUTE_S", 0.0)
    monkeypatch.setattr("lexome.tasks.basecall.task.BasecallTask.plateau", (0.0, 99.0))
    monkeypatch.setattr("lexome.train.diagnosis.LEAST_FALL", 99.0)
    settings = ["--set", "loop.plateau_steps=5", "--set", "loop.average_decay=0.9"]
    code, out, err = run("recipe.toml", "-o", "out", *settings)
    assert (code, out) == (0, "")
    lines = err.splitlines()
    parts = ", ".join(rf"{name} \d+%" for name in ("data", "network", "loss", "optimizer"))
    assert re.fullmatch(rf"lexome: step 2: loss \d\.\d{{4}}, \S+ chunks/s \({parts}\), \d+ s", lines[0])
    assert re.match(r"lexome: bottleneck: \S+ chunks/s, \d+% of the time is ", lines[1])
    assert sum("bottleneck" in line for line in lines) == 1
    assert re.search(r"step 3: validation: .*, (last|average) weights \(best\)$", err, re.M)
    assert re.search(r"step 5: warning: the loss has stayed near .*\nlikely causes:\n- ", err)


def test_minutes_and_device(run: Run, tmp_path: Path) -> None:
    code, _, err = run("recipe.toml", "-o", "out", "--minutes", "0.01", "--device", "cpu")
    assert code == 0, err
    config = (tmp_path / "out" / "model" / "config.json").read_text()
    assert '"minutes": 0.01' in config


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--device", "cuda:99"), "cuda:99: there is no such GPU"),
        (("--device", "gpu"), "unknown device 'gpu'; known: auto, cpu"),
        (("--processes", "3"), "batch_size of 4 cannot be shared out evenly to 3 processes"),
        (("--minutes", "-1"), "minutes must not be negative"),
    ],
)
def test_what_cannot_be_is_refused(run: Run, arguments: tuple[str, ...], words: str) -> None:
    code, _, err = run("recipe.toml", "-o", "out", *arguments)
    assert (code, err.count("\n")) == (2, 1), err
    assert words in err


def test_ctrl_c_and_resuming(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import typer

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    told = typer.echo

    def echo(text: str, **options: bool) -> None:
        told(text, **options)
        if "step 4: loss" in text:
            os.kill(os.getpid(), signal.SIGINT)

    try:
        with monkeypatch.context() as patch:
            patch.setattr(typer, "echo", echo)
            code, out, err = run("recipe.toml", "-o", "out")
    finally:
        signal.signal(signal.SIGINT, before)
    assert (code, out) == (130, "")
    assert err.splitlines()[-1] == (
        "lexome: interrupted: out holds the state after step 2; --resume goes on from there"
    )
    code, _, err = run("recipe.toml", "-o", "out")
    assert code == 2
    assert "add --resume" in err
    code, _, err = run("recipe.toml", "-o", "out", "--resume")
    assert code == 0
    assert "best at step" in err


def test_ctrl_c_before_the_first_state(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("lexome.tasks.training.train", stop)
    code, _, err = run("recipe.toml", "-o", "out")
    assert (code, err) == (130, "lexome: interrupted: no state was saved by then\n")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("missing.toml", "-o", "out"), 2, "missing.toml: no such file"),
        (("store", "-o", "out"), 2, "store"),
        (("recipe.toml", "-o", "out", "--resume"), 1, "no training to resume"),
        (("recipe.toml", "-o", "out", "--set", "loop.stps=5"), 2, "unknown key 'stps'; did you mean 'steps'"),
        (("recipe.toml", "-o", "out", "--set", "loop.steps"), 2, "loop.steps"),
        (("recipe.toml", "-o", "out", "--set", 'task.stores=["nowhere"]'), 1, "nowhere"),
        (("recipe.toml", "-o", "out", "--set", "architecture.name=bonita"), 2, "did you mean 'bonito'"),
        (("recipe.toml", "-o", "recipe.toml"), 2, "cannot be a folder"),
    ],
)
def test_errors_are_one_line(
    run: Run, tmp_path: Path, arguments: tuple[str, ...], code: int, words: str
) -> None:
    result, out, err = run(*arguments)
    assert (result, out) == (code, ""), err
    assert len(err.splitlines()) == 1, err
    assert err.startswith("lexome: ")
    assert words in err
