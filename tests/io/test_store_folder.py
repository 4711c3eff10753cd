"""Folders of stores: there when they are whole, and only then."""

from pathlib import Path

import pytest

from lexome.core.errors import LexomeError, UsageError
from lexome.io.store_folder import finishing, new_store


class Writer:
    def __init__(self) -> None:
        self.is_whole = False
        self.closed = 0

    def close(self) -> None:
        self.closed += 1


def test_a_whole_store_gets_its_name(tmp_path: Path) -> None:
    (tmp_path / "a.partial").mkdir()
    (tmp_path / "a.partial" / "old").touch()
    writer = Writer()
    with new_store(tmp_path / "a") as folder, finishing(writer, tmp_path / "a"):
        (folder / "x").write_text("1")
        writer.is_whole = True
    assert [p.name for p in tmp_path.iterdir()] == ["a"]
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["x"]
    assert writer.closed
    with pytest.raises(UsageError, match="exists already"), new_store(tmp_path / "a"):
        pass


def test_what_is_not_whole_is_gone(tmp_path: Path) -> None:
    writer = Writer()
    with new_store(tmp_path / "a") as folder, finishing(writer, tmp_path / "a"):
        (folder / "x").write_text("1")
    assert list(tmp_path.iterdir()) == []

    def stop() -> None:
        with new_store(tmp_path / "a"), finishing(writer, tmp_path / "a"):
            writer.is_whole = True
            raise KeyError

    with pytest.raises(KeyError):
        stop()
    assert list(tmp_path.iterdir()) == []
    assert writer.closed >= 2


def test_what_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LexomeError, match="file/a: cannot be written"), new_store(tmp_path / "file" / "a"):
        pass
