"""The folder of a fine-tuning: begun once, gone on with the same request only."""

from pathlib import Path

import pytest

from lexome.core.errors import BadInputError, UsageError
from lexome.tasks.finetuning import MODEL, REQUEST, begin

ASKED = {"model": "a", "steps": 3, "threads": 2}


def test_it_goes_on_with_the_threads_it_began_with(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    assert begin(ASKED, folder, False) == 2
    with pytest.raises(UsageError, match="add --resume"):
        begin(ASKED, folder, False)
    assert begin(ASKED | {"threads": 7}, folder, True) == 2


def test_another_request_is_refused(tmp_path: Path) -> None:
    begin(ASKED, tmp_path / "out", False)
    with pytest.raises(UsageError, match=r"different: model, seed"):
        begin(ASKED | {"model": "b", "seed": 1}, tmp_path / "out", True)


def test_a_folder_with_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    for folder in (tmp_path, tmp_path / "mine.txt"):
        with pytest.raises(UsageError, match="exists already"):
            begin(ASKED, folder, True)
    with pytest.raises(UsageError, match="cannot be a folder"):
        begin(ASKED, tmp_path / "mine.txt" / "below", False)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_what_is_done_is_not_done_again(tmp_path: Path) -> None:
    begin(ASKED, tmp_path / "out", False)
    (tmp_path / "out" / MODEL).mkdir()
    with pytest.raises(UsageError, match="is done"):
        begin(ASKED, tmp_path / "out", True)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"threads": "x"}'])
def test_a_damaged_record_is_named(tmp_path: Path, text: str) -> None:
    begin(ASKED, tmp_path / "out", False)
    (tmp_path / "out" / REQUEST).write_text(text)
    with pytest.raises(BadInputError, match=r"finetune\.json: damaged"):
        begin(ASKED, tmp_path / "out", True)
