"""Damaged signal files end in an error or in skipped reads, never in a hang, a crash or in endless memory."""

import os
import selectors
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from lexome.io.pod5 import write_pod5

FUZZER = Path(__file__).with_name("fuzz_signal.py")
DEADLINE_S = 120  # for one copy: far above what the slowest machine needs
MEMORY_MB = 1500  # for one process, of which a read of the greatest length may take half


@pytest.fixture
def files(tmp_path, make_read, make_run, signal_writers) -> dict[str, tuple[str, Path]]:
    """A small file of each format, in which the metadata take more room than the signal; and its reader."""
    runs = [make_run("run-a"), make_run("run-b", sample_rate_hz=4000)]
    reads = [make_read(n, run=runs[n % 2], samples=100 + n) for n in range(1, 6)]
    write_pod5(tmp_path / "reads.pod5", reads)
    signal_writers.write_fast5(tmp_path / "multi.fast5", reads)
    signal_writers.write_single_fast5(tmp_path / "single.fast5", reads[0])
    (tmp_path / "text.slow5").write_bytes(signal_writers.slow5_bytes(reads))
    places = {name: ("lexome.io." + name.rpartition(".")[2].replace("blow5", "slow5"), tmp_path / name)
              for name in ("reads.pod5", "multi.fast5", "single.fast5", "text.slow5")}  # fmt: skip
    for name, record, signal in (
        ("plain.blow5", "none", "none"),
        ("zlib.blow5", "zlib", "svb-zd"),
        ("zstd.blow5", "zstd", "ex-zd"),
    ):
        (tmp_path / name).write_bytes(signal_writers.blow5_bytes(reads, record, signal))
        places[name] = "lexome.io.slow5", tmp_path / name
    return places


def fuzz(module: str, file: Path, last: int, folder: Path, first: int = 0) -> Counter[str]:
    """Counts what happens to the copies; fails at the first on which the reader dies or hangs."""
    folder.mkdir(exist_ok=True)
    command = [sys.executable, str(FUZZER), module, str(file), str(first), str(last), str(folder)]
    one_thread = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    found: Counter[str] = Counter()
    copy = "start"
    with (
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=os.environ | one_thread
        ) as process,
        selectors.DefaultSelector() as selector,
    ):
        assert process.stdout is not None
        selector.register(process.stdout, selectors.EVENT_READ)
        os.set_blocking(process.stdout.fileno(), False)
        text = b""
        while True:
            if not selector.select(DEADLINE_S):
                process.kill()
                pytest.fail(f"{file.name}, copy {copy}: nothing for {DEADLINE_S} s")
            more = os.read(process.stdout.fileno(), 2**16)
            if not more:
                break
            text += more
    for line in text.decode("utf-8", "replace").splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "=":
            found[rest] += 1
        elif kind == "memory":
            assert int(rest) < MEMORY_MB
        elif kind.isdigit():
            copy = line
    end = text.decode("utf-8", "replace")[-1500:]
    assert process.returncode == 0, f"{file.name}, copy {copy}: code {process.returncode}\n{end}"
    assert found.total() == last - first
    return found


NAMES = ["reads.pod5", "multi.fast5", "single.fast5", "text.slow5", "plain.blow5", "zlib.blow5", "zstd.blow5"]


@pytest.mark.parametrize("name", NAMES)
def test_damage_is_survived(files, tmp_path, name):
    module, file = files[name]
    found = fuzz(module, file, 64, tmp_path / "fuzz")
    assert found["refused"] > 0
    assert found["read"] + found["skipped"] > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_much_damage_is_survived(files, tmp_path, name):
    module, file = files[name]
    found = fuzz(module, file, 1000, tmp_path / "fuzz")
    print(name, dict(found))  # seen with -s: counts for the records
    assert found["refused"] > 0
    assert found["read"] + found["skipped"] > 0


def test_the_fuzzer_notices(tmp_path):
    """A reader that dies, and one that gives nonsense, would not go unnoticed."""
    for name, body in (
        ("dies", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"),
        ("wrong", "raise TypeError('a bug')"),
    ):
        source = f"def iter_reads(path, on_skip, wanted):\n    {body}\n    yield\n"
        (tmp_path / f"reader_{name}.py").write_text(source)
        (tmp_path / "file.x").write_bytes(b"something to damage")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PYTHONPATH", str(tmp_path))
            with pytest.raises(AssertionError, match="copy 0 flip first: code"):
                fuzz(f"reader_{name}", tmp_path / "file.x", 4, tmp_path / "fuzz")
