"""Reads damaged copies of a signal file, one after the other; what happens to each is printed.

Started by test_fuzz_signal.py in a process of its own, which may die:
python fuzz_signal.py MODULE FILE FIRST LAST FOLDER
"""

import importlib
import json
import math
import os
import random
import resource
import sys
from collections.abc import Callable
from pathlib import Path

from lexome.core.errors import BadInputError
from lexome.io import isolated
from lexome.tasks.basecall.memory import peak_memory_bytes

MEMORY_BYTES = 4 * 2**30
SILENCE_S = 5.0  # a hang costs this much
BEGINNING = 1024
KINDS = ("flip first", "flip", "cut", "large first", "large", "zeros", "copy", "shift")
LARGE = (b"\xff" * 8, b"\xff" * 4, b"\xff\xff", b"\xff\xff\xff\x7f", b"\xff" * 7 + b"\x7f", b"\0\0\0\x80",
         b"\0\0\0\0\x01\0\0\0", b"\x00\x00\x00\x10", b"9999999999")  # fmt: skip


def damaged(original: bytes, name: str, number: int) -> tuple[str, bytes]:
    """The copy of this number, always the same for a file of this name, and what was done to it."""
    rng = random.Random(f"{name}-{number}")
    data, kind = bytearray(original), KINDS[number % len(KINDS)]
    end = min(BEGINNING, len(data)) if kind.endswith("first") else len(data)
    at, length = rng.randrange(end), rng.choice((1, 4, 16, 100, 1000, 10_000))
    match kind.removesuffix(" first"):
        case "flip":
            for _ in range(rng.choice((1, 1, 2, 8, 32))):
                data[rng.randrange(end)] ^= rng.choice((1 << rng.randrange(8), rng.randrange(1, 256)))
        case "cut":
            del data[at:]
        case "large":
            value = rng.choice(LARGE)
            at -= at % rng.choice((1, 4, 8))  # numbers often lie at multiples of their size
            data[at : at + len(value)] = value
        case "zeros":
            data[at : at + length] = bytes(len(data[at : at + length]))
        case "copy":
            source = rng.randrange(len(data))
            piece = data[source : source + length]
            data[at : at + len(piece)] = piece
        case "shift":
            data[at : at + rng.choice((0, length))] = rng.randbytes(rng.choice((0, 1, 8)))
    return kind, bytes(data)


def require(holds: bool, what: object) -> None:
    if not holds:
        raise AssertionError(what)


def check_read(read) -> None:
    """What the stages that follow rely on."""
    info = read.info
    require(read.raw.dtype == "int16" and read.raw.shape == (info.num_samples,), read.raw)
    require(math.isfinite(read.scale) and math.isfinite(read.offset), read)
    require(info.run.sample_rate_hz > 0, info.run)
    texts = (info.read_id, info.end_reason, info.run.run_id, info.run.flow_cell, info.run.device)
    require(all(isinstance(text, str) for text in texts) and bool(info.read_id), info)
    numbers = (info.channel, info.mux, info.read_number, info.start_sample)
    require(all(type(number) is int for number in numbers), info)
    json.dumps([dict(info.extra), dict(info.run.extra)])


def refused(use: Callable[[], object], path: Path) -> bool:
    try:
        use()
    except BadInputError as error:
        text = str(error)
        require(text.startswith(f"{path}: ") and "\n" not in text and "unexpected" not in text, text)
        return True
    return False


def outcome(reader, path: Path) -> str:
    skipped = []
    found = []  # their ids; the reads themselves would fill the memory

    def read_all() -> None:
        for read in reader.iter_reads(path, skipped.append, None):
            check_read(read)
            found.append(read.read_id)

    is_refused = refused(read_all, path)
    refused(lambda: reader.read_runs(path), path)
    refused(lambda: reader.count(path), path)
    for skip in skipped:
        require("\n" not in skip.reason and "unexpected" not in skip.reason, skip)
    return "refused" if is_refused else "skipped" if skipped else "read" if found else "nothing"


def main() -> None:
    module, file, first, last, folder = sys.argv[1:]
    reader = importlib.import_module(module)
    isolated.SILENCE_S = SILENCE_S
    original = Path(file).read_bytes()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for number in range(int(first), int(last)):
        kind, data = damaged(original, Path(file).name, number)
        path = Path(folder) / f"damaged{Path(file).suffix}"
        path.write_bytes(data)
        print(f"{number} {kind}", flush=True)
        print(f"= {outcome(reader, path)}", flush=True)
    isolated.stop_idle()
    # its own peak not by getrusage, which would count the process that started this one, too
    own_kb, others_kb = peak_memory_bytes() // 1024, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(f"memory {max(own_kb, others_kb) // 1024}", flush=True)
    # pod5's library at times aborts on the way out ("terminate called"), here with little memory left; by
    # then everything was read, and that is what is looked at
    os._exit(0)


if __name__ == "__main__":
    main()
