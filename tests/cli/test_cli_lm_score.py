"""`lexome lm score` as it is typed."""

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
    (tmp_path / "g.fa").write_text(f">c\nACGT{random_genome(100, 1).lower()}\n")
    (tmp_path / "v.vcf").write_text("#CHROM\nc\t2\ta\tC\tG,T\nc\t3\tb\tG\tGAA,<DUP>\n")
    (tmp_path / "w.vcf").write_text("c\t2\ta\tC\tG\nc\t3\tb\tA\tC\n")
    (tmp_path / "model").symlink_to(random_language_model("3mer-overlapping"))
    (tmp_path / "classes").symlink_to(random_language_model("nucleotide", Target("classes", ("a", "b"))))
    return lambda *arguments: lexome("lm", "score", *arguments)


@pytest.mark.parametrize("method", ["masked", "full"])
def test_scores(run: Run, tmp_path: Path, method: str) -> None:
    code, out, err = run("model", "v.vcf", "g.fa", "--method", method, "--window", "64", "--flank", "4")
    assert code == 0
    assert err == "lexome: 1 variants not written out in A, C, G, T (symbolic, *, N) are left out\n"
    rows = [line.split("\t") for line in out.splitlines()]
    assert [row[:5] for row in rows[1:]] == [
        ["c", "2", "a", "C", "G"], ["c", "2", "a", "C", "T"], ["c", "3", "b", "G", "GAA"],
    ]  # fmt: skip
    if method == "masked":
        assert rows[1][9:] == ["2", "2"]  # the k-mers over the second base


def test_another_genome(run: Run, tmp_path: Path) -> None:
    code, out, err = run("model", "w.vcf", "g.fa", "-o", "o.tsv")
    assert (code, out) == (1, "")
    assert "w.vcf: 1 of 2 variants have another REF than g.fa (c:3 REF A, genome G)" in err
    assert not (tmp_path / "o.tsv").exists()
    code, out, err = run("model", "w.vcf", "g.fa", "-o", "o.tsv", "--skip-mismatches")
    assert (code, out) == (0, "")
    assert "1 variants of which the genome has another REF are left out" in err
    assert err.endswith("lexome: wrote 1 rows to o.tsv\n")
    assert len((tmp_path / "o.tsv").read_text().splitlines()) == 2


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("classes", "v.vcf", "g.fa"), 2, "masked language models only"),
        (("model", "none.vcf", "g.fa"), 1, "none.vcf: no such file"),
        (("model", "v.vcf", "none.fa"), 1, "none.fa: no such file"),
        (("model", "g.fa", "g.fa"), 1, "g.fa: line 1 is not CHROM"),
        (("model", "v.vcf", "g.fa", "--method", "full", "--window", "50"), 2, "--flank 32 reaches beyond"),
        (("model", "v.vcf", "g.fa", "--resume"), 2, "needs an output file"),
    ],
)
def test_wrong_use(run: Run, arguments: tuple[str, ...], code: int, words: str) -> None:
    got, out, err = run(*arguments)
    assert words in err
    assert (got, out) == (code, "")
    assert err.count("\n") == 1
