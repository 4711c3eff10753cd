"""Variants of VCF files: what can be scored, and what becomes of the rest."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest

from lexome.core.errors import BadInputError
from lexome.tasks.language.regions import Genome, open_genome
from lexome.tasks.language.variants import (
    MISMATCH,
    VariantCounts,
    read_variants,
    survey_variants,
)


@pytest.fixture
def genome(tmp_path: Path) -> Iterator[Genome]:
    (tmp_path / "g.fa").write_text(">1\nACGTACGTNA\n")
    with open_genome(tmp_path / "g.fa") as opened:
        yield opened


def vcf(folder: Path, *lines: str) -> Path:
    path = folder / "v.vcf.gz"
    head = "##fileformat=VCFv4.3\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\n"
    path.write_bytes(gzip.compress((head + "".join(f"{line}\t.\r\n" for line in lines)).encode()))
    return path


def test_alternatives_are_split_and_others_counted(genome: Genome, tmp_path: Path) -> None:
    path = vcf(
        tmp_path,
        "1\t1\trs1\tA\tc,G,*",
        "1\t4\t.\tTAC\tT",
        "1\t2\t.\tC\t<DEL>,.",
        "1\t9\t.\tN\tA",
        "1\t10\t.\tA\tA,ACCCCC",
        "1\t1\t.\tACGTAC\tA",
    )
    counts = VariantCounts()
    found = [str(variant) for variant in read_variants(path, genome, 5, counts)]
    assert found == ["1:1 A>C", "1:1 A>G", "1:4 TAC>T"]
    assert counts.usable == 3
    assert sorted(counts.left_out.values()) == [1, 1, 2, 3]
    assert "2 variants longer than half of the window are left out" in counts.lines()
    assert survey_variants(path, genome, 5, skip_mismatches=False).usable == 3


def test_another_ref_is_refused_or_left_out(genome: Genome, tmp_path: Path) -> None:
    path = vcf(tmp_path, "1\t1\t.\tC\tG,T", "1\t2\t.\tCG\tC", "1\t3\t.\tGA\tG")
    with pytest.raises(BadInputError, match="3 of 4 variants have another REF") as caught:
        survey_variants(path, genome, 5, skip_mismatches=False)
    assert "1:1 REF C, genome A" in str(caught.value)
    counts = survey_variants(path, genome, 5, skip_mismatches=True)
    assert (counts.usable, counts.left_out[MISMATCH]) == (1, 3)
    with pytest.raises(BadInputError, match="no variant that can be scored: 1 of which"):
        survey_variants(vcf(tmp_path, "1\t1\t.\tC\tG"), genome, 5, skip_mismatches=True)
    with pytest.raises(BadInputError, match="no variant that can be scored$"):
        survey_variants(vcf(tmp_path), genome, 5, skip_mismatches=True)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("1\tx\t.\tA\tC", "line 4 is not CHROM, POS"),
        ("1 1 . A C", "line 4 is not CHROM, POS"),
        ("chr1\t1\t.\tA\tC", "no sequence 'chr1', but '1'"),
        ("1\t0\t.\tA\tC", "position 0 with 1 bases lies outside"),
        ("1\t10\t.\tAA\tC", "position 10 with 2 bases lies outside of '1', which has 10"),
    ],
)
def test_wrong_lines(genome: Genome, tmp_path: Path, line: str, words: str) -> None:
    with pytest.raises(BadInputError, match=r"v\.vcf\.gz: line 4") as caught:
        list(read_variants(vcf(tmp_path, "1\t1\t.\tA\tC", line), genome, 5))
    assert words in str(caught.value)
