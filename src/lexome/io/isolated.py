"""Reading files in another process: for formats whose library may crash, hang or ask for all memory.

That process has a bounded amount of memory and is watched. If it dies, or says nothing for a while, the file
that it was reading is lost and nothing else: the next file gets a new process. One that has finished is kept
for the next file, since starting one takes longer than reading a small file.
"""

import atexit
import json
import os
import selectors
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lexome.core.errors import BadInputError, LexomeError
from lexome.core.records import RawRead, RunInfo, Skipped
from lexome.io.isolated_messages import LENGTHS, check_lengths, parse, read_of, run_of
from lexome.io.signal_checks import SignalTotals

SILENCE_S = 30.0  # the longest read takes 3 s; a file that hangs costs this much each time it is asked
_MOST_IDLE = 2

_idle: list["_Worker"] = []
_lock = threading.Lock()


class _GoneError(Exception):
    """The process died, hangs or talks nonsense."""


def iter_reads(
    module: str, path: Path, on_skip: Callable[[Skipped], None], wanted: Callable[[str], bool] | None = None
) -> Iterator[RawRead]:
    """Yields what `iter_reads` of a module yields for a file, in another process.

    Args:
        module: the module's full name.
        path: the file.
        on_skip: told of every read that is not used; of the rest of a file if the process fails on it.
        wanted: asked with the read id before the signal is decoded; None for all.

    Raises:
        BadInputError: if the file cannot be read, or the process fails on it before the first read.
        LexomeError: if no process can be started.
    """
    runs: list[RunInfo] = []
    reads = 0
    with _worker(module) as worker:
        worker.tell({"do": "iter_reads", "path": str(path.absolute()), "asks": wanted is not None})
        while True:
            try:
                found = _decoded(*worker.receive(), runs)
            except _GoneError as error:
                if reads == 0:
                    raise BadInputError(f"{path}: {error}") from error
                on_skip(Skipped(path.name, f"after {reads} reads, which are used, {error}"))
                return
            match found:
                case RawRead():
                    reads += 1
                    yield found
                case Skipped():
                    on_skip(found)
                case {"id": read_id}:
                    worker.answer(wanted is not None and wanted(read_id))
                case _:
                    if _is_last(found, worker, path):
                        return


def read_runs(module: str, path: Path) -> list[RunInfo]:
    """What `read_runs` of a module gives for a file, in another process; raises as `iter_reads` does."""
    return [run_of(run) for run in _only_answer(module, path, "read_runs")["runs"]]


def count(module: str, path: Path) -> SignalTotals:
    """What `count` of a module gives for a file, in another process; raises as `iter_reads` does."""
    return SignalTotals(*_only_answer(module, path, "count")["count"])


def _only_answer(module: str, path: Path, what: str) -> dict[str, Any]:
    answer: dict[str, Any] = {}
    with _worker(module) as worker:
        worker.tell({"do": what, "path": str(path.absolute())})
        try:
            while True:
                message, _ = worker.receive()
                if _is_last(message, worker, path):
                    return answer
                answer = message
        except _GoneError as error:
            raise BadInputError(f"{path}: {error}") from error


def _decoded(message: dict[str, Any], samples: bytearray, runs: list[RunInfo]) -> Any:
    """A read or something skipped from a message; a run is put to the others; other messages as they are."""
    try:
        if "read" in message:
            return read_of(message["read"], samples, runs)
        if "skipped" in message:
            return Skipped(*message["skipped"])
        if "run" in message:
            runs.append(run_of(message["run"]))
    except (ValueError, LookupError, TypeError) as error:
        raise _GoneError(f"the process that read it talks nonsense ({error})") from error
    return message


def _is_last(message: dict[str, Any], worker: "_Worker", path: Path) -> bool:
    """Whether this message ends the answer; BadInputError if it says that the file cannot be read."""
    if "refused" in message:
        worker.is_busy = False
        # the other process knows the file by its whole path
        reason = message["refused"].removeprefix(f"{path.absolute()}: ")
        raise BadInputError(f"{path}: {reason}")
    if "failed" in message:
        raise BadInputError(f"{path}: cannot be read (unexpected {message['failed']})")
    worker.is_busy = "end" not in message
    return not worker.is_busy


@contextmanager
def _worker(module: str) -> Iterator["_Worker"]:
    """A process for one request; kept if it finished the request, else stopped."""
    worker = None
    with _lock:
        for one in _idle:
            if one.module == module and one.owner == os.getpid():
                worker = one
                _idle.remove(one)
                break
    if worker is not None and not worker.is_alive():
        worker.stop()
        worker = None
    if worker is None:
        worker = _Worker(module)
    try:
        yield worker
    finally:
        with _lock:
            keep = not worker.is_busy and len(_idle) < _MOST_IDLE
            if keep:
                _idle.append(worker)
        if not keep:
            worker.stop()


@atexit.register
def stop_idle() -> None:
    """Stops the processes that are kept for later."""
    with _lock:
        workers = [worker for worker in _idle if worker.owner == os.getpid()]
        _idle.clear()
    for worker in workers:
        worker.stop()


class _Worker:
    """A process that reads files. `owner` is the process that may talk to it: a fork of it must not."""

    def __init__(self, module: str) -> None:
        self.module = module
        self.owner = os.getpid()
        self.is_busy = True
        paths = [path for path in sys.path if path]
        one_thread = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # each takes address space
        self._process = subprocess.Popen(
            # -P: a file in the working folder must not stand in for a module
            [sys.executable, "-P", "-m", "lexome.io.isolated_worker", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            process_group=0,  # Ctrl-C is for us: a reader that it ended would look like a damaged file
            env=os.environ | one_thread | {"PYTHONPATH": os.pathsep.join(paths)},
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._requests, self._answers = self._process.stdin, self._process.stdout
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._answers, selectors.EVENT_READ)
        try:
            self.receive()
        except _GoneError as error:
            self.stop()
            raise LexomeError(
                "the process that is to read it does not start; "
                f"'{sys.executable} -m lexome.io.isolated_worker {module}' says why"
            ) from error
        self.is_busy = False

    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def tell(self, request: dict[str, Any]) -> None:
        """Sends a request; that the process is gone is noticed when its answer is awaited."""
        self.is_busy = True
        self._write(json.dumps(request).encode() + b"\n")

    def answer(self, yes: bool) -> None:
        """Answers what the process asked."""
        self._write(b"yes\n" if yes else b"no\n")

    def receive(self) -> tuple[dict[str, Any], bytearray]:
        """The next message and its samples; _GoneError if none comes."""
        try:
            text, samples = check_lengths(self._read(LENGTHS.size))
            return parse(self._read(text)), self._read(samples)
        except ValueError as error:
            raise _GoneError(f"the process that read it talks nonsense ({error})") from error

    def stop(self) -> None:
        """Ends the process, whatever it is doing."""
        self._process.kill()
        self._selector.close()
        for pipe in (self._requests, self._answers):
            pipe.close()
        self._process.wait()

    def _write(self, data: bytes) -> None:
        try:
            self._requests.write(data)
        except BrokenPipeError:
            pass  # `receive` says how it ended

    def _read(self, length: int) -> bytearray:
        data = bytearray(length)
        view, filled = memoryview(data), 0
        while filled < length:
            if not self._selector.select(SILENCE_S):
                raise _GoneError(f"reading it took no step for {SILENCE_S:g} s: the file is damaged")
            got = os.readv(self._answers.fileno(), [view[filled:]])
            if got == 0:
                raise _GoneError(f"the process that read it {self._end()}: the file is damaged")
            filled += got
        return data

    def _end(self) -> str:
        code = self._process.wait()
        if code >= 0:
            return f"ended with code {code}"
        known = {one.value: one.name for one in signal.Signals}
        return f"crashed ({known.get(-code, -code)})"
