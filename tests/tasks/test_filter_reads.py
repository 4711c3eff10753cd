"""Filtering reads: against the peer's own outputs, and what is counted."""

import gzip
import json
from pathlib import Path

import numpy as np
import pysam
import pytest

from lexome.core.errors import BadInputError, UsageError
from lexome.tasks.filter_reads import Fate, FilterRequest, FilterSummary, Limits, filter_reads

PREFIX = "m64062_190806_063919"


def text_of(path: Path) -> str:
    return gzip.decompress(path.read_bytes()).decode()


@pytest.mark.parametrize("quality", [0, 10, 20, 30, 40, 50])
def test_fastq_is_filtered_as_by_deepconsensus(shared: Path, quality: int, tmp_path: Path) -> None:
    folder = shared / "data" / "pacbio" / "filter_fastq"
    source = folder / f"{PREFIX}_q0_chr20_100reads.fq.gz"
    # of 0 there is no output of its own, that of 20 is missing
    golden = source if quality == 0 else folder / f"{PREFIX}_q0_chr20_100reads.q{quality}.fq.gz"
    summary = filter_reads(FilterRequest(source, tmp_path / "o.fq.gz", Limits(quality)))
    kept = {0: 100, 10: 100, 20: 99, 30: 64, 40: 5, 50: 0}[quality]
    assert (summary.fates[Fate.KEPT], summary.fates[Fate.LOW_QUALITY]) == (kept, 100 - kept)
    found = text_of(tmp_path / "o.fq.gz")
    assert found.count("\n") == 4 * kept
    if golden.is_file():
        assert found == text_of(golden)


def test_bam_is_judged_as_fastq_of_the_same_reads(shared: Path, tmp_path: Path) -> None:
    source = shared / "data" / "pacbio" / "filter_fastq" / f"{PREFIX}-chr20.dc.small.bam"
    outputs = [tmp_path / name for name in ("all.fastq", "o.bam", "direct.fastq", "o.fastq", "o.sam")]
    filter_reads(FilterRequest(source, outputs[0], Limits(0)))
    counts = [
        filter_reads(FilterRequest(source, outputs[1], Limits(30))),
        filter_reads(FilterRequest(source, outputs[2], Limits(30))),
        filter_reads(FilterRequest(outputs[0], outputs[3], Limits(30))),
        filter_reads(FilterRequest(outputs[1], outputs[4], Limits(30))),
    ]
    assert [one.fates[Fate.KEPT] for one in counts] == [156] * 4
    assert counts[0].fates[Fate.LOW_QUALITY] == 106
    assert outputs[2].read_text() == outputs[3].read_text()
    records = [read_all(path) for path in (source, outputs[1], outputs[4])]
    assert records[1] == records[2]
    assert records[1] == [line for line in records[0] if line.split("\t")[0] in set(names_of(records[1]))]
    with pysam.AlignmentFile(str(outputs[1]), check_sq=False) as file:
        programs = file.header.to_dict()["PG"]
    assert (programs[-1]["ID"], programs[-1]["PP"]) == ("lexome-filter", programs[-2]["ID"])


def names_of(lines: list[str]) -> list[str]:
    return [line.split("\t")[0] for line in lines]


def read_all(path: Path) -> list[str]:
    with pysam.AlignmentFile(str(path), check_sq=False) as file:
        return [record.to_string() for record in file.fetch(until_eof=True)]


@pytest.mark.parametrize(
    ("length", "quality", "fate"),
    [
        (0, None, Fate.NO_BASES),
        (5, None, Fate.NO_QUALITIES),
        (5, 19, Fate.LOW_QUALITY),  # too short as well: the first reason counts
        (9, 20, Fate.TOO_SHORT),
        (10, 20, Fate.KEPT),
        (20, 20, Fate.KEPT),
        (21, 20, Fate.TOO_LONG),
    ],
)
def test_limits_belong_to_what_is_kept(length: int, quality: int | None, fate: Fate) -> None:
    qualities = None if quality is None else np.full(length, quality, np.uint8)
    assert Limits(20.0, 10, 20).fate(length, qualities) == fate


def test_the_mean_is_of_probabilities_and_rounded() -> None:
    mixed = np.array([10, 40], np.uint8)  # 13.00596: far below the mean of 25
    assert Limits(13.00596).fate(2, mixed) == Fate.KEPT
    assert Limits(13.00597).fate(2, mixed) == Fate.LOW_QUALITY
    # 29.999999999999996 as computed
    assert Limits(30).fate(3, np.full(3, 30, np.uint8)) == Fate.KEPT


def test_impossible_limits_are_refused() -> None:
    for low, high in ((10, 9), (0, 0)):
        with pytest.raises(UsageError, match="no read could be kept"):
            Limits(20, low, high)


def test_words_behind_a_name_stay(tmp_path: Path) -> None:
    source = tmp_path / "i.fastq"
    text = "@a\tnp:i:3\trq:f:0.5\nAC\n+\nII\n@b some words\nAC\n+\nII\n@c\n\n+\n\n@d\nA\n+\nI\n"
    source.write_text(text)
    summary = filter_reads(FilterRequest(source, tmp_path / "o.fastq", Limits(0)))
    assert (tmp_path / "o.fastq").read_text() == text.replace("@c\n\n+\n\n", "")
    assert summary.examples == {Fate.NO_BASES: ["c"]}
    assert (summary.bases_in, summary.bases_out) == (5, 5)


def test_alignments_that_repeat_a_read_are_counted_apart(tmp_path: Path) -> None:
    header = {"HD": {"VN": "1.6"}, "SQ": [{"SN": "c", "LN": 99}]}
    with pysam.AlignmentFile(str(tmp_path / "i.bam"), "wb", header=header) as file:
        for flag, quality in ((0, 30), (256, 30), (2048, 30), (16, 30), (4, 3)):
            record = pysam.AlignedSegment(file.header)
            record.query_name, record.flag, record.query_sequence = f"r{flag}", flag, "ACG"
            record.reference_id, record.reference_start, record.cigarstring = 0, 5, "3M"
            record.query_qualities = pysam.qualitystring_to_array(chr(quality + 33) * 2 + chr(quality + 34))
            file.write(record)
    summary = filter_reads(FilterRequest(tmp_path / "i.bam", tmp_path / "o.bam", Limits(20)))
    assert dict(summary.fates) == {Fate.KEPT: 2, Fate.NOT_PRIMARY: 2, Fate.LOW_QUALITY: 1}
    assert (summary.bases_in, summary.bases_out) == (9, 6)
    assert [line.split("\t")[:4] for line in read_all(tmp_path / "o.bam")] == [
        ["r0", "0", "c", "6"],
        ["r16", "16", "c", "6"],
    ]
    filter_reads(FilterRequest(tmp_path / "i.bam", tmp_path / "o.fastq", Limits(20)))
    # the second one was read from the other strand
    assert (tmp_path / "o.fastq").read_text() == "@r0\nACG\n+\n??@\n@r16\nCGT\n+\n@??\n"


def test_a_damaged_input_leaves_what_was_kept_before(shared: Path, tmp_path: Path) -> None:
    whole = (shared / "data" / "pacbio" / "filter_fastq" / f"{PREFIX}-chr20.dc.small.bam").read_bytes()
    (tmp_path / "cut.bam").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadInputError, match="cut.bam"):
        filter_reads(FilterRequest(tmp_path / "cut.bam", tmp_path / "o.bam", Limits(0)))
    assert not list(tmp_path.glob("o.*"))
    damaged = tmp_path / "damaged.bam"
    damaged.write_bytes(whole[: len(whole) // 2] + bytes(64) + whole[len(whole) // 2 + 64 :])
    summary = FilterSummary()
    with pytest.raises(BadInputError, match="damaged.bam"):
        filter_reads(FilterRequest(damaged, tmp_path / "o.bam", Limits(0)), summary=summary)
    assert [path.name for path in tmp_path.glob("o.*")] == ["o.bam.partial"]
    assert len(read_all(tmp_path / "o.bam.partial")) == summary.fates[Fate.KEPT] > 50
    (tmp_path / "cut.fastq").write_text("@a\nAC\n+\nII\n@b\nACG\n+\nI")
    with pytest.raises(BadInputError, match="cut off within read 'b'"):
        filter_reads(FilterRequest(tmp_path / "cut.fastq", tmp_path / "o.fastq", Limits(0)))
    assert not (tmp_path / "o.fastq").exists()
    assert (tmp_path / "o.fastq.partial").read_text() == "@a\nAC\n+\nII\n"


@pytest.mark.parametrize(
    ("source", "output", "words"),
    [
        ("none.bam", "o.bam", "no such file"),
        ("i.fasta", "o.fastq", "must hold reads with qualities"),
        ("i.fastq", "o.fasta", "FASTA has no qualities"),
        ("i.fastq", "o.fa.gz", "FASTA has no qualities"),
        ("i.fastq", "o.bam", "stay FASTQ"),
        ("i.fastq", "o.txt", "the ending decides"),
        ("i.fastq", "no/o.fastq", "does not exist"),
        ("i.fastq", "i.fastq", "is an input too"),
    ],
)
def test_wrong_requests(source: str, output: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "i.fastq").write_text("@a\nAC\n+\nII\n")
    (tmp_path / "i.fasta").write_text(">a\nAC\n")
    with pytest.raises(UsageError, match=words):
        filter_reads(FilterRequest(tmp_path / source, tmp_path / output, Limits(20)))
    assert (tmp_path / "i.fastq").read_text() == "@a\nAC\n+\nII\n"


def test_fates_are_words_for_a_table() -> None:
    assert json.loads(json.dumps([*Fate]))[:2] == ["kept", "no_bases"]
