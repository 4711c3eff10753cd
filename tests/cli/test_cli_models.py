"""`lexome models`: list, show, import."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lexome.checkpoint.store import bundled_models, load
from lexome.cli.models import app
from lexome.core.errors import BadInputError, UsageError

RUN = CliRunner()


def test_list_names_every_bundled_model() -> None:
    result = RUN.invoke(app, ["list"])
    assert result.exit_code == 0
    heading, *lines = result.stdout.splitlines()
    assert heading.split() == ["name", "task", "architecture", "parameters", "sample_rate_hz"]
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
    as_json = RUN.invoke(app, ["show", str(tmp_path / "mine"), "--json"])
    assert as_json.stdout == (tmp_path / "mine" / "config.json").read_text()


@pytest.mark.parametrize(
    ("arguments", "error", "complaint"),
    [
        (["show", "nosuch"], UsageError, "no model 'nosuch'.*`lexome models list`"),
        (["import", "{shared}/golden/bonito/transformer_v5", "-o", "{tmp}/m"], BadInputError, "transformer"),
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
