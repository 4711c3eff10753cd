"""Results that are kept in a folder model by model."""

import json
from pathlib import Path
from typing import Any

import pytest

from lexome.core.errors import BadInputError, UsageError
from lexome.tasks.bench.kept import finish, keep, read_kept

SETTINGS: dict[str, Any] = {
    "lexome_version": "1", "machine": {"processor": "P"}, "protocol": {"engine": "onnx", "sizes": (1, 2)},
    "data": {"reads": None},
}  # fmt: skip
MODELS = [{"label": "a", "digest": "1", "speed": 0.5}]
FIGURES = {**SETTINGS, "commands": ["lexome bench"], "models": MODELS}
NOTHING = {"models": [], "commands": []}


def test_an_empty_folder_and_none(tmp_path: Path) -> None:
    assert read_kept(tmp_path, SETTINGS, resume=False) == NOTHING
    assert read_kept(tmp_path / "none", SETTINGS, resume=True) == NOTHING


def test_a_stopped_run_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "out"
    keep(folder, FIGURES)
    assert [file.name for file in folder.iterdir()] == ["frontier.json.partial"]
    kept = read_kept(folder, SETTINGS, resume=True)
    assert kept == {"models": MODELS, "commands": ["lexome bench"]}
    finish(folder, {**FIGURES, "models": [*MODELS, *MODELS]})
    assert [file.name for file in folder.iterdir()] == ["frontier.json"]
    assert len(read_kept(folder, SETTINGS, resume=True)["models"]) == 2


def test_the_unfinished_file_counts(tmp_path: Path) -> None:
    """Of a folder that is gone on with: it has what the finished file has, and more."""
    finish(tmp_path, FIGURES)
    keep(tmp_path, {**FIGURES, "models": [*MODELS, {"label": "b", "digest": "2"}]})
    assert [m["label"] for m in read_kept(tmp_path, SETTINGS, resume=True)["models"]] == ["a", "b"]


@pytest.mark.parametrize("write", [keep, finish])
def test_results_are_not_overwritten_unasked(tmp_path: Path, write: Any) -> None:
    write(tmp_path, FIGURES)
    with pytest.raises(UsageError, match=r"frontier.json.*: holds results; --resume goes on with them"):
        read_kept(tmp_path, SETTINGS, resume=False)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"lexome_version": "2"}, "lexome_version: 1 there, 2 here"),
        ({"machine": {"processor": "Q"}}, "machine.processor: P there, Q here"),
        ({"protocol": {"engine": "onnx", "sizes": (1,)}}, r"protocol.sizes: \[1, 2\] there, \(1,\) here"),
        ({"protocol": {"engine": "onnx", "sizes": [1, 2], "new": 3}}, "protocol.new: None there, 3 here"),
        ({"data": {"reads": {"max_reads": 3}}}, "data.reads: None there, {'max_reads': 3} here"),
    ],
)
def test_other_settings_are_refused(tmp_path: Path, changed: dict[str, Any], said: str) -> None:
    keep(tmp_path, FIGURES)
    with pytest.raises(UsageError, match=f"was measured otherwise and cannot be gone on with: {said}"):
        read_kept(tmp_path, {**SETTINGS, **changed}, resume=True)


@pytest.mark.parametrize(
    "content",
    [
        "{", "[]", "3", "null", json.dumps({"models": []}), json.dumps({**FIGURES, "models": 3}),
        json.dumps({**FIGURES, "models": [{"label": "a"}]}), json.dumps({**FIGURES, "models": ["a"]}),
    ],
)  # fmt: skip
def test_damaged_results(tmp_path: Path, content: str) -> None:
    (tmp_path / "frontier.json").write_text(content)
    with pytest.raises(BadInputError, match=r"frontier.json: no results .* remove it to begin anew"):
        read_kept(tmp_path, SETTINGS, resume=True)
