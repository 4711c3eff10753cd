"""What an interrupted correction left is taken in step with the input, and only what is surely there."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexome.core.errors import BadInputError
from lexome.core.zmw import Ccs, ZmwOutcome, ZmwReads
from lexome.tasks.basecall.resume import Earlier
from lexome.tasks.correct.earlier import EarlierCorrection, read_rows, sequence_and_qualities
from lexome.tasks.correct.outcomes import Filters
from lexome.tasks.correct.run import NotCorrected
from lexome.tasks.correct.table import TableRow, TableWriter

TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)
NUMBER = st.none() | st.integers(0, 10**9)
QUALITY = st.none() | st.floats(0, 93)
ROWS = st.lists(st.builds(TableRow, TEXT, TEXT, TEXT, *[NUMBER] * 6, QUALITY, *[NUMBER] * 3), max_size=6)


def write(path: Path, rows: list[TableRow]) -> bytes:
    writer = TableWriter(path)
    for row in rows:
        writer.write(row)
    writer.close()
    return writer.partial_path.read_bytes()


@given(rows=ROWS, part=st.floats(0, 1), tail=st.sampled_from([b"", b"\0\0\n", b"x\ty\n", b"\xff\n"]))
def test_a_table_cut_anywhere_gives_its_whole_lines(
    tmp_path_factory: pytest.TempPathFactory, rows: list[TableRow], part: float, tail: bytes
) -> None:
    folder = tmp_path_factory.mktemp("rows")
    content = write(folder / "a.tsv", rows)
    assert write(folder / "b.tsv", list(read_rows(folder / "a.tsv.partial"))) == content
    cut = content[: int(len(content) * part)]
    whole = cut.count(b"\n")
    if cut.endswith(b"\n") or not tail:
        (folder / "c.tsv").write_bytes(cut + tail)
        assert len(list(read_rows(folder / "c.tsv"))) == max(0, whole - 1)
    else:  # the line that was cut holds the damage
        (folder / "c.tsv").write_bytes(cut + b"\0" + tail)
        if whole:
            assert len(list(read_rows(folder / "c.tsv"))) == whole - 1


def test_another_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.tsv").write_text("name\toutcome\n")
    with pytest.raises(BadInputError, match=r"t\.tsv: not a table with the columns"):
        list(read_rows(tmp_path / "t.tsv"))
    with pytest.raises(BadInputError, match="none: cannot be read"):
        list(read_rows(tmp_path / "none"))


@pytest.mark.parametrize("cell", ["x", "1.5", "", "-"])
def test_a_number_that_is_none_is_damage(tmp_path: Path, cell: str) -> None:
    line = write(
        tmp_path / "a", [TableRow("m/1", "written", "", 7, 7, 0, 0, 9, 9, 3.0, 1, 2, 0)]
    ).splitlines()
    damaged = line[1].replace(b"\t7\t", f"\t{cell}\t".encode(), 1)
    (tmp_path / "b").write_bytes(line[0] + b"\n" + damaged + b"\n")
    rows = list(read_rows(tmp_path / "b"))
    assert [row.windows for row in rows] == ([None] if cell == "" else [])


def entry(name: str, qualities: str = "IIII") -> str:
    return f"@{name}\tzm:i:1\nACGT\n+\n{qualities}\n"


def zmw(name: str) -> ZmwReads:
    return ZmwReads(Ccs(name, "ACGT", None), ())


def row(name: str, outcome: str) -> TableRow:
    return TableRow(name, outcome, "why")


@pytest.fixture
def earlier(tmp_path: Path):
    """Makes what is left of the reads (the last one found is not given out), the failed ones and the rows."""

    def make(
        reads: str, failed: str | None, rows: list[TableRow] | None, **options: Any
    ) -> EarlierCorrection:
        files: list[Earlier | None] = []
        for number, letters in enumerate((reads, failed)):
            path = tmp_path / f"{number}.fastq.resumed"
            if letters is not None:
                path.write_text(
                    "".join(entry(letter, "!!!!" if number else "IIII") for letter in letters + "z")
                )
            files.append(None if letters is None else Earlier(path))
        assert files[0] is not None
        lines = None if rows is None else iter(rows)
        return EarlierCorrection(files[0], files[1], lines, Filters(20.0), failed is not None, **options)

    return make


def taken(earlier: EarlierCorrection, names: str) -> list[str]:
    """What is taken of ZMWs; upper case: these cannot be used."""
    found = []
    for name in names:
        if name.isupper():
            earlier.pass_over(NotCorrected(name, ZmwOutcome.NO_CCS, "why"))
        elif (kept := earlier.take(zmw(name))) is not None:
            found.append(f"{name} {kept.outcome} {len(kept.records)}")
    return found


def test_without_a_table_all_reads_that_are_there_are_taken(earlier) -> None:
    assert taken(earlier("ac", "b", None), "aXbqcd") == ["a written 1", "b low_quality 1", "c written 1"]
    assert taken(earlier("ac", None, None), "abcd") == ["a written 1", "c written 1"]


def test_with_a_table_its_lines_count(earlier) -> None:
    outcomes = {"a": "written", "X": "no_ccs", "b": "low_quality", "q": "no_scores", "c": "written"}
    rows = [row(name, outcome) for name, outcome in outcomes.items()]
    every = ["a written 1", "b low_quality 1", "q no_scores 0", "c written 1"]
    assert taken(earlier("ac", "b", rows), "aXbqcd") == every
    assert taken(earlier("acd", "b", rows), "aXbqcd") == every, "d has no line"
    assert taken(earlier("a", "b", rows), "aXbqcd") == every[:3], "c has no read"
    assert taken(earlier("ac", "", rows), "aXbqcd") == [every[0], *every[2:]], "b has no read"
    unwanted = [one.replace("quality 1", "quality 0") for one in every]
    assert taken(earlier("ac", None, rows), "aXbqcd") == unwanted, "reads that do not pass are not wanted"
    assert taken(earlier("ac", "b", rows), "abqcd") == every[:1], "the input has changed"
    assert taken(earlier("ac", "b", rows), "aYbqcd") == every[:1]
    assert taken(earlier("ac", "b", rows[:1]), "aXbqcd") == every[:1]


def test_what_was_unusable_and_is_not_any_more_is_corrected(earlier) -> None:
    rows = [row("a", "truncated"), row("b", "written")]
    first = earlier("b", None, rows)
    assert first.take(zmw("a")) is None
    assert first.take(zmw("b")) is not None


def test_bases_and_qualities_of_text() -> None:
    sequence, qualities = sequence_and_qualities(entry("a", "!I~+"))
    assert (sequence, qualities.tolist()) == ("ACGT", [0, 40, 93, 10])
    sequence, qualities = sequence_and_qualities(">a\nAC\n")
    assert (sequence, len(qualities)) == ("AC", 0)
    assert qualities.dtype == np.uint8


def test_rows_have_all_columns() -> None:
    assert all(field.default is None for field in dataclasses.fields(TableRow)[3:])
