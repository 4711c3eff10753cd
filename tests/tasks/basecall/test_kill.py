"""`lexome basecall` killed without warning, again and again: resumed, it writes what it would have done."""

import json
import os
import random
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pysam
import pytest

from lexome.io.bgzf import SoundBytes
from lexome.io.pod5 import write_pod5

ENDINGS = [".bam", ".sam", ".fastq", ".fastq.gz"]
READS = 150

# Imports everything once; each line on stdin is a command that a child runs. Prints its process id, and when
# it has ended its exit code (negative: the signal that ended it).
SERVER = """
import json, os, sys
import lexome.engine.onnx, lexome.tasks.basecall.choose, lexome.tasks.basecall.files
from lexome.cli.main import main
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        code = 0
        try:
            sys.argv = ["lexome", *json.loads(line)]
            main()
        except SystemExit as stop:
            code = stop.code or 0
        sys.stderr.flush()
        os._exit(code)
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Server:
    """Runs commands in processes that can be killed, without the time that imports take."""

    def __init__(self, process: subprocess.Popen) -> None:
        self._process = process

    def start(self, *arguments: object) -> int:
        """Starts a command; gives its process id."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([str(argument) for argument in arguments]) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def result(self) -> int:
        """Waits for the end of the command; gives its exit code."""
        return self._answer()

    def _answer(self) -> int:
        assert self._process.stdout is not None
        return int(self._process.stdout.readline())


@pytest.fixture(scope="module")
def server(graph_cache: Path) -> Iterator[Server]:
    with subprocess.Popen(
        [sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Server(process)
        assert process.stdin is not None
        process.stdin.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, raw_read: Callable) -> Path:
    """Two files of small reads; some of them cannot be called."""
    folder = tmp_path_factory.mktemp("kill") / "reads"
    folder.mkdir()
    for name, numbers in (("a.pod5", range(1, READS // 2)), ("b.pod5", range(READS // 2, READS + 1))):
        reads = [
            raw_read(n, 4000 + 37 * (n % 50), **({"scale": float("nan")} if n % 40 == 7 else {}))
            for n in numbers
        ]
        write_pod5(folder / name, reads)
    return folder


def records(path: Path) -> list[str]:
    """The records of an output, as text, without the header; the lines of a table."""
    if path.name.endswith((".bam", ".sam")):
        return pysam.view(str(path)).splitlines()
    with path.open("rb") as raw:
        stream = SoundBytes(raw) if path.suffix == ".gz" else raw
        return stream.read().decode().splitlines()


def everything(folder: Path) -> dict[str, list[str]]:
    return {path.name: records(path) for path in folder.iterdir()}


def empty(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


def size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return -1


def identity(path: Path) -> int | None:
    """Which file has this name now; None if there is none."""
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None


def run_and_kill(server: Server, command: list[object], partial: Path, at_size: int) -> int:
    """Kills a command when its partial file has a size; gives its exit code, which is 0 if it was faster."""
    # the partial file that is there is moved away first, then the journal is replaced
    journal = partial.with_name(f"{partial.name}.json")
    earlier = identity(journal)
    child = server.start(*command)
    while Path(f"/proc/{child}").exists() and (
        identity(journal) in (earlier, None) or size(partial) < at_size
    ):
        time.sleep(0.0002)
    with suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    return server.result()


def kill_again_and_again(
    server: Server, folder: Path, model: Path, output: Path, kills: int, seed: int, *options: object
) -> None:
    """The output stands in a folder of its own, with whatever else the command writes."""
    command = ["basecall", folder, "-m", model, "-o", output, "--threads", "2", *options]
    partial = output.with_name(output.name + ".partial")
    server.start(*command)
    assert server.result() == 0
    final, expected = size(output), everything(output.parent)
    empty(output.parent)
    rng = random.Random(seed)
    killed = 0
    for _ in range(kills):
        code = run_and_kill(server, [*command, "--resume"], partial, rng.randrange(final))
        assert code in (0, -signal.SIGKILL)
        killed += code != 0
        if output.exists():  # it was faster than we, or only the cleaning up was left
            assert records(output) == expected[output.name]
            empty(output.parent)
    server.start(*command, "--resume")
    assert server.result() == 0
    assert everything(output.parent) == expected
    assert killed >= kills / 2


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks at processes as Linux shows them")
class TestKilled:
    @pytest.mark.parametrize("ending", ENDINGS)
    def test_a_few_times(self, server, folder, small_model, tmp_path, ending) -> None:
        kill_again_and_again(server, folder, small_model, tmp_path / f"calls{ending}", 3, 1, "--emit-moves")

    @pytest.mark.slow
    @pytest.mark.parametrize("ending", [*ENDINGS, ".cram", ".fasta", ".fasta.gz"])
    def test_many_times(self, server, folder, small_model, tmp_path, ending) -> None:
        if ending == ".cram":
            pytest.skip("a small CRAM is written in one piece at the end")
        kill_again_and_again(server, folder, small_model, tmp_path / f"calls{ending}", 50, 2, "--emit-moves")

    @pytest.mark.slow
    @pytest.mark.parametrize("ending", [".bam", ".sam", ".fastq", ".fastq.gz"])
    @pytest.mark.parametrize("summary", [True, False])
    def test_all_that_is_written_fits_together(
        self, server, folder, small_model, tmp_path, ending, summary
    ) -> None:
        """A second file for reads of low quality, and the table of all reads."""
        (tmp_path / "out").mkdir()
        (tmp_path / "first").mkdir()
        first = tmp_path / "first" / "calls.bam"
        server.start("basecall", folder, "-m", small_model, "-o", first)
        assert server.result() == 0
        with pysam.AlignmentFile(str(first), check_sq=False) as file:
            middle = statistics.median(float(segment.get_tag("qs")) for segment in file)
        options = ["--emit-moves", "--min-qscore", middle]
        options += ["--summary", tmp_path / "out" / "summary.tsv"] if summary else []
        output = tmp_path / "out" / f"calls{ending}"
        kill_again_and_again(server, folder, small_model, output, 25, 3, *options)
        assert len(list(output.parent.iterdir())) == 2 + summary
