"""`lexome correct` as it is typed: streams, exit codes, one-line errors, interruptions."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pysam
import pytest

from lexome.checkpoint.store import Checkpoint, Component, save
from lexome.core.errors import UsageError
from lexome.simulate.genome import random_genome
from lexome.simulate.hifi import SubreadConfig
from lexome.tasks.correct.simulate import simulate_to_folder
from lexome.tasks.correct.table import TableRow, TableWriter

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the commands are typed: s.bam, c.bam of four ZMWs, and a model."""
    import torch

    from lexome.checkpoint.build import weights_of
    from lexome.models.registry import new_network

    torch.manual_seed(1)
    config: dict[str, Any] = {"pileup": {"passes": 4}, "size": 8, "feed_forwards": [8]}
    network = new_network({"name": "deepconsensus", "config": config}, {"name": "consensus", "config": {}})
    checkpoint = Checkpoint(
        "correct", Component("deepconsensus", config), Component("consensus", {}), {}, None,
        {"name": "tiny"}, weights_of(network),
    )  # fmt: skip
    path = tmp_path_factory.mktemp("correct")
    save(path / "tiny", checkpoint, "A random network for tests.")
    (path / "r.fa").write_text(f">one\n{random_genome(9000, 1)}\n")
    simulate_to_folder(path / "set", SubreadConfig(700.0, 100.0, 300, 4, 5), 4, 3, reference=path / "r.fa")
    (path / "set" / "subreads_to_ccs.bam").rename(path / "s.bam")
    (path / "set" / "ccs.bam").rename(path / "c.bam")
    return path


@pytest.fixture
def run(lexome: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(folder)
    return lambda *arguments: lexome("correct", "--subreads", "s.bam", "--ccs", "c.bam", *arguments)


def test_reads_are_written_and_stderr_sums_up(run: Run, tmp_path: Path) -> None:
    output = tmp_path / "o.bam"
    code, out, err = run("-m", "tiny", "-o", output, "--min-quality", 0, "--threads", 2)
    assert (code, out) == (0, "")
    lines = err.splitlines()
    assert lines[0] == "lexome: wrote 4 reads of 4 ZMWs"
    assert lines[1].startswith("lexome: corrected ")
    assert "0 that are too wide" in lines[1]
    assert len(lines) == 2
    with pysam.AlignmentFile(str(output), check_sq=False) as file:
        assert len(list(file)) == 4
        own = file.header.to_dict()["PG"][-1]
    assert own["ID"] == "lexome-correct"
    assert own["CL"].startswith("lexome correct --subreads s.bam --ccs c.bam -m tiny -o ")


def test_reads_unlike_those_of_the_training_are_warned_of(run: Run, folder: Path, tmp_path: Path) -> None:
    import dataclasses

    from lexome.checkpoint.store import load

    model = load(folder / "tiny")
    seen = {"pulse_width": [0, 1], "interpulse": [0, 255], "signal_to_noise": [0, 99]}
    for name, record in {"far": seen, "bad": {"pulse_width": 3}}.items():
        provenance = {**model.provenance, "input_range": record}
        save(tmp_path / name, dataclasses.replace(model, provenance=provenance), "card")
    code, _, err = run("-m", tmp_path / "far", "-o", tmp_path / "o.bam", "--min-quality", 0)
    assert code == 0
    (warning,) = [line for line in err.splitlines() if "warning" in line]
    assert warning.startswith(
        "lexome: warning: pulse widths of 4 ZMWs of 4 lie outside of what the model was"
    )
    code, _, err = run("-m", tmp_path / "bad", "-o", tmp_path / "o2.bam")
    assert (code, len(err.splitlines())) == (1, 1)
    assert "input range is damaged" in err


def test_what_is_not_written_is_said(run: Run, tmp_path: Path) -> None:
    failed, table = tmp_path / "bad.fastq", tmp_path / "t.tsv"
    code, out, err = run(
        "-m", "tiny", "-o", tmp_path / "o.fastq", "--min-quality", 90, "--failed-out", failed,
        "--table", table, "--skip-windows-above", 0, "--max-base-quality", 30,
    )  # fmt: skip
    assert (code, out) == (0, "")
    lines = err.splitlines()
    assert lines[0] == "lexome: wrote 0 reads of 4 ZMWs"
    assert lines[2] == f"lexome: 4 not written (low_quality), in {failed}:"
    assert lines[3].startswith("lexome:   lexome_simulated_3/1/ccs: the mean quality is ")
    assert lines[-1] == "lexome:   and 1 more"
    assert (tmp_path / "o.fastq").read_text() == ""
    assert failed.read_text().count("\n") == 16
    assert max(failed.read_text().splitlines()[3]) <= chr(33 + 30)
    assert [line.split("\t")[1] for line in table.read_text().splitlines()] == ["outcome"] + [
        "low_quality"
    ] * 4


def test_integers_and_calibration_are_used(run: Run, tmp_path: Path) -> None:
    qualities = {}
    for name, more in {"plain": (), "int8": ("--int8",), "same": ("--calibration", "0,0,17")}.items():
        output = tmp_path / f"{name}.fastq"
        code, _, err = run("-m", "tiny", "-o", output, "--min-quality", 0, "--skip-windows-above", 0, *more)
        assert code == 0, err
        qualities[name] = "".join(output.read_text().splitlines()[3::4])
    assert set(qualities["same"]) == {chr(33 + 17)}
    assert len(set(qualities["plain"])) > 1
    assert len(qualities["int8"]) > 0


def test_an_estimate_writes_nothing(run: Run, tmp_path: Path) -> None:
    code, out, err = run("-m", "tiny", "-o", tmp_path / "o.bam", "--min-quality", 0, "--estimate")
    assert (code, err) == (0, "")
    assert out.startswith("corrected 4 reads, ")
    assert "\ntime: about " in out
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-m", "tiny"], "Missing option '--output'"),
        (["-m", "no_such", "-o", "o.bam"], "no model 'no_such'"),
        (["-m", "tiny", "-o", "o.txt"], "the ending decides the format"),
        (["-m", "tiny", "-o", "c.bam"], "c.bam: is an input too"),
        (["-m", "tiny", "-o", "o.bam", "--table", "o.bam"], "writes something else"),
        (["-m", "tiny", "-o", "o.bam", "--max-base-quality", "94"], "'--max-base-quality'"),
        (["-m", "tiny", "-o", "o.bam", "--calibration", "1,2"], "calibration '1,2': write threshold,w,b"),
        (["-m", "tiny", "-o", "o.bam", "--shard", "3/2"], "shard '3/2'"),
        (["-m", "tiny", "-o", "o.bam", "--subreads", "none.bam"], "none.bam: no such file"),
        (["-m", "r9.4.1_fast", "-o", "o.bam"], "is for the task 'basecall'"),
    ],
)
def test_wrong_use_is_one_line_and_leaves_nothing(
    run: Run, folder: Path, arguments: list[str], message: str
) -> None:
    before = sorted(folder.iterdir())
    code, out, err = run(*arguments)
    assert (code, out) == (UsageError.exit_code, "")
    assert message in err
    assert err.count("\n") == 1
    assert sorted(folder.iterdir()) == before


def test_damaged_input_is_one_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "cut.bam").write_bytes(Path("s.bam").read_bytes()[:3000])
    code, out, err = run("-m", "tiny", "-o", tmp_path / "o.bam", "--subreads", tmp_path / "cut.bam")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "cut.bam: cannot be read" in err
    assert [p.name for p in tmp_path.iterdir()] == ["cut.bam"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_after_a_signal_the_finished_reads_stay(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    write = TableWriter.write
    rows: list[TableRow] = []

    def write_and_stop(table: TableWriter, row: TableRow) -> None:
        write(table, row)
        rows.append(row)
        if len(rows) == 2:
            assert signal.getsignal(signal.SIGTERM) != signal.SIG_DFL, "it would end the tests"
            os.kill(os.getpid(), number)

    monkeypatch.setattr(TableWriter, "write", write_and_stop)
    output, table = tmp_path / "o.fastq", tmp_path / "t.tsv"
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
    try:
        code, out, err = run("-m", "tiny", "-o", output, "--table", table, "--min-quality", 0)
    finally:
        signal.signal(signal.SIGINT, before)
    partial = tmp_path / "o.fastq.partial"
    assert (code, out) == (130, "")
    assert err == f"lexome: interrupted: {partial} holds 2 reads of the first 2 ZMWs\n"
    left = ["o.fastq.partial", "o.fastq.partial.json", "t.tsv.partial"]
    assert sorted(p.name for p in tmp_path.iterdir()) == left
    assert [line.split("\t")[0][1:] for line in partial.read_text().splitlines()[::4]] == [
        row.name for row in rows
    ]
    assert (tmp_path / "t.tsv.partial").read_text().count("\n") == 3
