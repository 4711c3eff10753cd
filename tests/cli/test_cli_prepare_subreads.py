"""`lexome prepare subreads` as it is typed."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pysam
import pytest

from lexome.core.errors import UsageError
from lexome.simulate.genome import random_genome
from lexome.simulate.hifi import SubreadConfig
from lexome.tasks.correct.aligned_table import AlignRow
from lexome.tasks.correct.simulate import simulate_to_folder
from lexome.tasks.correct.table import TableWriter

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the commands are typed: s.bam, c.bam of four ZMWs."""
    path = tmp_path_factory.mktemp("prepare_subreads")
    (path / "r.fa").write_text(f">one\n{random_genome(9000, 1)}\n")
    simulate_to_folder(path / "set", SubreadConfig(700.0, 100.0, 300, 4, 5), 4, 3, reference=path / "r.fa")
    (path / "set" / "subreads_to_ccs.bam").rename(path / "s.bam")
    (path / "set" / "ccs.bam").rename(path / "c.bam")
    return path


@pytest.fixture
def run(lexome: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(folder)
    return lambda *arguments: lexome("prepare", "subreads", *arguments)


def names(path: Path) -> list[str | None]:
    with pysam.AlignmentFile(str(path), check_sq=False) as file:
        return [record.query_name for record in file.fetch(until_eof=True)]


def test_subreads_are_aligned_and_stderr_sums_up(run: Run, tmp_path: Path, folder: Path) -> None:
    code, out, err = run("s.bam", "--ccs", "c.bam", "-o", tmp_path / "o.bam", "--threads", 2)
    number = len(names(folder / "s.bam"))
    assert (code, out) == (0, "")
    assert err == f"lexome: aligned {number} of {number} subreads to 4 CCS reads\n"
    assert names(tmp_path / "o.bam") == names(folder / "s.bam")
    header = pysam.AlignmentFile(str(tmp_path / "o.bam")).header.to_dict()
    assert header["PG"][-1]["CL"].startswith("lexome ")


def test_drafts_are_made_and_used(run: Run, tmp_path: Path) -> None:
    drafts, table = tmp_path / "d.bam", tmp_path / "t.tsv"
    code, out, err = run(
        "s.bam", "--draft-out", drafts, "-o", tmp_path / "o.bam", "--table", table, "--min-passes", 5
    )
    assert (code, out) == (0, "")
    number = len(names(drafts))
    assert 0 < number < 4
    lines = err.splitlines()
    assert lines[0].startswith(f"lexome: made {number} drafts (")
    assert f"to {number} CCS reads" in lines[1]
    assert any("too_few_passes" in line for line in lines)
    rows = [line.split("\t")[1] for line in table.read_text().splitlines()[1:]]
    assert sorted(rows) == sorted(["aligned"] * number + ["too_few_passes"] * (4 - number))


def test_a_data_set_with_filters_is_read_and_they_are_named(run: Run, tmp_path: Path, folder: Path) -> None:
    path = tmp_path / "m.subreadset.xml"
    path.write_text(
        '<x><ExternalResource MetaType="PacBio.SubreadFile.SubreadBamFile" '
        f'ResourceId="{folder / "s.bam"}"/><Filter/></x>'
    )
    code, _, err = run(path, "--ccs", "c.bam", "-o", tmp_path / "o.bam")
    assert code == 0
    assert "1 filters are not applied" in err


def test_wrong_use_is_one_line(run: Run, tmp_path: Path) -> None:
    output = tmp_path / "o.bam"
    for arguments in (("s.bam",), ("s.bam", "--ccs", "c.bam", "--draft-out", tmp_path / "d.bam")):
        code, _, err = run(*arguments, "-o", output)
        assert code == UsageError.exit_code
        assert err.count("\n") == 1
        assert "either" in err
    code, _, err = run("s.bam", "--ccs", "gone.bam", "-o", output)
    assert (code, err) == (2, "lexome: gone.bam: no such file\n")
    code, _, err = run("s.bam", "--draft-out", output, "-o", output)
    assert code == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_after_a_signal_the_aligned_subreads_stay(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    write = TableWriter.write
    rows: list[AlignRow] = []

    def write_and_stop(table: TableWriter[AlignRow], row: AlignRow) -> None:
        write(table, row)
        rows.append(row)
        if len(rows) == 2:
            assert signal.getsignal(signal.SIGTERM) != signal.SIG_DFL, "it would end the tests"
            os.kill(os.getpid(), number)

    monkeypatch.setattr(TableWriter, "write", write_and_stop)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
    try:
        code, out, err = run(
            "s.bam", "--ccs", "c.bam", "-o", tmp_path / "o.bam", "--table", tmp_path / "t.tsv"
        )
    finally:
        signal.signal(signal.SIGINT, before)
    partial = tmp_path / "o.bam.partial"
    assert (code, out) == (130, "")
    kept = names(partial)
    assert kept
    assert err == f"lexome: interrupted: {partial} holds {len(kept)} of the first {len(kept)} subreads\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["o.bam.partial", "t.tsv.partial"]
    assert (tmp_path / "t.tsv.partial").read_text().count("\n") == 3
