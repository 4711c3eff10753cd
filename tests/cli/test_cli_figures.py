"""What commands do with the figures that they found."""

import json
from pathlib import Path

import pytest

from lexome.cli.figures import check_outputs, give_out
from lexome.core.errors import UsageError
from lexome.report.tables import Table

FIGURES = {"found": 3}
TABLES = [Table(("name", "number"), ((str(n), str(n)),)) for n in range(2)]


def test_files_are_written_and_tables_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = []

    def write_page(path: Path, figures: dict, *, command: str) -> None:
        told.append((path, figures, bool(command)))

    give_out(FIGURES, TABLES, write_page, tmp_path / "f.json", tmp_path / "p.html")
    assert json.loads((tmp_path / "f.json").read_text()) == FIGURES
    assert told == [(tmp_path / "p.html", FIGURES, True)]
    first, second = capsys.readouterr().out.split("\n\n")
    assert first.split() == ["name", "number", "0", "0"]
    assert second.split() == ["name", "number", "1", "1"]
    give_out(FIGURES, TABLES, write_page, None, None)
    assert len(told) == 1


def test_what_cannot_be_written_is_said_before(tmp_path: Path) -> None:
    check_outputs(None, tmp_path / "f.json")
    with pytest.raises(UsageError):
        check_outputs(None, tmp_path / "gone" / "f.json")
