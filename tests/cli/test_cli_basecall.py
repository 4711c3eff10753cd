"""`lexome basecall` as it is typed: streams, exit codes, one-line errors, interruptions."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pysam
import pytest

from lexome.io.calls import read_calls
from lexome.io.pod5 import write_pod5

# a child of a background job inherits that Ctrl-C is ignored
PROGRAM = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from lexome.cli.main import main
main()
"""

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(lexome: Run) -> Run:
    return lambda *arguments: lexome("basecall", *arguments)


@pytest.fixture
def folder(mixed_pod5: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the commands are typed: reads.pod5 and things that are not what they should be."""
    monkeypatch.chdir(tmp_path)
    content = mixed_pod5.read_bytes()
    (tmp_path / "reads.pod5").write_bytes(content)
    (tmp_path / "cut.pod5").write_bytes(content[: len(content) // 2])
    (tmp_path / "empty.pod5").write_bytes(b"")
    (tmp_path / "text.txt").write_text("text")
    (tmp_path / "nothing").mkdir()
    (tmp_path / "deep" / "below").mkdir(parents=True)
    (tmp_path / "deep" / "below" / "reads.pod5").write_bytes(content)
    return tmp_path


def test_a_file_is_written_and_stderr_sums_up(run: Run, folder: Path, small_model: Path) -> None:
    code, out, err = run("reads.pod5", "-m", small_model, "-o", "calls.bam", "--threads", "2")
    assert (code, out) == (0, "")
    lines = err.splitlines()
    assert lines[0].startswith("lexome: called 14 reads, ")
    assert "reads without any base" in lines[0]
    assert lines[1] == "lexome: 4 skipped:"
    assert [line.split(":")[1].strip()[-2:] for line in lines[2:]] == ["66", "69", "6c", "6f"]
    assert lines[2].endswith(": the signal is constant")
    assert len(list(read_calls(folder / "calls.bam"))) == 14
    assert not list(folder.glob("*.partial"))


def test_without_an_output_there_is_sam_on_stdout_and_nothing_else(
    run: Run, folder: Path, small_model: Path
) -> None:
    code, out, _ = run("reads.pod5", "-m", small_model)
    assert code == 0
    run("reads.pod5", "-m", small_model, "-o", "calls.sam")
    written = (folder / "calls.sam").read_text()
    assert [line for line in out.splitlines() if not line.startswith("@PG")] == [
        line for line in written.splitlines() if not line.startswith("@PG")
    ]
    assert f"CL:lexome basecall reads.pod5 -m {small_model} -o calls.sam\t" in written


def test_options_reach_the_work(run: Run, folder: Path, small_model: Path) -> None:
    def lines(*options: object) -> list[str]:
        code, out, _ = run("reads.pod5", "-m", small_model, *options)
        assert code == 0
        return [line for line in out.splitlines() if not line.startswith("@")]

    plain = lines()
    assert lines("--batch-size", 7, "--threads", 2, "--engine", "onnx", "--device", "cpu") == plain
    assert not any("\tmv:B:c,5," in line for line in plain)
    assert all("\tmv:B:c,5," in line for line in lines("--emit-moves"))
    assert all("\tts:i:0\t" in line for line in lines("--no-trim"))
    assert not all("\tts:i:0\t" in line for line in plain)
    assert lines("--chunk-size", 500, "--overlap", 50) != plain
    assert run("deep", "-r", "-m", small_model)[0] == 0


def test_the_same_bytes_whatever_the_options_for_speed(run: Run, folder: Path, small_model: Path) -> None:
    """The header names the command, so the records are compared."""
    outputs = []
    for threads, batch_size in ((1, 1), (2, 7), (1, 32)):
        options = ("--threads", threads, "--batch-size", batch_size)
        assert run("reads.pod5", "-m", small_model, "-o", "calls.bam", *options)[0] == 0
        outputs.append(pysam.view("calls.bam"))
    assert outputs[0] == outputs[1] == outputs[2]


BAD = [
    (("missing.pod5", "-o", "x.bam"), 2, "missing.pod5: no such file or folder"),
    (("reads.pod5", "missing.pod5", "-o", "x.bam"), 2, "missing.pod5: no such file or folder"),
    (("text.txt", "-o", "x.bam"), 2, "text.txt: no signal file"),
    (("nothing", "-o", "x.bam"), 2, "nothing: no signal files in this folder"),
    (("deep", "-o", "x.bam"), 2, "add --recursive"),
    (("cut.pod5", "-o", "x.bam"), 1, "cut.pod5: not a readable POD5 file"),
    (("empty.pod5", "-o", "x.bam"), 1, "empty.pod5: the file is empty"),
    (("empty.pod5", "cut.pod5", "-o", "x.bam"), 1, "none of the 2 files can be read"),
    (("reads.pod5", "-o", "x"), 2, "the ending decides the format"),
    (("reads.pod5", "-o", "no/x.bam"), 2, "the folder no does not exist"),
    (("reads.pod5", "-o", "taken.bam"), 1, "taken.bam.partial: cannot be written"),
    (("reads.pod5", "x.bam"), 2, "x.bam: no signal file; to write the calls there, put -o before it"),
    (("reads.pod5", "-o", "x.bam", "--device", "gpu"), 2, "unknown device 'gpu'"),
    (("reads.pod5", "-o", "x.bam", "--engine", "onxx"), 2, "did you mean 'onnx'"),
    (("reads.pod5", "-o", "x.bam", "--chunk-size", "20"), 2, "too short"),
    (("reads.pod5", "-o", "x.bam", "--overlap", "5000"), 2, "overlap must be"),
]


@pytest.mark.parametrize(("arguments", "code", "words"), BAD, ids=[" ".join(case[0]) for case in BAD])
def test_errors_are_one_line(
    run: Run, folder: Path, small_model: Path, arguments: tuple[str, ...], code: int, words: str
) -> None:
    (folder / "taken.bam.partial").mkdir()
    given, out, err = run(*arguments, "-m", small_model)
    assert (given, out) == (code, ""), err
    assert len(err.splitlines()) == 1, err
    assert err.startswith("lexome: ")
    assert words in err
    assert not list(folder.glob("x*"))


def test_models_that_are_none(run: Run, folder: Path, small_model: Path, monkeypatch) -> None:
    bundled = {"r9.4.1_fast": small_model}
    monkeypatch.setattr("lexome.checkpoint.store.bundled_models", lambda: bundled)
    for model, code, words in (
        ("r9.4.1_fas", 2, "did you mean 'r9.4.1_fast'?"),
        ("nothing", 1, "nothing: not a model"),
        ("reads.pod5", 2, "no model 'reads.pod5'"),
    ):
        given, out, err = run("reads.pod5", "-m", model, "-o", "x.bam")
        assert (given, out) == (code, "")
        assert len(err.splitlines()) == 1
        assert words in err
    assert not list(folder.glob("x*"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "Missing argument 'READS'"),
        (("reads.pod5",), "Missing option '--model'"),
        (("reads.pod5", "-m", "x", "--threads", "0"), "--threads"),
        (("reads.pod5", "-m", "x", "--theads", "2"), "--threads"),
    ],
)
def test_a_wrong_command_line_says_what_is_missing(run: Run, folder: Path, arguments, words: str) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert words in err
    assert "basecall --help" in err


def test_one_bad_file_among_good_ones_is_no_failure(run: Run, folder: Path, small_model: Path) -> None:
    code, out, err = run("cut.pod5", "reads.pod5", "empty.pod5", "-m", small_model, "-o", "calls.bam")
    assert (code, out) == (0, "")
    assert "lexome: 6 skipped:" in err
    assert "lexome:   empty.pod5: the file is empty" in err
    assert len(list(read_calls(folder / "calls.bam"))) == 14


def test_nothing_that_can_be_called_is_a_failure(
    run: Run, folder: Path, small_model: Path, raw_read: Callable
) -> None:
    write_pod5(folder / "flat.pod5", [raw_read(n, raw=np.full(2000, 3, np.int16)) for n in (1, 2)])
    code, out, err = run("flat.pod5", "-m", small_model, "-o", "x.bam")
    assert (code, out) == (1, "")
    assert err.startswith("lexome: no read could be called: 2 skipped; the first: ")
    assert len(err.splitlines()) == 1
    assert not list(folder.glob("x*"))


def test_another_sample_rate_is_refused_and_forced_with_a_warning(
    run: Run, folder: Path, small_model: Path, raw_read: Callable
) -> None:
    import dataclasses

    def sampled(number: int, run_id: str, rate_hz: int):
        read = raw_read(number, 1200, run_id)
        return dataclasses.replace(
            read,
            info=dataclasses.replace(
                read.info, run=dataclasses.replace(read.info.run, sample_rate_hz=rate_hz)
            ),
        )

    reads = [sampled(1, "a", 5000), sampled(2, "b", 5000), sampled(3, "c", 4000), sampled(4, "d", 3012)]
    write_pod5(folder / "rates.pod5", reads)
    code, _, err = run("rates.pod5", "-m", small_model, "-o", "x.bam")
    assert code == 2
    assert "4000 Hz" in err
    assert not (folder / "x.bam").exists()
    code, _, err = run("rates.pod5", "-m", small_model, "-o", "x.bam", "--force")
    assert code == 0, err
    assert "5000 Hz" in err
    assert "3012 Hz" in err


@pytest.fixture(scope="module")
def long_run(tmp_path_factory: pytest.TempPathFactory, raw_read: Callable) -> Path:
    """So many samples that calling them takes half a minute."""
    path = tmp_path_factory.mktemp("long") / "long.pod5"
    signal = raw_read(1, 20_000).raw
    write_pod5(path, (raw_read(number, 20_000, raw=signal) for number in range(1, 2001)))
    return path


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
@pytest.mark.parametrize(
    ("sent", "output"),
    [(signal.SIGINT, "calls.bam"), (signal.SIGTERM, "calls.fastq"), (signal.SIGINT, None)],
)
def test_stopped_half_way_finished_reads_stay(
    long_run: Path, small_model: Path, tmp_path: Path, sent: signal.Signals, output: str | None
) -> None:
    options = ["-m", str(small_model), "--threads", "1", "--batch-size", "20"]
    options += ["-o", output] if output else []
    with (tmp_path / "stdout.sam").open("wb") as out, (tmp_path / "stderr").open("wb") as err:
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, "basecall", str(long_run), *options],
            cwd=tmp_path, stdout=out, stderr=err, env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        written = tmp_path / (f"{output}.partial" if output else "stdout.sam")
        deadline = time.monotonic() + 60
        while not (
            written.exists() and written.stat().st_size > 70_000
        ):  # more than one buffer of any writer
            assert process.poll() is None, (tmp_path / "stderr").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(sent)
        process.send_signal(sent)  # impatience does no harm
        code = process.wait(timeout=60)
    # a slow machine gets to see how far it is
    lines = [line for line in (tmp_path / "stderr").read_text().splitlines() if ": calling: " not in line]
    assert code == 130, lines
    assert len(lines) == 1, lines
    reads = list(read_calls(written))
    assert 0 < len(reads) < 2000
    where = f"{output}.partial" if output else "stdout"
    assert lines[0] == f"lexome: interrupted: {where} holds the first {len(reads)} reads, which are complete"
    assert [int(read.read_id.replace("-", ""), 16) for read in reads] == list(range(1, len(reads) + 1))
    if output == "calls.bam":
        pysam.quickcheck("-u", str(written))
    assert output is None or not (tmp_path / output).exists()


def test_a_reader_that_leaves_ends_the_run_quietly(long_run: Path, small_model: Path, tmp_path: Path) -> None:
    """`lexome basecall ... | head`."""
    command = [
        sys.executable,
        "-W",
        "error",
        "-c",
        PROGRAM,
        "basecall",
        str(long_run),
        "-m",
        str(small_model),
    ]
    with (tmp_path / "stderr").open("w+") as err:
        process = subprocess.Popen([*command, "--threads", "1"], stdout=subprocess.PIPE, stderr=err)
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b"@HD")
        process.stdout.close()
        assert process.wait(timeout=60) == 0
        err.seek(0)
        assert err.read().startswith("lexome: called ")
