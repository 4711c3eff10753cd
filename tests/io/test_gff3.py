"""GFF3: every column, escapes, and what is wrong with a line."""

import gzip
from pathlib import Path

import pytest

from lexome.core.errors import BadInputError
from lexome.io.gff3 import Feature, read_gff3

GOOD = "chr1\tsource\tCDS\t11\t20\t.\t-\t0\tID=a;Parent=g%3B1;Note=one%2C two; Name = x\n"


def _read(tmp_path: Path, text: str | bytes) -> list[Feature]:
    path = tmp_path / "f.gff3"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return list(read_gff3(path))


def test_a_feature(tmp_path: Path) -> None:
    (found,) = _read(tmp_path, "##gff-version 3\n\n#note\n" + GOOD + "##FASTA\n>chr1\nACGT\n")
    attributes = {"ID": "a", "Parent": "g;1", "Note": "one, two", "Name": "x"}
    assert found == Feature("chr1", "source", "CDS", 10, 20, "-", attributes)


def test_gzipped_and_other_line_ends(tmp_path: Path) -> None:
    assert len(_read(tmp_path, gzip.compress(GOOD.replace("\n", "\r\n").encode() * 3))) == 3


def test_attributes_without_a_value_are_passed_over(tmp_path: Path) -> None:
    (found,) = _read(tmp_path, "c\ts\tgene\t1\t1\t.\t?\t.\tID=a;;lonely;=b;ID=c\n")
    assert found.attributes == {"ID": "a"}


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("c\ts\tgene\t1\t9\t.\t+\t.", "line 1 has 8 columns"),
        ("c s gene 1 9 . + . .", "line 1 has 1 columns"),
        ("c\ts\tgene\t0\t9\t.\t+\t.\t.", "start 0 and end 9"),
        ("c\ts\tgene\t9\t8\t.\t+\t.\t.", "start 9 and end 8"),
        ("c\ts\tgene\t-1\t8\t.\t+\t.\t.", "are no places"),
        ("c\ts\tgene\t1\t1234567890123\t.\t+\t.\t.", "are no places"),
        ("c\ts\tgene\t1\t٣\t.\t+\t.\t.", "are no places"),
        ("\ts\tgene\t1\t3\t.\t+\t.\t.", r"contig \(column 1\)"),
        ("c\ts\t\t1\t3\t.\t+\t.\t.", r"type \(column 3\)"),
        ("c\ts\tgene\t1\t3\t.\tforward\t.\t.", "strand is 'forward'"),
    ],
)
def test_lines_that_are_no_feature(tmp_path: Path, line: str, told: str) -> None:
    with pytest.raises(BadInputError, match=told):
        _read(tmp_path, line + "\n")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="no such file"):
        list(read_gff3(tmp_path / "none"))
    with pytest.raises(BadInputError, match="cut off"):
        _read(tmp_path, gzip.compress(GOOD.encode() * 50)[:-12])
    with pytest.raises(BadInputError, match="not a text file"):
        _read(tmp_path, b"chr\xff\n")
