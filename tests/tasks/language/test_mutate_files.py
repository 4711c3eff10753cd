"""Tests of `lexome.tasks.language.mutate_files`."""

import gzip
from pathlib import Path

import pytest

from lexome.core.errors import BadInputError, LexomeError, UsageError
from lexome.io.fastx import read_fastx
from lexome.tasks.language.mutate_files import check_children_output, read_parents, write_children_file
from lexome.tasks.language.mutate_write import MAX_BP, Child

CHILDREN = [[Child("ACG", -0.5), Child("ACT", -1.25, 0.75)], [Child("TT", -2.0)]]


def test_parents_are_read_in_upper_case(tmp_path: Path) -> None:
    (tmp_path / "a.fa").write_text(">x\nacgn\n")
    (tmp_path / "b.csv").write_text("sequence\nTT\n")
    assert read_parents([tmp_path / "a.fa", tmp_path / "b.csv"]) == (["x", "1"], ["ACGN", "TT"])
    (tmp_path / "empty.fa").write_text("")
    with pytest.raises(BadInputError, match="no sequences"):
        read_parents([tmp_path / "empty.fa"])
    (tmp_path / "none.fa").write_text(">x\n>y\nA\n")
    with pytest.raises(BadInputError, match="'x' has 0 letters"):
        read_parents([tmp_path / "none.fa"])
    (tmp_path / "long.fa").write_text(f">x\n{'A' * (MAX_BP + 1)}\n")
    with pytest.raises(BadInputError, match=f"{MAX_BP + 1} letters"):
        read_parents([tmp_path / "long.fa"])


def test_tables(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    expected = (
        "parent\trank\tedits\tlog_prob\tscore\tsequence\n"
        "x\t1\t1\t-0.5000\t\tACG\n"
        "x\t2\t0\t-1.2500\t0.750000\tACT\n"
        "y\t1\t2\t-2.0000\t\tTT\n"
    )
    write_children_file(None, ["x", "y"], ["ACT", "TTTT"], CHILDREN)
    assert capsys.readouterr().out == expected
    for name in ("c.tsv", "c.tsv.gz"):
        write_children_file(tmp_path / name, ["x", "y"], ["ACT", "TTTT"], CHILDREN)
    assert (tmp_path / "c.tsv").read_text() == expected
    assert gzip.decompress((tmp_path / "c.tsv.gz").read_bytes()).decode() == expected


def test_fasta(tmp_path: Path) -> None:
    write_children_file(tmp_path / "c.fa", ["x", "y"], ["ACT", "TTTT"], CHILDREN)
    found = [(name, sequence) for name, sequence, _ in read_fastx(tmp_path / "c.fa")]
    assert found == [("x_1", "ACG"), ("x_2", "ACT"), ("y_1", "TT")]


def test_outputs_are_checked(tmp_path: Path) -> None:
    check_children_output(None)
    check_children_output(tmp_path / "c.fasta.gz")
    with pytest.raises(UsageError, match="written as"):
        check_children_output(tmp_path / "c.txt")
    with pytest.raises(UsageError, match="does not exist"):
        check_children_output(tmp_path / "no" / "c.tsv")
    with pytest.raises(LexomeError, match="cannot be written"):
        write_children_file(tmp_path / "no" / "c.tsv", [], [], [])
