"""What the types of features mean: classes of DNA by function.

The paper's nine classes are biotypes of human genes (Ensembl). Other genomes have few of them, so what their
GFF3 files have besides is kept apart instead of being thrown together.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from lexome.io.gff3 import Feature

CODING, INTRON, INTERGENIC, OTHER = "coding_sequence", "intron", "intergenic", "other"
PAPER_CLASSES = (
    CODING, "lncRNA", "snoRNA", "misc_RNA", "miRNA", "snRNA", "TEC", "processed_pseudogene",
    "unprocessed_pseudogene",
)  # fmt: skip
MORE_CLASSES = (
    "five_prime_UTR", "three_prime_UTR", "tRNA", "rRNA", "ncRNA", "pseudogene", "mobile_element", INTRON,
    INTERGENIC, OTHER,
)  # fmt: skip
CLASSES = PAPER_CLASSES + MORE_CLASSES

# classes of types of features (column 3) and of genes' biotypes, in lower case
_KINDS: Mapping[str, str] = {
    "cds": CODING, "five_prime_utr": "five_prime_UTR", "5utr": "five_prime_UTR",
    "three_prime_utr": "three_prime_UTR", "3utr": "three_prime_UTR", "trna": "tRNA", "rrna": "rRNA",
    "lncrna": "lncRNA", "lnc_rna": "lncRNA", "lincrna": "lncRNA", "antisense_rna": "lncRNA",
    "snorna": "snoRNA", "snrna": "snRNA", "mirna": "miRNA", "pre_mirna": "miRNA", "ncrna": "ncRNA",
    "nc_primary_transcript": "ncRNA", "pirna": "ncRNA", "srp_rna": "ncRNA", "rnase_p_rna": "ncRNA",
    "tmrna": "ncRNA", "scrna": "ncRNA", "misc_rna": "misc_RNA", "miscrna": "misc_RNA", "tec": "TEC",
    "pseudogene": "pseudogene", "pseudogenic_transcript": "pseudogene", "pseudogenic_exon": "pseudogene",
    "pseudogenic_trna": "pseudogene", "transposable_element": "mobile_element",
    "transposable_element_gene": "mobile_element", "mobile_genetic_element": "mobile_element",
    "mrna_te_gene": "mobile_element", "transposon_fragment": "mobile_element",
    "processed_pseudogene": "processed_pseudogene",
    "transcribed_processed_pseudogene": "processed_pseudogene",
    "unprocessed_pseudogene": "unprocessed_pseudogene",
    "transcribed_unprocessed_pseudogene": "unprocessed_pseudogene",
}  # fmt: skip
# transcripts whose bases outside of exons are introns, and what stands around or repeats other features
TRANSCRIPTS = frozenset(("mrna", "transcript", "primary_transcript"))
STRUCTURE = frozenset((
    "gene", "exon", "intron", "protein", "polypeptide", "region", "chromosome", "contig", "supercontig",
    "start_codon", "stop_codon", "protein_coding_gene", "ncrna_gene", "biological_region", "scaffold",
    "circular_ncrna", *TRANSCRIPTS,
))  # fmt: skip
BIOTYPES = ("biotype", "gene_biotype", "transcript_biotype", "gene_type", "transcript_type")

# of classes that share a base the one with the higher number counts: what is rarer and more exact
_RANKS: Mapping[str, int] = {
    INTERGENIC: 0, OTHER: 1, INTRON: 2, "mobile_element": 3, "pseudogene": 4, "lncRNA": 5, "ncRNA": 5,
    "misc_RNA": 5, "TEC": 5, "processed_pseudogene": 5, "unprocessed_pseudogene": 5, "five_prime_UTR": 6,
    "three_prime_UTR": 6, CODING: 7, "snoRNA": 8, "miRNA": 8, "snRNA": 8, "tRNA": 8, "rRNA": 8,
}  # fmt: skip


@dataclass(frozen=True)
class Meaning:
    """What a feature is: its class (None: it is only structure), and whether its type is known."""

    name: str | None
    is_known: bool = True


def meaning_of(feature: Feature) -> Meaning:
    """The class of a feature: of its type, or of its biotype where its type is a transcript of some kind."""
    kind = feature.kind.lower()
    biotype = next((feature.attributes[key].lower() for key in BIOTYPES if key in feature.attributes), "")
    if kind in TRANSCRIPTS or kind in ("gene", "ncrna_gene", "pseudogene", "pseudogenic_transcript"):
        of_biotype = _KINDS.get(biotype)
        # a gene of another kind than coding is one stretch of its class; the class of a coding one is its CDS
        if of_biotype is not None:
            return Meaning(of_biotype)
    if kind in STRUCTURE:
        return Meaning(None)
    found = _KINDS.get(kind)
    return Meaning(found if found is not None else OTHER, found is not None)


def rank_of(name: str) -> int:
    """How much a class counts where it shares bases with others."""
    return _RANKS[name]
