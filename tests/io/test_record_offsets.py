"""Records of a BAM file found by number."""

from pathlib import Path

import pysam
import pytest

from lexome.core.errors import BadInputError
from lexome.io.alignment_files import open_alignments
from lexome.io.bgzf import END
from lexome.io.record_offsets import RecordOffsets


def write(path: Path, names: list[str], mode: str = "wb") -> Path:
    with pysam.AlignmentFile(str(path), mode, text="@HD\tVN:1.6\n") as file:
        for name in names:
            record = pysam.AlignedSegment(file.header)
            record.query_name, record.flag, record.query_sequence = name, 4, "ACGT" * 2000
            file.write(record)
    return path


def number_of(record: pysam.AlignedSegment) -> int:
    return int(record.query_name or "") % 100


def test_records_in_any_order(tmp_path: Path) -> None:
    names = [str(100 + i) for i in range(50, 0, -1)]
    path = write(tmp_path / "a.bam", [*names, "207", "199"])
    repeated = []
    with open_alignments(path) as file:
        offsets = RecordOffsets(path, file, 100, number_of, lambda record: repeated.append(record.query_name))
        for number in [3, 50, 1, 2, 99, 3]:
            assert offsets.read(number).query_name == str(100 + number)
        assert [number in offsets for number in (-1, 0, 1, 50, 51, 99, 100)] == [
            False, False, True, True, False, True, False,
        ]  # fmt: skip
    assert repeated == ["207"]


def test_records_that_are_not_wanted(tmp_path: Path) -> None:
    path = write(tmp_path / "a.bam", ["1", "2"])
    with open_alignments(path) as file:
        offsets = RecordOffsets(path, file, 3, lambda record: -1 if record.query_name == "1" else 2)
        assert [number in offsets for number in range(3)] == [False, False, True]


def test_what_is_no_whole_bam_file(tmp_path: Path) -> None:
    whole = write(tmp_path / "a.bam", [str(i) for i in range(90)]).read_bytes()
    cases = {
        "cut.bam": (whole.removesuffix(END), "cut off"),
        "middle.bam": (whole[: len(whole) // 2] + END, "damaged"),
    }
    for name, (content, _) in cases.items():
        (tmp_path / name).write_bytes(content)
    write(tmp_path / "text.sam", ["1"], "w")
    for name, reason in [(name, reason) for name, (_, reason) in cases.items()] + [("text.sam", "not a BAM")]:
        with (
            pytest.raises(BadInputError, match=rf"{name}: .*{reason}"),
            open_alignments(tmp_path / name) as file,
        ):
            RecordOffsets(tmp_path / name, file, 100, number_of)


def test_a_file_that_became_shorter(tmp_path: Path) -> None:
    path = write(tmp_path / "a.bam", [str(i) for i in range(90)])
    with open_alignments(path) as file:
        offsets = RecordOffsets(path, file, 100, number_of)
        write(tmp_path / "b.bam", ["1"])
        path.write_bytes((tmp_path / "b.bam").read_bytes())  # the same file, not another of its name
        with pytest.raises(BadInputError, match=r"a\.bam: "):
            offsets.read(89)
