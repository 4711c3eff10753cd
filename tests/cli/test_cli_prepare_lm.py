"""`lexome prepare lm`, as a user types it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lexome.io.token_store import read_token_store
from lexome.simulate.genome import random_genome

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def genome(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "at.chr.fa"
    path.write_text(
        f">one\r\n{random_genome(30_000, 1).lower()}\r\n\r\n>two\n{random_genome(20_000, 2)}NNRN\n"
    )
    return path


def test_categories_strands_and_validation(lexome: Run, genome: Path) -> None:
    options = ["--tokens", 64, "--validation", "two", "--validation-share", 0]
    code, out, err = lexome("prepare", "lm", genome, "-t", "4mer-nonoverlapping", "-o", "a", *options)
    assert (code, out) == (0, "")
    assert "lexome: at: 50,000 bases" in err  # the name up to the first dot
    assert "4 letters other than A, C, G, T" in err
    store = read_token_store(Path("a"))
    assert len(store.rows("training")) / len(store.rows("validation")) == pytest.approx(1.5, abs=0.05)
    code, _, err = lexome(
        "prepare", "lm", f"plants={genome}", "-t", "4mer-nonoverlapping", "-o", "b", "--one-strand", *options
    )
    assert (code, "plants: 50,000 bases" in err) == (0, True)
    both, one = (read_token_store(Path(name)).meta["rows"] for name in "ab")
    assert both == 2 * one


def test_wrong_use_leaves_nothing(lexome: Run, genome: Path, tmp_path: Path) -> None:
    def wrong(*arguments: object) -> tuple[int, str]:
        code, _, err = lexome("prepare", "lm", *arguments, "-o", "s")
        assert not (tmp_path / "s").exists()
        return code, err

    (tmp_path / "empty.fa").write_text(">nothing\n")
    code, err = wrong("empty.fa", "-t", "nucleotide")
    assert (code, "no row is left to train on" in err) == (2, True)
    code, err = wrong("x.fa", "-t", "nucleotide")
    assert (code, "x.fa: no such file" in err) == (1, True)
    code, err = wrong(genome, "-t", "nucleotides")
    assert (code, "did you mean 'nucleotide'" in err) == (2, True)
    code, err = wrong(genome, "-t", "nucleotide", "--validation", "three")
    assert (code, "no sequence is called three" in err) == (2, True)


def test_haplotypes_of_a_vcf_file_in_bytes(lexome: Run, genome: Path, tmp_path: Path) -> None:
    first = random_genome(30_000, 1)[0]
    columns = "#CHROM POS ID REF ALT QUAL FILTER INFO FORMAT ann"
    row = f"one 1 . {first} {'A' if first != 'A' else 'C'} . . . GT 0/1"
    (tmp_path / "v.vcf").write_text("\n".join((columns, row)).replace(" ", "\t") + "\n")
    options = ["-t", "byte", "--tokens", 64, "--validation-share", 0.3, "--samples", 1, "--one-strand"]
    code, _, err = lexome("prepare", "lm", f"x={genome}", "-o", "a", *options, "--vcf", "v.vcf")
    assert (code, "v.vcf: 1 SNPs put in; 1 genotypes are not phased" in err) == (0, True)
    assert "x: 110,000 bases" in err
    code, _, err = lexome("prepare", "lm", f"x={genome}", genome, "-o", "b", *options, "--vcf", "v.vcf")
    assert (code, "say against which sequences: CATEGORY=v.vcf" in err) == (2, True)
    code, _, err = lexome("prepare", "lm", f"x={genome}", genome, "-o", "b", *options, "--vcf", "y=v.vcf")
    assert (code, "no sequences of a category 'y'" in err) == (2, True)
    assert not Path("b").exists()
