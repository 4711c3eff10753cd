"""Readers that misbehave, in a process of their own: lexome survives all of them."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from lexome.core.errors import BadInputError, LexomeError
from lexome.io import isolated, isolated_worker
from lexome.io.isolated_messages import (
    LENGTHS,
    check_lengths,
    parse,
    read_message,
    read_of,
    run_message,
    run_of,
)
from lexome.io.signal_checks import SignalTotals

# The file's name says what its reader does; every read has 1000 samples but the long ones.
READER = """
import os, signal, sys, time
import numpy as np
from lexome.core.errors import BadInputError
from lexome.core.records import RawRead, ReadInfo, RunInfo, Skipped
from lexome.io.signal_checks import SignalTotals

LOADED = os.getpid()


def run(name):
    return RunInfo(name, "FAX", 4000, "MN1", "", {"tracking_id": {"a": "b"}, "number": 1.5})


def misbehave(path):
    match path.stem:
        case "refused":
            raise BadInputError(f"{path}: not such a file")
        case "unexpected":
            raise ZeroDivisionError("a bug")
        case "crashes":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "exits":
            os._exit(3)
        case "hangs":
            time.sleep(1000)
        case "greedy":
            np.ones(2**40, np.uint8)
        case "nonsense":
            os.write(3, b"x" * 100)
        case "writes":
            print("something")
            os.write(1, b"something")


def iter_reads(path, on_skip, wanted):
    names, late = [run("a"), run("b")], path.stem.startswith("late-")
    if not late:
        misbehave(path)
    for number in range(4):
        if late and number == 2:
            misbehave(path.with_name(path.name.removeprefix("late-")))
        read_id = f"read-{number}"
        if wanted is not None and not wanted(read_id):
            continue
        if number == 1 and path.stem == "skips":
            on_skip(Skipped(read_id, "it is bad"))
            continue
        raw = np.arange(number, number + (10**6 if path.stem == "long" else 1000)).astype(np.int16)
        info = ReadInfo(read_id, len(raw), 1, 2, number, 2**40, "unknown", names[number % 2], path.name,
                        {"pid": LOADED, "float": 0.1})
        yield RawRead(info, raw, 0.1, -3.0)


def read_runs(path):
    misbehave(path)
    return [run("a"), run("b")]


def count(path):
    misbehave(path)
    return SignalTotals(4, 4000)
"""


def never(skipped):
    raise AssertionError(f"skipped: {skipped}")


@pytest.fixture
def reader(tmp_path, monkeypatch):
    (tmp_path / "reader_for_tests.py").write_text(READER)
    monkeypatch.syspath_prepend(tmp_path)
    yield "reader_for_tests"
    isolated.stop_idle()


class TestAnswers:
    def test_reads_arrive_as_they_are(self, reader, tmp_path, monkeypatch):
        import reader_for_tests  # pyright: ignore[reportMissingImports]

        path = tmp_path / "good.x"
        expected = list(reader_for_tests.iter_reads(path, never, None))
        found = list(isolated.iter_reads(reader, path, never))
        assert len(found) == 4
        for one, other in zip(found, expected, strict=True):
            assert one.info.extra.pop("pid") != os.getpid()
            other.info.extra.pop("pid")
            assert one.info == other.info
            assert (one.scale, one.offset) == (other.scale, other.offset)
            assert one.raw.dtype == np.int16
            assert one.raw.flags.writeable
            np.testing.assert_array_equal(one.raw, other.raw)
        assert found[0].info.run is found[2].info.run, "a run of its own for every read fills the memory"
        assert isolated.read_runs(reader, path) == reader_for_tests.read_runs(path)
        assert isolated.count(reader, path) == SignalTotals(4, 4000)

    def test_long_reads(self, reader):
        found = list(isolated.iter_reads(reader, Path("long"), never))
        assert [len(read.raw) for read in found] == [10**6] * 4
        np.testing.assert_array_equal(found[3].raw, np.arange(3, 10**6 + 3).astype(np.int16))

    def test_wanted_and_skipped(self, reader):
        skipped, asked = [], []

        def wanted(read_id):
            asked.append(read_id)
            return read_id in ("read-1", "read-3")

        found = list(isolated.iter_reads(reader, Path("skips"), skipped.append, wanted))
        assert [read.read_id for read in found] == ["read-3"]
        assert asked == [f"read-{number}" for number in range(4)]
        assert [(skip.name, skip.reason) for skip in skipped] == [("read-1", "it is bad")]

    def test_one_process_for_many_files(self, reader):
        pids = set()
        for name in ("good", "skips", "refused", "good"):
            try:
                pids |= {
                    read.info.extra["pid"] for read in isolated.iter_reads(reader, Path(name), [].append)
                }
            except BadInputError:
                assert name == "refused"
        assert len(pids) == 1

    def test_what_is_printed_does_no_harm(self, reader):
        assert len(list(isolated.iter_reads(reader, Path("writes"), never))) == 4

    def test_several_at_once(self, reader):
        streams = [isolated.iter_reads(reader, Path("long"), never) for _ in range(3)]
        for together in zip(*streams, strict=True):
            assert len({read.read_id for read in together}) == 1
        assert len(isolated._idle) == isolated._MOST_IDLE

    def test_in_threads(self, reader):
        found = []
        threads = [
            threading.Thread(
                target=lambda: found.extend(isolated.iter_reads(reader, Path("good"), never)), daemon=True
            )
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == 16


MISDEEDS = [
    ("unexpected", "unexpected ZeroDivisionError: a bug"),
    ("crashes", r"crashed \(SIGSEGV\): the file is damaged"),
    ("exits", "ended with code 3"),
    ("greedy", "MemoryError"),
    ("nonsense", "talks nonsense"),
]


class TestMisdeeds:
    @pytest.mark.parametrize(("name", "message"), [*MISDEEDS, ("refused", "not such a file")])
    def test_before_the_first_read(self, reader, name, message):
        with pytest.raises(BadInputError, match=message) as error:
            list(isolated.iter_reads(reader, Path(name), never))
        assert str(error.value).startswith(f"{name}: ")
        assert len(list(isolated.iter_reads(reader, Path("good"), never))) == 4

    @pytest.mark.parametrize("use", [isolated.read_runs, isolated.count])
    def test_runs_and_totals(self, reader, use):
        for name, message in (
            ("refused", "not such a file"),
            ("crashes", "SIGSEGV"),
            ("unexpected", "a bug"),
        ):
            with pytest.raises(BadInputError, match=f"^{name}: .*{message}"):
                use(reader, Path(name))

    @pytest.mark.parametrize(("name", "message"), MISDEEDS[1:3] + MISDEEDS[4:])
    def test_in_the_middle(self, reader, name, message):
        skipped = []
        found = list(isolated.iter_reads(reader, Path(f"late-{name}"), skipped.append))
        assert [read.read_id for read in found] == ["read-0", "read-1"]
        assert [skip.name for skip in skipped] == [f"late-{name}"]
        assert skipped[0].reason.startswith("after 2 reads, which are used, ")
        assert len(list(isolated.iter_reads(reader, Path("good"), never))) == 4

    def test_a_hang(self, reader, monkeypatch):
        isolated.count(reader, Path("good"))
        (worker,) = isolated._idle  # it has started: only the hang is to take too long
        monkeypatch.setattr(isolated, "SILENCE_S", 0.2)
        with pytest.raises(BadInputError, match="took no step for 0.2 s"):
            list(isolated.iter_reads(reader, Path("hangs"), never))
        assert not worker.is_alive()

    def test_a_process_that_died_while_idle(self, reader):
        list(isolated.iter_reads(reader, Path("good"), never))
        (worker,) = isolated._idle
        worker._process.kill()
        worker._process.wait()
        assert len(list(isolated.iter_reads(reader, Path("good"), never))) == 4

    def test_stopping_early_ends_the_process(self, reader):
        stream = isolated.iter_reads(reader, Path("long"), never)
        pid = next(stream).info.extra["pid"]
        stream.close()
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        assert isolated._idle == []

    def test_an_error_of_ours_is_not_the_files(self, reader):
        def skip(skipped):
            raise ValueError("ours")

        with pytest.raises(ValueError, match="ours"):
            list(isolated.iter_reads(reader, Path("skips"), skip))

    def test_a_reader_that_cannot_be_loaded(self):
        with pytest.raises(LexomeError, match="does not start") as error:
            isolated.count("lexome.io.no_such_module", Path("good"))
        assert not isinstance(error.value, BadInputError)

    def test_processes_end_with_ours(self, reader, tmp_path):
        code = (
            f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
            "from pathlib import Path\n"
            "from lexome.io import isolated\n"
            f"stream = isolated.iter_reads({reader!r}, Path('long'), print)\n"
            "print(next(stream).info.extra['pid'], flush=True)\n"
            "import os, signal; os.kill(os.getpid(), signal.SIGKILL)\n"
        )
        run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert run.returncode < 0
        pid = int(run.stdout)
        for _ in range(2000):  # it notices when it next writes or asks
            if not Path(f"/proc/{pid}").exists() or "State:\tZ" in Path(f"/proc/{pid}/status").read_text():
                break
            threading.Event().wait(0.01)
        else:
            pytest.fail("the process is still there")


class TestMessages:
    def test_round_trip(self, make_read):
        read = make_read(1)
        message = parse(json.dumps(read_message(read, 1)).encode())
        runs = [run_of(run_message(read.info.run))] * 2
        found = read_of(message, bytearray(read.raw.tobytes()), runs)
        assert found.info == read.info
        np.testing.assert_array_equal(found.raw, read.raw)
        with pytest.raises(ValueError, match="2999 of 3000"):
            read_of(message, bytearray(read.raw[1:].tobytes()), runs)

    @pytest.mark.parametrize("lengths", [(2**31, 0), (10, 2**31), (10, 3)])
    def test_lengths_that_no_sane_process_sends(self, lengths):
        with pytest.raises(ValueError, match="a message of"):
            check_lengths(LENGTHS.pack(*lengths))

    @pytest.mark.parametrize("text", [b"", b"[]", b"3", b"{"])
    def test_no_message(self, text):
        with pytest.raises(ValueError, match="none|Expecting"):
            parse(text)


def test_the_process_is_bounded(reader, tmp_path):
    """What a read of the greatest length takes is there, much more is not."""
    assert isolated_worker.MEMORY_BYTES >= 2 * 4 * 90_000_000
    code = (
        "from lexome.io import isolated_worker\n"
        "isolated_worker._limit_memory()\n"
        "for size in (0.9, 1.1):\n"
        "    try:\n"
        "        bytearray(int(size * isolated_worker.MEMORY_BYTES))\n"
        "        print('yes')\n"
        "    except MemoryError:\n"
        "        print('no')\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["yes", "no"]
