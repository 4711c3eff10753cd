import gzip
import os
import subprocess
import sys
from pathlib import Path

import pysam
import pytest

from lexome.core.errors import LexomeError, UsageError
from lexome.io.calls import read_calls
from lexome.io.hts import OutputHeader
from lexome.io.output import check_output, open_output

ENDINGS = [
    ".sam",
    ".bam",
    ".cram",
    ".fastq",
    ".fastq.gz",
    ".fq",
    ".fq.gz",
    ".fasta",
    ".fasta.gz",
    ".fa",
    ".fa.gz",
]
ORDER = "qs du ns ts mx ch st rn fn sm sd sv dx RG mv po er me".split()
TYPES = dict(zip(ORDER, "f f i i i i Z i Z f f Z i Z B Z Z I".split(), strict=True))


@pytest.fixture
def header(make_run) -> OutputHeader:
    return OutputHeader(
        [make_run("run-a"), make_run("run-b")], "fast@v1", 6, "1.2.3", "lexome basecall", "cpu"
    )


@pytest.fixture
def calls(make_call, make_read, make_run):
    second = make_run("run-b")
    lengths = [300, 1, 61, 2000]
    calls = [make_call(n, bases=bases) for n, bases in enumerate(lengths, 1)]
    return [*calls, make_call(9, info=make_read(9, run=second).info)]


def write(path: Path, header, calls, emit_moves=True) -> Path:
    with open_output(path, header, emit_moves) as output:
        for call in calls:
            output.write(call)
        assert output.partial_path == path.with_name(path.name + ".partial")
        assert not path.exists()
    return path


def interrupted(path: Path | None, header, calls, failure: BaseException) -> Path | None:
    """Writes, fails, and gives the path where the calls are left."""
    with pytest.raises(type(failure)) as error:  # noqa: PT012
        with open_output(path, header) as output:
            for call in calls:
                output.write(call)
            raise failure
    assert error.value is failure
    return output.partial_path


def assert_same(path: Path, calls) -> None:
    found = list(read_calls(path))
    assert [read.read_id for read in found] == [call.read_id for call in calls]
    for read, call in zip(found, calls, strict=True):
        assert read.sequence == call.sequence
        if read.qualities is not None:
            assert read.qualities.tolist() == call.qualities.tolist()
        assert read.tags["RG"] == f"{call.run.run_id}_fast@v1"
        assert read.tags["ch"] == call.info.channel


@pytest.mark.parametrize("ending", ENDINGS)
class TestEveryFormat:
    def test_round_trip(self, tmp_path, header, calls, ending):
        path = write(tmp_path / f"calls{ending}", header, calls)
        assert_same(path, calls)
        assert [p.name for p in tmp_path.iterdir()] == [path.name]
        has_qualities = [read.qualities is not None for read in read_calls(path)]
        assert all(has_qualities) != (".fa" in ending and "fastq" not in ending)

    def test_same_bytes_every_time(self, tmp_path, header, calls, ending, monkeypatch):
        first = write(tmp_path / f"one{ending}", header, calls).read_bytes()
        monkeypatch.setattr("time.time", lambda: 1e9)
        assert write(tmp_path / f"two{ending}", header, calls).read_bytes() == first

    @pytest.mark.parametrize("failure", [RuntimeError("no memory"), KeyboardInterrupt()])
    def test_a_failure_keeps_what_was_finished(self, tmp_path, header, calls, ending, failure):
        path = tmp_path / f"calls{ending}"
        path.write_text("what was there before")
        partial = interrupted(path, header, calls[:3], failure)
        assert path.read_text() == "what was there before"
        assert_same(partial, calls[:3])

    def test_no_reads(self, tmp_path, header, ending):
        assert list(read_calls(write(tmp_path / f"calls{ending}", header, []))) == []

    def test_a_read_without_bases(self, tmp_path, header, make_call, ending):
        call = make_call(bases=0)
        assert_same(write(tmp_path / f"calls{ending}", header, [call, make_call(2)]), [call, make_call(2)])

    def test_a_run_that_was_not_announced(self, tmp_path, header, make_call, make_read, make_run, ending):
        stranger = make_call(info=make_read(run=make_run("run-z")).info)
        with pytest.raises(LexomeError, match="run-z"):
            write(tmp_path / f"calls{ending}", header, [stranger])
        assert not (tmp_path / f"calls{ending}").exists()

    @pytest.mark.skipif(
        not Path("/dev/full").exists(), reason="needs /dev/full, a device that is always full"
    )
    # CRAM writes at once when opened, and pysam complains a second time while it drops the half-made file
    @pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
    def test_full_disk(self, tmp_path, header, make_call, ending):
        path = tmp_path / f"calls{ending}"
        os.symlink("/dev/full", tmp_path / f"calls{ending}.partial")
        with pytest.raises(LexomeError, match=r"\.partial: cannot be written") as error:
            write(path, header, [make_call(n, bases=5000) for n in range(1, 40)])
        assert "\n" not in str(error.value)
        assert not path.exists()


class TestBamAndSam:
    @pytest.mark.parametrize("ending", [".sam", ".bam"])
    def test_header_tags_and_types(self, tmp_path, header, calls, ending):
        path = write(tmp_path / f"calls{ending}", header, calls)
        with pysam.AlignmentFile(str(path), check_sq=False) as file:
            assert str(file.header).rstrip() == header.sam_text().rstrip()
            segments = list(file.fetch(until_eof=True))
        for segment, call in zip(segments, calls, strict=True):
            assert segment.is_unmapped
            assert segment.flag == 4
            tags = segment.get_tags(with_value_type=True)
            assert [tag[0] for tag in tags] == ORDER
            if ending == ".bam":  # as text every integer is of type i
                assert {tag[0]: tag[2] for tag in tags} == TYPES
            assert segment.get_tag("mv").tolist() == [6, *call.moves.tolist()]
            assert segment.get_tag("mv").typecode == "b"
            assert segment.get_tag("sd") == 24.5

    def test_samtools_finds_nothing_wrong(self, tmp_path, header, calls):
        for ending in (".bam", ".cram"):
            path = str(write(tmp_path / f"calls{ending}", header, calls))
            pysam.quickcheck("-u", path)
            assert pysam.view("-c", "-f", "4", path).strip() == "5"

    def test_sam_and_bam_say_the_same(self, tmp_path, header, calls):
        sam = write(tmp_path / "calls.sam", header, calls)
        bam = write(tmp_path / "calls.bam", header, calls)
        assert pysam.view("-h", "--no-PG", str(bam)) == sam.read_text()

    def test_interrupted_bam_has_its_end_block(self, tmp_path, header, calls):
        partial = interrupted(tmp_path / "calls.bam", header, calls, KeyboardInterrupt())
        pysam.quickcheck("-u", str(partial))

    def test_moves_only_when_asked(self, tmp_path, header, calls):
        path = write(tmp_path / "calls.bam", header, calls, emit_moves=False)
        assert not any("mv" in read.tags for read in read_calls(path))

    def test_stride_that_does_not_fit(self, tmp_path, make_run):
        wide = OutputHeader([make_run()], "m", 128, "1", "lexome")
        with (
            pytest.raises(UsageError, match="128"),
            open_output(tmp_path / "calls.bam", wide, emit_moves=True),
        ):
            pass
        assert list(tmp_path.iterdir()) == []


def test_fastq_text(tmp_path, header, make_call):
    call = make_call(1, bases=4)
    lines = write(tmp_path / "calls.fastq", header, [call]).read_text().splitlines()
    name, *tags = lines[0].split("\t")
    assert name == f"@{call.read_id}"
    assert [tag[:5] for tag in tags] == ["RG:Z:", "st:Z:", "DS:Z:", "qs:f:", "ch:i:", "PU:Z:", "DT:Z:"]
    assert (
        tags[1] == "st:Z:2025-02-05T23:09:22.792000+00:00"
    )  # 123,456 samples at 5 kHz after the run's start
    assert "basecall_model=fast@v1" in tags[2]
    assert lines[1:] == [call.sequence, "+", "".join(chr(33 + q) for q in call.qualities)]


def test_gzip_header_holds_no_time_and_no_name(tmp_path, header, calls):
    data = write(tmp_path / "calls.fastq.gz", header, calls).read_bytes()
    assert data[3] == 0, "flags: no file name"
    assert data[4:8] == bytes(4), "modification time"
    assert gzip.decompress(data).count(b"\n") == 4 * len(calls)


class TestRefusals:
    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("calls.txt", r"the ending decides the format; .*known: .*\.bam"),
            ("calls", "the ending decides the format"),
            ("calls.bm", r"did you mean '\.bam'"),
            ("calls.bam.gz", "the ending decides the format"),
            ("missing/calls.bam", "the folder .*missing does not exist"),
            ("folder.bam", "is a folder"),
        ],
    )
    def test_before_any_work(self, tmp_path, header, name, message):
        (tmp_path / "folder.bam").mkdir()
        with pytest.raises(UsageError, match=message):
            check_output(tmp_path / name)
        with pytest.raises(UsageError, match=message), open_output(tmp_path / name, header):
            raise AssertionError("the work has begun")
        assert [p.name for p in tmp_path.iterdir()] == ["folder.bam"]

    @pytest.mark.parametrize("ending", [".bam", ".sam", ".fastq.gz"])
    def test_not_writable(self, tmp_path, header, ending):
        (tmp_path / f"calls{ending}.partial").mkdir()
        with (
            pytest.raises(LexomeError, match="cannot be written"),
            open_output(tmp_path / f"calls{ending}", header),
        ):
            raise AssertionError("the work has begun")

    def test_good_names(self, tmp_path):
        for ending in [*ENDINGS, ".BAM", ".v2.Fastq.GZ"]:
            check_output(tmp_path / f"calls{ending}")
        check_output(None)


class TestStdout:
    def test_sam(self, header, calls, capsysbinary, tmp_path):
        with open_output(None, header, emit_moves=True) as output:
            assert output.partial_path is None
            for call in calls:
                output.write(call)
        expected = write(tmp_path / "calls.sam", header, calls).read_bytes()
        assert capsysbinary.readouterr().out == expected

    def test_a_failure_goes_on(self, header, calls, capsysbinary):
        interrupted(None, header, calls[:1], BrokenPipeError("elsewhere"))
        assert capsysbinary.readouterr().out.count(b"\n") == 5

    @pytest.mark.parametrize("unbuffered", ["", "1"])
    @pytest.mark.parametrize("reads", [0, 1, 20_000])
    def test_a_reader_that_leaves(self, reads, unbuffered):
        """`lexome basecall ... | head -1` ends quietly, whether little or much was still to be written."""
        program = f"""
import sys
import numpy as np
from lexome.core.records import Basecall, ReadInfo, RunInfo
from lexome.io.hts import OutputHeader
from lexome.io.output import open_output
run = RunInfo("run", "cell", 5000, "device", "")
info = ReadInfo("read", 99, 1, 1, 1, 0, "", run, "f")
call = Basecall(info, "ACGT", np.full(4, 9, np.uint8), None, 6, 0, 0, 1, "", "m")
print("ready", file=sys.stderr, flush=True)
sys.stdin.readline()
with open_output(None, OutputHeader([run], "m", 6, "1", "lexome")) as output:
    for _ in range({reads}):
        output.write(call)
print("done", file=sys.stderr)
"""
        process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
        )
        assert process.stderr is not None
        assert process.stdout is not None
        assert process.stderr.readline() == "ready\n"
        process.stdout.close()
        process.stdout = None
        _, errors = process.communicate("go\n", timeout=60)
        assert (process.returncode, errors) == (0, "done\n")
