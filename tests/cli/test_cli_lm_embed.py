"""`lexome lm embed` as it is typed."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lexome.core.alphabet import reverse_complement
from lexome.simulate.genome import random_genome
from lexome.tasks.language.embedding_set import read_embeddings

Run = Callable[..., tuple[int, str, str]]
GENOME = random_genome(200, 1)


@pytest.fixture
def run(
    lexome: Run, random_language_model: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Run:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "g.fa").write_text(f">one\n{GENOME}\n>two\nACGTNACG\n")
    (tmp_path / "model").symlink_to(random_language_model("3mer-nonoverlapping"))
    return lambda *arguments: lexome("lm", "embed", *arguments)


def test_sequences_by_name(run: Run, tmp_path: Path) -> None:
    assert run("model", "g.fa", "-o", "e.npz") == (
        0, "", "lexome: wrote the embeddings of 2 sequences to e.npz\n",
    )  # fmt: skip
    found = read_embeddings(tmp_path / "e.npz")
    assert found["one"].shape == (16,)
    assert found.about["pool"] == "mean"
    assert found.about["layer"] == 2
    code, _, err = run("model", "g.fa", "-o", "b", "--pool", "base", "--dtype", "float16", "--layer", "-2")
    assert code == 0, err
    bases = read_embeddings(tmp_path / "b")
    assert (bases["one"].shape, bases["two"].shape) == ((200, 16), (8, 16))
    assert (bases.embeddings_RD.dtype, bases.about["layer"]) == (np.float16, 1)


def test_regions_of_a_genome(run: Run, tmp_path: Path) -> None:
    (tmp_path / "b.bed").write_text("one\t10\t60\tr\t0\t-\none\t10\t60\tf\n")
    (tmp_path / "r.fa").write_text(f">r\n{reverse_complement(GENOME[10:60])}\n>f\n{GENOME[10:60]}\n")
    assert run("model", "g.fa", "--bed", "b.bed", "-o", "e.npz")[0] == 0
    assert run("model", "r.fa", "-o", "r.npz")[0] == 0
    of_bed, of_fasta = read_embeddings(tmp_path / "e.npz"), read_embeddings(tmp_path / "r.npz")
    assert of_bed.ids == ["r", "f"]
    np.testing.assert_array_equal(of_bed.embeddings_RD, of_fasta.embeddings_RD)
    assert np.abs(of_bed["r"] - of_bed["f"]).max() > 0.01
    assert sorted(path.name for path in tmp_path.iterdir() if "fai" in path.name) == []


def test_repeated_names(run: Run, tmp_path: Path) -> None:
    (tmp_path / "d.fa").write_text(">x\nACGT\n>x\nGGGG\n")
    code, out, err = run("model", "d.fa", "-o", "d.npz")
    assert (code, out) == (1, "")
    assert "d.fa: 1 names are there more than once, first 'x'" in err
    assert run("model", "d.fa", "-o", "d.npz", "--keep-duplicates")[0] == 0
    assert read_embeddings(tmp_path / "d.npz").ids == ["x", "x#2"]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("g.fa", "-o", "e.npy"), 2, "become .npz, .parquet, or a folder"),
        (("g.fa", "-o", "old"), 2, "old: exists already"),
        (("g.fa", "-o", "e.npz", "--layer", "3"), 2, "--layer 3: model random has the layers 0"),
        (("g.fa", "-o", "e.npz", "--pool", "token", "--rc-average"), 2, "use --pool base"),
        (("g.fa", "g.fa", "-o", "e.npz", "--bed", "b.bed"), 2, "--bed needs one genome, not 2 files"),
        (("g.fa", "-o", "e.npz", "--bed", "b.bed"), 1, "b.bed: line 1: ends at 300"),
        (("g.fa", "-o", "e.npz", "--max-tokens", "20"), 1, "1 of 2 sequences have more than 20 tokens"),
        (("g.fa", "-o", "e.npz", "--pool", "max"), 2, "'max' is not one of"),
    ],
)
def test_wrong_use(run: Run, tmp_path: Path, arguments: tuple[str, ...], code: int, words: str) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "b.bed").write_text("one\t10\t300\n")
    before = sorted(tmp_path.iterdir())
    got, out, err = run("model", *arguments)
    assert words in err
    assert (got, out) == (code, "")
    assert err.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before
