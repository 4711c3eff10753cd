"""Variants from a VCF file, checked against a genome: which can be scored, and why others cannot.

Source: VCF 4.3 (hts-specs): POS counts from 1, alleles of indels share the base before them, `*` stands for
an upstream deletion, `.` for no alternative, alleles in angle brackets or with brackets are symbolic.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lexome.core.errors import BadInputError
from lexome.tasks.language.regions import Genome, text_lines

_ALLELE = re.compile("[ACGT]+")
_DIGITS = re.compile("[0-9]{1,12}")
_EXAMPLES = 3

SYMBOLIC = "not written out in A, C, G, T (symbolic, *, N)"
NO_ALT = "without an alternative"
SAME = "with an alternative that is the reference"
TOO_LONG = "longer than half of the window"
MISMATCH = "of which the genome has another REF"


@dataclass(frozen=True)
class Variant:
    """One alternative: alleles in upper case, `start_bp` from 0; `id` as in the file."""

    contig: str
    start_bp: int
    id: str
    ref: str
    alt: str

    def __str__(self) -> str:
        return f"{self.contig}:{self.start_bp + 1} {self.ref}>{self.alt}"


@dataclass
class VariantCounts:
    """What became of the alternatives of a file.

    Attributes:
        usable: that can be scored.
        left_out: the others, by reason.
        mismatches: the first ones of which the genome has another REF, in words.
    """

    usable: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    mismatches: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """What was left out, a line per reason."""
        return [f"{count} variants {reason} are left out" for reason, count in self.left_out.items()]


def read_variants(
    path: Path, genome: Genome, longest_bp: int, counts: VariantCounts | None = None
) -> Iterator[Variant]:
    """Yields the variants of a VCF file, plain or gzipped, that can be scored; one per alternative.

    Args:
        path: the file; all columns behind ALT are ignored, the header too.
        genome: what the file was called against.
        longest_bp: of either allele.
        counts: is kept up to date.

    Raises:
        BadInputError: if it cannot be read, or a line is no variant or lies outside of the genome.
    """
    counts = counts if counts is not None else VariantCounts()
    with text_lines(path) as lines:
        for number, line in lines:
            if line.startswith("#") or not line.strip():
                continue
            yield from _of_line(line.split("\t"), f"{path}: line {number}", genome, longest_bp, counts)


def _of_line(
    fields: list[str], where: str, genome: Genome, longest_bp: int, counts: VariantCounts
) -> Iterator[Variant]:
    if len(fields) < 5 or not _DIGITS.fullmatch(fields[1]):
        raise BadInputError(f"{where} is not CHROM, POS, ID, REF and ALT with tabs between")
    contig, start, id_, ref = fields[0], int(fields[1]) - 1, fields[2], fields[3].upper()
    genome.check_contig(contig, where)
    if not (0 <= start and start + len(ref) <= genome.lengths_bp[contig]):
        raise BadInputError(
            f"{where}: position {start + 1} with {len(ref)} bases lies outside of '{contig}', which has "
            f"{genome.lengths_bp[contig]}"
        )
    there = genome.bases(contig, start, start + len(ref))
    for alt in fields[4].upper().split(","):
        variant = Variant(contig, start, id_, ref, alt)
        reason = _problem(variant, longest_bp)
        if reason is None and there != ref:
            reason = MISMATCH
            if len(counts.mismatches) < _EXAMPLES:
                counts.mismatches.append(f"{contig}:{start + 1} REF {_short(ref)}, genome {_short(there)}")
        if reason is None:
            counts.usable += 1
            yield variant
        else:
            counts.left_out[reason] += 1


def _problem(variant: Variant, longest_bp: int) -> str | None:
    if variant.alt in (".", ""):
        return NO_ALT
    if not (_ALLELE.fullmatch(variant.ref) and _ALLELE.fullmatch(variant.alt)):
        return SYMBOLIC
    if variant.ref == variant.alt:
        return SAME
    return TOO_LONG if max(len(variant.ref), len(variant.alt)) > longest_bp else None


def _short(bases: str) -> str:
    return bases if len(bases) <= 12 else f"{bases[:9]}..."


def survey_variants(path: Path, genome: Genome, longest_bp: int, *, skip_mismatches: bool) -> VariantCounts:
    """Looks through a VCF file before anything is computed.

    Raises:
        BadInputError: as `read_variants`; if nothing can be scored; or if the genome has another REF, unless
            these are to be skipped.
    """
    counts = VariantCounts()
    for _ in read_variants(path, genome, longest_bp, counts):
        pass
    wrong, total = counts.left_out[MISMATCH], counts.usable + counts.left_out.total()
    if wrong and not skip_mismatches:
        raise BadInputError(
            f"{path}: {wrong} of {total} variants have another REF than {genome.path} "
            f"({'; '.join(counts.mismatches)}); is it the right genome? --skip-mismatches leaves them out"
        )
    if not counts.usable:
        reasons = ", ".join(f"{n} {reason}" for reason, n in counts.left_out.items())
        raise BadInputError(f"{path}: holds no variant that can be scored{': ' if reasons else ''}{reasons}")
    return counts
