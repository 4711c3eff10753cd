"""Whatever goes wrong, `lexome basecall` says so in one line, loses nothing, and can be told to go on.

Commands run in processes of their own: with too little disk or memory, stopped by signals at chosen moments,
with damaged, missing and changing input.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pysam
import pytest

from lexome.io.bgzf import SoundBytes
from lexome.io.calls import read_calls
from lexome.io.pod5 import write_pod5

SERVER = Path(__file__).with_name("command_server.py")
GB = 2**30
READS = 60


@dataclass(frozen=True)
class Ended:
    """What a command left behind."""

    code: int
    out: str
    err: str
    memory_mb: int

    @property
    def lines(self) -> list[str]:
        return self.err.splitlines()


class Server:
    """Runs commands in processes that can be limited and stopped."""

    def __init__(self, process: subprocess.Popen) -> None:
        self._process = process

    def run(
        self,
        folder: Path,
        *arguments: object,
        stdout: str | None = None,
        plant: tuple | None = None,
        answers: tuple | None = None,
        unprivileged: bool = False,
        file_bytes: int | None = None,
        memory_bytes: int | None = None,
    ) -> Ended:
        """Runs `lexome ARGUMENTS` in a folder; stdout and stderr go through pipes, which no limit hits."""
        streams = {name: folder.parent / name for name in ("stdout", "stderr")}
        said: dict[str, str] = {}
        readers = []
        for name, pipe in streams.items():
            if not pipe.exists():
                os.mkfifo(pipe)
            if name == "stdout" and stdout is not None:
                continue
            reader = threading.Thread(target=lambda n=name, p=pipe: said.update({n: p.read_text()}))
            reader.start()
            readers.append(reader)
        job = {
            "folder": str(folder), "arguments": [str(one) for one in arguments], "stdin": "/dev/null",
            "stdout": stdout or str(streams["stdout"]), "stderr": str(streams["stderr"]), "plant": plant,
            "answers": answers, "unprivileged": unprivileged, "file_bytes": file_bytes,
            "memory_bytes": memory_bytes,
        }  # fmt: skip
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        self._process.stdout.readline()
        code, memory_mb = map(int, self._process.stdout.readline().split())
        for reader in readers:
            reader.join()
        return Ended(code, said.get("stdout", ""), said["stderr"], memory_mb)


@pytest.fixture(scope="module")
def server(small_model: Path) -> Iterator[Server]:
    with subprocess.Popen(
        [sys.executable, str(SERVER), str(small_model)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield Server(process)
        assert process.stdin is not None
        process.stdin.close()


@pytest.fixture(scope="module")
def pod5(tmp_path_factory: pytest.TempPathFactory, raw_read: Callable) -> Path:
    path = tmp_path_factory.mktemp("signal") / "reads.pod5"
    write_pod5(path, [raw_read(number, 1500 + 11 * number) for number in range(1, READS + 1)])
    return path


@pytest.fixture
def folder(tmp_path: Path, pod5: Path, small_model: Path) -> Path:
    """Where a command is typed; `reads.pod5` and the model `small` are there."""
    place = tmp_path / "here"
    place.mkdir()
    shutil.copy(pod5, place / "reads.pod5")
    (place / "small").symlink_to(small_model)
    return place


@pytest.fixture
def basecall(server: Server, folder: Path) -> Callable[..., Ended]:
    """Runs `lexome basecall -m small --threads 2 ARGUMENTS`; limits as in `Server.run`."""

    def run(*arguments: object, **limits: Any) -> Ended:
        return server.run(folder, "basecall", "-m", "small", "--threads", 2, *arguments, **limits)

    return run


Run = Callable[..., Ended]


def written(folder: Path) -> set[str]:
    """The names of all that commands have made."""
    return {path.name for path in folder.iterdir()} - {"reads.pod5", "small"}


def records(path: Path) -> list[str]:
    """The records of an output, as text, without the header; the lines of a table."""
    if path.suffix in (".bam", ".sam", ".cram"):
        return pysam.view(str(path)).splitlines()
    with path.open("rb") as raw:
        return (SoundBytes(raw) if path.suffix == ".gz" else raw).read().decode().splitlines()


def refused(ended: Ended, code: int, words: str) -> None:
    """Checks that a command ended with one line that says these words, and nothing else."""
    assert (ended.code, ended.out) == (code, ""), ended.err
    assert len(ended.lines) == 1, ended.err
    assert ended.err.startswith("lexome: ")
    assert words in ended.err


@pytest.fixture(scope="module")
def reference(pod5: Path, small_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A reference on which some of the reads are found: the bases of four of them."""
    from lexome.tasks.basecall.files import call_files
    from lexome.tasks.basecall.model import open_model
    from lexome.tasks.basecall.plan import CallRequest, plan_calls

    folder = tmp_path_factory.mktemp("reference")
    request = CallRequest([pod5], folder / "calls.fasta")
    call_files(request, plan_calls(request), open_model(small_model, device="cpu"))
    entries = (folder / "calls.fasta").read_text().splitlines()[-8:]
    lines = [f">c{n}" if n % 2 == 0 else line for n, line in enumerate(entries)]
    (folder / "reference.fa").write_text("\n".join(lines) + "\n")
    return folder / "reference.fa"


class TestFullDisk:
    @pytest.mark.parametrize("ending", [".bam", ".sam", ".cram", ".fastq.gz"])
    def test_what_was_written_is_kept_and_gone_on_from(
        self, basecall: Run, folder: Path, ending: str
    ) -> None:
        output = folder / f"calls{ending}"
        assert basecall("reads.pod5", "-o", output.name).code == 0
        expected, size = records(output), output.stat().st_size
        output.unlink()
        refused(
            basecall("reads.pod5", "-o", output.name, file_bytes=size - 1),
            1, f"{output.name}.partial: cannot be written",
        )  # fmt: skip
        assert written(folder) == {f"{output.name}.partial", f"{output.name}.partial.json"}
        ended = basecall("reads.pod5", "-o", output.name, "--resume")
        assert ended.code == 0
        assert "lexome: kept 5" in ended.err  # more than fifty of the reads
        assert written(folder) == {output.name}
        assert records(output) == expected

    @pytest.mark.parametrize("part", [0.2, 1.0])
    def test_all_files_of_a_run_stay_or_none(self, basecall: Run, folder: Path, part: float) -> None:
        """At the very end one of them still does not fit: then the others must not have got their names."""
        command = ("reads.pod5", "-o", "calls.bam", "--min-qscore", 3, "--summary", "table.tsv")
        assert basecall(*command).code == 0
        names = written(folder)
        assert names == {"calls.bam", "calls_fail.bam", "table.tsv"}
        expected = {name: records(folder / name) for name in names}
        size = (folder / "calls.bam").stat().st_size
        for name in names:
            (folder / name).unlink()
        refused(basecall(*command, file_bytes=int(part * size) - 1), 1, "cannot be written")
        assert not written(folder) & names
        assert basecall(*command, "--resume").code == 0
        assert {name: records(folder / name) for name in written(folder)} == expected

    @pytest.mark.parametrize(("at_call", "done"), [(1, "sorted"), (2, "indexed")])
    def test_sorting_fails_and_the_reads_stay(
        self, basecall: Run, folder: Path, reference: Path, at_call: int, done: str
    ) -> None:
        command = ("reads.pod5", "-o", "calls.bam", "--reference", reference, "--sort")
        assert basecall(*command).code == 0
        expected = records(folder / "calls.bam")
        assert sum("\tNM:i:" in line for line in expected) >= 4
        for name in written(folder):
            (folder / name).unlink()
        full = ("lexome.io.sorting:_samtools", at_call, ("limit", 200))  # room for what samtools says
        refused(basecall(*command, plant=full), 1, f"calls.bam.partial: cannot be {done} (samtools")
        assert written(folder) == {"calls.bam.partial", "calls.bam.partial.json"}
        assert basecall(*command, "--resume").code == 0
        assert written(folder) == {"calls.bam", "calls.bam.bai"}
        assert records(folder / "calls.bam") == expected

    def test_of_stdout(self, basecall: Run, folder: Path) -> None:
        refused(basecall("reads.pod5", stdout="/dev/full"), 1, "stdout: cannot be written (No space left")
        assert not written(folder)

    def test_too_small_a_disk_is_found_out_before(self, basecall: Run, folder: Path) -> None:
        small = ("lexome.tasks.basecall.disk:least_bytes", 10**18)
        refused(basecall("reads.pod5", "-o", "calls.bam", answers=small), 1, "go on anyway with --force")
        assert not written(folder)
        assert basecall("reads.pod5", "-o", "calls.bam", "--force", answers=small).code == 0


class TestPlacesThatCannotBeWritten:
    def test_nothing_is_left(self, basecall: Run, folder: Path) -> None:
        for name in ("closed", "taken.bam.partial", "journal.bam.partial.json", "index.bam.bai"):
            (folder / name).mkdir()
        (folder / "closed").chmod(0o555)
        names = written(folder)
        for output, words in (
            ("closed/calls.bam", "closed/calls.bam.partial.json: cannot be written (Permission denied)"),
            ("taken.bam", "taken.bam.partial: cannot be written"),
            ("journal.bam", "journal.bam.partial.json: cannot be written"),
        ):
            refused(basecall("reads.pod5", "-o", output, unprivileged=True), 1, words)
            assert written(folder) == names
        table = ("-o", "calls.bam", "--summary", "closed/table.tsv")
        refused(basecall("reads.pod5", *table, unprivileged=True), 1, "closed/table.tsv.partial: cannot be")
        assert written(folder) == names
        refused(basecall("reads.pod5", "-o", "index.bam"), 1, "index.bam.bai: Is a directory")
        assert (folder / "index.bam.partial").is_file()  # the calls, which --resume goes on from

    def test_what_may_not_be_read_is_named(self, basecall: Run, folder: Path, reference: Path) -> None:
        (folder / "locked").mkdir()
        for name in ("locked/reads.pod5", "reference.fa", "ids.txt"):
            shutil.copy(reference, folder / name)
            (folder / name).chmod(0)
        shutil.copytree(folder / "small", folder / "model")
        for place in (folder / "locked", folder / "model"):
            place.chmod(0)
        names = written(folder)
        for arguments, code, words in (
            (("locked/reads.pod5",), 1, "locked/reads.pod5: Permission denied"),
            (("locked",), 2, "'locked' is not readable"),
            (("reads.pod5", "--reference", "reference.fa"), 2, "'reference.fa' is not readable"),
            (("reads.pod5", "--read-ids", "ids.txt"), 2, "'ids.txt' is not readable"),
            (("reads.pod5", "-m", "model"), 1, "model/config.json: Permission denied"),
        ):
            refused(basecall(*arguments, "-o", "calls.bam", unprivileged=True), code, words)
            assert written(folder) == names


HTS_WRITE, TEXT_WRITE = (f"lexome.io.output:{kind}Writer.write" for kind in ("_Hts", "_Text"))
STOPS = {
    "calling": (HTS_WRITE, 40),
    "indexing the reference": ("lexome.tasks.basecall.alignment:Aligner._agrees", 1),
    "sorting": ("lexome.io.sorting:_samtools", 1),
    "indexing the output": ("lexome.io.sorting:_samtools", 2),
    "giving the output its name": ("lexome.io.sorting:remove_index", 1),
}


class TestSignals:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
    def test_the_finished_reads_stay(self, basecall: Run, folder: Path, number: int) -> None:
        ended = basecall("reads.pod5", "-o", "calls.sam", plant=(TEXT_WRITE, 40, ("signal", number)))
        refused(ended, 130, "calls.sam.partial holds the first 39 reads, which are complete")
        assert written(folder) == {"calls.sam.partial", "calls.sam.partial.json"}
        assert len(list(read_calls(folder / "calls.sam.partial"))) == 39

    def test_at_any_moment(self, basecall: Run, folder: Path, reference: Path) -> None:
        command = ("reads.pod5", "-o", "calls.bam", "--reference", reference, "--sort")
        assert basecall(*command).code == 0
        expected = records(folder / "calls.bam")
        for moment, (where, at_call) in STOPS.items():
            for name in written(folder):
                (folder / name).unlink()
            ended = basecall(*command, plant=(where, at_call, ("signal", signal.SIGTERM)))
            refused(ended, 130, "interrupted: ")
            if moment == "indexing the reference":
                assert not written(folder)
                continue
            reads = 39 if moment == "calling" else READS
            assert f"calls.bam.partial holds the first {reads} reads, which are complete" in ended.err
            assert written(folder) == {"calls.bam.partial", "calls.bam.partial.json"}, moment
            assert sum(1 for _ in read_calls(folder / "calls.bam.partial")) == reads
        ended = basecall(*command, "--resume")
        assert f"lexome: kept {READS - 1} reads of the interrupted run" in ended.lines
        assert records(folder / "calls.bam") == expected

    @pytest.mark.parametrize("at_call", [1, 20])
    def test_while_the_reads_of_an_earlier_run_are_copied(
        self, basecall: Run, folder: Path, at_call: int
    ) -> None:
        """Stopped again and again: what the first run had finished is not lost."""
        command = ("reads.pod5", "-o", "calls.bam")
        assert basecall(*command).code == 0
        expected = records(folder / "calls.bam")
        (folder / "calls.bam").unlink()
        stop = ("signal", signal.SIGTERM)
        assert basecall(*command, plant=(HTS_WRITE, 40, stop)).code == 130
        for _ in range(2):
            ended = basecall(*command, "--resume", plant=("lexome.io.output:_HtsWriter.keep", at_call, stop))
            refused(ended, 130, "the reads of the earlier run are kept, --resume goes on from them")
        ended = basecall(*command, "--resume")
        assert "lexome: kept 38 reads of the interrupted run" in ended.lines
        assert records(folder / "calls.bam") == expected
        assert written(folder) == {"calls.bam"}

    def test_what_a_killed_sort_left_goes_with_the_next(
        self, basecall: Run, folder: Path, reference: Path
    ) -> None:
        command = ("reads.pod5", "-o", "calls.bam", "--reference", reference, "--sort")
        kill = ("lexome.io.sorting:_samtools", 2, ("signal", signal.SIGKILL))
        assert basecall(*command, plant=kill).code == -signal.SIGKILL
        assert written(folder) == {"calls.bam.partial", "calls.bam.partial.json", ".calls.bam.sorting"}
        assert basecall(*command, "--resume").code == 0
        assert written(folder) == {"calls.bam", "calls.bam.bai"}

    def test_before_anything_was_begun(self, basecall: Run, folder: Path) -> None:
        stop = ("lexome.tasks.basecall.model:open_engine", 1, ("signal", signal.SIGINT))
        refused(basecall("reads.pod5", "-o", "calls.bam", plant=stop), 130, "lexome: interrupted")
        assert not written(folder)

    def test_stdout_ends_in_a_whole_line(self, basecall: Run) -> None:
        stop = (TEXT_WRITE, 40, ("signal", signal.SIGTERM))
        ended = basecall("reads.pod5", plant=stop)
        assert ended.code == 130
        assert sum(not line.startswith("@") for line in ended.out.splitlines()) == 39
        assert ended.out.endswith("\n")


class TestInput:
    def test_files_that_vanish_are_reported(self, basecall: Run, folder: Path, pod5: Path) -> None:
        (folder / "run").mkdir()
        for name in ("a.pod5", "b.pod5"):
            shutil.copy(pod5, folder / "run" / name)
        vanish = ("lexome.tasks.basecall.files:check_free_disk", 1, ("remove", "run/a.pod5"))
        ended = basecall("run", "-o", "calls.bam", plant=vanish)
        assert ended.code == 0
        assert ended.lines[1:] == ["lexome: 1 skipped:", "lexome:   run/a.pod5: no such file"]
        assert len(records(folder / "calls.bam")) == READS

    def test_a_run_that_comes_late_is_left_out(self, basecall: Run, folder: Path, raw_read: Callable) -> None:
        """Its file was replaced after the header had been made: that must not end the work."""
        (folder / "run").mkdir()
        shutil.copy(folder / "reads.pod5", folder / "run" / "a.pod5")
        write_pod5(folder / "run" / "b.pod5", [raw_read(n, 2500) for n in range(500, 505)])
        write_pod5(folder / "late", [raw_read(n, 2500, run_id="late") for n in range(600, 605)])
        late = ("lexome.tasks.basecall.files:check_free_disk", 1, ("replace", "late", "run/b.pod5"))
        ended = basecall("run", "-o", "calls.bam", plant=late)
        assert ended.code == 0
        assert ended.lines[1] == "lexome: 5 skipped:"
        assert "and 4 more: its run late was in no file when lexome began" in ended.lines[2]
        assert len(records(folder / "calls.bam")) == READS

    def test_a_file_that_is_cut_while_it_is_read(self, basecall: Run, folder: Path) -> None:
        cut = (HTS_WRITE, 1, ("cut", "reads.pod5"))
        ended = basecall("reads.pod5", "-o", "calls.bam", plant=cut)
        assert ended.code == 0, ended.err
        assert ended.err.count("Traceback") == 0
        total = (
            len(records(folder / "calls.bam")) + int(ended.lines[1].split()[1]) if ended.lines[1:] else READS
        )
        assert total == READS

    def test_reads_that_are_there_twice_are_counted(self, basecall: Run, folder: Path) -> None:
        (folder / "run").mkdir()
        for name in ("a.pod5", "b.pod5"):
            shutil.copy(folder / "reads.pod5", folder / "run" / name)
        (folder / "run" / "c.pod5").write_bytes(b"")
        ended = basecall("run", "-o", "calls.bam")
        first = records(folder / "calls.bam")[0].split("\t")[0]
        assert ended.lines[1:] == [
            f"lexome: {READS + 1} skipped:",
            f"lexome:   {first} and {READS - 1} more: there again in b.pod5; "
            "the first read of this id is kept",
            "lexome:   run/c.pod5: the file is empty",
        ]
        assert len(records(folder / "calls.bam")) == READS

    def test_what_is_no_file(self, basecall: Run, folder: Path) -> None:
        os.mkfifo(folder / "pipe.pod5")
        (folder / "zeros.pod5").symlink_to("/dev/zero")
        (folder / "lost.pod5").symlink_to("nowhere")
        for name in ("pipe.pod5", "zeros.pod5", "lost.pod5"):
            refused(basecall(name, "-o", "calls.bam"), 2, f"{name}: ")

    def test_a_list_that_never_ends(self, basecall: Run) -> None:
        ended = basecall("reads.pod5", "-o", "calls.bam", "--read-ids", "/dev/zero", memory_bytes=6 * GB)
        refused(ended, 1, "/dev/zero: too large for a list of read ids")
        assert ended.memory_mb < 3000

    def test_a_read_of_five_million_samples(self, basecall: Run, folder: Path, raw_read: Callable) -> None:
        write_pod5(folder / "long.pod5", [raw_read(1, 5_000_000)])
        ended = basecall("long.pod5", "-o", "calls.fastq")
        assert ended.code == 0
        assert len(records(folder / "calls.fastq")[1]) > 100_000
        assert ended.memory_mb < 1000

    @pytest.mark.parametrize(
        ("number", "most_mb"), [(3000, 700), pytest.param(100_000, 700, marks=pytest.mark.slow)]
    )
    def test_tiny_reads(
        self, basecall: Run, folder: Path, raw_read: Callable, number: int, most_mb: int
    ) -> None:
        rng = np.random.default_rng(5)
        signals = [rng.integers(300, 700, 1 + n % 60).astype(np.int16) for n in range(60)]
        reads = (raw_read(n, len(signals[n % 60]), raw=signals[n % 60]) for n in range(number))
        write_pod5(folder / "tiny.pod5", reads)
        ended = basecall("tiny.pod5", "-o", "calls.bam")
        assert ended.code == 0, ended.err
        report = [line for line in ended.lines if not line.startswith("lexome: calling:")]  # no progress
        skipped = int(report[1].split()[1])
        assert skipped >= number // 60  # those of one sample
        assert len(records(folder / "calls.bam")) == number - skipped
        assert len(report) < 30
        assert ended.memory_mb < most_mb


def test_too_little_memory_is_said(basecall: Run, folder: Path) -> None:
    """A batch of enormous chunks; nothing of it is printed by a library."""
    command = ("reads.pod5", "-o", "calls.bam", "--chunk-size", 1_000_000, "--batch-size", 60_000)
    ended = basecall(*command, memory_bytes=2 * GB)
    refused(ended, 1, "there is not enough memory for this")
    assert not written(folder)


def test_threads_that_cannot_be_started_are_a_lack_of_memory(basecall: Run, folder: Path) -> None:
    refuse = ("threading:Thread.start", 1, ("fail", "can't start new thread"))
    refused(basecall("reads.pod5", "-o", "calls.bam", plant=refuse), 1, "there is not enough memory")
    assert not written(folder)


WRONG = [
    ("--min-qscore nan", 2, "--min-qscore"),
    ("--min-qscore inf", 2, "less than or equal to 93"),
    ("--min-qscore -1", 2, "greater than or equal to 0"),
    ("--min-qscore abc", 2, "--min-qscore"),
    ("--shard 0/3", 2, "shard '0/3'"),
    ("--shard 4/3", 2, "shard '4/3'"),
    ("--shard x", 2, "write it as I/N"),
    ("--shard 1/1000000", 2, "I/N needs"),
    ("--beam-width 0", 2, "--beam-width"),
    ("--beam-width 10000", 2, "less than or equal to 256"),
    ("--chunk-size 0", 2, "--chunk-size"),
    ("--chunk-size 1", 2, "too short"),
    ("--chunk-size 9000000000", 2, "at most 1000000 samples"),
    ("--chunk-size 99999999999999999999999", 2, "at most 1000000 samples"),
    ("--overlap -1", 2, "--overlap"),
    ("--overlap 5000", 2, "below chunk_size"),
    ("--chunk-size 500 --overlap 600", 2, "below chunk_size"),
    ("--threads 0", 2, "--threads"),
    ("--threads 1000000", 2, "1000000 threads: must be from 1 to 1024"),
    ("--threads x", 2, "valid integer"),
    ("--batch-size 0", 2, "--batch-size"),
    ("--batch-size 99999999999999999999999", 2, "is not from 1 to 65536"),
    ("--max-reads 0", 2, "--max-reads"),
    ("--max-reads 1e3", 2, "--max-reads"),
    ("--device cuda:99999999999999999999", 2, "unknown device"),
    ("--device tpu", 2, "unknown device 'tpu'"),
    ("--engine nonsense", 2, "did you mean 'onnx'"),
    ("-m auto", 2, "-m auto: the chemistry of run run, 4000 Hz, is not known"),
    ("-m broken", 1, "broken/config.json: not valid JSON"),
    ("-m empty", 1, "empty: not a model"),
    ("-m ids.txt", 2, "no model 'ids.txt'"),
    ("--sort", 2, "cannot be sorted by position; give a reference"),
    ("--reference ref.fastq", 1, "a reference must be FASTA, this is FASTQ"),
    ("--reference protein.fa", 1, "is no DNA: it holds E, F, I"),
    ("--reference empty", 2, "empty: no such file"),
    ("--reference calls.bam", 2, "calls.bam: no such file"),
    ("--reference reads.pod5", 1, "neither FASTA nor FASTQ"),
    ("--summary calls.bam", 2, "is the output of the calls too"),
    ("--summary calls.bam.partial", 2, "choose another name"),
    ("--summary calls.bam.bai", 2, "choose another name"),
    ("--summary calls_fail.bam --min-qscore 5", 2, "choose another name"),
    ("--summary reads.pod5", 2, "reads.pod5: is an input too"),
    ("--summary ids.txt --read-ids ids.txt", 2, "ids.txt: is an input too"),
    ("--summary ref.fa --reference ref.fa", 2, "ref.fa: is an input too"),
    ("--summary no/table.tsv", 2, "the folder no does not exist"),
    ("--summary empty", 2, "is a folder"),
    ("-o no/calls.bam", 2, "the folder no does not exist"),
    ("-o empty", 2, "the ending decides the format"),
    ("-o reads.pod5", 2, "the ending decides the format"),
    ("-o calls.bam.gz", 2, "the ending decides the format"),
    ("-o calls.fastq --reference ref.fa", 2, "alignments need SAM, BAM or CRAM"),
    ("-o linked.bam", 2, "would overwrite the input linked.bam.partial"),
    ("--read-ids ids.txt", 1, "none of the 1 read ids asked for is in the input"),
    ("--read-ids missing.txt", 2, "cannot be read (No such file"),
    ("--read-ids empty", 2, "cannot be read (Is a directory)"),
    ("--read-ids reads.pod5", 1, "it is no text"),
    ("--read-ids /dev/null", 1, "holds no read id"),
    ("--frobnicate", 2, "No such option: --frobnicate"),
    ("--device", 2, "requires an argument"),
    ("missing.pod5", 2, "missing.pod5: no such file or folder"),
    ("empty", 2, "no signal files in this folder"),
    ("ids.txt", 2, "ids.txt: no signal file"),
]


def test_wrong_use_is_one_line_and_writes_nothing(basecall: Run, server: Server, folder: Path) -> None:
    (folder / "empty").mkdir()
    shutil.copytree(folder / "small", folder / "broken")
    (folder / "broken" / "config.json").write_text("{")
    (folder / "ids.txt").write_text("an-id-that-is-not-there\n")
    (folder / "ref.fa").write_text(">r\nACGTTGCAACGGT\n")
    (folder / "ref.fastq").write_text("@r\nACGT\n+\nIIII\n")
    (folder / "protein.fa").write_text(">p\nMKVLAAGIVGLCAKAYEFILPQRSTWYV\n")
    (folder / "linked.bam.partial").symlink_to("reads.pod5")

    def state() -> dict[str, tuple[int, int]]:
        found = [path for path in folder.rglob("*") if path.is_file()]
        return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in found}

    before = state()
    for options, code, words in WRONG:
        words_of = options.split()
        output = () if "-o" in words_of else ("-o", "calls.bam")
        refused(basecall("reads.pod5", *output, *words_of), code, words)
        assert state() == before, options
    for arguments, words in (
        (("reads.pod5", "--min-qscore", 5), "--min-qscore needs an output file"),
        (("reads.pod5", "--sort", "--reference", "ref.fa"), "cannot be sorted by position; name a file"),
        (("reads.pod5", "--resume"), "--resume needs an output file"),
    ):
        refused(basecall(*arguments), 2, words)
    refused(server.run(folder, "basecall", "reads.pod5"), 2, "Missing option '--model'")
    refused(server.run(folder, "basecall"), 2, "Missing argument 'READS'")
    refused(server.run(folder, "basecal"), 2, "Did you mean 'basecall'?")
    assert state() == before


def test_other_settings_are_not_gone_on_with(basecall: Run, folder: Path) -> None:
    stop = (HTS_WRITE, 40, ("signal", signal.SIGTERM))
    assert basecall("reads.pod5", "-o", "calls.bam", plant=stop).code == 130
    before = {path: path.read_bytes() for path in folder.glob("calls*")}
    for options, words in (
        (("--overlap", 50), "overlap 100 there, 50 here"),
        (("--emit-moves",), "move table off there, on here"),
        (("--beam-width", 4), "beam width none there, 4 here"),
    ):
        refused(basecall("reads.pod5", "-o", "calls.bam", "--resume", *options), 2, words)
    refused(basecall("reads.pod5", "-o", "calls.bam"), 2, "--resume goes on from there, --force begins anew")
    assert {path: path.read_bytes() for path in folder.glob("calls*")} == before
