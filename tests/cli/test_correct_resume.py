"""`lexome correct --resume` after the process was really killed, stopped, or met a full disk."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lexome.checkpoint.store import Checkpoint, Component, save
from lexome.simulate.genome import random_genome
from lexome.simulate.hifi import SubreadConfig
from lexome.tasks.basecall.journal import read_journal
from lexome.tasks.correct.simulate import simulate_to_folder

SERVER = Path(__file__).with_name("command_server.py")
ZMWS = 24
KILL = ("signal", signal.SIGKILL)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the commands are typed: s.bam, c.bam and two models."""
    import torch

    from lexome.checkpoint.build import weights_of
    from lexome.models.registry import new_network

    path = tmp_path_factory.mktemp("correct")
    config: dict[str, Any] = {"pileup": {"passes": 4}, "size": 8, "feed_forwards": [8]}
    for seed, name in ((1, "tiny"), (2, "other")):
        torch.manual_seed(seed)
        network = new_network(
            {"name": "deepconsensus", "config": config}, {"name": "consensus", "config": {}}
        )
        for key, parameter in network.named_parameters():
            if key.endswith("gate"):
                torch.nn.init.constant_(parameter, 0.5)
        checkpoint = Checkpoint(
            "correct", Component("deepconsensus", config), Component("consensus", {}), {}, None,
            {"name": name}, weights_of(network),
        )  # fmt: skip
        save(path / name, checkpoint, "A random network for tests.")
    (path / "r.fa").write_text(f">one\n{random_genome(20_000, 1)}\n")
    simulate_to_folder(
        path / "set", SubreadConfig(1500.0, 200.0, 900, 3, 4), ZMWS, 3, reference=path / "r.fa"
    )
    (path / "set" / "subreads_to_ccs.bam").rename(path / "s.bam")
    (path / "set" / "ccs.bam").rename(path / "c.bam")
    return path


Ended = tuple[int, str]
Run = Callable[..., Ended]


@pytest.fixture(scope="module")
def server(small_model: Path) -> Iterator[subprocess.Popen]:
    """Runs commands in processes of their own; see command_server.py."""
    with subprocess.Popen(
        [sys.executable, str(SERVER), str(small_model)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        yield process
        assert process.stdin is not None
        process.stdin.close()


@pytest.fixture
def correct(server: subprocess.Popen, source: Path, tmp_path: Path) -> Run:
    """Runs `lexome correct` in an empty folder; exit code (negative: killed) and what it said."""
    folder = tmp_path / "here"
    folder.mkdir()
    for name in ("s.bam", "c.bam", "tiny", "other"):
        (folder / name).symlink_to(source / name)

    def run(*arguments: object, plant: tuple | None = None, model: str = "tiny", **limits: Any) -> Ended:
        said = tmp_path / "stderr"
        said.write_text("")
        job = {
            "folder": str(folder), "stdin": "/dev/null", "stdout": "/dev/null", "stderr": str(said),
            "arguments": ["correct", "--subreads", "s.bam", "--ccs", "c.bam", "-m", model,
                          "--skip-windows-above", "0", *map(str, arguments)],
            "plant": plant, "answers": None, "unprivileged": False, "file_bytes": None, "memory_bytes": None,
        }  # fmt: skip
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(json.dumps(job | limits) + "\n")
        server.stdin.flush()
        server.stdout.readline()
        return int(server.stdout.readline().split()[0]), said.read_text()

    return run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "here"


def refused(ended: Ended, code: int, words: str) -> None:
    """Checks that a command ended with one line that says these words."""
    assert ended[0] == code, ended[1]
    assert ended[1].count("\n") == 1, ended[1]
    assert words in ended[1]


def contents(folder: Path) -> dict[str, bytes]:
    """All that commands have made."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if not path.is_symlink()}


def clear(folder: Path) -> None:
    for name in contents(folder):
        (folder / name).unlink()


WRITE, KEEP = (f"lexome.io.corrected:CorrectedWriter.{name}" for name in ("write", "keep"))
LINE = "lexome.tasks.correct.table:TableWriter.write"
CLOSE = "lexome.tasks.correct.outputs:Writing.close"
MOVE = "pathlib:Path.replace"


OUTPUTS = ("-o", "o{0}", "--failed-out", "bad{0}")
TABLE = ("--table", "t.tsv")


@pytest.fixture
def quality(correct: Run, folder: Path) -> str:
    """A lowest quality that half of the reads have."""
    code, said = correct("-o", "all.fasta", *TABLE, "--min-quality", 0)
    assert code == 0, said
    found = [line.split("\t")[9] for line in (folder / "t.tsv").read_text().splitlines()[1:]]
    clear(folder)
    return sorted(found, key=float)[len(found) // 2]


FEW = [(".sam", (WRITE, 14)), (".bam", (LINE, 20)), (".fastq.gz", (MOVE, 5))]
MOMENTS = ((WRITE, 1), (WRITE, 9), (WRITE, ZMWS), (LINE, 14), (CLOSE, 1), (MOVE, 3))
NAMING = ((MOVE, 4), (MOVE, 5))  # then --table is left out, which a header would tell
ENDINGS = (".sam", ".bam", ".cram", ".fastq", ".fastq.gz", ".fasta")
MORE = [
    (ending, moment) for ending in ENDINGS for moment in (*MOMENTS, *(NAMING if "fast" in ending else ()))
]


@pytest.mark.parametrize(
    ("ending", "moment"), [*FEW, *(pytest.param(*one, marks=pytest.mark.slow) for one in MORE)]
)
def test_killed_at_any_moment(
    correct: Run, folder: Path, quality: str, ending: str, moment: tuple[str, int]
) -> None:
    """And again while what was done is copied, and behind it."""
    asked: tuple[object, ...] = (*(one.format(ending) for one in OUTPUTS), "--min-quality", quality)
    name = f"o{ending}"
    code, said = correct(*asked, *TABLE)
    assert code == 0, said
    expected = contents(folder)
    assert set(expected) == {name, f"bad{ending}", "t.tsv"}
    assert ZMWS // 2 - 2 < expected["t.tsv"].count(b"\twritten\t") < ZMWS // 2 + 2
    sums = [line for line in said.splitlines() if line.startswith(("lexome: wrote", "lexome: corrected"))]
    clear(folder)
    code, said = correct(*asked, *TABLE, plant=(*moment, KILL))
    assert code == -signal.SIGKILL, said
    assert name not in contents(folder)
    before = contents(folder)
    assert correct(*asked, *TABLE)[0] == 2
    assert contents(folder) == before, "refused: the finished reads would be lost"
    table = () if "t.tsv" in before else TABLE  # it has its name already
    for again in ((KEEP, 3), (WRITE, 2)):  # may not be reached: then it is finished
        # a header would tell the number of threads
        threads = ("--threads", 3) if "fast" in ending else ()
        code, said = correct(*asked, *table, *threads, "--resume", plant=(*again, KILL))
        assert code in (0, -signal.SIGKILL), said
    code, said = correct(*asked, *table, "--resume")
    assert code == 0, said
    if table and "complete" not in said:
        assert [line for line in said.splitlines() if line in sums] == sums
    after = contents(folder)
    assert after == expected


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_and_gone_on_with(correct: Run, folder: Path, number: signal.Signals) -> None:
    asked = ("-o", "o.fastq", "--min-quality", 0)
    assert correct(*asked)[0] == 0
    expected = contents(folder)
    clear(folder)
    ended = correct(*asked, plant=(WRITE, 14, ("signal", number)))
    refused(ended, 130, "interrupted: o.fastq.partial holds 13 reads of the first 13 ZMWs")
    assert set(contents(folder)) == {"o.fastq.partial", "o.fastq.partial.json"}
    ended = correct(*asked, "--resume", plant=(KEEP, 3, ("signal", number)))
    refused(ended, 130, "interrupted: what the earlier run has done is kept, --resume goes on from there")
    code, said = correct(*asked, "--resume")
    assert code == 0
    lines = said.splitlines()
    assert lines[0] == f"lexome: wrote {ZMWS} reads of {ZMWS} ZMWs"
    assert lines[1].startswith("lexome: kept 12 ZMWs of the interrupted run; what follows says nothing of")
    assert contents(folder) == expected
    refused(correct(*asked, "--resume"), 0, "o.fastq is complete, there is nothing to resume")
    assert contents(folder) == expected


def test_a_full_disk(correct: Run, folder: Path) -> None:
    asked = ("-o", "o.bam", *TABLE, "--min-quality", 0)
    assert correct(*asked)[0] == 0
    expected = contents(folder)
    for part in (0.5, 0.99, 1.0):
        clear(folder)
        ended = correct(*asked, file_bytes=int(part * len(expected["o.bam"])) - 1)
        refused(ended, 1, "o.bam.partial: cannot be written")
        assert not set(contents(folder)) & set(expected)
        code, said = correct(*asked, "--resume")
        assert code == 0, said
        assert contents(folder) == expected


def test_other_settings_are_not_gone_on_with(correct: Run, folder: Path) -> None:
    asked = ("-o", "o.sam", "--min-quality", 0)
    assert correct(*asked, plant=(WRITE, 14, KILL))[0] == -signal.SIGKILL
    before = contents(folder)
    for options, words in (
        (("--min-quality", 1), "lowest quality of a read 0.0 there, 1.0 here"),
        (("--min-length", 5), "fewest bases of a read 0 there, 5 here"),
        (("--int8",), "--int8 off there, on here"),
        (("--calibration", "0,1,3"), "calibration none there, 0.0,1.0,3.0 here"),
        (("--ccs-calibration", "0,1,3"), "calibration of CCS bases none there, 0.0,1.0,3.0 here"),
        (("--skip-windows-above", 30), "windows skipped above 0.0 there, 30.0 here"),
        (("--max-base-quality", 60), "highest quality of a base 93 there, 60 here"),
        (("--shard", "1/2"), "shard none there, 1/2 here"),
        (("--table", "t.tsv"), "left no t.tsv.partial to go on from; leave out --table"),
    ):
        refused(correct(*asked, "--resume", *options), 2, words)
        assert contents(folder) == before
    refused(correct(*asked, "--resume", model="other"), 2, "model tiny there, other here")
    refused(correct(*asked), 2, "--resume goes on from there, --force begins anew")
    shutil.copy(folder / "c.bam", folder / "d.bam")
    refused(correct(*asked, "--resume", "--ccs", "d.bam"), 2, "CCS reads c.bam there, d.bam here")
    (folder / "d.bam").unlink()
    assert contents(folder) == before
    code, said = correct(*asked, "--force", plant=(WRITE, 2, KILL))
    assert code == -signal.SIGKILL, said
    journal = read_journal(folder / "o.sam.partial.json")
    assert journal is not None
    assert journal["subreads"] == {"name": "s.bam", "size": os.path.getsize(folder / "s.bam")}


def test_an_estimate_leaves_an_interrupted_run_alone(correct: Run, folder: Path) -> None:
    assert correct("-o", "o.sam", "--min-quality", 0, plant=(WRITE, 14, KILL))[0] == -signal.SIGKILL
    before = contents(folder)
    code, said = correct("-o", "o.sam", "--min-quality", 0, "--estimate")
    assert code == 0, said
    assert contents(folder) == before
