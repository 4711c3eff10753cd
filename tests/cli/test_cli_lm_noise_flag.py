"""`lexome lm noise flag` as it is typed."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lexome.simulate.genome import random_genome
from lexome.tasks.language.targets import Target

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(
    lexome: Run, random_language_model: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Run:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m").symlink_to(random_language_model("nucleotide", Target("classes", ("clean", "noisy"))))
    genome = random_genome(6000, 1)
    (tmp_path / "g.fa").write_text(f">g\n{genome}\n")
    reads = [genome[start : start + 600] for start in range(0, 5000, 1000)]
    (tmp_path / "r.fa").write_text("".join(f">r{i}\n{text}\n" for i, text in enumerate(reads)))
    return lambda *arguments: lexome("lm", "noise", "flag", *arguments)


def test_reads_alone(run: Run, tmp_path: Path) -> None:
    code, out, err = run("r.fa", "-m", "m", "--window", 200, "--threshold", 0)
    assert code == 0
    lines = [line.split("\t") for line in out.splitlines()]
    assert [line[0] for line in lines] == ["read_id", "r0", "r1", "r2", "r3", "r4"]
    assert {line[2] for line in lines[1:]} == {"3"}
    assert err.endswith("lexome: 5 of 5 reads flagged\n")
    clean = run("r.fa", "-m", "m", "--window", 200, "--class", "clean", "--threshold", 1)[1].splitlines()
    assert float(clean[1].split("\t")[3]) == pytest.approx(1 - float(lines[1][3]), abs=1e-4)
    assert clean[1].endswith("no")


def test_with_the_truth(run: Run, tmp_path: Path) -> None:
    (tmp_path / "t.tsv").write_text("read_id\tidentity\n" + "".join(f"r{i}\t0.{90 + i}\n" for i in range(5)))
    code, out, _ = run(
        *"r.fa -m m --window 200 --truth t.tsv --low 0.92 -o o.tsv --json f.json --report p.html".split()
    )
    assert code == 0
    assert "AUROC of finding them" in out
    figures = json.loads((tmp_path / "f.json").read_text())
    assert (figures["bad_reads"], figures["reads"], figures["window_bp"]) == (2, 5, 200)
    assert len((tmp_path / "o.tsv").read_text().splitlines()) == 6
    assert "lexome lm noise flag" in (tmp_path / "p.html").read_text()
    code, out, _ = run(*"r.fa -m m --window 200 --reference g.fa -o o.tsv --low 1".split())
    assert (code, "below identity 1.0000" in out) == (0, True)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("--truth t.tsv --reference g.fa -o o.tsv", "choose one"),
        ("--json f.json", "figures need true identities"),
        ("--low 0.9", "figures need true identities"),
        ("--reference g.fa", "name an output for the reads"),
        ("--class bad", "has no class 'bad'"),
        ("-o o.txt", "the ending decides the format"),
    ],
)
def test_what_does_not_go_together(run: Run, options: str, told: str) -> None:
    code, _, err = run("r.fa", "-m", "m", *options.split())
    assert (code, told in err) == (2, True), err
