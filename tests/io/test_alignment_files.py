"""Alignment files of others: every damage is one error that names the file, and nothing is printed."""

from pathlib import Path

import pysam
import pytest

from lexome.core.errors import BadInputError
from lexome.io.alignment_files import open_alignments, reading


def read_all(path: Path) -> None:
    with open_alignments(path) as file, reading(path):
        list(file.fetch(until_eof=True))
        raise ValueError("read as if it were empty")


def test_a_sound_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.sam"
    path.write_text("@HD\tVN:1.6\nr1\t4\t*\t0\t0\t*\t*\t0\t0\tACGT\t!!!!\n")
    with open_alignments(path) as file:
        assert [record.query_name for record in file.fetch(until_eof=True)] == ["r1"]


@pytest.mark.parametrize(
    "content", [b"", b"no alignments", b"BAM\x01\xff\xff\xff\x7f", b"\x1f\x8b\x08\x04broken"]
)
def test_damage_is_one_error(tmp_path: Path, capfd: pytest.CaptureFixture[str], content: bytes) -> None:
    path = tmp_path / "a.bam"
    path.write_bytes(content)
    with pytest.raises(BadInputError, match=r"a\.bam: cannot be read"):
        read_all(path)
    assert capfd.readouterr().err == ""


def test_verbosity_is_as_before(tmp_path: Path) -> None:
    before = pysam.set_verbosity(2)
    try:
        with pytest.raises(BadInputError), reading(tmp_path / "x"):
            raise OSError("damaged")
        assert pysam.set_verbosity(2) == 2
    finally:
        pysam.set_verbosity(before)
