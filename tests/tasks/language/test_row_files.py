"""Rows as TSV, CSV and Parquet, whole or gone on with."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from lexome.core.errors import BadInputError, UsageError
from lexome.tasks.basecall.journal import InputFile
from lexome.tasks.language.row_files import (
    RowSettings,
    Written,
    after_kept,
    check_rows_output,
    open_rows,
)

COLUMNS = [("name", str), ("n", int), ("p", float)]
ROWS = [["a", 1, 0.25], ['b"\t,', 2, 1 / 3], ["c", 3, None]]


def test_text_and_parquet(tmp_path: Path) -> None:
    for ending in (".tsv", ".csv", ".parquet"):
        path = tmp_path / f"x{ending}"
        with open_rows(path, COLUMNS) as (writer, kept):
            assert kept == []
            for row in ROWS:
                writer.write(row)
            assert not path.exists()
        assert [p.name for p in tmp_path.glob(f"*{ending}*")] == [path.name]
    assert (tmp_path / "x.csv").read_bytes() == b'name,n,p\na,1,0.25\n"b""\t,",2,0.333333\nc,3,\n'
    assert (tmp_path / "x.tsv").read_bytes() == b'name\tn\tp\na\t1\t0.25\n"b""\t,"\t2\t0.333333\nc\t3\t\n'
    assert pq.read_table(tmp_path / "x.parquet").to_pylist()[1] == {"name": 'b"\t,', "n": 2, "p": 1 / 3}


@pytest.mark.parametrize(("ending", "stays"), [(".tsv", ["x.tsv.partial"]), (".parquet", [])])
def test_what_is_stopped_is_no_output(tmp_path: Path, ending: str, stays: list[str]) -> None:
    def stop() -> None:
        with open_rows(tmp_path / f"x{ending}", COLUMNS) as (writer, _):
            writer.write(ROWS[0])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop()
    assert [path.name for path in tmp_path.iterdir()] == stays


@pytest.mark.parametrize("cut", range(0, 45))
def test_a_file_cut_anywhere_gives_its_whole_rows(tmp_path: Path, cut: int) -> None:
    whole = b"name\tn\tp\na\t1\t0.25\nlonger\t2\t0.5\nc\t3\t1\n"
    (tmp_path / "x.tsv.resumed").write_bytes(whole[:cut])
    with open_rows(tmp_path / "x.tsv", COLUMNS) as (_, kept):
        pass
    lines = whole[:cut].count(b"\n")
    assert [row[0] for row in kept] == ["a", "longer", "c"][: max(0, lines - 1)]
    assert (tmp_path / "x.tsv").read_bytes() == b"".join(whole.splitlines(keepends=True)[: max(1, lines)])


def test_rows_of_other_input_are_refused() -> None:
    items = ["a", "b", "c"]
    assert list(after_kept(iter(items), [["a", "1"], ["b", "2"]], lambda item: [item], None)) == ["c"]
    for kept in ([["a"], ["x"]], [["a"], ["b"], ["c"], ["d"]]):
        with pytest.raises(
            BadInputError, match=f"row {len(kept)} of the interrupted run is of {kept[-1][0]}"
        ):
            after_kept(iter(items), kept, lambda item: [item], Path("o.tsv"))


def test_other_settings_are_named() -> None:
    files = (InputFile("a.fa", 3),)
    here = RowSettings("1", "m", "d", {"--window": "10"}, files)
    assert list(here.differences_from(here)) == []
    for there, words in (
        (RowSettings("1", "m", "d", {"--window": "20"}, files), "--window 20 there, 10 here"),
        (RowSettings("1", "n", "d", {"--window": "10"}, files), "model n there, m here"),
        (RowSettings("1", "m", "e", {"--window": "10"}, files), "weights or the configuration"),
        (RowSettings("1", "m", "d", {"--window": "10"}, (InputFile("a.fa", 4),)), "other input files"),
    ):
        assert words in " ".join(here.differences_from(there))


def test_what_cannot_be_written(tmp_path: Path) -> None:
    for path, resume, words in (
        (None, True, "needs an output file"),
        (tmp_path / "x.txt", False, "the ending decides"),
        (tmp_path / "x.parquet", True, "cannot be gone on with"),
        (tmp_path / "no" / "x.tsv", False, "does not exist"),
    ):
        with pytest.raises(UsageError, match=words):
            check_rows_output(path, resume=resume)
    assert Written(3).left(Path("o.tsv")) == "o.tsv.partial holds 3 rows, --resume goes on from there"
    assert Written(3).left(None) == Written(3).left(Path("o.parquet")) == "nothing is kept"
    assert Written(3, 1).done(Path("o.tsv")) == "wrote 3 rows to o.tsv, 1 of them from the interrupted run"
