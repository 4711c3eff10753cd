"""`lexome compress distill`: options reach the recipe, rounds, resuming, errors in one line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lexome.checkpoint.store import load
from lexome.train import loop

Run = Callable[..., tuple[int, str, str]]

RECIPE = """
task_kind = "basecall"
name = "tiny"
architecture.name = "bonito"
architecture.config.convs = [{ size = SIZE, kernel = 5, stride = 5 }]
architecture.config.lstms = [{ size = SIZE, reverse = true }]
head = { name = "crf", config = { state_len = 1 } }
signal = { chunk_size = 200, overlap = 20 }
task = { stores = ["STORE"] }
loop = { steps = 6, batch_size = 4, validate_every = 3, save_every = 2, log_every = 1, device = "cpu" }
"""


@pytest.fixture
def run(lexome: Run, tiny_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Where the command is typed there are a recipe of a student and a trained model that is wider."""
    monkeypatch.chdir(tmp_path)
    recipe = RECIPE.replace("STORE", tiny_store.as_posix())
    Path("recipe.toml").write_text(recipe.replace("SIZE", "4"))
    Path("wide.toml").write_text(recipe.replace("SIZE", "6").replace('"tiny"', '"wide"'))
    assert lexome("train", "wide.toml", "-o", "wide")[0] == 0
    return lambda *arguments: lexome("compress", "distill", *arguments)


def distilled(folder: str) -> list[int]:
    """The steps at which the teacher was asked."""
    rows = [json.loads(line) for line in Path(folder, "log.jsonl").read_text().splitlines()]
    return [row["step"] for row in rows if "distillation" in row]


def test_options_reach_the_training(run: Run, lexome: Run) -> None:
    options = ("--teacher", "wide/model", "--stop", "0.67", "--set", "distill.weight=2")
    code, out, err = run("recipe.toml", "-o", "out", *options)
    assert (code, out) == (0, ""), err
    assert err.splitlines()[-1].endswith(": out/model")
    assert ", label loss " in err
    assert ", distillation 0." in err
    assert "teacher " in err.splitlines()[0]
    how = load("out/model").provenance["distill"]
    assert how == {
        "teacher": "wide", "target": "encoder", "loss": "kl", "weight": 2.0, "stop_fraction": 0.67,
        "temperature": 1.0,
        "schedule": "constant",
        "start": "",
    }  # fmt: skip
    assert distilled("out") == [1, 2, 3, 4, 5]
    code, _, err = run("recipe.toml", "-o", "scores", "--teacher", "wide/model", "--target", "decoder")
    assert code == 0, err
    assert load("scores/model").provenance["distill"]["loss"] == "mse"
    assert distilled("scores") == [1, 2, 3]
    # the same as `lexome train` with the table in the recipe, and as overrides
    sets = [f"distill.{text}" for text in ("teacher=wide/model", "stop_fraction=0.67", "weight=2.0")]
    code, _, err = lexome("train", "recipe.toml", "-o", "trained", *(x for s in sets for x in ("--set", s)))
    assert code == 0, err
    for file in ("model.safetensors", "config.json"):
        assert Path("trained/model", file).read_bytes() == Path("out/model", file).read_bytes()


def test_a_teacher_whose_name_looks_like_a_number(run: Run) -> None:
    Path("wide/model").rename("5")
    code, _, err = run("recipe.toml", "-o", "out", "--teacher", "5")
    assert code == 0, err


def test_rounds_and_resuming(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    options = ("recipe.toml", "-o", "out", "--teacher", "wide/model", "--rounds", "2")
    judge = loop.judge

    def stopped(task: Any, model: Any, average: Any, position: Any, folder: Path, made: Any) -> Any:
        if folder.name == "round_2":
            raise KeyboardInterrupt
        return judge(task, model, average, position, folder, made)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "judge", stopped)
        code, out, err = run(*options)
    assert (code, out) == (130, "")
    assert err.splitlines()[-1] == (
        "lexome: interrupted: out/round_2 holds the state after step 2; --resume goes on from there"
    )
    code, _, err = run(*options)
    assert code == 2
    assert err == "lexome: out/round_1 holds a training already; add --resume, or choose another folder\n"
    code, _, err = run(*options, "--resume")
    assert code == 0, err
    assert "lexome: out/round_1: taught by wide/model" in err
    assert "lexome: out/round_2: taught by out/round_1/model" in err
    assert load("out/round_2/model").provenance["distill"]["teacher"] == "tiny_round_1"
    assert load("out/round_2/model").name == "tiny_round_2"


HAC = ("--teacher", "r9.4.1_hac")
WIDE = ("--teacher", "wide/model")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((), 2, "recipe.toml: no teacher is named; add --teacher MODEL"),
        (("--set", "distill.weight=1"), 2, "no teacher is named"),
        (("--set", "distill=1"), 2, "no teacher is named"),
        ((*WIDE, "--set", "distill=1"), 2, "'distill' is not a table"),
        (("--teacher", "nobody"), 2, "no model 'nobody'"),
        (("--teacher", "r9.4.1_turbo"), 2, "one step of 6 samples, its student one of 5"),
        ((*HAC, "--target", "decoder"), 2, "another head (crf, state_len 3)"),
        ((*HAC, "--target", "middle"), 2, "'middle' is not allowed"),
        ((*HAC, "--stop", "2"), 2, "stop_fraction must be from 0 to 1"),
        ((*HAC, "--rounds", "0"), 2, "--rounds"),
        ((*HAC, "--resume"), 1, "no training to resume"),
        ((*WIDE, "--set", "distill.wait=1"), 2, "unknown key 'wait'; did you mean 'weight'"),
        ((*WIDE, "--set", "distill.weight=heavy"), 2, "key 'weight': expected float, got 'heavy'"),
        ((*WIDE, "--set", "task_kind=language"), 2, "unknown key"),
    ],
)
def test_errors_are_one_line_and_leave_nothing(
    run: Run, arguments: tuple[str, ...], code: int, words: str
) -> None:
    result, out, err = run("recipe.toml", "-o", "x", *arguments)
    assert (result, out) == (code, ""), err
    assert len(err.splitlines()) == 1, err
    assert words in err
    assert not Path("x").exists()
