"""Results are written whole or not at all."""

import os
from pathlib import Path

import pytest

from lexome.core.errors import LexomeError, UsageError
from lexome.report.files import check_can_write, write_json, write_text


def test_a_file_appears_under_its_name_only(tmp_path: Path) -> None:
    write_text(tmp_path / "page.html", "first")
    write_text(tmp_path / "page.html", "größer")
    assert [file.name for file in tmp_path.iterdir()] == ["page.html"]
    assert (tmp_path / "page.html").read_text("utf-8") == "größer"


def test_an_interrupted_write_leaves_the_earlier_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "page.html"
    write_text(path, "earlier")

    def fails(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fails)
    with pytest.raises(LexomeError, match="cannot be written.*No space left"):
        write_text(path, "later")
    assert path.read_text("utf-8") == "earlier"


def test_json_keeps_order_and_precision(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", {"b": 0.1 + 0.2, "a": None, "c": [1, "µ"]})
    assert (tmp_path / "x.json").read_text("utf-8") == (
        '{\n  "b": 0.30000000000000004,\n  "a": null,\n  "c": [\n    1,\n    "µ"\n  ]\n}\n'
    )


def test_json_holds_no_nan(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "x.json", {"a": float("nan")})
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_written_is_known_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_can_write(tmp_path / "new.json")
    assert not list(tmp_path.iterdir())
    with pytest.raises(UsageError, match="does not exist"):
        check_can_write(tmp_path / "missing" / "new.json")
    with pytest.raises(UsageError, match="is a folder"):
        check_can_write(tmp_path)
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(UsageError, match="no permission"):
        check_can_write(tmp_path / "new.json")
