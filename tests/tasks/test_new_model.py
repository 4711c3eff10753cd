"""The package that `lexome new model` writes; docs/new-model.md is run by tests/test_new_model_page.py."""

import runpy
import sys
import tomllib
from pathlib import Path

import pytest

from lexome.core.errors import UsageError
from lexome.models import plugins
from lexome.models.registry import new_network
from lexome.tasks.new_model import write_new_model


@pytest.fixture(autouse=True)
def apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "_registered", {})


def test_four_files_that_belong_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = write_new_model("two_words", tmp_path / "a" / "b")
    assert [path.name for path in files] == [
        "two_words.py", "two_words.toml", "test_two_words.py", "pyproject.toml",
    ]  # fmt: skip
    assert not any("$" in path.read_text("utf-8") for path in files)
    project = tomllib.loads(files[3].read_text("utf-8"))
    assert project["project"]["name"] == "two-words"
    assert project["project"]["entry-points"] == {"lexome.models": {"two_words": "two_words:ARCHITECTURE"}}
    monkeypatch.syspath_prepend(files[0].parent)
    try:
        test = runpy.run_path(str(files[2]))
        assert plugins.foreign_names()[-1:] == ["two_words"]
        for promise in ("output length", "gradients", "save and load", "batches", "causality"):
            for config in test["CONFIGS"]:
                test["test_it_keeps_the_promise"](promise, config)
        for wrong in ({"size": 0}, {"kernel": 4}):
            test["test_what_makes_no_sense_is_refused"](wrong)
        recipe = tomllib.loads(files[1].read_text("utf-8"))
        network = new_network(recipe["architecture"], recipe["head"])
        assert (network.stride, network.num_outputs) == (5, 320)
    finally:
        sys.modules.pop("two_words", None)


def test_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("precious")
    with pytest.raises(UsageError, match="has mine.toml already; nothing was written"):
        write_new_model("mine", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.toml"]
    assert (tmp_path / "mine.toml").read_text() == "precious"


@pytest.mark.parametrize(
    ("name", "message"),
    [("Mine", "is no name"), ("../x", "is no name"), ("bonito", "already"), ("mamba2", "already")],
)
def test_names(name: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=message):
        write_new_model(name, tmp_path)
    assert not list(tmp_path.iterdir())
