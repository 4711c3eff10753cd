"""Tests of `lexome.tasks.language.mutate_pairs`."""

import gzip
from collections import Counter
from pathlib import Path

import pytest

from lexome.core.errors import BadInputError, LexomeError, UsageError
from lexome.tasks.language.mutate_pairs import (
    LEFT_OUT,
    Pair,
    check_pairs_output,
    check_tree,
    counts,
    read_pairs,
    write_pairs,
)

PAIRS = [
    Pair("r", "a", "ACGT", "ACGA", "training"),
    Pair("a", "b", "ACGA", "ACGA", "test"),
    Pair("r", "c", "ACGT", "ACG", LEFT_OUT),
    Pair("c", "d", "ACG", "NCT", "validation"),
]
HEAD = "parent_id,child_id,parent,child\n"


def test_what_is_written_is_read_and_the_same_bytes_again(tmp_path: Path) -> None:
    path, plain = tmp_path / "pairs.tsv.gz", tmp_path / "pairs.tsv"
    write_pairs(path, PAIRS)
    write_pairs(plain, PAIRS)
    assert read_pairs(path, with_splits=True) == read_pairs(plain) == PAIRS
    assert gzip.decompress(path.read_bytes()) == plain.read_bytes()
    first = path.read_bytes()
    write_pairs(path, PAIRS)
    assert path.read_bytes() == first
    assert not list(tmp_path.glob("*.partial"))


def test_what_pairs_are() -> None:
    found = counts(PAIRS)
    assert found["pairs"] == 4
    assert found["identical"] == 1
    assert found["changed"] == 3
    assert found["other_length"] == 1
    assert found["spectrum"] == {"A>N": 1, "G>T": 1, "T>A": 1}
    assert found["substitutions"] == 3
    assert found["different_parents"] == 3
    assert found["different_sequences"] == 4
    assert found["with_other_letters"] == 1
    assert found["longest_bp"] == 4
    assert counts([])["longest_bp"] == 0


def test_changes_are_places_and_letters() -> None:
    assert PAIRS[3].changes() == [(0, "A", "N"), (2, "G", "T")]
    assert PAIRS[2].changes() is None
    assert PAIRS[1].changes() == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEAD, "holds no pairs"),
        ("parent_id,child_id,parent\nr,a,ACGT\n", "no column 'child'"),
        (HEAD + "r,a,ACGT,\n", "row 1: a name or a sequence is missing"),
        (HEAD + "r,a,ACGT,ACGT\nx,a,ACGT,ACGT\n", "'a' is a child twice"),
        (HEAD + "r,a,ACGT,ACGT\na,b,ACGA,ACGT\n", "'a' has two different sequences"),
        (HEAD + "r,a,A,A\na,b,A,A\nb,r,A,A\n", "its own ancestor"),
        (HEAD + "a,a,A,A\n", "its own ancestor"),
        (HEAD.replace("\n", ",split\n") + "r,a,A,A,exam\n", "split is 'exam'"),
    ],
)
def test_bad_tables_are_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text(text)
    with pytest.raises(BadInputError, match=said):
        read_pairs(path)


def test_sets_must_be_there_when_they_are_needed(tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text(HEAD + "r,a,acgt,ACGT\n")
    assert read_pairs(path) == [Pair("r", "a", "ACGT", "ACGT")]
    with pytest.raises(BadInputError, match="split"):
        read_pairs(path, with_splits=True)


def test_a_long_line_of_nodes_is_checked_fast() -> None:
    check_tree([Pair(str(i), str(i + 1), "A", "A") for i in range(20_000)], "here")


def test_outputs_are_checked(tmp_path: Path) -> None:
    check_pairs_output(tmp_path / "pairs.tsv.gz")
    with pytest.raises(UsageError, match=r"\.tsv or \.tsv\.gz"):
        check_pairs_output(tmp_path / "pairs.csv")
    with pytest.raises(UsageError, match="does not exist"):
        check_pairs_output(tmp_path / "no" / "pairs.tsv")
    with pytest.raises(LexomeError, match="cannot be written"):
        write_pairs(tmp_path / "no" / "pairs.tsv", PAIRS)


def test_the_real_pairs(shared: Path) -> None:
    pairs = read_pairs(shared / "data" / "dna" / "influenza" / "h3n2_ha_pairs_train.csv.gz")
    assert len(pairs) == 2523
    assert Counter(pair.is_changed for pair in pairs) == {False: 1584, True: 939}
