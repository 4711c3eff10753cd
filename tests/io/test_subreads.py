"""ZMWs from subreads and CCS reads: each is yielded or reported, whatever the files look like."""

import random
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pysam
import pytest

from lexome.core.errors import BadInputError
from lexome.core.zmw import ZmwOutcome, ZmwReads, ZmwReport
from lexome.io.bgzf import END
from lexome.io.subreads import hole_of, read_zmws

SNR = array("f", [5.0, 9.0, 4.0, 7.0])


@dataclass
class Record:
    """One subread to be written; as it is, a good one on a CCS read of eight bases."""

    target: str | None = "m1/1/ccs"
    flag: int = 0
    sequence: str = "ACGTA"
    cigar: str = "2=1I2="
    start: int = 1
    tags: dict[str, Any] = field(default_factory=dict)
    name: str = ""


def ccs_sequence(name: str) -> str:
    return "".join(random.Random(name).choices("ACGT", k=8))


def write_subreads(path: Path, records: list[Record], more: tuple[str, ...] = (), length: int = 8) -> Path:
    targets = list(dict.fromkeys([record.target for record in records if record.target] + list(more)))
    text = "@HD\tVN:1.5\tSO:unknown\tpb:3.0.5\n" + "".join(f"@SQ\tSN:{t}\tLN:{length}\n" for t in targets)
    with pysam.AlignmentFile(str(path), "wb", text=text) as file:
        for number, item in enumerate(records):
            record = pysam.AlignedSegment(file.header)
            record.query_name = item.name or f"{hole_of(item.target or '')}/{number}_{number + 5}"
            record.flag = item.flag
            record.query_sequence = item.sequence or None
            if item.target:
                record.reference_id, record.reference_start = targets.index(item.target), item.start
                record.cigarstring = item.cigar
            count = range(1, len(item.sequence) + 1)
            kinetics = {"pw": [i % 256 for i in count], "ip": [10 * i % 256 for i in count]}
            tags = {tag: array("B", values) for tag, values in kinetics.items()} | {"sn": SNR}
            for tag, value in (tags | item.tags).items():
                if value is not None:
                    record.set_tag(tag, value)
            file.write(record)
    return path


def write_ccs(path: Path, names: list[str], sequence: Callable[[str], str] = ccs_sequence) -> Path:
    with pysam.AlignmentFile(str(path), "wb", text="@HD\tVN:1.5\n") as file:
        for name in names:
            record = pysam.AlignedSegment(file.header)
            record.query_name, record.flag, record.query_sequence = name, 4, sequence(name) or None
            if sequence(name):
                record.query_qualities = array("B", range(20, 20 + len(sequence(name))))
            record.set_tags([("zm", 1, "i"), ("np", 3, "i"), ("rq", 0.5, "f")])
            file.write(record)
    return path


def read(subreads: Path, ccs: Path) -> tuple[list[ZmwReads], dict[str, ZmwOutcome]]:
    reports: list[ZmwReport] = []
    zmws = list(read_zmws(subreads, ccs, reports.append))
    assert all(report.detail and "\n" not in report.detail for report in reports)
    assert len({report.name for report in reports}) == len(reports)
    return zmws, {report.name: report.outcome for report in reports}


def run(folder: Path, records: list[Record], ccs: list[str], **options: Any) -> tuple:
    return read(write_subreads(folder / "s.bam", records, **options), write_ccs(folder / "c.bam", ccs))


def test_a_zmw_as_it_is(tmp_path: Path) -> None:
    records = [Record(), Record(flag=16, cigar="1S4=", start=0)]
    (zmw,), reports = run(tmp_path, records, ["m1/1/ccs"])
    assert not reports
    assert zmw.name == "m1/1/ccs"
    assert zmw.ccs.sequence == ccs_sequence("m1/1/ccs")
    assert zmw.ccs.qualities is not None
    assert zmw.ccs.qualities.tolist() == list(range(20, 28))
    assert (zmw.ccs.num_passes, zmw.ccs.read_quality, zmw.ccs.tags[0]) == (3, 0.5, ("zm", 1, "i"))
    forward, reverse = zmw.subreads
    assert (forward.name, forward.strand, forward.ccs_start_bp) == ("m1/1/0_5", 1, 1)
    assert forward.cigar.tolist() == [[2, 7], [1, 1], [2, 7]]
    assert (forward.pw.tolist(), forward.ip.tolist()) == ([1, 2, 3, 4, 5], [10, 20, 30, 40, 50])
    assert forward.snr.tolist() == list(SNR)
    assert (reverse.strand, reverse.sequence) == (-1, "ACGTA")
    assert (reverse.pw.tolist(), reverse.ip.tolist()) == ([5, 4, 3, 2, 1], [50, 40, 30, 20, 10])
    assert zmw.unused == {}


def test_frames_stay_whole(tmp_path: Path) -> None:
    frames = array("H", [1, 300, 952, 4, 5])
    (zmw,), _ = run(tmp_path, [Record(tags={"pw": frames, "ip": frames})], ["m1/1/ccs"])
    assert zmw.subreads[0].pw.tolist() == list(frames)
    assert zmw.subreads[0].ip.dtype == np.uint16


BAD = {
    "unmapped": (Record(flag=4, target=None, name="m1/1/7_9"), ZmwOutcome.UNMAPPED),
    "secondary": (Record(flag=256), ZmwOutcome.SECONDARY),
    "supplementary": (Record(flag=2048), ZmwOutcome.SUPPLEMENTARY),
    "no bases": (Record(sequence="", tags={"pw": None, "ip": None}), ZmwOutcome.EMPTY),
    "nothing aligned": (Record(cigar="5I"), ZmwOutcome.EMPTY),
    "no pw": (Record(tags={"pw": None}), ZmwOutcome.NO_KINETICS),
    "no ip": (Record(tags={"ip": None}), ZmwOutcome.NO_KINETICS),
    "no sn": (Record(tags={"sn": None}), ZmwOutcome.NO_SNR),
    "short pw": (Record(tags={"pw": array("B", [1, 2])}), ZmwOutcome.MALFORMED),
    "pw is text": (Record(tags={"pw": "ABCDE"}), ZmwOutcome.MALFORMED),
    "ip is signed": (Record(tags={"ip": array("h", [-1, 2, 3, 4, 5])}), ZmwOutcome.MALFORMED),
    "three sn": (Record(tags={"sn": array("f", [1, 2, 3])}), ZmwOutcome.MALFORMED),
    "sn is text": (Record(tags={"sn": "high"}), ZmwOutcome.MALFORMED),
    "sn is no number": (Record(tags={"sn": array("f", [1, 2, 3, np.nan])}), ZmwOutcome.MALFORMED),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_subread_is_counted_and_the_others_are_used(tmp_path: Path, kind: str) -> None:
    record, outcome = BAD[kind]
    (zmw,), reports = run(tmp_path, [Record(), record, Record()], ["m1/1/ccs"])
    assert len(zmw.subreads) == 2
    assert zmw.unused == {outcome: 1}
    assert not reports


@pytest.mark.parametrize("kind", BAD)
def test_a_zmw_of_bad_subreads_is_reported(tmp_path: Path, kind: str) -> None:
    record, outcome = BAD[kind]
    records = [record, record, Record(target="m1/2/ccs")]
    zmws, reports = run(tmp_path, records, ["m1/1/ccs", "m1/2/ccs"])
    assert [zmw.name for zmw in zmws] == ["m1/2/ccs"]
    assert reports == {"m1/1/ccs": outcome}


def test_what_is_there_on_one_side_only(tmp_path: Path) -> None:
    records = [Record(), Record(target="m1/2/ccs"), Record(flag=4, target=None, name="m1/9/0_5")]
    zmws, reports = run(tmp_path, records, ["m1/3/ccs", "m1/1/ccs", "m1/4/ccs"], more=("m1/3/ccs",))
    assert [zmw.name for zmw in zmws] == ["m1/1/ccs"]
    assert reports == {
        "m1/2/ccs": ZmwOutcome.NO_CCS,
        "m1/9": ZmwOutcome.UNMAPPED,  # there is no CCS read to name it by
        "m1/3/ccs": ZmwOutcome.NO_SUBREADS,
        "m1/4/ccs": ZmwOutcome.NO_SUBREADS,
    }


def test_ccs_reads_that_do_not_fit(tmp_path: Path) -> None:
    names = ["m1/1/ccs", "m1/2/ccs", "m1/3/ccs", "m1/3/ccs"]
    records = [Record(target=name) for name in names[:3]]
    subreads = write_subreads(tmp_path / "s.bam", records)
    sequences = {"m1/1/ccs": "ACGTACG", "m1/2/ccs": "", "m1/3/ccs": "ACGTACGT"}
    zmws, reports = read(subreads, write_ccs(tmp_path / "c.bam", names, sequences.__getitem__))
    assert [zmw.name for zmw in zmws] == ["m1/3/ccs"]
    assert reports == {
        "m1/3/ccs": ZmwOutcome.DUPLICATE_CCS,
        "m1/1/ccs": ZmwOutcome.CCS_DIFFERS,
        "m1/2/ccs": ZmwOutcome.EMPTY_CCS,
    }


def test_subreads_in_two_places(tmp_path: Path) -> None:
    records = [Record(), Record(target="m1/2/ccs"), Record(), Record(target="m1/2/ccs"), Record()]
    zmws, reports = run(tmp_path, records, ["m1/1/ccs", "m1/2/ccs"])
    assert [(zmw.name, len(zmw.subreads)) for zmw in zmws] == [("m1/1/ccs", 1), ("m1/2/ccs", 1)]
    assert set(reports.values()) == {ZmwOutcome.NOT_CONTIGUOUS}
    assert set(reports) == {"m1/1/ccs", "m1/2/ccs"}


def test_strands_apart_and_names_of_all_machines(tmp_path: Path) -> None:
    names = [
        "m54238_180901_011437/4194375/ccs",
        "m64011_190228_190319/8/ccs",
        "m84004_220919_222401_s1/206377606/ccs/fwd",
        "m84004_220919_222401_s1/206377606/ccs/rev",
    ]
    order = [0, 0, 1, 2, 3, 2, 3, 3]
    zmws, reports = run(tmp_path, [Record(target=names[i]) for i in order], names[::-1])
    assert [(zmw.name, len(zmw.subreads)) for zmw in zmws] == list(zip(names, [2, 1, 2, 3], strict=True))
    assert all(zmw.ccs.sequence == ccs_sequence(zmw.name) for zmw in zmws)
    assert not reports
    lone = [Record(flag=4, target=None, name="m8/2/0_5")]
    _, reports = run(tmp_path, lone, ["m8/2/ccs/fwd", "m8/2/ccs/rev"], more=("m8/2/ccs/rev",))
    assert set(reports) == {"m8/2/ccs/fwd", "m8/2/ccs/rev"}


@pytest.mark.parametrize("seed", range(5))
def test_every_ccs_read_is_accounted_for_once(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    names = [f"m1/{i}/ccs" for i in range(40)]
    kinds = [record for record, _ in BAD.values() if record.target]
    records = []
    for name in rng.sample(names, 30):
        for _ in range(rng.randint(1, 3)):
            bad = rng.choice([*kinds, *[Record()] * 9])
            records.append(Record(name, bad.flag, bad.sequence, bad.cigar, bad.start, bad.tags))
    given = rng.sample(names, 33)
    zmws, reports = run(tmp_path, records, given, more=tuple(names))
    found = [zmw.name for zmw in zmws]
    assert sorted([*found, *reports]) == sorted({*given, *(record.target or "" for record in records)})
    # in the order of the subreads, whatever that of the CCS reads
    assert found == [name for name in dict.fromkeys(record.target for record in records) if name in found]
    assert all(zmw.ccs.sequence == ccs_sequence(zmw.name) for zmw in zmws)


def keep(zmws: Iterator[ZmwReads], found: list[ZmwReads]) -> None:
    """Moves what is yielded before an error to a list."""
    for zmw in zmws:
        found.append(zmw)


@pytest.mark.parametrize("kind", ["cut", "overwritten"])
def test_a_damaged_file(tmp_path: Path, kind: str, capfd: pytest.CaptureFixture[str]) -> None:
    names = [f"m1/{i}/ccs" for i in range(60)]
    rng = random.Random(1)
    records = [
        Record(name, sequence="".join(rng.choices("ACGT", k=9000)), cigar="2=8996I2=")
        for name in names
        for _ in range(2)
    ]
    path = write_subreads(tmp_path / "s.bam", records)
    whole = path.read_bytes()
    half = len(whole) // 2
    path.write_bytes(whole[:half] + (END if kind == "cut" else b"damage" + whole[half + 6 :]))
    ccs = write_ccs(tmp_path / "c.bam", names)
    reports: list[ZmwReport] = []
    found: list[ZmwReads] = []
    with pytest.raises(BadInputError, match=r"s\.bam: .*cut off"):
        keep(read_zmws(path, ccs, reports.append), found)
    assert 10 < len(found) < 50
    # the last one may lack subreads, so it is not among them
    assert [zmw.name for zmw in found] == names[: len(found)]
    assert all(len(zmw.subreads) == 2 for zmw in found)
    assert {report.outcome for report in reports} == {ZmwOutcome.TRUNCATED}
    assert [report.name for report in reports] == names[len(found) :]
    assert capfd.readouterr().err == ""


def test_a_file_without_its_end_is_refused_at_once(tmp_path: Path) -> None:
    path = write_subreads(tmp_path / "s.bam", [Record()])
    path.write_bytes(path.read_bytes().removesuffix(END))
    with pytest.raises(BadInputError, match=r"s\.bam: .*cut off"):
        next(read_zmws(path, write_ccs(tmp_path / "c.bam", ["m1/1/ccs"]), print))


def test_ccs_reads_that_cannot_be_read(tmp_path: Path) -> None:
    subreads = write_subreads(tmp_path / "s.bam", [Record()])
    ccs = write_ccs(tmp_path / "c.bam", ["m1/1/ccs"])
    ccs.write_bytes(ccs.read_bytes().removesuffix(END))
    with pytest.raises(BadInputError, match=r"c\.bam: .*cut off"):
        list(read_zmws(subreads, ccs, print))
    with pytest.raises(BadInputError, match=r"none\.bam"):
        list(read_zmws(subreads, tmp_path / "none.bam", print))


def test_a_human_run_in_any_order(shared: Path, tmp_path: Path) -> None:
    folder = shared / "data" / "pacbio" / "human_1m_dev"
    zmws, reports = read(folder / "subreads_to_ccs.bam", folder / "ccs.bam")
    passes = {zmw.name.split("/")[1]: len(zmw.subreads) for zmw in zmws}
    assert passes == {
        "4194375": 7, "4194376": 3, "4194377": 1, "4194379": 4, "4194381": 18, "4194382": 18, "4194383": 19,
        "4194384": 11, "4194387": 1,
    }  # fmt: skip
    with pysam.AlignmentFile(str(folder / "ccs.bam"), check_sq=False) as source:
        records = list(source)
        with pysam.AlignmentFile(str(tmp_path / "c.bam"), "wb", header=source.header) as target:
            for record in records[::-1]:
                target.write(record)
    again, reports_again = read(folder / "subreads_to_ccs.bam", tmp_path / "c.bam")
    assert [(z.name, z.ccs.sequence) for z in again] == [(z.name, z.ccs.sequence) for z in zmws]
    known = {record.query_name for record in records}
    assert known == {*(zmw.name for zmw in zmws), *reports}
    assert reports_again == reports


def test_a_reverse_ccs_read_without_qualities(tmp_path: Path) -> None:
    """CCS reads that were aligned and turned, made from FASTA: the read is turned back."""
    path = write_ccs(tmp_path / "c.bam", ["m1/1/ccs"])
    with pysam.AlignmentFile(str(path), check_sq=False) as file:
        header = file.header.to_dict()
        (record,) = list(file)
        bases = record.query_sequence or ""
        record.query_qualities = None
        record.flag |= 16
    with pysam.AlignmentFile(str(path), "wb", header=header) as file:
        file.write(record)
    turned = write_subreads(tmp_path / "s.bam", [Record()])
    (zmw,) = read(turned, path)[0]
    assert zmw.ccs.qualities is None
    assert zmw.ccs.sequence == bases.translate(str.maketrans("ACGT", "TGCA"))[::-1]
