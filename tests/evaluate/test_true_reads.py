"""The truth of reads: found by name, in both forms."""

import gzip
from pathlib import Path

import pysam
import pytest

from lexome.core.alphabet import decode
from lexome.core.errors import BadInputError, UsageError
from lexome.evaluate.true_reads import open_true_reads


def write_bam(path: Path, rows: list[tuple[int, int, int, str, str]], lengths: list[int]) -> None:
    """Records of (flag, contig, start, bases, CIGAR)."""
    header = "@HD\tVN:1.5\n" + "".join(f"@SQ\tSN:m/{i}/ccs\tLN:{n}\n" for i, n in enumerate(lengths))
    with pysam.AlignmentFile(str(path), "wb", text=header) as file:
        for flag, contig, start, sequence, cigar in rows:
            record = pysam.AlignedSegment(file.header)
            record.query_name, record.flag, record.query_sequence = f"m/{contig}/truth", flag, sequence
            record.reference_id, record.reference_start, record.cigarstring = contig, start, cigar
            file.write(record)


def test_alignments_give_the_first_primary_record_without_clips(tmp_path: Path) -> None:
    path = tmp_path / "t.bam"
    rows = [
        (2048, 0, 0, "AC", "2="),
        (0, 0, 1, "TACGT", "1S3=1S"),
        (0, 0, 0, "GGGG", "4="),
        (256, 1, 0, "AA", "2="),
        (0, 3, 0, "ACGTA", "2=1I2="),
    ]
    write_bam(path, rows, [9, 9, 9, 4])
    with open_true_reads(path) as truths:
        assert list(truths.names) == ["m/0/ccs", "m/3/ccs"]
        assert truths.bases == 8
        assert [truths.number_of(f"m/{i}/ccs") for i in range(5)] == [0, -1, -1, 1, -1]
        first, last = truths.of(0), truths.of(1)
    assert (decode(first.codes), first.unknown_before_bp, first.unknown_after_bp) == ("ACG", 1, 5)
    assert (decode(last.codes), last.unknown_before_bp, last.unknown_after_bp) == ("ACGTA", 0, 0)


def test_fasta_names_are_those_of_reads_or_of_truths(tmp_path: Path) -> None:
    path = tmp_path / "t.fasta.gz"
    path.write_bytes(gzip.compress(b">m/1/truth x\nACG\nT\n>m/2/ccs/fwd\nGG\n"))
    with open_true_reads(path) as truths:
        assert (list(truths.names), truths.bases) == (["m/1/ccs", "m/2/ccs/fwd"], 6)
        assert truths.number_of("m/1/truth") == -1
        assert decode(truths.of(truths.number_of("m/1/ccs")).codes) == "ACGT"


def test_one_read_has_one_truth(tmp_path: Path) -> None:
    path = tmp_path / "t.fa"
    path.write_text(">m/1/truth\nACG\n>m/1/ccs\nGG\n")
    with (
        pytest.raises(BadInputError, match=r"two sequences are the truth of one read"),
        open_true_reads(path),
    ):
        pass


def test_what_is_no_truth_is_refused(tmp_path: Path) -> None:
    write_bam(tmp_path / "none.bam", [(2048, 0, 0, "AC", "2=")], [9])
    (tmp_path / "t.txt").write_text("x")
    for name, error, words in (
        ("none.bam", BadInputError, "no aligned record"),
        ("t.txt", UsageError, "must be .bam"),
        ("missing.bam", UsageError, "no such file"),
    ):
        with pytest.raises(error, match=words), open_true_reads(tmp_path / name):
            pass


def test_the_truth_of_real_molecules(shared: Path) -> None:
    with open_true_reads(shared / "data" / "pacbio" / "human_1m_dev" / "truth_to_ccs.bam") as truths:
        movie = "m54238_180901_011437"
        truth = truths.of(truths.number_of(f"{movie}/4194379/ccs"))
        assert (len(truths.names), truths.bases) == (8, 97179)
        assert (len(truth.codes), truth.unknown_before_bp, truth.unknown_after_bp) == (11912, 206, 267)
        assert truths.number_of(f"{movie}/4194387/ccs") == -1
