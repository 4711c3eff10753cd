"""`lexome merge` as it is typed, on what `lexome basecall --shard` writes."""

from collections.abc import Callable
from pathlib import Path

import pysam
import pytest

from lexome.io.calls import read_calls

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def folder(
    mixed_pod5: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_model: Path, lexome: Run
) -> Path:
    """Where the commands are typed: the two shards of a run, and the whole of it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reads.pod5").write_bytes(mixed_pod5.read_bytes())
    for options in (
        ("-o", "1.bam", "--shard", "1/2"),
        ("-o", "2.bam", "--shard", "2/2"),
        ("-o", "whole.bam"),
    ):
        code, _, err = lexome("basecall", "reads.pod5", "-m", small_model, *options)
        assert code == 0, err
    return tmp_path


def test_shards_are_joined(lexome: Run, folder: Path) -> None:
    code, out, err = lexome("merge", "2.bam", "1.bam", "-o", "all.bam")
    assert (code, out, err) == (0, "", "lexome: merged 2 parts, 14 reads\n")
    assert sorted(pysam.view("all.bam").splitlines()) == sorted(pysam.view("whole.bam").splitlines())
    assert 0 < len(list(read_calls(folder / "1.bam"))) < 14
    header = pysam.view("-H", "all.bam")
    assert "lexome merge 2.bam 1.bam -o all.bam" in header
    assert "shard:" not in header
    assert "\tDS:device:cpu settings:" in header


BAD = [
    (("1.bam", "-o", "x.bam"), 2, "1.bam: is shard 1/2, but there are 1 parts; missing: 2/2"),
    (("1.bam", "half.bam", "-o", "x.bam"), 1, "is not of shard 2/2"),
    (("1.bam", "whole.bam", "-o", "x.bam"), 2, "add --no-shards"),
    (("1.bam", "1.bam", "-o", "x.bam"), 2, "1.bam: is given twice"),
    (("1.bam", "whole.bam", "--no-shards", "-o", "x.bam"), 1, "is there twice in the parts"),
    (("1.bam", "cut.bam", "-o", "x.bam"), 1, "cut.bam: is cut off"),
    (("1.bam", "2.bam", "-o", "x"), 2, "the ending decides the format"),
    (("1.bam", "2.bam", "-o", "x.fastq"), 2, "x.fastq: the parts are SAM, BAM or CRAM"),
    (("1.bam", "none.bam", "-o", "x.bam"), 2, "none.bam: no such file"),
    (("1.bam", "reads.pod5", "-o", "x.bam"), 2, "reads.pod5: no name of called reads"),
]


def test_errors_are_one_line(lexome: Run, folder: Path) -> None:
    (folder / "cut.bam").write_bytes((folder / "2.bam").read_bytes()[:-10])
    with (
        pysam.AlignmentFile("whole.bam", check_sq=False) as whole,
        pysam.AlignmentFile("2.bam", check_sq=False) as part,
    ):
        with pysam.AlignmentFile("half.bam", "wb", header=part.header) as half:
            for segment in whole:
                half.write(segment)
    for arguments, code, words in BAD:
        given, out, err = lexome("merge", *arguments)
        assert (given, out) == (code, ""), err
        assert len(err.splitlines()) == 1, err
        assert err.startswith("lexome: ")
        assert words in err
        assert not list(folder.glob("x*"))
