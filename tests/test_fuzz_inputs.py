"""Damaged calls, references, models, journals and lists end in an error of ours, or in a result.

Never in another exception, a hang, a crash, endless memory, or in words of a library on stderr.
"""

import gzip
import os
import selectors
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import mappy
import pytest

from lexome.checkpoint.build import weights_of
from lexome.checkpoint.exporting import export_model
from lexome.checkpoint.store import Checkpoint, Component, save
from lexome.io.calls import read_calls
from lexome.models.registry import new_network
from lexome.tasks.basecall.files import call_files
from lexome.tasks.basecall.journal import InputFile, Settings, write_journal
from lexome.tasks.basecall.model import open_model
from lexome.tasks.basecall.plan import CallRequest, plan_calls

FUZZER = Path(__file__).with_name("fuzz_inputs.py")
DEADLINE_S = 120  # for one copy: far above what the slowest machine needs
SHORT, LONG = 40, int(os.environ.get("FUZZ", 1000))
ENCODERS = {
    "bonito": {
        "convs": [{"size": 16, "kernel": 5}] * 2 + [{"size": 8, "kernel": 19, "stride": 6}],
        "lstms": [{"size": 8, "reverse": number % 2 == 0} for number in range(5)],
    },
    "transformer": {
        "convs": [{"size": 8, "kernel": 5, "stride": 2}, {"size": 16, "kernel": 9, "stride": 3}],
        "attention": {"num_heads": 2, "window": [7, 8]},
        "feed_forwards": [24, 24],
        "upsample": 2,
    },
}  # fmt: skip
HEAD = {"state_len": 3, "activation": "none", "scale": 1.0, "bias": False}
CALLS = ("sam", "bam", "cram", "fastq", "fastq.gz", "fasta", "fasta.gz")
SUITE = {
    "calls": tuple(f"calls/calls.{ending}" for ending in CALLS),
    "evaluate": tuple(f"calls/calls.{ending}" for ending in CALLS),
    "reference": ("references/copy.fasta", "references/copy.fasta.gz", "references/copy.mmi"),
    "model": (
        "own/config.json", "own/model.safetensors", "attention/config.json", "bonito/config.toml",
        "bonito/weights_1.tar", "dorado/config.toml", "dorado/4.rnn.weight_ih_l0.tensor",
    ),
    "journal": ("journal/calls.fastq.partial.json",),
    "ids": ("ids/ids.txt",),
}  # fmt: skip


def fuzz(target: str, files: Sequence[Path], number: int, folder: Path) -> list[Counter[str]]:
    """Counts what becomes of the copies of each file; fails at the first on which the reader fails."""
    command = [sys.executable, str(FUZZER), target, str(number), str(folder), *map(str, files)]
    quiet = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    with (
        folder.with_name("stderr.txt").open("w+b") as stderr,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, env=os.environ | quiet) as process,
        selectors.DefaultSelector() as selector,
    ):
        assert process.stdout is not None
        selector.register(process.stdout, selectors.EVENT_READ)
        text, hangs = b"", False
        while not (hangs := not selector.select(DEADLINE_S)):
            more = os.read(process.stdout.fileno(), 2**16)
            if not more:
                break
            text += more
        if hangs:
            process.kill()
        code = process.wait()
        stderr.seek(0)
        said = stderr.read().decode("utf-8", "replace")[-3000:]
    lines = text.decode("utf-8", "replace").splitlines()
    copy = next((line for line in reversed(lines) if line[:1].isdigit()), "no copy yet")
    assert not hangs, f"{copy}: nothing for {DEADLINE_S} s"
    assert code == 0, f"{copy}: code {code}\n{said}"
    assert not said, f"{target}: on stderr\n{said}"
    found = [Counter[str]() for _ in files]
    for line in lines:
        if line.startswith("= "):
            _, index, outcome = line.split()
            found[int(index)][outcome] += 1
    assert all(counts.total() == number for counts in found)
    return found


@pytest.fixture(scope="session")
def sound(tmp_path_factory: pytest.TempPathFactory, small_model: Path, mixed_pod5: Path) -> dict[str, Path]:
    """Sound files for every target, by name."""
    root = tmp_path_factory.mktemp("sound")
    calls, references, journal, ids = (root / name for name in ("calls", "references", "journal", "ids"))
    for folder in (calls, references, journal, ids):
        folder.mkdir()
    write_calls(calls, small_model, mixed_pod5)
    reference = (calls / "reference.fa").read_bytes()
    for name in ("reference.fa", "copy.fasta"):
        (references / name).write_bytes(reference)
    (references / "copy.fasta.gz").write_bytes(gzip.compress(reference))
    mappy.Aligner(
        str(references / "copy.fasta"), preset="map-ont", k=11, w=5, fn_idx_out=str(references / "copy.mmi")
    )
    settings = Settings(
        "1", "fast", "d1", "onnx on cpu", 10000, 500, True, False, 7.5, "ref.fa", "d2", "1/3", "d3", 100,
        (InputFile("b.pod5", 20), InputFile("c.pod5", 30)), 8,
    )  # fmt: skip
    for name in ("sound.json", "calls.fastq.partial.json"):
        write_journal(journal / name, settings)
    (ids / "ids.txt").write_text("read_id\tchannel\n" + "".join(f"0-{n:x}-abc\t{n}\n" for n in range(40)))
    models = write_models(root)
    folders = [calls, references, journal, ids, *models]
    return {f"{folder.name}/{file.name}": file for folder in folders for file in folder.iterdir()}


def write_calls(folder: Path, model: Path, pod5: Path) -> None:
    """Calls in all formats; those that can be are aligned to a reference of four of them."""
    opened = open_model(model, device="cpu", threads=1)

    def call(ending: str, **options) -> None:
        request = CallRequest([pod5], folder / f"calls.{ending}", version="1", **options)
        call_files(request, plan_calls(request), opened)

    for ending in CALLS[3:]:
        call(ending)
    longest = sorted((read.sequence for read in read_calls(folder / "calls.fastq")), key=len)[-4:]
    text = "".join(f">c{number} a contig\n{bases}\n" for number, bases in enumerate(reversed(longest)))
    (folder / "reference.fa").write_text(text)
    for ending in CALLS[:3]:
        call(ending, reference=folder / "reference.fa", emit_moves=True)


def write_models(root: Path) -> list[Path]:
    """Models in all layouts."""
    folders = []
    for name, architecture in ENCODERS.items():
        network = new_network({"name": name, "config": architecture}, {"name": "crf", "config": HEAD})
        features = {
            "scaling": {"method": "pa", "mean": 90.0, "stdev": 20.0},
            "chunk_size": 600,
            "overlap": 60,
        }
        checkpoint = Checkpoint(
            "basecall", Component(name, architecture), Component("crf", HEAD),
            {**features, "sample_rate_hz": 4000}, None, {"name": "small"}, weights_of(network),
        )  # fmt: skip
        folders.append(root / ("own" if name == "bonito" else "attention"))
        save(folders[-1], checkpoint, "A random network for tests.")
        if name == "bonito":
            for layout in ("bonito", "dorado"):
                folders.append(root / layout)
                export_model(checkpoint, layout, folders[-1])
    return folders


@pytest.mark.parametrize("target", SUITE)
def test_damage_is_survived(sound: dict[str, Path], tmp_path: Path, target: str) -> None:
    for counts in fuzz(target, [sound[name] for name in SUITE[target]], SHORT, tmp_path / "copies"):
        assert counts["refused"] > 0
        assert counts["used"] > 0 or target == "journal"  # in which nearly every letter counts


@pytest.mark.slow
@pytest.mark.parametrize("target", SUITE)
def test_much_damage_is_survived(sound: dict[str, Path], tmp_path: Path, target: str) -> None:
    found = fuzz(target, [sound[name] for name in SUITE[target]], LONG, tmp_path / "copies")
    for name, counts in zip(SUITE[target], found, strict=True):
        print(target, name, dict(counts))  # seen with -s: counts for the records
        assert counts["refused"] > 0
        assert counts["used"] > 0


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("dies", r"^0 of sound.txt: flip first: code -9"),
        ("hangs", r"^0 of sound.txt: flip first: nothing for 2 s"),
        ("raises", r"(?s)^0 of sound.txt: flip first: code 1.*TypeError: a bug"),
        ("talks", r"^talks: on stderr\s+noise"),
        ("grows", r"(?s)^0 of sound.txt: flip first: code 1.*MemoryError"),
    ],
)
def test_the_fuzzer_notices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str, message: str
) -> None:
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "sound.txt").write_text("sound")
    monkeypatch.setattr(sys.modules[__name__], "DEADLINE_S", 2 if target == "hangs" else DEADLINE_S)
    with pytest.raises(AssertionError, match=message):
        fuzz(target, [tmp_path / "toy" / "sound.txt"], 2, tmp_path / "copies")
