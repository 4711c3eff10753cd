"""Bases of a genome by their place, and BED files."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest

from lexome.core.errors import BadInputError
from lexome.tasks.language.regions import Genome, open_genome, read_bed, region_source


@pytest.fixture
def genome(tmp_path: Path) -> Iterator[Genome]:
    text = ">one x\r\nACGTa\r\ncgtN\r\n>two\nRRRYACCCC\nA\n"
    (tmp_path / "g.fa.gz").write_bytes(gzip.compress(text.encode()))
    with open_genome(tmp_path / "g.fa.gz") as opened:
        assert [path.name for path in tmp_path.iterdir()] == ["g.fa.gz"]  # nothing beside it
        yield opened


def test_bases_anywhere(genome: Genome) -> None:
    assert genome.lengths_bp == {"one": 9, "two": 10}
    assert genome.bases("two", 2, 5) == "RYA"
    assert genome.bases("one", 0, 9) == "ACGTACGTN"
    assert genome.bases("two", 10, 10) == ""
    for contig, start, end in (("one", 5, 10), ("one", -1, 2), ("two", 3, 2)):
        with pytest.raises(ValueError, match="lies outside"):
            genome.bases(contig, start, end)


def test_regions_on_both_strands(genome: Genome, tmp_path: Path) -> None:
    bed = "\ufeff# c\ntrack name=x\n\none\t1\t4\none\t1\t4\tgene\t0\t-\r\ntwo\t2\t5\t.\t0\t-\ntwo 0 10\n"
    (tmp_path / "b.bed").write_text(bed, encoding="utf-8")
    source = region_source(tmp_path / "b.bed", genome)
    expected = [("one:1-4", "CGT"), ("gene", "ACG"), ("two:2-5(-)", "TRY"), ("two:0-10", "RRRYACCCCA")]
    assert list(source()) == expected == list(source())
    (tmp_path / "b.bed.gz").write_bytes(gzip.compress(bed.encode()))
    assert [region.is_reverse for region in read_bed(tmp_path / "b.bed.gz", genome)] == [
        False, True, True, False,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("one\t1", "line 2 is not a contig, a start and an end"),
        ("one\t-1\t4", "is not a contig"),
        ("one\tx\t4", "is not a contig"),
        ("three\t1\t4", "no sequence 'three', known: one, two"),
        ("chrone\t1\t4", "no sequence 'chrone', but 'one'"),
        ("one\t4\t4", "start 4 is not below end 4"),
        ("one\t4\t10", "ends at 10, but 'one' has 9 bases"),
        ("one\t1\t4\ta\t0\tx", "the strand is 'x'"),
    ],
)
def test_wrong_regions(genome: Genome, tmp_path: Path, line: str, words: str) -> None:
    (tmp_path / "b.bed").write_text(f"one\t0\t1\n{line}\n")
    with pytest.raises(BadInputError, match="line 2") as caught:
        list(read_bed(tmp_path / "b.bed", genome))
    assert words in str(caught.value)


def test_chr_is_told(tmp_path: Path) -> None:
    (tmp_path / "g.fa").write_text(">chr7\nACGT\n")
    with (
        open_genome(tmp_path / "g.fa") as genome,
        pytest.raises(BadInputError, match=r"v\.vcf: .*no sequence '7', but 'chr7'"),
    ):
        genome.check_contig("7", "v.vcf")


def test_files_that_are_none(genome: Genome, tmp_path: Path) -> None:
    for name, data, words in (
        ("a", None, "no such file"),
        ("b", b"one\t1\t\xff\n", "not a text file"),
        ("c", gzip.compress(b"one\t1\t2\n" * 999, mtime=0)[:-20], "cut off or damaged"),
    ):
        if data is not None:
            (tmp_path / name).write_bytes(data)
        with pytest.raises(BadInputError, match=words):
            list(read_bed(tmp_path / name, genome))
    (tmp_path / "t.fa").write_text(">a\nA\n>a\nC\n")
    with pytest.raises(BadInputError, match="'a' is there twice"), open_genome(tmp_path / "t.fa"):
        pass
