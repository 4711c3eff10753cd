"""The class of every base of a genome, painted from its features, and what these are called.

Legend: L bases of a contig.
"""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Int32, UInt8

from lexome.core.errors import BadInputError, nearest
from lexome.io.gff3 import Feature, read_gff3
from lexome.tasks.language.annotate_classes import (
    CLASSES,
    INTERGENIC,
    INTRON,
    OTHER,
    TRANSCRIPTS,
    meaning_of,
    rank_of,
)
from lexome.tasks.language.regions import Genome

NO_FEATURE = -1
LONGEST_TEXT = 60  # letters of a name or a function in an answer
_NAMES = ("gene", "gene_name", "locus", "Name", "sequence_name", "ID")
_FUNCTIONS = ("product", "description", "fullname", "Note", *("gene_biotype", "biotype", "gene_type"))
_DEEPEST = 8  # parents of parents; more are a circle
_CLASS_ID = {name: i for i, name in enumerate(CLASSES)}
_RANKS = np.array([rank_of(name) for name in CLASSES], np.uint8)


@dataclass(frozen=True)
class _Span:
    start_bp: int
    end_bp: int
    class_id: int
    about: int  # place in `Annotation.about`


@dataclass(frozen=True)
class _About:
    """What a feature says of itself; its parents say the rest."""

    name: str
    function: str
    parent: str


@dataclass
class Annotation:
    """The features of a GFF3 file that lie on a genome.

    Attributes:
        path: of the file.
        kinds: features by type and the class that it became ("structure": none).
        unknown: features by type, of types that are not known.
        no_contig: features by contig, of contigs that the genome does not have.
        beyond: features that begin or end behind their contig's end; what lies on it is used.
    """

    path: Path
    kinds: Counter[tuple[str, str]] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    no_contig: Counter[str] = field(default_factory=Counter)
    beyond: int = 0
    _spans: dict[str, list[_Span]] = field(default_factory=dict)
    _exons: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    _about: list[_About] = field(default_factory=list)
    _by_id: dict[str, int] = field(default_factory=dict)

    def painted(self, contig: str, length_bp: int) -> tuple[UInt8[np.ndarray, " L"], Int32[np.ndarray, " L"]]:
        """The class of every base (a place in `CLASSES`) and the feature it is from (`NO_FEATURE`: none).

        Of several features over a base the class with the highest rank counts, of equals the last in the
        file. Bases of exons that are neither coding nor UTR of anything are "other", not introns.
        """
        class_L = np.full(length_bp, _CLASS_ID[INTERGENIC], np.uint8)
        of_L = np.full(length_bp, NO_FEATURE, np.int32)
        for span in sorted(self._spans.get(contig, ()), key=lambda one: int(_RANKS[one.class_id])):
            class_L[span.start_bp : span.end_bp] = span.class_id
            of_L[span.start_bp : span.end_bp] = span.about
        for start, end in self._exons.get(contig, ()):
            here = class_L[start:end]
            here[here == _CLASS_ID[INTRON]] = _CLASS_ID[OTHER]
        return class_L, of_L

    def answer(self, class_name: str, feature: int) -> str:
        """What a decoder is to write of a fragment: type|name|function."""
        if feature == NO_FEATURE:
            return f"{class_name}||"
        one = self._about[feature]
        names, functions = [one.name], [one.function]
        for _ in range(_DEEPEST):
            at = self._by_id.get(one.parent)
            if at is None:
                break
            one = self._about[at]
            names.append(one.name)
            functions.append(one.function)
        # the gene's name, but the product of the part itself
        name = next((text for text in reversed(names) if text), "")
        return f"{class_name}|{name}|{next((text for text in functions if text), '')}"

    def add(self, feature: Feature, lengths_bp: dict[str, int]) -> None:
        """Takes a feature in, or counts why not."""
        meaning = meaning_of(feature)
        self.kinds[feature.kind, meaning.name or "structure"] += 1
        if not meaning.is_known:
            self.unknown[feature.kind] += 1
        about = len(self._about)
        text = feature.attributes
        self._about.append(
            _About(_first(text, _NAMES), _first(text, _FUNCTIONS), text.get("Parent", "").split(",")[0])
        )
        if "ID" in text:
            self._by_id.setdefault(text["ID"], about)
        length = lengths_bp.get(feature.contig)
        if length is None:
            self.no_contig[feature.contig] += 1
            return
        self.beyond += feature.end_bp > length
        start, end = min(feature.start_bp, length), min(feature.end_bp, length)
        kind = feature.kind.lower()
        name = INTRON if meaning.name is None and kind in TRANSCRIPTS else meaning.name
        if name is not None and start < end:
            self._spans.setdefault(feature.contig, []).append(_Span(start, end, _CLASS_ID[name], about))
        elif kind == "exon":
            self._exons.setdefault(feature.contig, []).append((start, end))

    def lines(self) -> list[str]:
        """What a user should know."""
        told = []
        if self.unknown:
            told.append(f"{self.path}: unknown types of features: {_listed(self.unknown)}")
        if self.no_contig:
            told.append(
                f"{self.path}: features on contigs that the FASTA does not have are left out: "
                f"{_listed(self.no_contig)}"
            )
        if self.beyond:
            told.append(
                f"{self.path}: {self.beyond} features end behind their contig's end and are cut there"
            )
        return told


def read_annotation(path: Path, genome: Genome) -> Annotation:
    """Reads the features of a genome.

    Raises:
        BadInputError: if the file cannot be read, holds no feature, or none on a contig of the genome.
    """
    annotation, last = Annotation(path), None
    for feature in read_gff3(path):
        annotation.add(feature, genome.lengths_bp)
        last = feature
    if last is None:
        raise BadInputError(f"{path}: holds no feature")
    if sum(annotation.no_contig.values()) == sum(annotation.kinds.values()):
        raise BadInputError(
            f"{path}: no feature lies on a sequence of {genome.path}; it names '{last.contig}', "
            f"{nearest(last.contig, list(genome.lengths_bp)[:50])}"
        )
    return annotation


def _first(attributes: object, names: tuple[str, ...]) -> str:
    assert isinstance(attributes, dict)
    text = next((attributes[name] for name in names if attributes.get(name)), "")
    return " ".join(text.replace("|", "/").split())[:LONGEST_TEXT]


def _listed(counts: Counter[str]) -> str:
    most = counts.most_common(6)
    more = len(counts) - len(most)
    return ", ".join(f"{name} ({count})" for name, count in most) + (f" and {more} more" if more else "")
