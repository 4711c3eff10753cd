"""Runs `lexome` commands, each in a process of its own that may be limited, without the time of the imports.

Started by test_failures.py with a model; each line on its input is a command as JSON. Prints its process id,
and when it has ended its exit code (negative: the signal that ended it) and the most memory it had, in MB.
"""

import ctypes
import importlib
import json
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Any

import numpy as np

from lexome.checkpoint.store import load
from lexome.cli.main import main
from lexome.decode.heads import find_head

CAPBSET_VERSION = 0x20080522


def holder_of(where: str) -> tuple[Any, str]:
    """The object that has the last name of "module:class.function"."""
    module, _, names = where.partition(":")
    *outer, name = names.split(".")
    holder = importlib.import_module(module)
    for one in outer:
        holder = getattr(holder, one)
    return holder, name


def plant(where: str, at_call: int, action: list[Any]) -> None:
    """Lets something happen just before a function is called for the so-manieth time."""
    holder, name = holder_of(where)
    real, calls = getattr(holder, name), 0

    def planted(*arguments: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == at_call:
            kind, *values = action
            ACTIONS[kind](*values)
        return real(*arguments, **options)

    setattr(holder, name, planted)


def send_signal(number: int) -> None:
    os.kill(os.getpid(), number)


def cut(path: str) -> None:
    os.truncate(path, os.path.getsize(path) // 2)


def limit_files(size: int) -> None:
    """Lets no file grow beyond a size, as on a full disk."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def fail(words: str) -> None:
    raise RuntimeError(words)


ACTIONS: dict[str, Callable[..., object]] = {
    "signal": send_signal,
    "remove": os.unlink,
    "replace": os.replace,
    "cut": cut,
    "limit": limit_files,
    "fail": fail,
}


def drop_privileges() -> None:
    """Takes away root's right to open every file, so that permissions count."""
    header, data = (ctypes.c_uint32 * 2)(CAPBSET_VERSION, 0), (ctypes.c_uint32 * 6)()
    if ctypes.CDLL(None, use_errno=True).capset(header, data):
        raise OSError(ctypes.get_errno(), "capset")


def prepare(job: dict[str, Any]) -> None:
    os.chdir(job["folder"])
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        opened = os.open(job[name], os.O_RDONLY if name == "stdin" else os.O_WRONLY)
        os.dup2(opened, descriptor)
        os.close(opened)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    if job["plant"]:
        plant(*job["plant"])
    if job["answers"]:
        holder, name = holder_of(job["answers"][0])
        setattr(holder, name, lambda *_, **__: job["answers"][1])
    if job["unprivileged"]:
        drop_privileges()
    if job["file_bytes"] is not None:
        limit_files(job["file_bytes"])
    if job["memory_bytes"] is not None:
        resource.setrlimit(resource.RLIMIT_AS, (job["memory_bytes"], job["memory_bytes"]))


def run(job: dict[str, Any]) -> int:
    prepare(job)
    sys.argv = ["lexome", *job["arguments"]]
    try:
        main()
    except SystemExit as stop:
        return int(stop.code or 0)
    except BaseException:
        traceback.print_exc()
        return 99
    return 0


def warm_up(model: str) -> None:
    """Loads the decoder's compiled code, which takes longer than calling some reads."""
    checkpoint = load(model)
    states = 4 ** checkpoint.head.config["state_len"]
    find_head("crf").decoder(checkpoint.head.config, None)(np.zeros((20, 5 * states), np.float32))


def serve() -> None:
    for line in sys.stdin:
        job = json.loads(line)
        child = os.fork()
        if child == 0:
            code = 98
            try:
                code = run(job)
                sys.stdout.flush()
                sys.stderr.flush()
            finally:
                os._exit(code)
        print(child, flush=True)
        _, status, usage = os.wait4(child, 0)
        print(os.waitstatus_to_exitcode(status), usage.ru_maxrss // 1024, flush=True)


if __name__ == "__main__":
    warm_up(sys.argv[1])
    serve()
