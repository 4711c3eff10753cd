"""Labelled sequences out of tables: classes, labels, values, and every way in which a table can be wrong."""

import csv
import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexome.core.errors import BadInputError, UsageError
from lexome.tasks.language.labelled import read_labelled
from lexome.tasks.language.sequences import read_rows
from lexome.tasks.language.targets import Kind, Target


def _file(folder: Path, text: str | bytes, name: str = "a.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_classes_that_are_numbers_stand_in_the_order_of_numbers(tmp_path: Path) -> None:
    read = read_labelled(_file(tmp_path, "sequence,label\nACGT,10\nacgn,9\nRYSW,10\nAC,2\nT,-1\n"))
    assert read.target == Target("classes", ("-1", "2", "9", "10"))
    assert read.sequences == ["ACGT", "ACGN", "RYSW", "AC", "T"]
    assert read.names == ["1", "2", "3", "4", "5"]
    assert read.truth.dtype == np.int64
    assert read.truth.tolist() == [3, 2, 3, 1, 0]
    assert (len(read), read.notes) == (5, [])


def test_classes_that_are_words_and_names_of_rows(tmp_path: Path) -> None:
    text = "name,label,sequence\nb,enhancer,AC\n,10,GG\nc,2,TT\n"
    read = read_labelled(_file(tmp_path, text))
    assert read.target.names == ("10", "2", "enhancer")
    assert read.names == ["b", "2", "c"]
    assert read.truth.tolist() == [2, 0, 1]


@pytest.mark.parametrize("zipped", [False, True])
def test_tables_of_spreadsheets(zipped: bool, tmp_path: Path) -> None:
    text = b'\xef\xbb\xbf"label","sequence"\r\n\r\n"1"," acgt "\r\n\r\n0,ac\r\n'
    path = _file(tmp_path, gzip.compress(text) if zipped else text, "a.csv.gz" if zipped else "a.csv")
    read = read_labelled(path)
    assert (read.sequences, read.truth.tolist()) == (["ACGT", "AC"], [1, 0])


@pytest.mark.parametrize("name", ["a.tsv", "a.txt"])
def test_columns_divided_by_tabs_and_of_other_names(name: str, tmp_path: Path) -> None:
    path = _file(tmp_path, "seq\tname\tsplit\nAC\tx, y\tb\nGG\tz\ta\n", name)
    read = read_labelled(path, sequence_column="seq", label_columns=["split"])
    assert (read.names, read.truth.tolist()) == (["x, y", "z"], [1, 0])


def test_a_name_of_a_file_with_tabs_decides(tmp_path: Path) -> None:
    path = _file(tmp_path, "sequence\tlabel\ta,b\nAC\t1\t2\nAC\t0\t2\n", "a.tsv")
    assert read_labelled(path).truth.tolist() == [1, 0]


def test_labels_in_one_column(tmp_path: Path) -> None:
    path = _file(tmp_path, "sequence,label\nAC,b;a\nGG,\nTT,c; b;\n")
    read = read_labelled(path, kind="labels")
    assert read.target == Target("labels", ("a", "b", "c"))
    assert read.truth.dtype == np.float32
    assert read.truth.tolist() == [[1, 1, 0], [0, 0, 0], [0, 1, 1]]
    other = read_labelled(_file(tmp_path, "sequence,label\nAC,c\n"), target=read.target)
    assert other.truth.tolist() == [[0, 0, 1]]
    assert other.notes == [f"{tmp_path / 'a.csv'}: no row has the label a, b"]


def test_labels_in_columns_follow_the_training_set(tmp_path: Path) -> None:
    path = _file(tmp_path, "b,a,sequence\n1,0,AC\n0,0,AG\n1,1,AT\n")
    read = read_labelled(path, kind="labels", label_columns=["b", "a"])
    assert read.target.names == ("b", "a")
    assert read.truth.tolist() == [[1, 0], [0, 0], [1, 1]]
    again = read_labelled(path, target=Target("labels", ("a", "b")), label_columns=["b", "a"])
    assert again.truth.tolist() == [[0, 1], [0, 0], [1, 1]]
    with pytest.raises(BadInputError, match="label columns are b, a, those of the training set a, c"):
        read_labelled(path, target=Target("labels", ("a", "c")), label_columns=["b", "a"])


def test_values_have_the_mean_and_scale_of_the_training_set(tmp_path: Path) -> None:
    path = _file(tmp_path, "sequence,y\nAC,1.5\nGG,-.5\nTT,2e0\n")
    read = read_labelled(path, kind="value", label_columns=["y"])
    assert read.truth.dtype == np.float32
    assert read.truth.tolist() == [1.5, -0.5, 2.0]
    assert read.target.names == ("y",)
    assert read.target.mean == pytest.approx(1.0)
    assert read.target.scale == pytest.approx(np.std([1.5, -0.5, 2.0]))
    other = _file(tmp_path, "sequence,y\nAC,100\n", "dev.csv")
    assert read_labelled(other, target=read.target, label_columns=["y"]).target == read.target
    alone = read_labelled(other, kind="value", label_columns=["y"])
    assert (alone.target.mean, alone.target.scale) == (100.0, 1.0)
    assert alone.notes == [f"{other}: all values are 100"]


def test_a_gap_and_labels_that_look_like_values_are_told(tmp_path: Path) -> None:
    path = _file(tmp_path, "sequence,label\nAC,0\nGG,3\nTT,1\nTT,1\n")
    read = read_labelled(path)
    assert read.target.names == ("0", "1", "3")
    assert read.notes == [
        f"{path}: the labels go from 0 to 3, but no row has 2; the 3 classes that are there are used"
    ]
    rows = "".join(f"AC,{i / 7:.4f}\n" for i in range(30))
    assert "are the labels values?" in read_labelled(_file(tmp_path, "sequence,label\n" + rows)).notes[0]


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("seq,label\nAC,1\n", "classes", "no column 'sequence'; its first line has: seq, label"),
        ("sequence,y\nAC,1\n", "classes", "no column 'label'; its first line has: sequence, y"),
        ("", "classes", "holds no row"),
        ("\n \n", "classes", "holds no row"),
        ("sequence,label\n", "value", "holds no row"),
        ("sequence,label\nAC,0\n,1\n", "classes", "row 2 has no sequence"),
        ("sequence,label\nAC,0\n\nACXC,1\n", "classes", "row 2 has 'X' at base 3 of its sequence"),
        ("sequence,label\nAC,0\nA-C,1\n", "classes", "row 2 has '-' at base 2"),
        ("sequence,label\nA\u017f,0\n", "classes", "row 1 has '\u017f' at base 2"),
        ("sequence,label\nAC,0\nAC,\n", "classes", "row 2 has nothing in column 'label'"),
        ("sequence,label\nAC,0\nAC\n", "classes", "row 2 has nothing in column 'label'"),
        ("sequence,label\nAC,0\nAC,0\n", "classes", "all rows are of one class, '0'"),
        ("sequence,label\nAC,0,1\nAC,1\n", "classes", "row 1 has 3 fields, the first line 2"),
        ("sequence,label\nAC,\nGG,;\n", "labels", "no row has a label in column 'label'"),
        ("sequence,label\nAC,1\nAC,x\n", "value", "row 2 has 'x' in column 'label'; a finite number"),
        ("sequence,label\nAC,nan\n", "value", "row 1 has 'nan'"),
        ("sequence,label\nAC,inf\n", "value", "row 1 has 'inf'"),
        ("sequence,label\nAC,-1e39\n", "value", "row 1 has '-1e39'"),
        ("sequence,label\nAC,1e999\n", "value", "row 1 has '1e999'"),
        ("sequence,label\nAC,1_0\n", "value", "row 1 has '1_0'"),
        ("sequence,label\nAC,\n", "value", "row 1 has nothing in column 'label'"),
        ('sequence,label\n"AC,1\nGG,0\n', "classes", "not a CSV file .unexpected end of data.$"),
    ],
)
def test_wrong_tables(text: str, kind: Kind, message: str, tmp_path: Path) -> None:
    path = _file(tmp_path, text)
    with pytest.raises(BadInputError, match=message) as caught:
        read_labelled(path, kind=kind)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_labels_that_the_training_set_does_not_have(tmp_path: Path) -> None:
    path = _file(tmp_path, "sequence,label\nAC,0\nGG,2\n")
    with pytest.raises(BadInputError, match="row 2 has the label '2', which the training set does not have"):
        read_labelled(path, target=Target("classes", ("0", "1")))
    many = Target("labels", tuple(f"t{i}" for i in range(12)))
    with pytest.raises(BadInputError, match="row 1 has the label '0', .* t9 and 2 more$"):
        read_labelled(path, target=many)
    # one class of several is enough in a set that is only judged
    one = _file(tmp_path, "sequence,label\nAC,1\n")
    assert read_labelled(one, target=Target("classes", ("0", "1"))).truth.tolist() == [1]


def test_flags_are_0_or_1(tmp_path: Path) -> None:
    for text, said in (("2", "'2'"), ("", "nothing"), ("0.5", "'0.5'")):
        path = _file(tmp_path, f"sequence,a,b\nAC,0,1\nAC,1,{text}\n")
        with pytest.raises(BadInputError, match=f"row 2 has {said} in column 'b'; 0 or 1 is needed"):
            read_labelled(path, kind="labels", label_columns=["a", "b"])


def test_only_labels_have_several_columns(tmp_path: Path) -> None:
    path = _file(tmp_path, "sequence,a,b\nAC,0,1\n")
    with pytest.raises(UsageError, match="2 label columns; classes need one"):
        read_labelled(path, label_columns=["a", "b"])
    with pytest.raises(UsageError, match="0 label columns; labels need one"):
        read_labelled(path, kind="labels", label_columns=[])


def test_fields_of_a_megabase(tmp_path: Path) -> None:
    path = _file(tmp_path, f"sequence,label\n{'acgt' * 300_000},0\nAC,1\n")
    usual = csv.field_size_limit()
    assert [len(one) for one in read_labelled(path).sequences] == [1_200_000, 2]
    rows = read_rows(path, ["sequence"], longest_field=2_000_000)
    next(rows)
    assert csv.field_size_limit() == usual  # also between rows: other readers keep their limit


def test_one_set_of_several_in_a_table(tmp_path: Path) -> None:
    path = _file(tmp_path, "task,sequence,label\na,AC,1\nb,A?,x\na,GG,0\nc,A,1\nc,C,\n")
    read = read_labelled(path, only=("task", "a"))
    assert (read.names, read.truth.tolist()) == (["1", "3"], [1, 0])
    with pytest.raises(BadInputError, match="row 5 has nothing in column 'label'"):
        read_labelled(path, only=("task", "c"))
    with pytest.raises(BadInputError, match="holds no row with task 'd'"):
        read_labelled(path, only=("task", "d"))
    with pytest.raises(BadInputError, match="no column 'kind'"):
        read_labelled(path, only=("kind", "d"))


_TABLES = (
    b"sequence,label,name\r\nACGT,0,a\r\nGGN,1,b\r\n\r\nacg,2,c\r\n",
    b'\xef\xbb\xbfsequence\tlabel\nAC\t0.5\n"GG"\t-1e3\n',
    b'label,sequence\n"a;b",AC\n,GT\n',
)
_JUNK = (b'"', b"\r", b"\0", b",", b"\xff", b"\n", b"\t", b";", b"1e400", b"x", b" ", b"\xe2\x80\xa8", b"")


@given(
    st.sampled_from(_TABLES),
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 5), st.sampled_from(_JUNK)), max_size=4),
    st.sampled_from(["classes", "labels", "value"]),
)
def test_a_damaged_table_is_read_or_refused_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, table: bytes, damage: list[tuple[int, int, bytes]], kind: Kind
) -> None:
    for at, length, junk in damage:
        table = table[:at] + junk + table[at + length :]
    path = tmp_path_factory.getbasetemp() / "damaged.csv"
    path.write_bytes(table)
    read, refused = None, ""
    try:
        read = read_labelled(path, kind=kind)
    except BadInputError as error:
        refused = str(error)
    if read is None:
        assert refused.startswith(f"{path}: ")
        assert "\n" not in refused
        return
    assert len(read.names) == len(read.sequences) == len(read.truth) > 0
    assert all(one and set(one) <= set("ACGTURYSWKMBDHVN") for one in read.sequences)


def test_real_sets(shared: Path) -> None:
    folder = shared / "data/dna/gue/mouse/2"
    train = read_labelled(folder / "train.csv.gz")
    test = read_labelled(folder / "test.csv", target=train.target)
    assert (len(train), len(test), train.target.names) == (2620, 328, ("0", "1"))
    assert np.bincount(test.truth).tolist() == [164, 164]
    assert set("".join(test.sequences)) == set("ACGT")
