"""CCS reads by hole, from files in any order."""

from pathlib import Path

import pysam
import pytest

from lexome.core.errors import BadInputError
from lexome.core.zmw import ZmwOutcome, ZmwReport
from lexome.io.aligned_subreads import aligned_header
from lexome.io.ccs_reads import CcsReads, ccs_lengths


def write(
    path: Path, reads: dict[str, str], extra: list[tuple[str, int]] | None = None, mode: str = "wb"
) -> Path:
    with pysam.AlignmentFile(str(path), mode, text="@HD\tVN:1.6\n@SQ\tSN:x\tLN:9\n") as file:
        for name, sequence, flag in [(*one, 4) for one in reads.items()] + [
            (n, "AC", f) for n, f in extra or []
        ]:
            record = pysam.AlignedSegment(file.header)
            record.query_name, record.flag, record.query_sequence = name, flag, sequence
            if not flag & 4:
                record.reference_id, record.reference_start, record.cigartuples = 0, 0, [(0, len(sequence))]
            file.write(record)
    return path


def test_reads_are_found_by_hole(tmp_path: Path) -> None:
    first = write(tmp_path / "a.bam", {"m/7/ccs": "ACGT", "m/2/ccs/rev": "GG", "m/2/ccs/fwd": "CCC"})
    second = write(tmp_path / "b.bam", {"m/5/ccs": "TTTTT", "m/7/other": "AAA", "m/9/ccs": "GA"})
    lengths = ccs_lengths((first, second), pytest.fail)
    assert list(lengths.items()) == [
        ("m/7/ccs", 4), ("m/2/ccs/rev", 2), ("m/2/ccs/fwd", 3), ("m/5/ccs", 5), ("m/7/other", 3),
        ("m/9/ccs", 2),
    ]  # fmt: skip
    header = aligned_header([first], lengths, "1", "x")
    with CcsReads((first, second), header) as reads:
        assert reads.numbers_of("m/2") == [2, 1]
        assert reads.numbers_of("m/7") == [0, 4]
        assert reads.numbers_of("m/5") == [3]
        assert reads.numbers_of("m/1") == []
        assert [reads.sequence(n) for n in (5, 0, 3, 2, 1, 4)] == ["GA", "ACGT", "TTTTT", "CCC", "GG", "AAA"]
        with pytest.raises(LookupError):
            reads.sequence(6)


def test_repeated_and_empty_reads_are_left_out_with_a_reason(tmp_path: Path) -> None:
    reads = {"m/1/ccs": "ACGT", "m/2/ccs": "*"}
    first = write(tmp_path / "a.bam", reads, [("m/1/ccs", 4), ("m/3/ccs", 256), ("m/4/ccs", 2048)])
    second = write(tmp_path / "b.bam", {"m/1/ccs": "TTTTT", "m/8/ccs": "TG"})
    reports: list[ZmwReport] = []
    lengths = ccs_lengths((first, second), reports.append)
    assert lengths == {"m/1/ccs": 4, "m/8/ccs": 2}
    assert [(one.name, one.outcome) for one in reports] == [
        ("m/2/ccs", ZmwOutcome.EMPTY_CCS),
        ("m/1/ccs", ZmwOutcome.DUPLICATE_CCS),
        ("m/1/ccs", ZmwOutcome.DUPLICATE_CCS),
    ]
    with CcsReads((first, second), aligned_header([first], lengths, "1", "x")) as found:
        assert [found.sequence(n) for n in (0, 1)] == ["ACGT", "TG"]


def test_other_formats_and_damage_are_errors(tmp_path: Path) -> None:
    sam = write(tmp_path / "a.sam", {"m/1/ccs": "ACGT"}, mode="w")
    lengths = ccs_lengths((sam,), pytest.fail)
    with pytest.raises(BadInputError, match="is not a BAM file"):
        CcsReads((sam,), aligned_header([sam], lengths, "1", "x"))
    cut = write(tmp_path / "b.bam", {f"m/{i}/ccs": "ACGT" * 500 for i in range(300)})
    cut.write_bytes(cut.read_bytes()[:2000])
    with pytest.raises(BadInputError, match="b.bam"):
        ccs_lengths((cut,), pytest.fail)
