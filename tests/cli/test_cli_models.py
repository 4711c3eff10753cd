"""`lexome models`: list, show, import, export, check."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from lexome.checkpoint.store import bundled_models, load, save
from lexome.cli.models import app
from lexome.core.errors import BadInputError, UsageError

RUN = CliRunner()
Run = Callable[..., tuple[int, str, str]]


def test_list_names_every_bundled_model() -> None:
    result = RUN.invoke(app, ["list"])
    assert result.exit_code == 0
    heading, *lines = result.stdout.splitlines()
    assert heading.split() == ["name", "task", "architecture", "parameters", "chemistry", "sample_rate_hz"]
    assert [line.split()[0] for line in lines] == [load(name).name for name in bundled_models()]


def test_a_foreign_model_is_imported_and_shown(shared: Path, tmp_path: Path) -> None:
    source = shared / "golden" / "bonito" / "lstm_v4"
    result = RUN.invoke(app, ["import", str(source), "-o", str(tmp_path / "mine")])
    assert (result.exit_code, result.stdout) == (0, "")
    assert "307,528 parameters" in result.stderr
    shown = RUN.invoke(app, ["show", str(tmp_path / "mine")])
    table = dict(line.strip().split(None, 1) for line in shown.stdout.splitlines() if len(line.split()) > 1)
    assert table["name"] == "mine"
    assert table["sample_rate_hz"] == "5000"
    assert json.loads(table["scaling"]) == {"method": "pa", "mean": 91.88, "stdev": 22.65}
    assert json.loads(table["imported_from"]) == {"layout": "bonito", "name": "lstm_v4"}
    as_json = RUN.invoke(app, ["show", str(tmp_path / "mine"), "--json"])
    assert as_json.stdout == (tmp_path / "mine" / "config.json").read_text()


@pytest.mark.parametrize(
    ("arguments", "error", "complaint"),
    [
        (["show", "nosuch"], UsageError, "no model 'nosuch'.*`lexome models list`"),
        (["import", "r9.4.1_fast", "-o", "{tmp}/m"], UsageError, "neither the folder of a bonito or dorado"),
        (["import", "{tmp}", "-o", "{tmp}/m"], BadInputError, "not a model"),
    ],
)
def test_what_cannot_be_done_is_said(
    shared: Path, tmp_path: Path, arguments: list[str], error: type[Exception], complaint: str
) -> None:
    filled = [argument.format(shared=shared, tmp=tmp_path) for argument in arguments]
    with pytest.raises(error, match=complaint):
        RUN.invoke(app, filled, catch_exceptions=False)
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize("to", ["bonito", "dorado"])
def test_a_model_goes_to_another_program_and_back(shared: Path, tmp_path: Path, to: str) -> None:
    source = shared / "golden" / "bonito" / "lstm_v4"
    result = RUN.invoke(app, ["export", str(source), "--to", to, "-o", str(tmp_path / "out")])
    assert (result.exit_code, result.stdout) == (0, "")
    assert f"wrote {tmp_path / 'out'} (307,528 parameters)" in result.stderr
    assert ("note: the recurrent biases" in result.stderr) == (to == "dorado")
    back = load(tmp_path / "out")
    assert back.provenance["imported_from"]["layout"] == to
    assert back.head == load(source).head


def test_a_model_becomes_an_onnx_file(small_model: Path, tmp_path: Path) -> None:
    output = tmp_path / "small.onnx"
    result = RUN.invoke(app, ["export", str(small_model), "--to", "onnx", "-o", str(output)])
    assert result.exit_code == 0
    assert f"wrote {output}" in result.stderr
    assert output.stat().st_size > 10_000


def test_a_language_model_goes_to_transformers_and_back(shared: Path, tmp_path: Path) -> None:
    source = shared / "golden/dnabert2"
    for command in (
        ["import", str(source), "-o", str(tmp_path / "mine")],
        ["export", str(tmp_path / "mine"), "--to", "huggingface", "-o", str(tmp_path / "theirs")],
        ["import", str(tmp_path / "theirs"), "-o", str(tmp_path / "again")],
    ):
        result = RUN.invoke(app, command)
        assert result.exit_code == 0, result.output
    assert (
        "import lexome.hf"
        in RUN.invoke(app, ["export", str(source), "--to", "huggingface", "-o", str(tmp_path / "x")]).stderr
    )
    mine, again = load(tmp_path / "mine"), load(tmp_path / "again")
    assert mine.architecture == again.architecture
    assert all(np.array_equal(again.weights[name], weight) for name, weight in mine.weights.items())


def test_long_values_do_not_fill_the_screen(shared: Path, tmp_path: Path) -> None:
    checkpoint = load(shared / "golden/dnabert2")
    save(tmp_path / "m", replace(checkpoint, features={"tokenizer_json": "x" * 5000}), "card")
    shown = RUN.invoke(app, ["show", str(tmp_path / "m")]).stdout
    assert "5,000 characters (--json shows them)" in shown
    assert "xxxx" not in shown


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["r9.4.1_fast", "--to", "onx", "-o", "{tmp}/m.onnx"], "--to onx: unknown; did you mean 'onnx'"),
        (["r9.4.1_fast", "--to", "dorado", "-o", "{tmp}/m"], "cannot be written for dorado"),
        (["r9.4.1_fast", "--to", "bonito", "-o", "{tmp}"], "exists already"),
        (["nosuch", "--to", "bonito", "-o", "{tmp}/m"], "no model 'nosuch'"),
    ],
)
def test_what_cannot_be_exported_is_said(tmp_path: Path, arguments: list[str], complaint: str) -> None:
    filled = ["export", *(argument.format(tmp=tmp_path) for argument in arguments)]
    with pytest.raises(UsageError, match=complaint):
        RUN.invoke(app, filled, catch_exceptions=False)
    assert not list(tmp_path.iterdir())


def test_a_check_prints_a_table_and_passes(small_model: Path, mixed_pod5: Path) -> None:
    result = RUN.invoke(app, ["check", str(small_model), "--reads", str(mixed_pod5)])
    assert result.exit_code == 0
    heading, *lines = result.stdout.splitlines()
    assert heading.split() == ["check", "result", "finding"]
    assert {"files", "weights", "input", "reads", "engines", "speed"} <= {line.split()[0] for line in lines}
    assert "failed" not in result.stderr


def test_a_check_that_fails_exits_with_one(lexome: Run, small_model: Path, tmp_path: Path) -> None:
    model = load(small_model)
    superfluous = {**model.weights, "more": np.zeros(1, np.float32)}
    save(tmp_path / "m", replace(model, weights=superfluous), "card")
    code, out, err = lexome("models", "check", tmp_path / "m")
    assert code == 1
    assert out.splitlines()[1] == "files  FAIL    model small: these weights belong to no layer: more"
    assert err == "lexome: 1 of 1 checks failed\n"
    code, out, err = lexome("models", "check", tmp_path / "nosuch")
    assert (code, out) == (2, "")
    assert "no model" in err
