"""`lexome lm annotate prepare` and `baselines` as they are typed."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lexome.simulate.genome import random_genome

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(lexome: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate("xy"):
        (tmp_path / f"{name}.fa").write_text(f">{name}1\n{random_genome(20_000, seed)}\n")
        lines = [
            f"{name}1\ts\t{kind}\t{start + first}\t{start + last}\t.\t+\t.\tName=n\n"
            for start in range(0, 20_000, 500)
            for kind, first, last in (("CDS", 1, 200), ("odd", 301, 350))
        ]
        (tmp_path / f"{name}.gff3").write_text("".join(lines))
    return lambda *arguments: lexome("lm", "annotate", *arguments)


def test_every_option_of_prepare(run: Run, tmp_path: Path) -> None:
    options = (
        "-g a=x.fa --gff x.gff3 -g y.fa --gff y.gff3 --length 50 --cover 0.6 --unknown leave-out --rare "
        "other --min-per-class 5 --max-per-class 20 --block 500 --dev 0.2 --test 0.15 --test-species y "
        "--max-ambiguous 0.2 --seed 3 -o out"
    )
    code, out, err = run("prepare", *options.split())
    assert (code, out) == (0, "")
    (told,) = [line for line in err.splitlines() if line.startswith("lexome: train: ")]
    assert {*told.removeprefix("lexome: train: ").split(", ")} == {"20 intergenic", "20 coding_sequence"}
    assert "unknown types of features: odd (40)" in err
    assert "lexome: 80 fragments of unknown types left out\n" in err
    meta = json.loads((tmp_path / "out/meta.json").read_text())
    assert (meta["length_bp"], meta["cover"], meta["unknown"], meta["rare"]) == (
        50,
        0.6,
        "leave-out",
        "other",
    )
    assert (meta["least"], meta["most"], meta["most_ambiguous"], meta["seed"]) == (5, 20, 0.2, 3)
    regions = meta["regions"]
    assert (regions["block_bp"], regions["dev"], regions["test"], regions["seed"]) == (500, 0.2, 0.15, 3)
    assert meta["annotations"]["a"]["features"] == {"CDS -> coding_sequence": 40, "odd -> other": 40}


def test_genomes_and_features_go_together(run: Run) -> None:
    code, _, err = run("prepare", "-g", "x.fa", "-o", "out")
    assert (code, "1 genomes and 0 GFF3 files" in err) == (2, True)
    code, _, err = run("prepare", "-g", "x.fa", "--gff", "y.gff3", "-o", "out")
    assert (code, "no feature lies on a sequence of x.fa" in err) == (1, True)


def test_baselines(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lexome.tasks.language.judged.figure_intervals", lambda *_: {})
    options = "-g x.fa --gff x.gff3 --length 50 --block 500 --min-per-class 5 -o out"
    assert run("prepare", *options.split())[0] == 0
    code, out, _ = run("baselines", "out", "--kmer", 2, "--json", "f.json")
    assert code == 0
    assert "F1 by class" in out
    figures = json.loads((tmp_path / "f.json").read_text())
    assert figures["longest_kmer"] == 2
    assert {one["predictor"] for one in figures["scores"]} == {"commonest class", "k-mer regression"}
