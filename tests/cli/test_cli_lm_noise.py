"""`lexome lm noise` as it is typed."""

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
        (tmp_path / f"{name}.fa").write_text(
            f">{name}1\n{random_genome(9000, seed)}\n>{name}2\n{random_genome(2000, 9)}\n"
        )
    motifs = "\n".join(f"TT{'A' * i}GGG" for i in range(1, 9))
    (tmp_path / "t.csv").write_text(f"sequence\n{motifs}\n?\n")
    return lambda *arguments: lexome("lm", "noise", *arguments)


def test_every_option_of_prepare(run: Run, tmp_path: Path) -> None:
    options = (
        "-g a=x.fa -g y.fa --telomeres t.csv --length 80 --insertion 0.01 --deletion 0.03 --mismatch 0.05 "
        "--block 500 --dev 0.2 --test 0.15 --dev-contig x2 --test-contig x1 --test-species y --copies 2 "
        "--max-train 10 --max-test 8 --telomere-windows 40 --max-ambiguous 0.2 --seed 3 -o out"
    )
    code, _, err = run("prepare", *options.split())
    assert (code, "leave nothing to learn from" in err) == (2, True)
    code, out, err = run("prepare", *options.replace("--test-contig x1 ", "").split())
    assert (code, out) == (0, "")
    assert "lexome: train, genomic: 5 clean, 5 noisy windows\n" in err
    assert "lexome: 1 rows without a motif of telomeres left out\n" in err
    meta = json.loads((tmp_path / "out/meta.json").read_text())
    assert meta["rates"] == {"insertion": 0.01, "deletion": 0.03, "mismatch": 0.05}
    regions = meta["regions"]
    assert (regions["block_bp"], regions["dev"], regions["test"], regions["seed"]) == (500, 0.2, 0.15, 3)
    assert (regions["dev_contigs"], regions["test_species"], meta["copies"]) == (["x2"], ["y"], 2)
    assert (meta["length_bp"], meta["most_training"], meta["most_tested"]) == (80, 10, 8)
    assert (meta["telomere_windows"], meta["most_ambiguous"], meta["seed"]) == (40, 0.2, 3)
    assert meta["genomes"] == {"a": "x.fa", "y": "y.fa"}


def test_baselines(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lexome.tasks.language.judged.figure_intervals", lambda *_: {})
    assert run("prepare", *"-g x.fa --length 80 --block 400 -o out".split())[0] == 0
    code, out, err = run(
        "baselines", "out", "--order", 3, "--pseudo-count", 2, "--kmer", 3, "--json", "f.json"
    )
    assert code == 0
    assert "Markov, order 3, against noisy" in out
    figures = json.loads((tmp_path / "f.json").read_text())
    assert (figures["markov_order"], figures["pseudo_count"], figures["longest_kmer"]) == (3, 2, 3)
    assert len(figures["scores"]) == 2 * 4
    assert "lexome: a Markov model of order 3 learns" in err
    assert run("baselines", ".")[0] == 2
    code, _, err = run("baselines", "out", "--predictions", "me=x.fa")
    assert (code, "no predictions of 'lexome lm finetune'" in err) == (1, True)
