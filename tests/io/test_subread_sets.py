"""Data sets, lists and single files of reads; nothing harmful gets through."""

import tracemalloc
from pathlib import Path

import pysam
import pytest

from lexome.core.errors import BadInputError
from lexome.io import subread_sets
from lexome.io.bgzf import END
from lexome.io.subread_sets import holes, read_set

HEAD = """<?xml version="1.0" encoding="utf-8"?>
<pbds:SubreadSet xmlns:pbds="http://pacificbiosciences.com/PacBioDatasets.xsd"
  xmlns:pbbase="http://pacificbiosciences.com/PacBioBaseDataModel.xsd" Name="one">
"""
RESOURCE = '<pbbase:ExternalResource MetaType="PacBio.SubreadFile.{kind}" ResourceId="{name}">{inner}\n'
CLOSE = "</pbbase:ExternalResource>"


def write_bam(path: Path, names: list[str]) -> Path:
    with pysam.AlignmentFile(str(path), "wb", text="@HD\tVN:1.6\n") as file:
        for name in names:
            record = pysam.AlignedSegment(file.header)
            record.query_name, record.flag, record.query_sequence = name, 4, "ACGT" * 10
            file.write(record)
    return path


def data_set(*resources: str, filters: str = "") -> str:
    inside = "<pbbase:ExternalResources>" + "".join(resources) + "</pbbase:ExternalResources>"
    return f"{HEAD}{inside}{filters}</pbds:SubreadSet>"


def resource(name: str, kind: str = "SubreadBamFile", inner: str = "") -> str:
    return RESOURCE.format(kind=kind, name=name, inner=inner) + CLOSE


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "deep").mkdir()
    for name in ("a.bam", "deep/b.bam", "a.scraps.bam", "c d.bam"):
        write_bam(tmp_path / name, ["m/1/0_40"])
    return tmp_path


def test_a_data_set_names_its_reads_but_not_scraps_and_indexes(folder: Path) -> None:
    inner = "<pbbase:ExternalResources>" + resource("a.scraps.bam", "ScrapsBamFile")
    inner += "</pbbase:ExternalResources><pbbase:FileIndices><pbbase:FileIndex ResourceId='a.bam.pbi'/>"
    inner += "</pbbase:FileIndices>"
    filters = '<pbds:Filters><pbds:Filter UniqueId="x"/><pbds:Filter UniqueId="y"/></pbds:Filters>'
    text = data_set(resource("a.bam", inner=inner), resource("deep/b.bam"), filters=filters)
    path = folder / "m.subreadset.xml"
    path.write_text(text)
    found = read_set(path)
    assert found.files == (folder / "a.bam", folder / "deep" / "b.bam")
    assert found.num_filters == 2


def test_names_are_relative_to_the_data_set_whole_or_addresses(folder: Path) -> None:
    other = folder / "deep" / "x.consensusreadset.xml"
    names = ["../a.bam", str(folder / "c d.bam"), (folder / "deep" / "b.bam").as_uri()]
    other.write_text(data_set(*(resource(name, "ConsensusReadFile.ConsensusReadBamFile") for name in names)))
    assert [file.name for file in read_set(other).files] == ["a.bam", "c d.bam", "b.bam"]
    spaced = folder / "s.xml"
    spaced.write_text(data_set(resource((folder / "c d.bam").as_uri())))
    assert read_set(spaced).files == (folder / "c d.bam",)
    plain = folder / "p.xml"
    untyped = '<pbbase:ExternalResource ResourceId="{}"/>'
    plain.write_text(
        data_set(untyped.format("a.bam"), untyped.format("a.scraps.bam"), untyped.format("a.txt"))
    )
    assert read_set(plain).files == (folder / "a.bam",)


def test_a_list_and_a_single_file(folder: Path) -> None:
    listed = folder / "all.fofn"
    listed.write_text(f"# reads\na.bam\n\n  deep/b.bam \r\n{folder / 'c d.bam'}\n")
    assert [file.name for file in read_set(listed).files] == ["a.bam", "b.bam", "c d.bam"]
    assert read_set(folder / "a.bam").files == (folder / "a.bam",)


BILLION = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "{0}"><!ENTITY b "&a;&a;">]><x>&b;</x>'


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("gone.bam", None, "no such file"),
        ("gone.xml", None, "cannot be read"),
        ("a.xml", "<x>", "no readable XML"),
        ("a.xml", "plain", "no readable XML"),
        ("a.xml", "<x/>", "names no file of reads"),
        ("a.xml", BILLION.format("ha" * 50), "document type"),
        ("a.xml", '<!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>', "document type"),
        ("a.xml", data_set(resource("http://example.org/a.bam")), "no file of this machine"),
        ("a.xml", data_set(resource("")), "no ResourceId"),
        ("a.xml", data_set(resource("lost.bam")), "lost.bam, which is not there"),
        ("a.xml", data_set(resource("a.bam"), resource("deep/../a.bam")), "twice"),
        ("a.fofn", "a.bam\nlost.bam\n", "lost.bam, which is not there"),
        ("a.fofn", "a.bam\na.bam\n", "twice"),
        ("a.fofn", "\n# nothing\n", "names no file"),
        ("a.fofn", "reads.fastq\n", "reads.fastq"),
        ("a.fofn", b"\xff\xfe\x00", "not text"),
        ("a.fofn", b"a\0b\n", "zero bytes"),
    ],
)
def test_what_is_no_set_of_reads(folder: Path, name: str, content: str | bytes | None, message: str) -> None:
    path = folder / f"own_{name}"
    (folder / "reads.fastq").write_text("@a\nA\n+\nI\n")
    if content is not None:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(BadInputError, match=message) as error:
        read_set(path)
    assert str(path) in str(error.value)


def test_a_large_file_is_not_read_whole(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subread_sets, "MAX_BYTES", 1000)
    path = folder / "large.fofn"
    path.write_bytes(b"a.bam\n" * 2_000_000)
    tracemalloc.start()
    with pytest.raises(BadInputError, match="larger"):
        read_set(path)
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()
    monkeypatch.setattr(subread_sets, "MAX_FILES", 1)
    path.write_text("a.bam\ndeep/b.bam\n")
    with pytest.raises(BadInputError, match="more than 1"):
        read_set(path)


def test_records_come_by_hole_and_those_before_damage_first(tmp_path: Path) -> None:
    first = write_bam(tmp_path / "a.bam", ["m/1/0_40", "m/1/50_90", "m/2/0_40", "m/1/100_140"])
    names = [f"m/{100 + i // 3}/{i}_40" for i in range(30_000)]
    second = write_bam(tmp_path / "b.bam", names)
    groups = [(hole, len(records)) for hole, records in holes((first, second))]
    assert groups[:4] == [("m/1", 2), ("m/2", 1), ("m/1", 1), ("m/100", 3)]
    assert len(groups) == 3 + 10_000
    second.write_bytes(second.read_bytes()[: second.stat().st_size // 2] + END)  # damaged in the middle
    found = []
    with pytest.raises(BadInputError, match="b.bam"):  # noqa: PT012
        for hole, records in holes((first, second)):
            found.append((hole, len(records)))
    assert found == groups[: len(found)]
    assert 100 < len(found) < 9_000
