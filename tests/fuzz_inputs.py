"""Reads damaged copies of an input file, one after the other; what happens to each is printed.

Started by test_fuzz_inputs.py in a process of its own, which may die:
python fuzz_inputs.py TARGET NUMBER FOLDER FILE...
"""

import gzip
import importlib.util
import io
import os
import random
import re
import resource
import shutil
import signal
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from lexome.core.errors import LexomeError

MEMORY_BYTES = 2 * 2**30  # above what the process has after its imports
WORDS = (
    b"0", b"-1", b"1", b"3.5", b"1e999", b"nan", b"-0", b"255", b"256", b"65536", b"2147483647",
    b"2147483648", b"4294967295", b"9223372036854775808", b"99999999999999999999999", b"", b'""', b"null",
    b"true", b"[]", b"{}", b"[1, 2, 3]", b'"x"', b"\xff\xfe", b"\0", b"\t", b"\n", b"/dev/zero", b"*", b">",
    b"@",
)  # fmt: skip

_spec = importlib.util.spec_from_file_location("fuzz_signal", Path(__file__).parent / "io" / "fuzz_signal.py")
assert _spec is not None
assert _spec.loader is not None
_fuzz_signal = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_fuzz_signal)
damaged, require = _fuzz_signal.damaged, _fuzz_signal.require


def damaged_words(original: bytes, name: str, number: int) -> tuple[str, bytes]:
    """Text in which a word or a line is another one."""
    rng = random.Random(f"{name}-words-{number}")
    lines = original.split(b"\n")
    at = rng.randrange(len(lines))
    kind = ("word", "word", "word", "lines", "double", "drop")[number % 6]
    match kind:
        case "word":
            words = list(re.finditer(rb"[A-Za-z0-9_.+-]+", original))
            for word in sorted(
                rng.sample(words, min(len(words), rng.choice((1, 1, 2)))), key=lambda w: -w.start()
            ):
                original = original[: word.start()] + rng.choice(WORDS) + original[word.end() :]
            return kind, original
        case "lines":
            other = rng.randrange(len(lines))
            lines[at], lines[other] = lines[other], lines[at]
        case "double":
            lines[at:at] = [lines[at]] * rng.choice((1, 2, 50))
        case "drop":
            del lines[at : at + rng.choice((1, 1, 5))]
    return kind, b"\n".join(lines)


def damaged_inside(original: bytes, name: str, number: int) -> tuple[str, bytes]:
    """Damage within what is compressed or archived, with the check sums made anew."""
    if original.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(original)) as archive:
            members = [(info.filename, archive.read(info)) for info in archive.infolist()]
        which = random.Random(f"{name}-member-{number}").randrange(len(members))
        described, content = damaged(members[which][1] or b"\0", name, number)
        members[which] = members[which][0], content
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w") as archive:
            for member, data in members:
                archive.writestr(member, data)
        return f"{described} inside {members[which][0]}", made.getvalue()
    content = gzip.decompress(original)
    mutate = damaged_words if content[:1] in b">@" and number % 4 == 0 else damaged
    described, content = mutate(content, name, number)
    if not name.endswith(".bam"):
        return f"{described} inside", gzip.compress(content, 1)
    from lexome.io.bgzf import BgzfWriter

    made = io.BytesIO()
    with BgzfWriter(made) as writer:
        writer.write(content)
    return f"{described} inside", made.getvalue()


def copy_of(original: bytes, name: str, number: int) -> tuple[str, bytes]:
    """The copy of this number; every other text and most archives are damaged with more thought."""
    is_text = name.endswith((".sam", ".fastq", ".fasta", ".json", ".toml", ".txt"))
    if is_text and number % 2:
        return damaged_words(original, name, number)
    if original.startswith((b"\x1f\x8b", b"PK")) and number % 3:
        return damaged_inside(original, name, number)
    return damaged(original, name, number)


def read_the_calls(path: Path) -> bool:
    from lexome.io.calls import read_calls

    reads = 0
    for read in read_calls(path):
        require(isinstance(read.read_id, str) and isinstance(read.sequence, str), read)
        require(read.qualities is None or len(read.qualities) == len(read.sequence), read)
        reads += 1
    return reads > 0


def evaluate_the_calls(path: Path) -> bool:
    from lexome.evaluate.bootstrap import BootstrapConfig
    from lexome.evaluate.reads import evaluate_file

    few = BootstrapConfig(resamples=5)
    result = evaluate_file(path, path.parent / "reference.fa", bootstrap=few)
    result.to_json()
    return result.figures.mapped > 0


def align_to_it(path: Path) -> bool:
    from lexome.io.fastx import read_reference
    from lexome.tasks.basecall.alignment import Aligner

    aligner, found = Aligner(path), 0
    for sequence in read_reference(path.parent / "reference.fa").values():
        call: Any = SimpleNamespace(sequence=sequence[:800], read_id="r")
        found += len(aligner.align(call))
    return found > 0


def call_with_the_model(path: Path) -> bool:
    from lexome.tasks.basecall.model import open_model

    model = open_model(path.parent, engine="torch", device="cpu")
    samples = 10 * model.engine.chunk_multiple
    ((_, scores_TK),) = model.engine.run([(0, np.zeros(samples, np.float32))], np.copy)
    require(len(scores_TK) * model.stride == samples, scores_TK.shape)
    try:
        model.decoder(scores_TK)
    except LexomeError:
        pass  # nonsense scores; the read is skipped
    return True


def resume_from_it(path: Path) -> bool:
    from lexome.core.config import from_dict
    from lexome.tasks.basecall.journal import Settings, read_journal
    from lexome.tasks.basecall.resume import resumable

    (path.parent / "calls.fastq.partial").write_text("@a\nACGT\n+\nIIII\n@b\nAC\n+\nII\n")
    content = read_journal(path.parent / "sound.json")
    assert content is not None
    with resumable(
        path.parent / "calls.fastq", from_dict(Settings, content, "journal"), resume=True
    ) as earlier:
        return earlier.found


def list_the_ids(path: Path) -> bool:
    from lexome.tasks.basecall.selection import read_id_list

    ids = read_id_list(path)
    require(all(isinstance(one, str) and one for one in ids), ids)
    return True


def toy(fail: Callable[[], object]) -> Callable[[Path], bool]:
    """Reads nothing and fails in a way of its own: to test this program itself."""
    return lambda path: path.read_bytes() == b"sound" or bool(fail())


def raise_something() -> None:
    raise TypeError("a bug")


TARGETS: dict[str, Callable[[Path], bool]] = {
    "dies": toy(lambda: os.kill(os.getpid(), signal.SIGKILL)),
    "hangs": toy(lambda: time.sleep(3600)),
    "raises": toy(raise_something),
    "talks": toy(lambda: print("noise", file=sys.stderr)),
    "grows": toy(lambda: bytearray(4 * MEMORY_BYTES)),
    "calls": read_the_calls,
    "evaluate": evaluate_the_calls,
    "reference": align_to_it,
    "model": call_with_the_model,
    "journal": resume_from_it,
    "ids": list_the_ids,
}


def refused(work: Callable[[Path], bool], path: Path) -> str:
    try:
        return "used" if work(path) else "nothing"
    except LexomeError as error:
        require("\n" not in str(error), error)
        return "refused"


def main() -> None:
    target, last, folder, *files = sys.argv[1:]
    work, places = TARGETS[target], []
    for number, file in enumerate(map(Path, files)):
        places.append(Path(folder) / str(number) / file.name)
        shutil.copytree(file.parent, places[-1].parent)
        work(places[-1])  # with all imports, and to see that the file is sound
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + MEMORY_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for path, file in zip(places, files, strict=True):
        original = Path(file).read_bytes()
        for number in range(int(last)):
            kind, data = copy_of(original, path.name, number)
            path.unlink(missing_ok=True)
            path.write_bytes(data)
            print(f"{number} of {path.name}: {kind}", flush=True)
            print(f"= {path.parent.name} {refused(work, path)}", flush=True)
        path.write_bytes(original)
    os._exit(0)


if __name__ == "__main__":
    main()
