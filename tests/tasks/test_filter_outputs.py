"""Copies of reads: headers, compression, the direction of reading."""

import gzip
from pathlib import Path

import numpy as np
import pysam
import pytest

from lexome.core.errors import LexomeError
from lexome.io.corrected import named_at_end
from lexome.tasks.filter_outputs import FastqCopy, RecordCopy


@pytest.mark.parametrize("ending", ["sam", "bam", "cram"])
def test_records_can_be_read_back_under_any_header(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"o.{ending}"
    for text in ("", "@HD\tVN:1.6\n@CO\twords\n", "@RG\tID:g\n@PG\tID:p\n\n"):
        header = pysam.AlignmentHeader.from_text(text)
        record = pysam.AlignedSegment(header)
        record.query_name, record.flag, record.query_sequence = "r", 4, "ACG"
        record.query_qualities = pysam.qualitystring_to_array("IJK")
        record.set_tag("np", 3)
        with named_at_end(path, RecordCopy(path, header, "1", "lexome\tfilter")) as copy:
            copy.write_record(record)
        with pysam.AlignmentFile(str(path), check_sq=False) as file:
            (found,) = file.fetch(until_eof=True)
            assert file.header.to_dict()["PG"][-1]["CL"] == "lexome_filter"
        assert found.to_string() == record.to_string()


def test_fastq_is_compressed_by_its_name(tmp_path: Path) -> None:
    for name in ("o.fastq", "o.fq.gz"):
        with named_at_end(tmp_path / name, FastqCopy(tmp_path / name)) as copy:
            copy.write("a b", "ACG", np.array([0, 40, 93], np.uint8))
    assert (tmp_path / "o.fastq").read_text() == "@a b\nACG\n+\n!I~\n"
    assert gzip.decompress((tmp_path / "o.fq.gz").read_bytes()) == (tmp_path / "o.fastq").read_bytes()


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(LexomeError, match="cannot be written"):
        FastqCopy(tmp_path / "no" / "o.fastq")
    with pytest.raises(LexomeError, match="cannot be written"):
        RecordCopy(tmp_path / "no" / "o.bam", pysam.AlignmentHeader(), "1", "x")
