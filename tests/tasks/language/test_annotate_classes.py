"""What types and biotypes become."""

import pytest

from lexome.io.gff3 import Feature
from lexome.tasks.language.annotate_classes import CLASSES, PAPER_CLASSES, Meaning, meaning_of, rank_of


def _feature(kind: str, **attributes: str) -> Feature:
    return Feature("c", "s", kind, 0, 9, "+", attributes)


@pytest.mark.parametrize(
    ("feature", "meaning"),
    [
        (_feature("CDS"), Meaning("coding_sequence")),
        (_feature("five_prime_UTR"), Meaning("five_prime_UTR")),
        (_feature("gene", biotype="protein_coding"), Meaning(None)),
        (_feature("gene", gene_biotype="tRNA"), Meaning("tRNA")),
        (_feature("gene", biotype="lncRNA"), Meaning("lncRNA")),
        (_feature("transcript", transcript_type="processed_pseudogene"), Meaning("processed_pseudogene")),
        (_feature("pseudogene", biotype="unprocessed_pseudogene"), Meaning("unprocessed_pseudogene")),
        (_feature("pseudogene"), Meaning("pseudogene")),
        (_feature("pseudogene", biotype="protein_coding"), Meaning("pseudogene")),
        (_feature("mRNA"), Meaning(None)),
        (_feature("exon", biotype="tRNA"), Meaning(None)),
        (_feature("CDS", gene_type="processed_pseudogene"), Meaning("coding_sequence")),
        (_feature("circular_ncRNA"), Meaning(None)),
        (_feature("origin_of_replication"), Meaning("other", False)),
    ],
)
def test_meanings(feature: Feature, meaning: Meaning) -> None:
    assert meaning_of(feature) == meaning


def test_the_papers_nine_classes() -> None:
    assert len(PAPER_CLASSES) == 9
    assert len(set(CLASSES)) == len(CLASSES)
    kinds = ("CDS", "lnc_RNA", "snoRNA", "misc_RNA", "pre_miRNA", "snRNA", "TEC", "processed_pseudogene",
             "unprocessed_pseudogene")  # fmt: skip
    assert tuple(meaning_of(_feature(kind)).name for kind in kinds) == PAPER_CLASSES


def test_ranks() -> None:
    order = [
        "intergenic",
        "other",
        "intron",
        "pseudogene",
        "lncRNA",
        "five_prime_UTR",
        "coding_sequence",
        "tRNA",
    ]
    ranks = [rank_of(name) for name in order]
    assert ranks == sorted(set(ranks))
    assert {rank_of(name) for name in CLASSES} >= set(ranks)
