import dataclasses
import gzip
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pysam
import pytest

from lexome.core.errors import LexomeError, UsageError
from lexome.core.records import Alignment
from lexome.io.calls import read_calls
from lexome.io.hts import OutputHeader
from lexome.io.hts_records import records
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


def interrupted(path: Path | None, header, calls, failure: BaseException, emit_moves=False) -> Path | None:
    """Writes, fails, and gives the path where the calls are left."""
    with pytest.raises(type(failure)) as error:  # noqa: PT012
        with open_output(path, header, emit_moves) as output:
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


def write_aligned(path: Path, aligned, sort=False) -> Path:
    with open_output(path, aligned.header, emit_moves=True, sort=sort) as output:
        for call, alignments in aligned.pairs():
            output.write(call, alignments)
    return path


def sorted_tags(text: str) -> list[list[str]]:
    """Fields without their order: CRAM holds the read group apart and gives it back as the last tag."""
    return [sorted(line.split("\t")) for line in text.splitlines()]


class TestAligned:
    @pytest.mark.parametrize("ending", [".sam", ".bam", ".cram"])
    def test_read_back(self, tmp_path, aligned, ending):
        """Each read once, in its own direction, without the reference at hand."""
        path = write_aligned(tmp_path / f"calls{ending}", aligned)
        aligned.reference.unlink()
        assert_same(path, aligned.calls.values())
        for read, call in zip(read_calls(path), aligned.calls.values(), strict=True):
            assert read.tags["mv"].tolist() == [6, *call.moves.tolist()]

    @pytest.mark.parametrize("ending", [".bam", ".cram"])
    def test_what_samtools_counts(self, tmp_path, aligned, ending):
        path = str(write_aligned(tmp_path / f"calls{ending}", aligned))
        aligned.reference.unlink()
        pysam.quickcheck(path)
        lines = pysam.flagstat(path).splitlines()
        counts = {line.split(" + 0 ")[1].split(" (")[0]: int(line.split()[0]) for line in lines}
        assert counts["in total"] == 10
        assert (counts["primary"], counts["secondary"], counts["supplementary"]) == (8, 1, 1)
        assert (counts["mapped"], counts["primary mapped"]) == (8, 6)

    def test_every_format_says_the_same(self, tmp_path, aligned):
        texts = [
            pysam.view("-h", "--no-PG", str(write_aligned(tmp_path / f"calls{ending}", aligned)))
            for ending in (".sam", ".bam", ".cram")
        ]
        assert texts[0] == (tmp_path / "calls.sam").read_text()
        assert texts[1] == texts[0]

        assert sorted_tags(texts[2]) == sorted_tags(texts[0])

    def test_cram_holds_the_bases_and_no_reference(self, tmp_path, aligned):
        """Left to itself htslib makes a reference up from the reads, and NM and MD anew when it is read."""
        path = write_aligned(tmp_path / "calls.cram", aligned)
        call, alignments = aligned.pairs()[0]
        (ours,) = records(call, aligned.header, True, alignments)
        with pysam.AlignmentFile(str(path)) as file:
            first = next(file)
        tags = [tag for tag in ours.get_tags(with_value_type=True) if tag[0] != "RG"]
        assert first.get_tags(with_value_type=True)[:-1] == tags

    def test_header(self, aligned):
        lines = aligned.header.sam_text().splitlines()
        assert lines[1:3] == ["@SQ\tSN:one\tLN:8000", "@SQ\tSN:two\tLN:8000"]
        aligner = aligned.header.aligner.split(" ", 1)
        assert lines[3].startswith("@PG\tID:basecaller\tPN:lexome")
        assert lines[4] == "\t".join(
            ["@PG", "ID:aligner", "PN:minimap2", "PP:basecaller", f"VN:{aligner[0]}", f"DS:{aligner[1]}"]
        )
        assert str(aligned.header.pysam_header).rstrip() == aligned.header.sam_text().rstrip()

    def test_sorted(self, tmp_path, aligned):
        path = write_aligned(tmp_path / "calls.bam", aligned, sort=True)
        assert sorted(p.name for p in tmp_path.iterdir()) == ["calls.bam", "calls.bam.bai"]
        with pysam.AlignmentFile(str(path)) as file:
            assert file.header.to_dict()["HD"]["SO"] == "coordinate"
            assert [read.query_name for read in file.fetch("one", 2700, 2750)] == [
                aligned.calls["reverse"].read_id
            ]

    @pytest.mark.parametrize("ending", [".sam", ".bam", ".cram"])
    def test_more_operations_than_a_bam_record_has_room_for(self, tmp_path, aligned, ending):
        """Above 65,535 the CIGAR moves into a tag of its own; whoever reads the file does not see that."""
        count = 40_000
        cigar = np.array([[1, 0], [1, 1]] * count)
        call = dataclasses.replace(
            aligned.calls["forward"], sequence="AC" * count, qualities=np.full(2 * count, 9, np.uint8)
        )
        place = Alignment("primary", "one", 0, count, 1, 0, 2 * count, cigar, 60, count, 0, f"{count}")
        header = dataclasses.replace(aligned.header, sequences=[("one", count), ("two", 5)])
        path = tmp_path / f"calls{ending}"
        with open_output(path, header, sort=True) as output:
            output.write(call, [place])
        with pysam.AlignmentFile(str(path)) as file:
            (segment,) = file.fetch(until_eof=True)
            assert len(segment.cigartuples) == 2 * count
            assert segment.reference_end == count
            assert not segment.has_tag("CG")

    def test_an_index_does_not_outlive_its_file(self, tmp_path, aligned):
        write_aligned(tmp_path / "calls.bam", aligned, sort=True)
        write_aligned(tmp_path / "calls.bam", aligned)
        assert [p.name for p in tmp_path.iterdir()] == ["calls.bam"]

    def test_a_failure_while_sorting_keeps_all(self, tmp_path, aligned, monkeypatch):
        def fail(*arguments, **options):
            raise LexomeError("the disk is full")

        monkeypatch.setattr("lexome.io.output.sort_and_index", fail)
        with pytest.raises(LexomeError, match="disk is full"):
            write_aligned(tmp_path / "calls.bam", aligned, sort=True)
        assert [p.name for p in tmp_path.iterdir()] == ["calls.bam.partial"]
        assert_same(tmp_path / "calls.bam.partial", aligned.calls.values())

    def test_text_to_stdout(self, tmp_path, aligned, capsysbinary):
        with open_output(None, aligned.header, emit_moves=True) as output:
            for call, alignments in aligned.pairs():
                output.write(call, alignments)
        expected = write_aligned(tmp_path / "calls.sam", aligned).read_bytes()
        assert capsysbinary.readouterr().out == expected

    def test_not_in_fastq(self, tmp_path, aligned):
        for ending in (".fastq", ".fa.gz"):
            with pytest.raises(UsageError, match="alignments need SAM, BAM or CRAM"):
                write_aligned(tmp_path / f"calls{ending}", aligned)
            with pytest.raises(UsageError, match="alignments need SAM, BAM or CRAM"):
                check_output(tmp_path / f"calls{ending}", aligned=True)
        assert list(tmp_path.iterdir()) == []

    def test_what_cannot_be_sorted(self, tmp_path, header):
        check_output(tmp_path / "calls.bam", aligned=True, sort=True)
        with pytest.raises(UsageError, match="name a file with -o"):
            check_output(None, aligned=True, sort=True)
        with (
            pytest.raises(UsageError, match="give a reference"),
            open_output(tmp_path / "calls.bam", header, sort=True),
        ):
            raise AssertionError("the work has begun")
        assert list(tmp_path.iterdir()) == []


def kept(path: Path) -> list:
    """The records of an output as they are given to `keep`."""
    if path.suffix in (".sam", ".bam", ".cram"):
        with pysam.AlignmentFile(str(path), check_sq=False) as file:
            return list(file.fetch(until_eof=True))
    opened = gzip.open(path, "rt") if path.suffix == ".gz" else path.open()
    with opened as stream:
        lines = stream.readlines()
    step = 4 if "q" in path.name.partition(".")[2] else 2
    return ["".join(lines[i : i + step]) for i in range(0, len(lines), step)]


class TestKeep:
    @pytest.mark.parametrize("ending", ENDINGS)
    def test_an_output_that_goes_on_is_the_same_to_the_byte(self, tmp_path, header, calls, make_call, ending):
        odd = make_call(30, qualities=np.full(200, 7, np.uint8), shift_pa=1 / 3, scale_pa=1e-7, bases=200)
        calls = [*calls, odd, make_call(31, bases=0)]
        whole = write(tmp_path / f"whole{ending}", header, calls)
        begun = interrupted(tmp_path / f"begun{ending}", header, calls[:-1], KeyboardInterrupt(), True)
        begun = begun.rename(tmp_path / f"begun{ending}")
        with open_output(tmp_path / f"going_on{ending}", header, emit_moves=True) as output:
            for record in kept(begun):
                output.keep(record)
            output.write(calls[-1])
        assert (tmp_path / f"going_on{ending}").read_bytes() == whole.read_bytes()

    @pytest.mark.parametrize("ending", [".sam", ".bam", ".cram"])
    def test_aligned(self, tmp_path, aligned, ending):
        whole = write_aligned(tmp_path / f"whole{ending}", aligned)
        with open_output(tmp_path / f"going_on{ending}", aligned.header, emit_moves=True) as output:
            for record in kept(whole)[:6]:
                output.keep(record)
            for call, alignments in aligned.pairs()[4:]:
                output.write(call, alignments)
        assert (tmp_path / f"going_on{ending}").read_bytes() == whole.read_bytes()

    @pytest.mark.parametrize("ending", [".sam", ".bam", ".cram"])
    def test_another_reference(self, tmp_path, aligned, ending):
        whole = write_aligned(tmp_path / f"whole{ending}", aligned)
        swapped = dataclasses.replace(aligned.header, sequences=aligned.header.sequences[::-1])
        with (
            pytest.raises(LexomeError, match="was aligned to one"),
            open_output(tmp_path / f"other{ending}", swapped) as output,
        ):
            output.keep(kept(whole)[0])

    @pytest.mark.parametrize(
        ("ending", "record"), [(".bam", "text\n"), (".sam", "text\n"), (".fq", "@r\nA\n+\nI"), (".fa", None)]
    )
    def test_the_wrong_kind_of_record(self, tmp_path, header, ending, record):
        record = pysam.AlignedSegment() if record is None else record
        with (
            pytest.raises(TypeError, match="is kept as"),
            open_output(tmp_path / f"calls{ending}", header) as output,
        ):
            output.keep(record)


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
    assert data[3] == 4, "flags: an extra field (the size of the block), no file name"
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
