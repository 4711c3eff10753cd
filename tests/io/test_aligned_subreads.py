"""Records of aligned subreads: turned round, tags as they were, headers brought together."""

from array import array
from pathlib import Path

import pysam
import pytest

from lexome.core.errors import BadInputError, UsageError
from lexome.io.aligned_subreads import (
    Place,
    aligned_header,
    check_aligned_output,
    open_aligned,
    placed,
)

TEXT = (
    "@HD\tVN:1.5\tSO:queryname\tpb:3.0.5\n@RG\tID:{group}\tPL:PACBIO\tDS:{words}\n"
    "@PG\tID:baz\tPN:baz\tVN:{version}\n"
)


def write(path: Path, group: str = "g1", words: str = "READTYPE=SUBREAD", version: str = "1") -> Path:
    text = TEXT.format(group=group, words=words, version=version)
    with pysam.AlignmentFile(str(path), "wb", text=text + "@PG\tID:next\tPP:baz\n") as file:
        record = pysam.AlignedSegment(file.header)
        record.query_name, record.flag, record.query_sequence = "m/1/10_16", 4, "AACCGT"
        record.query_qualities = array("B", [0] * 6)
        record.set_tags(
            [
                ("cx", 3, "C"), ("ip", array("H", [1, 2, 3, 4, 500, 6])),
                ("pw", array("B", [9, 8, 7, 6, 5, 4])), ("sn", array("f", [1, 2, 3, 4])),
                ("zm", 3_000_000_000, "I"), ("NM", 3, "i"), ("RG", "g1", "Z"),
            ]
        )  # fmt: skip
        file.write(record)
    return path


def first_of(path: Path) -> pysam.AlignedSegment:
    with pysam.AlignmentFile(str(path), check_sq=False) as file:
        return next(file.fetch(until_eof=True))


@pytest.mark.parametrize("ending", [".bam", ".sam"])
def test_a_reverse_record_is_turned_round_but_its_kinetics_are_not(tmp_path: Path, ending: str) -> None:
    raw = first_of(write(tmp_path / "raw.bam"))
    header = aligned_header([tmp_path / "raw.bam"], {"m/2/ccs": 30, "m/1/ccs": 50}, "1", "x")
    output = tmp_path / f"out{ending}"
    with open_aligned(output, header) as writer:
        assert not output.exists()
        writer.write(raw, Place(1, 7, True, [(4, 1), (7, 3), (2, 2), (8, 2)]))
        writer.write(raw, Place(0, 3, False, [(7, 6)]))
    with pysam.AlignmentFile(str(output)) as file:
        reverse, forward = file
        assert (reverse.reference_name, forward.reference_name) == ("m/1/ccs", "m/2/ccs")
    assert (reverse.flag, reverse.mapping_quality, reverse.reference_start) == (16, 60, 7)
    assert (reverse.query_sequence, reverse.cigarstring) == ("ACGGTT", "1S3=2D2X")
    assert forward.query_sequence == "AACCGT"
    assert reverse.query_qualities is None  # all of them were 0
    kept = [tag for tag in raw.get_tags(with_value_type=True) if tag[0] != "NM"]
    if ending == ".sam":  # text knows no sizes of integers
        assert [tag[:2] for tag in reverse.get_tags(with_value_type=True) if tag[0] != "zm"] == [
            tag[:2] for tag in kept if tag[0] != "zm"
        ]
    else:
        assert reverse.get_tags(with_value_type=True) == forward.get_tags(with_value_type=True) == kept
    assert list(output.parent.glob("*.partial")) == []


def test_aligned_input_is_placed_anew(tmp_path: Path) -> None:
    header = aligned_header([write(tmp_path / "raw.bam")], {"m/1/ccs": 50}, "1", "x")
    raw = first_of(tmp_path / "raw.bam")
    raw.query_qualities = array("B", [1, 2, 3, 4, 5, 6])
    once = placed(raw, Place(0, 2, True, [(7, 6)]), header)
    assert list(once.query_qualities or []) == [6, 5, 4, 3, 2, 1]
    again = placed(once, Place(0, 4, False, [(7, 6)]), header)
    assert (again.flag, again.query_sequence, list(again.query_qualities or [])) == (
        0,
        "AACCGT",
        [1, 2, 3, 4, 5, 6],
    )


def test_what_was_written_before_an_error_stays(tmp_path: Path) -> None:
    header = aligned_header([write(tmp_path / "raw.bam")], {"m/1/ccs": 50}, "1", "x")
    raw, output = first_of(tmp_path / "raw.bam"), tmp_path / "o.bam"
    with pytest.raises(KeyboardInterrupt), open_aligned(output, header) as writer:  # noqa: PT012
        writer.write(raw, Place(0, 0, False, [(7, 6)]))
        raise KeyboardInterrupt
    assert not output.exists()
    assert first_of(tmp_path / "o.bam.partial").query_name == "m/1/10_16"


def test_the_header_brings_files_together(tmp_path: Path) -> None:
    first = write(tmp_path / "a.bam")
    second = write(tmp_path / "b.bam", group="g2", version="2")
    header = aligned_header(
        [first, second, first], {"m/1/ccs": 6}, "0.1", "lexome prepare\tx", "how"
    ).to_dict()
    assert header["HD"] == {"VN": "1.5", "SO": "unknown", "pb": "3.0.5"}
    assert header["SQ"] == [{"SN": "m/1/ccs", "LN": 6}]
    assert [group["ID"] for group in header["RG"]] == ["g1", "g2"]
    programs = {one["ID"]: one for one in header["PG"]}
    assert list(programs) == ["baz", "next", "baz.1", "next.1", "lexome-align"]
    assert programs["baz.1"]["VN"] == "2"
    assert programs["next.1"]["PP"] == "baz.1"
    own = programs["lexome-align"]
    assert own == {
        "ID": "lexome-align", "PN": "lexome", "PP": "next.1", "VN": "0.1", "CL": "lexome prepare_x",
        "DS": "how",
    }  # fmt: skip
    other = write(tmp_path / "c.bam", words="READTYPE=CCS")
    with pytest.raises(BadInputError, match=r"c\.bam: its read group g1"):
        aligned_header([first, other], {}, "0.1", "x")


def test_outputs_that_cannot_be(tmp_path: Path) -> None:
    for name in ("x.cram", "x.fastq", "x"):
        with pytest.raises(UsageError, match=r"\.bam or \.sam"):
            check_aligned_output(tmp_path / name)
    with pytest.raises(UsageError, match="does not exist"):
        check_aligned_output(tmp_path / "no" / "x.bam")
