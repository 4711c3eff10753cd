"""Sequences out of FASTA and CSV files, and windows of them."""

import gzip
from pathlib import Path

import pytest

from lexome.core.errors import BadInputError
from lexome.tasks.language.sequences import read_ids, read_sequences, windows


def test_csv_with_mark_line_ends_and_blank_lines(tmp_path: Path) -> None:
    text = b'\xef\xbb\xbflabel,sequence\r\n1,ACGT\r\n\r\n0," AC "\r\n'
    (tmp_path / "a.csv").write_bytes(text)
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(text))
    (tmp_path / "c.fa").write_text(">x y\nAC\nGT\n")
    paths = [tmp_path / name for name in ("a.csv", "b.csv.gz", "c.fa")]
    assert list(read_sequences(paths)) == [("1", "ACGT"), ("2", "AC")] * 2 + [("x", "ACGT")]
    (tmp_path / "empty.csv").write_text("")
    assert list(read_sequences([tmp_path / "empty.csv"])) == []


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"seq,label\nA,1\n", "no column 'sequence'; its first line has: seq, label"),
        (b"sequence,label\nA,1\n,0\n", "row 2 has no sequence"),
        (b"label,sequence\n1\n", "row 1 has no sequence"),
        (b"sequence\n\xff\xfe\n", "not a text file"),
        (b"sequence\n" + b"A" * 200_000, "belong into FASTA"),
        (gzip.compress(b"sequence\nACGT\n" * 99, mtime=0)[:-9], "cut off or damaged"),
    ],
)
def test_damaged_csv(data: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(data)
    with pytest.raises(BadInputError, match=message):
        list(read_sequences([path]))
    with pytest.raises(BadInputError, match="No such file"):
        list(read_sequences([tmp_path / "none.csv"]))


def test_windows_are_all_or_drawn_evenly() -> None:
    sequences = [("a", "ACGTACGTAC"), ("b", ""), ("c", "GG")]
    assert windows(sequences, 4, 10) == (["ACGT", "ACGT", "AC", "GG"], 4)
    counts = dict.fromkeys("ACGT", 0)
    for seed in range(400):
        (drawn,), seen = windows([("a", "ACGT")], 1, 1, seed)
        counts[drawn] += 1
        assert seen == 4
    assert min(counts.values()) > 60
    assert windows(sequences, 4, 2, 5) == windows(sequences, 4, 2, 5)


def test_ids_from_lines(tmp_path: Path) -> None:
    path = tmp_path / "ids.tsv"
    path.write_text("a b\t1 5 2\nc\t\n")
    assert list(read_ids(path)) == [("a b", [1, 5, 2]), ("c", [])]
    for wrong in ("a 1 2", "a\t1 x", "a\t-1", "a\t" + "9" * 30):
        path.write_text("ok\t1\n" + wrong)
        with pytest.raises(BadInputError, match="line 2 is not"):
            list(read_ids(path))
    with pytest.raises(BadInputError, match="cannot be read"):
        list(read_ids(tmp_path / "none"))
