"""Haplotypes of individuals: the alleles of a VCF file put into a reference.

A file is read once, line by line; what the drawn individuals carry goes to a temporary file, from which the
alleles of one sequence at a time are taken. So neither the order of its sequences nor its size matters.

Source: VCF 4.3 (hts-specs): POS counts from 1; in GT 0 is REF, 1 the first ALT, `.` not known; `|` is phased,
`/` is not. FILTER is not looked at.
"""

import re
import tempfile
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np

from lexome.core.errors import BadInputError, UsageError
from lexome.io.partial import explained
from lexome.tasks.language.regions import text_lines
from lexome.tasks.language.variants import MISMATCH, SAME, SYMBOLIC

_ALLELE = re.compile("[ACGT]+")
_DIGITS = re.compile("[0-9]{1,12}")
_GENOTYPE = re.compile(r"(?:\.|\d{1,4})(?:[|/](?:\.|\d{1,4}))*")
_FIXED = 9  # columns in front of the individuals
MAX_PLOIDY = 16
OVERLAP = "in conflict with one in front of it on the same haplotype"
NO_SEQUENCE = "on sequences that are not there"


@dataclass(frozen=True)
class Edit:
    """The bases from `start_bp` to `end_bp` become `alt`; an insertion replaces none."""

    start_bp: int
    end_bp: int
    alt: str

    @property
    def kind(self) -> str:
        """What it is, in a word."""
        if self.start_bp == self.end_bp:
            return "insertions"
        if not self.alt:
            return "deletions"
        return "SNPs" if self.end_bp - self.start_bp == len(self.alt) == 1 else "replacements"


def trimmed(start_bp: int, ref: str, alt: str) -> Edit:
    """An allele without the bases at its ends that are those of the reference."""
    shorter = min(len(ref), len(alt))
    first = next((i for i in range(shorter) if ref[i] != alt[i]), shorter)
    left = shorter - first
    behind = next((i for i in range(left) if ref[-1 - i] != alt[-1 - i]), left)
    return Edit(start_bp + first, start_bp + len(ref) - behind, alt[first : len(alt) - behind])


@dataclass
class HaplotypeCounts:
    """What became of the alleles that the drawn haplotypes carry; an allele counts once for each of them.

    Attributes:
        applied: by kind.
        left_out: by reason; the reference stays there.
        unphased: genotypes whose alleles were shared out among the haplotypes at random.
        unknown: alleles that are not known; the reference stays there.
    """

    applied: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    unphased: int = 0
    unknown: int = 0

    def lines(self) -> list[str]:
        """What a user wants to know."""
        told = ", ".join(f"{count:,} {kind}" for kind, count in sorted(self.applied.items())) or "no allele"
        lines = [
            f"{told} put in; {self.unphased:,} genotypes are not phased, {self.unknown:,} alleles unknown"
        ]
        return lines + [f"{count:,} alleles {reason} are left out" for reason, count in self.left_out.items()]


@dataclass(frozen=True, eq=False)
class Haplotype:
    """One copy of a sequence: the reference with edits, sorted, none of which touches another's bases."""

    name: str
    edits: tuple[Edit, ...]

    def part(self, sequence: str, start_bp: int, end_bp: int) -> str:
        """What stands between two places of the reference; parts side by side give the whole.

        An insertion at the end belongs to the next part, unless the reference ends there; of a deletion that
        reaches beyond the end the next part lacks the rest.
        """
        first = bisect_left(self.edits, start_bp, key=lambda edit: edit.start_bp)
        at = max(start_bp, self.edits[first - 1].end_bp) if first else start_bp
        end_of_edits = end_bp + (end_bp == len(sequence))
        parts: list[str] = []
        for edit in self.edits[first:]:
            if edit.start_bp >= end_of_edits:
                break
            parts += [sequence[at : edit.start_bp], edit.alt]
            at = edit.end_bp
        return "".join([*parts, sequence[at:end_bp]])


class Haplotypes:
    """The haplotypes of some individuals of a VCF file; made by `open_haplotypes`."""

    def __init__(self, path: Path, individuals: list[str], spool: BinaryIO) -> None:
        self.path, self.individuals = path, individuals
        self.counts = HaplotypeCounts()
        self._spool = spool
        self._parts: dict[str, list[list[int]]] = {}  # where the lines of a contig are in the spool
        self._ploidy: dict[str, list[int]] = {}
        self._taken: set[str] = set()

    def keep(self, contig: str, start_bp: int, ref: str, alts: str, genotypes: list[list[int]]) -> None:
        """Puts away what the individuals carry at a place."""
        ploidy = self._ploidy.setdefault(contig, [0] * len(self.individuals))
        for i, alleles in enumerate(genotypes):
            ploidy[i] = max(ploidy[i], len(alleles))
        if not any(allele > 0 for alleles in genotypes for allele in alleles):
            return
        carried = ";".join(",".join(map(str, alleles)) for alleles in genotypes)
        begin = self._spool.tell()
        with explained(Path(tempfile.gettempdir())):
            self._spool.write(f"{start_bp}\t{ref}\t{alts}\t{carried}\n".encode())
        parts = self._parts.setdefault(contig, [])
        if parts and parts[-1][1] == begin:
            parts[-1][1] = self._spool.tell()
        else:
            parts.append([begin, self._spool.tell()])

    def of(self, contig: str, sequence: str) -> list[Haplotype]:
        """The haplotypes of a sequence, two of a diploid individual; none if the file says nothing of it.

        Raises:
            BadInputError: if it is asked for a second time: names in the reference are not unique.
        """
        if contig not in self._ploidy:
            return []
        if contig in self._taken:
            raise BadInputError(f"{self.path}: the sequences have the name '{contig}' twice")
        self._taken.add(contig)
        edits: dict[tuple[int, int], list[Edit]] = {
            (i, side): [] for i, ploidy in enumerate(self._ploidy[contig]) for side in range(ploidy)
        }
        for start_bp, ref, alts, genotypes in self._lines(contig):
            is_there = sequence[start_bp : start_bp + len(ref)].upper() == ref
            for i, alleles in enumerate(genotypes):
                for side, allele in enumerate(alleles):
                    if allele < 1:
                        continue
                    reason = _problem(ref, alts[allele - 1]) or (None if is_there else MISMATCH)
                    if reason is None:
                        edits[i, side].append(trimmed(start_bp, ref, alts[allele - 1]))
                    else:
                        self.counts.left_out[reason] += 1
        return [
            Haplotype(f"{contig}_{self.individuals[i]}_{side + 1}", self._without_conflicts(found))
            for (i, side), found in edits.items()
        ]

    def _without_conflicts(self, edits: list[Edit]) -> tuple[Edit, ...]:
        """Edits in their order; of those that change the same bases, or insert at one place, the first.

        Bases that an allele has in common with the reference, such as that in front of an indel, are not its
        own. What is inserted at a place goes in front of what is changed there.
        """
        kept: list[Edit] = []
        for edit in sorted(edits, key=lambda edit: (edit.start_bp, edit.end_bp > edit.start_bp)):
            last = kept[-1] if kept else None
            is_again = last is not None and edit.end_bp == last.start_bp == last.end_bp
            if last is not None and (edit.start_bp < last.end_bp or is_again):
                self.counts.left_out[OVERLAP] += 1
            else:
                kept.append(edit)
                self.counts.applied[edit.kind] += 1
        return tuple(kept)

    def _lines(self, contig: str) -> Iterator[tuple[int, str, list[str], list[list[int]]]]:
        for begin, end in self._parts.get(contig, ()):
            self._spool.seek(begin)
            while self._spool.tell() < end:
                start, ref, alts, carried = self._spool.readline().decode().rstrip("\n").split("\t")
                genotypes = [[int(allele) for allele in alleles.split(",")] for alleles in carried.split(";")]
                yield int(start), ref, alts.split(","), genotypes

    def finish(self) -> None:
        """Counts what belongs to no sequence that was asked for.

        Raises:
            BadInputError: if nothing at all was put in.
        """
        for contig in self._parts.keys() - self._taken:
            for _, _, _, genotypes in self._lines(contig):
                self.counts.left_out[NO_SEQUENCE] += sum(a > 0 for alleles in genotypes for a in alleles)
        if not self.counts.applied:
            reasons = "; ".join(f"{n} {reason}" for reason, n in self.counts.left_out.items())
            raise BadInputError(
                f"{self.path}: no allele of the drawn individuals could be put into the sequences"
                f"{': ' + reasons if reasons else ''}; is it the right reference?"
            )


def _problem(ref: str, alt: str) -> str | None:
    if not (_ALLELE.fullmatch(ref) and _ALLELE.fullmatch(alt)):
        return SYMBOLIC
    return SAME if ref == alt else None


@contextmanager
def open_haplotypes(path: Path, count: int, seed: int) -> Iterator[Haplotypes]:
    """Reads a VCF file, plain or gzipped, and draws individuals.

    Args:
        path: the file.
        count: individuals to draw, each of which gives its haplotypes.
        seed: of the draw, and of who gets which allele where genotypes are not phased.

    Raises:
        BadInputError: if it cannot be read, a line makes no sense, or it says nothing of individuals.
        UsageError: if it has fewer individuals.
    """
    rng = np.random.default_rng([seed, 6])
    with tempfile.TemporaryFile() as spool, text_lines(path) as lines:
        found: Haplotypes | None = None
        columns: list[int] = []
        width = 0
        for number, line in lines:
            where = f"{path}: line {number}"
            if line.startswith("##") or not line.strip():
                continue
            fields = line.split("\t")
            if line.startswith("#"):
                width = len(fields)
                columns = _draw(fields, count, where, rng)
                found = Haplotypes(path, [fields[c] for c in columns], spool)  # pyright: ignore[reportArgumentType]
                continue
            if found is None:
                raise BadInputError(
                    f"{where}: a variant in front of the line #CHROM, which names the columns"
                )
            if len(fields) != width or not _DIGITS.fullmatch(fields[1]) or int(fields[1]) < 1:
                raise BadInputError(f"{where} is not a variant with {width} columns and tabs between")
            _read(fields, columns, where, found, rng)
        if found is None:
            raise BadInputError(f"{path}: is no VCF file: it has no line #CHROM")
        yield found


def _draw(header: list[str], count: int, where: str, rng: np.random.Generator) -> list[int]:
    there = len(header) - _FIXED
    if there < 1:
        raise BadInputError(f"{where}: the file has no genotypes of individuals, so none can be drawn")
    if count > there:
        raise UsageError(f"{where}: {there} individuals, {count} are to be drawn (--samples)")
    return sorted((rng.choice(there, count, replace=False) + _FIXED).tolist())


def _read(
    fields: list[str], columns: list[int], where: str, found: Haplotypes, rng: np.random.Generator
) -> None:
    """Takes the genotypes of a line."""
    if fields[8].split(":")[0] != "GT":
        raise BadInputError(f"{where}: the column FORMAT does not begin with GT, so there is no genotype")
    ref, alts = fields[3].upper(), fields[4].upper()
    num_alts = 0 if alts == "." else alts.count(",") + 1
    genotypes: list[list[int]] = []
    for column in columns:
        text = fields[column].split(":")[0]
        alleles = (
            [-1 if a == "." else int(a) for a in re.split("[|/]", text)] if _GENOTYPE.fullmatch(text) else []
        )
        if not 1 <= len(alleles) <= MAX_PLOIDY or max(alleles) > num_alts:
            raise BadInputError(f"{where}: '{text}' is no genotype of {num_alts} alternatives")
        found.counts.unknown += alleles.count(-1)
        if "/" in text and len(set(alleles)) > 1:
            found.counts.unphased += 1
            alleles = [alleles[i] for i in rng.permutation(len(alleles)).tolist()]
        genotypes.append(alleles)
    found.keep(fields[0], int(fields[1]) - 1, ref, alts, genotypes)
