"""Painting contigs: what counts where features meet, and what they are called."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from lexome.core.errors import BadInputError
from lexome.tasks.language.annotate_classes import CLASSES, rank_of
from lexome.tasks.language.annotate_features import NO_FEATURE, Annotation, read_annotation
from lexome.tasks.language.regions import Genome, open_genome

SHORT = {
    "intergenic": "-", "coding_sequence": "C", "intron": "i", "other": "o", "tRNA": "t", "pseudogene": "p",
    "five_prime_UTR": "5",
}  # fmt: skip


@pytest.fixture
def genome(tmp_path: Path) -> Iterator[Genome]:
    path = tmp_path / "g.fa"
    path.write_text(">c\n" + "A" * 40 + "\n>d\nACGT\n")
    with open_genome(path) as opened:
        yield opened


def _annotated(tmp_path: Path, genome: Genome, *features: str) -> Annotation:
    path = tmp_path / "f.gff3"
    lines = []
    for text in features:
        contig, kind, start, end, *notes = text.split(" ", 4)
        lines.append(f"{contig}\ts\t{kind}\t{start}\t{end}\t.\t+\t.\t{notes[0] if notes else '.'}\n")
    path.write_text("".join(lines))
    return read_annotation(path, genome)


def _drawn(annotation: Annotation, contig: str = "c", length: int = 40) -> str:
    class_L, of_L = annotation.painted(contig, length)
    assert np.array_equal(of_L == NO_FEATURE, class_L == CLASSES.index("intergenic"))
    return "".join(SHORT[CLASSES[i]] for i in class_L)


def test_a_gene_with_introns(tmp_path: Path, genome: Genome) -> None:
    found = _annotated(
        tmp_path, genome,
        "c gene 5 30", "c mRNA 5 30", "c exon 5 12", "c exon 21 30", "c five_prime_UTR 5 8", "c CDS 9 12",
        "c CDS 21 26",
    )  # fmt: skip
    assert _drawn(found) == "----5555CCCCiiiiiiiiCCCCCCoooo" + "-" * 10
    assert _drawn(found, "d", 4) == "----"
    assert found.lines() == []


def test_what_counts_where_features_meet(tmp_path: Path, genome: Genome) -> None:
    found = _annotated(tmp_path, genome, "c tRNA 3 6", "c CDS 1 10", "c pseudogene 8 14", "c strange 1 20")
    assert _drawn(found) == "CCttttCCCCppppoooooo" + "-" * 20
    assert found.unknown == {"strange": 1}
    assert found.lines() == [f"{found.path}: unknown types of features: strange (1)"]


def test_against_every_base(tmp_path: Path, genome: Genome) -> None:
    rng = np.random.default_rng(0)
    kinds = {"CDS": "coding_sequence", "tRNA": "tRNA", "pseudogene": "pseudogene", "lncRNA": "lncRNA"}
    for _ in range(20):
        drawn = []
        for _ in range(6):
            start, end = sorted(rng.integers(1, 41, 2).tolist())
            drawn.append((str(rng.choice(list(kinds))), start, end))
        found = _annotated(tmp_path, genome, *(f"c {kind} {start} {end}" for kind, start, end in drawn))
        class_L, _ = found.painted("c", 40)
        for at in range(40):
            over = [kinds[kind] for kind, start, end in drawn if start <= at + 1 <= end]
            assert CLASSES[class_L[at]] == max(over, key=rank_of, default="intergenic")


def test_what_does_not_lie_on_the_genome(tmp_path: Path, genome: Genome) -> None:
    found = _annotated(tmp_path, genome, "c CDS 35 60", "c CDS 50 60", "x CDS 1 5", "x CDS 1 5")
    assert _drawn(found) == "-" * 34 + "C" * 6
    assert (found.beyond, found.no_contig) == (2, {"x": 2})
    assert "contigs that the FASTA does not have are left out: x (2)" in found.lines()[0]
    assert "2 features end behind their contig's end" in found.lines()[1]
    with pytest.raises(BadInputError, match="no feature lies on a sequence of .*; it names 'x'"):
        _annotated(tmp_path, genome, "x CDS 1 5")
    with pytest.raises(BadInputError, match="holds no feature"):
        _annotated(tmp_path, genome)


def test_answers(tmp_path: Path, genome: Genome) -> None:
    found = _annotated(
        tmp_path, genome,
        "c gene 1 20 ID=g1;gene=thrA;gene_biotype=protein_coding",
        "c mRNA 1 20 ID=m1;Parent=g1",
        "c CDS 1 10 Parent=m1,m2;product=a | very%09fine kinase " + "x" * 90,
        "c CDS 11 20 Parent=m1",
        "c tRNA 21 30 Name=trnF",
        "c CDS 31 40 ID=loop;Parent=loop",
    )  # fmt: skip
    _, of_L = found.painted("c", 40)
    assert (
        found.answer("coding_sequence", int(of_L[0]))
        == "coding_sequence|thrA|a / very fine kinase " + "x" * 39
    )
    assert found.answer("coding_sequence", int(of_L[15])) == "coding_sequence|thrA|protein_coding"
    assert found.answer("tRNA", int(of_L[25])) == "tRNA|trnF|"
    assert found.answer("coding_sequence", int(of_L[35])) == "coding_sequence|loop|"
    assert found.answer("intergenic", NO_FEATURE) == "intergenic||"
