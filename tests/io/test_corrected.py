"""Writing corrected reads: every format reads back, files appear when they are whole, headers go on."""

import gzip
from array import array
from pathlib import Path

import numpy as np
import pysam
import pytest

from lexome.core.errors import LexomeError, UsageError
from lexome.io.corrected import CorrectedRead, corrected_header, named_at_end, open_corrected
from lexome.io.fastx import read_reference
from lexome.io.salvage import salvage

TAGS = (
    ("RG", "g", "Z"), ("zm", 3_000_000_000, "I"), ("np", 5, "C"), ("ec", 5.5, "f"),
    ("sn", array("f", [5.0, 6.0, 7.0, 8.5]), "B"), ("rq", 0.75, "f"),
)  # fmt: skip
READS = [
    CorrectedRead("m/1/ccs", "ACGTN", np.array([0, 93, 1, 40, 2], np.uint8), TAGS),
    CorrectedRead("m/2/ccs", "", np.zeros(0, np.uint8), TAGS[:1]),
    CorrectedRead("m/3/ccs", "A" * 70_000, np.full(70_000, 33, np.uint8)),
]
HEADER = "@HD\tVN:1.5\tSO:unknown\tpb:3.0.1\n@RG\tID:g\tPL:PACBIO\n"


def header() -> pysam.AlignmentHeader:
    return pysam.AlignmentHeader.from_text(HEADER)


def write(path: Path) -> Path:
    with open_corrected(path, header()) as writer:
        for read in READS:
            writer.write(read)
        assert not path.exists()
        assert writer.partial_path == path.with_name(path.name + ".partial")
        assert writer.partial_path.exists()
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    return path


@pytest.mark.parametrize("ending", [".sam", ".bam", ".cram"])
def test_records_read_back(tmp_path: Path, ending: str) -> None:
    with pysam.AlignmentFile(str(write(tmp_path / f"o{ending}")), check_sq=False) as file:
        records = list(file.fetch(until_eof=True))
        assert "pb:3.0.1" in str(file.header)
    assert [record.query_name for record in records] == [read.name for read in READS]
    for record, read in zip(records, READS, strict=True):
        assert (record.flag, record.reference_id, record.query_sequence or "") == (4, -1, read.sequence)
        assert list(record.query_qualities or []) == read.qualities.tolist()
        assert {name for name, _ in record.get_tags()} == {name for name, _, _ in read.tags}
        assert all(record.get_tag(name) == value for name, value, _ in read.tags)


@pytest.mark.parametrize("ending", [".fastq", ".fq.gz"])
def test_fastq_reads_back(tmp_path: Path, ending: str) -> None:
    path = write(tmp_path / f"o{ending}")
    content = path.read_bytes()
    lines = (gzip.decompress(content) if ending.endswith("gz") else content).decode().splitlines()
    assert lines[:4] == [
        "@m/1/ccs\tRG:Z:g\tzm:i:3000000000\tnp:i:5\tec:f:5.5\trq:f:0.75", "ACGTN", "+", "!~\"I#",
    ]  # fmt: skip
    assert lines[4:8] == ["@m/2/ccs\tRG:Z:g", "", "+", ""]
    assert lines[8:] == ["@m/3/ccs", READS[2].sequence, "+", "B" * 70_000]


@pytest.mark.parametrize("ending", [".fa", ".fasta.gz"])
def test_fasta_reads_back(tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.READS", [READS[0], READS[2]])
    path = write(tmp_path / f"o{ending}")
    assert read_reference(path) == {read.name: read.sequence for read in (READS[0], READS[1])}


@pytest.mark.parametrize("ending", [".bam", ".fastq.gz", ".fasta"])
def test_what_is_written_before_an_error_can_be_read(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"o{ending}"
    path.write_bytes(b"old")

    def write_and_stop() -> None:
        with open_corrected(path, header()) as writer:
            writer.write(READS[0])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_and_stop()
    assert path.read_bytes() == b"old"
    partial = path.with_name(path.name + ".partial")
    if ending == ".bam":
        pysam.quickcheck("-u", str(partial))
        with pysam.AlignmentFile(str(partial), check_sq=False) as file:
            assert [record.query_name for record in file] == ["m/1/ccs"]
    else:
        text = gzip.decompress(partial.read_bytes()) if ending.endswith("gz") else partial.read_bytes()
        assert b"m/1/ccs" in text


def test_a_file_that_cannot_be_ended_gets_no_name(tmp_path: Path) -> None:
    class Full:
        partial_path = tmp_path / "o.partial"

        def close(self) -> None:
            raise LexomeError("the disk is full")

    Full.partial_path.write_text("a part")
    with pytest.raises(LexomeError, match="full"), named_at_end(tmp_path / "o", Full()):
        pass
    assert [p.name for p in tmp_path.iterdir()] == ["o.partial"]


@pytest.mark.parametrize("ending", [".bam", ".fastq", ".fasta.gz"])
def test_a_full_disk_is_one_error_and_no_file(tmp_path: Path, ending: str) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    path = tmp_path / f"o{ending}"
    path.with_name(path.name + ".partial").symlink_to(full)

    def write_all() -> None:
        with open_corrected(path, header()) as writer:
            for read in READS:
                writer.write(read)

    with pytest.raises(LexomeError, match="partial: cannot be written"):
        write_all()
    assert not path.exists()


def test_what_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="ending decides"), open_corrected(tmp_path / "o.txt", header()):
        pass
    with (
        pytest.raises(LexomeError, match="2 bases but 1 qualities"),
        open_corrected(tmp_path / "o.bam", header()) as writer,
    ):
        writer.write(CorrectedRead("a", "AC", np.zeros(1, np.uint8)))
    for ending in (".bam", ".fastq"):
        (tmp_path / f"p{ending}.partial").mkdir()
        with (
            pytest.raises(LexomeError, match=f"p{ending}.partial: cannot be written"),
            open_corrected(tmp_path / f"p{ending}", header()),
        ):
            pass


def lines_of(path: Path, text: str, **more: str) -> list[str]:
    with pysam.AlignmentFile(str(path), "wb", text=text):
        pass
    return str(corrected_header(path, "1.2.3", "lexome correct -o 'a\tb'", **more)).strip().split("\n")


def test_the_header_goes_on_from_that_of_the_ccs_reads(tmp_path: Path) -> None:
    text = (
        "@HD\tVN:1.5\tSO:coordinate\tpb:3.0.1\n@SQ\tSN:chr1\tLN:9\n@RG\tID:g\tPL:PACBIO\tDS:READTYPE=CCS\n"
        "@PG\tID:ccs\tPN:ccs\n@PG\tID:b\tPN:s\tPP:ccs\n@CO\tsaid\n"
    )
    assert lines_of(tmp_path / "c.bam", text, description="model:m") == [
        "@HD\tVN:1.5\tSO:unknown\tpb:3.0.1",
        "@RG\tID:g\tPL:PACBIO\tDS:READTYPE=CCS",
        "@PG\tID:ccs\tPN:ccs",
        "@PG\tID:b\tPN:s\tPP:ccs",
        "@CO\tsaid",
        "@PG\tID:lexome-correct\tPN:lexome\tPP:b\tVN:1.2.3\tCL:lexome correct -o 'a_b'\tDS:model:m",
    ]


def test_a_second_correction_has_a_name_of_its_own(tmp_path: Path) -> None:
    first = lines_of(tmp_path / "c.bam", "@HD\tVN:1.5\n")
    assert first == [
        "@HD\tVN:1.5\tSO:unknown",
        "@PG\tID:lexome-correct\tPN:lexome\tVN:1.2.3\tCL:lexome correct -o 'a_b'",
    ]
    second = lines_of(tmp_path / "d.bam", "\n".join(first) + "\n")
    assert second[2].startswith("@PG\tID:lexome-correct.1\tPN:lexome\tPP:lexome-correct\t")


def test_it_follows_the_program_that_none_follows(tmp_path: Path) -> None:
    """The lines may stand in any order."""
    text = "@HD\tVN:1.5\n@PG\tID:late\tPN:s\tPP:early\n@PG\tID:early\tPN:ccs\n"
    assert "\tPP:late\t" in lines_of(tmp_path / "c.bam", text)[-1]


@pytest.mark.parametrize("ending", [".sam", ".bam", ".cram", ".fastq", ".fastq.gz", ".fasta.gz"])
def test_what_is_kept_of_an_earlier_file_gives_the_same_bytes(tmp_path: Path, ending: str) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    expected = write(tmp_path / "one" / f"o{ending}")
    with open_corrected(tmp_path / "two" / f"o{ending}", header()) as writer:
        for number, (name, records) in enumerate(salvage(expected)):
            assert name == READS[number].name
            for record in records:
                writer.keep(record)
        writer.write(READS[2])  # the last one found is never given out
    assert (tmp_path / "two" / f"o{ending}").read_bytes() == expected.read_bytes()
