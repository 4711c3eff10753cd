"""`lexome evaluate correction` as it is typed."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lexome.simulate.genome import random_genome
from lexome.simulate.hifi import SubreadConfig
from lexome.tasks.correct.simulate import simulate_to_folder

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four simulated molecules, and lost.fastq with the truth of one of them."""
    path = tmp_path_factory.mktemp("evaluate")
    (path / "r.fa").write_text(f">one\n{random_genome(9000, 1)}\n")
    simulate_to_folder(path / "set", SubreadConfig(700.0, 100.0, 300, 4, 5), 4, 3, reference=path / "r.fa")
    name, bases = (path / "set" / "truth.fasta").read_text().split(">")[2].split()[:2]
    (path / "lost.fastq").write_text(f"@{name.replace('truth', 'ccs')}\n{bases}\n+\n{'I' * len(bases)}\n")
    return path


@pytest.fixture
def run(lexome: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(folder / "set")
    return lambda *arguments: lexome("evaluate", "correction", *arguments)


def test_tables_on_stdout_files_where_asked(run: Run, tmp_path: Path) -> None:
    files = tmp_path / "f.json", tmp_path / "p.html"
    code, out, err = run(
        "ccs.bam", "--truth", "truth_to_ccs.bam", "--ccs", "ccs.bam", "--subreads", "subreads_to_ccs.bam",
        "--json", files[0], "--report", files[1], "--threads", 2,
    )  # fmt: skip
    assert (code, err) == (0, "")
    first, second = out.split("\n\n")
    assert first.splitlines()[0].split() == ["figure", "corrected", "ccs", "majority"]
    figures = json.loads(files[0].read_text())
    rows = {line.split()[0]: line.split()[1:] for line in first.splitlines()}
    assert rows["edits"] == [str(one["edits"]) for one in figures["sets"].values()]
    assert second.splitlines()[1].split()[:3] == ["edits", "corrected/ccs", "1.00000"]
    assert "evaluate correction ccs.bam --truth" in files[1].read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["f.json", "p.html"]


def test_lost_molecules_are_said(run: Run) -> None:
    code, out, err = run("../lost.fastq", "--truth", "truth.fasta")
    assert code == 0
    assert "3 of 4 molecules have no corrected read" in err
    rows = {line.split()[0]: line.split()[1:] for line in out.splitlines()}
    assert (rows["found"], rows["missing"], rows["edits"], rows["kmer_qv"]) == (["1"], ["3"], ["0"], ["-"])
    assert "corrected/" not in out


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("ccs.bam",), 2, "--truth"),
        (("no.bam", "--truth", "truth.fasta"), 2, "no.bam: no such file"),
        (("ccs.bam", "--truth", "truth.bed"), 2, "the truth must be"),
        (("ccs.bam", "--truth", "truth.fasta", "--subreads", "subreads_to_ccs.bam"), 2, "needs --ccs"),
        (("ccs.bam", "--truth", "../r.fa"), 1, "has the truth of none of the 4 reads"),
        (("ccs.bam", "--truth", "truth.fasta", "--json", "no/x.json"), 2, "does not exist"),
    ],
)
def test_errors_are_one_line(run: Run, arguments: tuple[str, ...], code: int, words: str) -> None:
    found, out, err = run(*arguments)
    assert (found, out, len(err.splitlines())) == (code, "", 1), err
    assert words in err
