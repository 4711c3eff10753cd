"""The process that `io.isolated` starts: python -m lexome.io.isolated_worker MODULE.

It takes requests (JSON, one per line) on its input, lets the module's `iter_reads`, `read_runs` or `count` do
them, and answers on its output (`io.isolated_messages`). It ends with its input.
"""

import importlib
import json
import os
import resource
import sys
from pathlib import Path
from typing import Any, BinaryIO

from lexome.core.errors import BadInputError
from lexome.core.records import RunInfo
from lexome.io.isolated_messages import read_message, run_message, send

MEMORY_BYTES = 2**30  # above what it has at the start; a read of the greatest length takes 0.4 GB


def serve(module: str, requests: BinaryIO, answers: BinaryIO) -> None:
    """Answers requests until there are no more."""
    reader: Any = importlib.import_module(module)
    _limit_memory()
    send(answers, {"ready": True})
    while line := requests.readline():
        request = json.loads(line)
        path = Path(request["path"])
        try:
            if request["do"] == "iter_reads":
                _send_reads(reader, path, request["asks"], requests, answers)
            elif request["do"] == "read_runs":
                send(answers, {"runs": [run_message(run) for run in reader.read_runs(path)]})
            else:
                totals = reader.count(path)
                send(answers, {"count": [totals.reads, totals.samples]})
        except BadInputError as error:
            send(answers, {"refused": str(error)})
        except (BrokenPipeError, KeyboardInterrupt):
            return
        except Exception as error:  # told to the other side, which raises it
            send(answers, {"failed": f"{type(error).__name__}: {error}"})
        else:
            send(answers, {"end": True})


def _send_reads(reader: Any, path: Path, asks: bool, requests: BinaryIO, answers: BinaryIO) -> None:
    sent: dict[int, tuple[int, RunInfo]] = {}  # by identity; kept, so that no other run gets the same one

    def wanted(read_id: str) -> bool:
        send(answers, {"id": read_id})
        return requests.readline() == b"yes\n"

    def skip(skipped: Any) -> None:
        send(answers, {"skipped": [skipped.name, skipped.reason]})

    for read in reader.iter_reads(path, skip, wanted if asks else None):
        run = read.info.run
        if id(run) not in sent:
            sent[id(run)] = len(sent), run
            send(answers, {"run": run_message(run)})
        send(answers, {"read": read_message(read, sent[id(run)][0])}, read.raw)


def _limit_memory() -> None:
    """Bounds the address space: what a damaged header asks for is refused, and the machine stays usable."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + MEMORY_BYTES
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(
        resource.RLIMIT_AS, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard)
    )
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def main() -> None:
    """Serves on this process's input and output; what a library prints goes nowhere."""
    answers = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        serve(sys.argv[1], sys.stdin.buffer, answers)
    except BrokenPipeError:
        os._exit(1)  # nobody listens any more: not even closing the pipe would work


if __name__ == "__main__":
    main()
