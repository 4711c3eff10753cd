"""Files in, files out: the same bytes however the work is divided, order, bad input, interruptions."""

import dataclasses
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pysam
import pytest

from lexome.core.errors import BadInputError, LexomeError, UsageError
from lexome.decode.crf import Decoded
from lexome.evaluate.align import ReadAligner
from lexome.evaluate.reads import evaluate_reads
from lexome.io.calls import read_calls
from lexome.io.pod5 import write_pod5
from lexome.tasks.basecall.files import CallSummary, call_files
from lexome.tasks.basecall.model import BasecallModel, open_model
from lexome.tasks.basecall.plan import CallRequest, plan_calls

FORMATS = [".bam", ".sam", ".cram", ".fastq", ".fastq.gz", ".fasta"]


@pytest.fixture(scope="module")
def model(small_model: Path) -> BasecallModel:
    return open_model(small_model, device="cpu", threads=2, batch_size=4)


def call(model: BasecallModel, inputs: list[Path] | Path, output: Path | None, **options) -> CallSummary:
    request = CallRequest([inputs] if isinstance(inputs, Path) else inputs, output, **options)
    return call_files(request, plan_calls(request), model)


def numbers(path: Path) -> list[int]:
    """The numbers of the reads in a file of calls (they are their ids)."""
    return [int(read.read_id.replace("-", ""), 16) for read in read_calls(path)]


@pytest.fixture
def write(raw_read: Callable) -> Callable[..., Path]:
    """Writes reads of the given numbers into a POD5 file."""

    def write(path: Path, *wanted: int, **changes) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_pod5(path, [raw_read(number, 900 + number, **changes) for number in wanted])
        return path

    return write


@pytest.fixture(scope="module")
def expected(
    small_model: Path, mixed_pod5: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, bytes]:
    """The output of one chunk at a time in one thread, in every format."""
    folder = tmp_path_factory.mktemp("expected")
    model = open_model(small_model, device="cpu", threads=1, batch_size=1)
    for ending in FORMATS:
        call(model, mixed_pod5, folder / f"calls{ending}", emit_moves=True)
    return {ending: (folder / f"calls{ending}").read_bytes() for ending in FORMATS}


class TestTheSameBytes:
    """Neither the size of the batches nor the number of threads shows in the output."""

    @pytest.mark.parametrize(("batch_size", "threads"), [(1, 2), (7, 1), (7, 2), (32, 1), (32, 2)])
    def test_for_any_batch_and_threads(
        self, small_model, mixed_pod5, tmp_path, expected, batch_size, threads
    ) -> None:
        model = open_model(small_model, device="cpu", threads=threads, batch_size=batch_size)
        for ending in FORMATS:
            call(model, mixed_pod5, tmp_path / f"calls{ending}", emit_moves=True)
            assert (tmp_path / f"calls{ending}").read_bytes() == expected[ending], ending

    def test_they_hold_reads_of_all_sizes(self, expected, tmp_path) -> None:
        (tmp_path / "calls.sam").write_bytes(expected[".sam"])
        lengths = [len(read.sequence) for read in read_calls(tmp_path / "calls.sam")]
        assert len(lengths) == 14
        assert min(lengths) == 0
        assert max(lengths) > 500

    def test_the_command_is_in_the_header_alone(self, model, mixed_pod5, tmp_path, expected) -> None:
        call(model, mixed_pod5, tmp_path / "calls.sam", emit_moves=True, command_line="another command")
        lines = (tmp_path / "calls.sam").read_text().splitlines()
        changed = [i for i, line in enumerate(expected[".sam"].decode().splitlines()) if line != lines[i]]
        assert [lines[i].split("\t")[0] for i in changed] == ["@PG"]
        assert "CL:another command" in lines[changed[0]]
        assert "DS:device:cpu" in lines[changed[0]]


class TestOrder:
    def test_files_and_folders(self, model, write, tmp_path) -> None:
        write(tmp_path / "b" / "two.pod5", 5, 4)
        write(tmp_path / "b" / "one.pod5", 9, 8)
        write(tmp_path / "b" / "deep" / "x.pod5", 20)
        single = write(tmp_path / "a.pod5", 7, 3, 6)
        call(model, [tmp_path / "b", single], tmp_path / "flat.bam")
        assert numbers(tmp_path / "flat.bam") == [7, 3, 6, 9, 8, 5, 4]
        call(model, [single, tmp_path / "b"], tmp_path / "deep.bam", recursive=True)
        assert numbers(tmp_path / "deep.bam") == [7, 3, 6, 20, 9, 8, 5, 4]

    def test_a_file_that_is_named_twice_is_called_once(self, model, write, tmp_path) -> None:
        path = write(tmp_path / "in" / "a.pod5", 1, 2)
        summary = call(model, [path, tmp_path / "in", path], tmp_path / "calls.bam")
        assert (summary.reads, summary.skipped) == (2, [])

    def test_a_read_that_is_there_twice_is_called_once(self, model, write, tmp_path) -> None:
        write(tmp_path / "in" / "a.pod5", 1, 2)
        write(tmp_path / "in" / "b.pod5", 2, 3)
        summary = call(model, tmp_path / "in", tmp_path / "calls.bam")
        assert numbers(tmp_path / "calls.bam") == [1, 2, 3]
        assert len(summary.skipped) == 1
        assert "b.pod5" in summary.skipped[0].reason

    def test_every_run_has_its_read_group(self, model, write, tmp_path) -> None:
        write(tmp_path / "in" / "a.pod5", 1, run_id="first")
        write(tmp_path / "in" / "b.pod5", 2, run_id="second")
        call(model, tmp_path / "in", tmp_path / "calls.bam")
        groups = [read.tags["RG"] for read in read_calls(tmp_path / "calls.bam")]
        assert groups == ["first_small", "second_small"]


class TestCounts:
    def test_the_summary_says_what_the_file_holds(self, model, mixed_pod5, tmp_path) -> None:
        summary = call(model, mixed_pod5, tmp_path / "calls.bam")
        reads = list(read_calls(tmp_path / "calls.bam"))
        assert summary.reads == len(reads) == 14
        assert summary.bases == sum(len(read.sequence) for read in reads)
        assert summary.empty_reads == sum(not read.sequence for read in reads) > 0
        assert summary.samples == sum(read.tags["ns"] for read in reads)
        assert len(summary.skipped) == 4

    def test_progress_and_plan(self, model, mixed_pod5, tmp_path) -> None:
        request = CallRequest([mixed_pod5], tmp_path / "calls.bam")
        plan, told = plan_calls(request), []
        summary = call_files(request, plan, model, told.append)
        assert len(told) == 14
        assert told == sorted(told)
        assert told[-1] == summary.samples < plan.total_samples
        assert (plan.total_reads, len(plan.runs)) == (18, 1)


class TestReadsWithoutBases:
    """A read in which the network finds nothing is written, and counted everywhere."""

    @pytest.mark.parametrize("ending", FORMATS)
    def test_every_format_keeps_them(self, model, mixed_pod5, tmp_path, ending) -> None:
        summary = call(model, mixed_pod5, tmp_path / f"calls{ending}")
        empty = [read for read in read_calls(tmp_path / f"calls{ending}") if not read.sequence]
        assert len(empty) == summary.empty_reads > 0
        assert all(read.qualities is None or len(read.qualities) == 0 for read in empty)

    def test_sam_says_it_with_stars(self, model, mixed_pod5, tmp_path) -> None:
        call(model, mixed_pod5, tmp_path / "calls.sam")
        rows = [line.split("\t") for line in (tmp_path / "calls.sam").read_text().splitlines()]
        empty = [row for row in rows if row[0][0] != "@" and row[9] == "*"]
        assert empty
        assert {row[10] for row in empty} == {"*"}
        assert all("qs:f:0" in row for row in empty)

    @pytest.mark.parametrize("ending", [".bam", ".fastq", ".fasta"])
    def test_an_evaluation_counts_them(self, model, mixed_pod5, tmp_path, ending) -> None:
        summary = call(model, mixed_pod5, tmp_path / f"calls{ending}")
        letters = np.random.default_rng(1).choice(list("ACGT"), 3000)
        (tmp_path / "ref.fa").write_text(">r\n" + "".join(letters) + "\n")
        result = evaluate_reads(
            read_calls(tmp_path / f"calls{ending}"), ReadAligner(tmp_path / "ref.fa", threads=1), threads=1
        )
        assert result.figures.reads == summary.reads
        assert (result.per_read.length_bp == 0).sum() == summary.empty_reads
        assert result.figures.bases == summary.bases

    def test_a_run_of_nothing_else_is_no_failure(self, model, write, tmp_path) -> None:
        def nothing(scores_TK: np.ndarray) -> Decoded:
            return Decoded(np.zeros(0, np.uint8), np.zeros(0, np.uint8), np.zeros(len(scores_TK), np.uint8))

        path = write(tmp_path / "a.pod5", 1, 2, 3)
        summary = call(dataclasses.replace(model, decoder=nothing), path, tmp_path / "calls.bam")
        assert (summary.reads, summary.empty_reads, summary.bases) == (3, 3, 0)


class TestBadInput:
    @pytest.fixture
    def broken(self, mixed_pod5: Path) -> dict[str, bytes]:
        content = mixed_pod5.read_bytes()
        middle = len(content) // 2
        damaged = bytearray(content)
        damaged[middle - 500 : middle + 500] = bytes(1000)
        return {
            "truncated": content[:middle],
            "without_footer": content[:-40],
            "empty": b"",
            "text": b"no POD5 at all\n" * 100,
            "damaged": bytes(damaged),
        }

    def test_a_broken_file_among_others_is_skipped_and_named(self, model, write, broken, tmp_path) -> None:
        write(tmp_path / "in" / "a.pod5", 1, 2)
        write(tmp_path / "in" / "z.pod5", 3)
        for name in ("truncated", "without_footer", "empty", "text"):
            (tmp_path / "in" / f"{name}.pod5").write_bytes(broken[name])
        summary = call(model, tmp_path / "in", tmp_path / "calls.bam")
        assert numbers(tmp_path / "calls.bam") == [1, 2, 3]
        names = {Path(skip.name).stem: skip.reason for skip in summary.skipped}
        assert names.keys() == {"truncated", "without_footer", "empty", "text"}
        assert names["empty"] == "the file is empty"
        assert "not a readable POD5 file" in names["truncated"]
        assert not any("\n" in reason for reason in names.values())

    @pytest.mark.parametrize("name", ["truncated", "without_footer", "empty", "text"])
    def test_the_only_file_is_broken(self, model, broken, tmp_path, name) -> None:
        (tmp_path / "a.pod5").write_bytes(broken[name])
        with pytest.raises(BadInputError, match=r"a\.pod5") as error:
            call(model, tmp_path / "a.pod5", tmp_path / "calls.bam")
        assert "\n" not in str(error.value)
        assert not list(tmp_path.glob("calls*"))

    def test_damage_inside_of_a_file_costs_what_it_hits(self, model, broken, tmp_path) -> None:
        (tmp_path / "a.pod5").write_bytes(broken["damaged"])
        summary = call(model, tmp_path / "a.pod5", tmp_path / "calls.bam")
        assert 0 < summary.reads < 14
        assert len(summary.skipped) > 4

    @pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be cut off there")
    def test_a_file_that_is_cut_off_while_it_is_read(self, raw_read, tmp_path) -> None:
        """In a process of its own: were the file mapped into memory, the system would kill the process."""
        write_pod5(tmp_path / "a.pod5", [raw_read(number, 2000) for number in range(1, 400)])
        program = """
import os, sys
from pathlib import Path
from lexome.core.errors import LexomeError
from lexome.io.signal_files import iter_reads
skipped = []
reads = iter_reads([Path(sys.argv[1])], skipped.append)
count = len([next(reads)])
os.truncate(sys.argv[1], 100_000)
try:
    count += sum(1 for _ in reads)
except LexomeError:
    pass
print(count, len(skipped))
"""
        done = subprocess.run(
            [sys.executable, "-c", program, str(tmp_path / "a.pod5")], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        read, skipped = map(int, done.stdout.split())
        assert read > 0
        assert skipped > 100
        assert read + skipped == 399

    def test_reads_without_usable_signal(self, model, raw_read, tmp_path) -> None:
        nothing, constant = np.zeros(0, np.int16), np.full(900, 7, np.int16)
        flat_but_few = np.full(900, 7, np.int16)
        flat_but_few[:300] = raw_read(1).raw[:300]
        bad = [
            raw_read(2, 0, raw=nothing), raw_read(3, raw=constant), raw_read(4, raw=flat_but_few),
            raw_read(5, scale=float("nan")), raw_read(6, scale=0.0), raw_read(7, offset=float("inf")),
            raw_read(8, scale=3e38),
        ]  # fmt: skip
        write_pod5(tmp_path / "a.pod5", [raw_read(1), *bad, raw_read(9)])
        summary = call(model, tmp_path / "a.pod5", tmp_path / "calls.bam")
        assert numbers(tmp_path / "calls.bam") == [1, 9]
        assert [int(skip.name[-4:], 16) for skip in sorted(summary.skipped, key=lambda s: s.name)] == [
            read.info.read_number for read in bad
        ]
        words = [
            "no signal",
            "constant",
            "constant",
            "calibration",
            "calibration",
            "calibration",
            "calibration",
        ]
        reasons = [skip.reason for skip in sorted(summary.skipped, key=lambda s: s.name)]
        assert all(word in reason for word, reason in zip(words, reasons, strict=True)), reasons

    def test_nothing_that_can_be_called(self, model, raw_read, tmp_path) -> None:
        flat = {"raw": np.full(900, 5, np.int16)}
        write_pod5(tmp_path / "a.pod5", [raw_read(number, 900, **flat) for number in (1, 2)])
        with pytest.raises(LexomeError, match=r"no read could be called: 2 skipped; .*constant"):
            call(model, tmp_path / "a.pod5", tmp_path / "calls.bam")
        assert [path.name for path in tmp_path.iterdir()] == ["a.pod5"]

    def test_no_reads_at_all(self, model, tmp_path) -> None:
        write_pod5(tmp_path / "a.pod5", [])
        with pytest.raises(LexomeError, match="the input holds none"):
            call(model, tmp_path / "a.pod5", tmp_path / "calls.bam")

    @pytest.mark.parametrize(
        ("inputs", "output", "message"),
        [
            (["missing.pod5"], "calls.bam", "no such file"),
            (["a.pod5", "missing.pod5"], "calls.bam", r"missing\.pod5"),
            (["nothing"], "calls.bam", "no signal files in this folder"),
            (["a.txt"], "calls.bam", "no signal file"),
            (["a.pod5"], "calls", "the ending decides the format"),
            (["a.pod5"], "no/calls.bam", "does not exist"),
            (["a.pod5"], "nothing", "is a folder|the ending"),
            (["a.pod5", "calls.bam"], None, r"put -o before it"),
        ],
    )
    def test_wrong_use_is_found_before_any_work(
        self, write, tmp_path, monkeypatch, inputs, output, message
    ) -> None:
        monkeypatch.chdir(tmp_path)
        write(tmp_path / "a.pod5", 1)
        (tmp_path / "nothing").mkdir()
        (tmp_path / "a.txt").write_text("text")
        with pytest.raises(UsageError, match=message):
            plan_calls(CallRequest([Path(name) for name in inputs], output and Path(output)))


class TestStoppedHalfWay:
    @pytest.mark.parametrize("ending", [".bam", ".sam", ".fastq.gz"])
    @pytest.mark.parametrize("after", [1, 7])
    def test_finished_reads_stay(self, model, mixed_pod5, tmp_path, ending, after) -> None:
        output = tmp_path / f"calls{ending}"
        output.write_text("of an earlier run")
        request, summary = CallRequest([mixed_pod5], output), CallSummary()

        def stop(samples: int) -> None:
            if summary.reads == after:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            call_files(request, plan_calls(request), model, stop, summary)
        assert summary.partial == tmp_path / f"calls{ending}.partial"
        assert summary.reads == after
        assert len(numbers(summary.partial)) == after
        if ending == ".bam":
            pysam.quickcheck("-u", str(summary.partial))
        assert output.read_text() == "of an earlier run"

    def test_before_the_first_read_nothing_is_left(self, model, mixed_pod5, tmp_path) -> None:
        request, summary = CallRequest([mixed_pod5], tmp_path / "calls.bam"), CallSummary()
        plan = plan_calls(request)

        def no_reads(*_: object) -> None:
            raise KeyboardInterrupt

        with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):  # noqa: PT012
            patch.setattr("lexome.tasks.basecall.files.basecall_reads", no_reads)
            call_files(request, plan, model, summary=summary)
        assert summary.reads == 0
        assert not list(tmp_path.iterdir())

    @pytest.mark.skipif(
        not Path("/dev/full").exists(), reason="needs /dev/full, a device that is always full"
    )
    @pytest.mark.parametrize("ending", [".bam", ".sam", ".fastq"])
    def test_a_full_disk(self, model, write, tmp_path, capfd, ending) -> None:
        output = tmp_path / f"calls{ending}"
        output.write_text("of an earlier run")
        os.symlink("/dev/full", f"{output}.partial")
        write(tmp_path / "a.pod5", *range(1, 60))
        with pytest.raises(LexomeError, match=r"calls.*\.partial: cannot be written .*No space left"):
            call(model, tmp_path / "a.pod5", output)
        assert output.read_text() == "of an earlier run"
        assert capfd.readouterr().err == "", "the error says it, htslib need not"

    def test_a_place_that_cannot_be_written(self, model, mixed_pod5, tmp_path, capfd) -> None:
        (tmp_path / "calls.bam.partial").mkdir()
        with pytest.raises(LexomeError, match=r"calls\.bam\.partial: cannot be written"):
            call(model, mixed_pod5, tmp_path / "calls.bam")
        assert capfd.readouterr().err == ""


# Not getrusage: its peak also counts the process that started this one.
MEASURED = """
import re, sys
from pathlib import Path
from lexome.tasks.basecall.files import call_files
from lexome.tasks.basecall.plan import CallRequest, plan_calls
from lexome.tasks.basecall.model import open_model
request = CallRequest([Path(sys.argv[2])], Path(sys.argv[3]))
model = open_model(sys.argv[1], device="cpu", threads=2)
print(call_files(request, plan_calls(request), model).samples)
print(int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text()).group(1)) // 1024)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's record of the peak")
@pytest.mark.parametrize("shape", ["many_reads", "one_long_read"])
def test_memory_stays_below_its_bound(small_model, raw_read, tmp_path, shape) -> None:
    """Far below 1.5 GB for a hundred million samples in ten thousand reads; below it for the longest read."""
    if shape == "many_reads":
        signal = raw_read(1, 10_000).raw
        reads = (raw_read(number, 10_000, raw=signal) for number in range(1, 10_001))
    else:
        reads = iter([raw_read(1, 89_000_000)])
    write_pod5(tmp_path / "long.pod5", reads)
    command = [sys.executable, "-c", MEASURED, str(small_model)]
    command += [str(tmp_path / "long.pod5"), str(tmp_path / "calls.bam")]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    samples, peak_mb = map(int, done.stdout.split())
    assert samples > 85_000_000
    assert peak_mb < (600 if shape == "many_reads" else 1500)
