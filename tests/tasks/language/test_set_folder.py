"""Folders of tables are there whole or not at all."""

from pathlib import Path

import pytest

from lexome.core.errors import UsageError
from lexome.tasks.language.labelled import read_labelled
from lexome.tasks.language.set_folder import new_folder, tables_of, write_rows


def test_whole(tmp_path: Path) -> None:
    out = tmp_path / "in" / "out"
    with new_folder(out) as folder:
        write_rows(folder / "train.csv", ("sequence", "label"), [("ACGT", "a,b"), ("GGGG", "c")])
        write_rows(folder / "test.tsv", ("sequence", "label"), [("ACGT", "a")])
        assert not out.exists()
    assert read_labelled(out / "train.csv").target.names == ("a,b", "c")
    assert (out / "test.tsv").read_text() == "sequence\tlabel\nACGT\ta\n"
    assert list(tables_of(out)) == ["train"]
    assert [path.name for path in out.parent.iterdir()] == ["out"]
    assert out.stat().st_mode & 0o700 == 0o700
    with pytest.raises(UsageError, match="is there already"), new_folder(out):
        pass


def test_nothing_is_left(tmp_path: Path) -> None:
    def stopped() -> None:
        with new_folder(tmp_path / "out") as folder:
            write_rows(folder / "train.csv", ("sequence",), [("ACGT",)])
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        stopped()
    assert not list(tmp_path.iterdir())


def test_no_training_set(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no train\.csv"):
        tables_of(tmp_path)
