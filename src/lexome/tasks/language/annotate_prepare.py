"""Fragments of genomes with their function, from FASTA and GFF3: what `annotate prepare` does.

All fragments have the same length, so that length tells nothing. A fragment has the class of most of its
bases; where no class has enough of them it is left out.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from lexome import __version__
from lexome.core.config import to_dict
from lexome.core.errors import BadInputError, UsageError
from lexome.report.files import write_json
from lexome.tasks.language.annotate_classes import CLASSES, OTHER
from lexome.tasks.language.annotate_features import NO_FEATURE, Annotation, read_annotation
from lexome.tasks.language.region_split import (
    Block,
    Letters,
    RegionConfig,
    blocks_of,
    check_contigs,
    check_species,
)
from lexome.tasks.language.regions import Genome, open_genome
from lexome.tasks.language.set_folder import (
    DEV,
    META_FILE,
    SPLITS,
    TEST,
    TEST_SPECIES,
    TRAIN,
    new_folder,
    write_rows,
)

COLUMNS = ("sequence", "label", "answer", "name", "species")
Choice = Literal["other", "leave-out"]


@dataclass(frozen=True)
class AnnotateRequest:
    """What to make fragments from.

    Attributes:
        genomes: FASTA files by the species' names.
        annotations: GFF3 files by the same names.
        length_bp: of every fragment.
        cover: part of a fragment's bases that must be of its class.
        unknown: what becomes of features of unknown types.
        rare: what becomes of classes with fewer training fragments than `least`.
        least: see there.
        most: training fragments of a class at most; 0: all.
        regions: how genomes are divided.
        most_ambiguous: fragments with a larger part of letters other than A, C, G and T are left out.
        seed: of the draws.
    """

    genomes: Mapping[str, Path]
    annotations: Mapping[str, Path]
    length_bp: int = 512
    cover: float = 0.5
    unknown: Choice = "other"
    rare: Choice = "leave-out"
    least: int = 30
    most: int = 0
    regions: RegionConfig = RegionConfig()
    most_ambiguous: float = 0.1
    seed: int = 0

    def check(self) -> None:
        """Raises UsageError if it makes no sense."""
        if not self.genomes or {*self.genomes} != {*self.annotations}:
            raise UsageError(
                "every genome needs its annotation: as many --gff as --genome, in the same order"
            )
        if not 0.1 <= self.cover <= 1 or not 8 <= self.length_bp <= self.regions.block_bp:
            raise UsageError(
                f"cover must lie between 0.1 and 1, fragments need 8 to {self.regions.block_bp} bases "
                "(those of a block)"
            )
        check_species(self.regions, list(self.genomes))


@dataclass
class AnnotateReport:
    """What was made.

    Attributes:
        counts: fragments by split and class.
        mixed: fragments left out because no class has enough of their bases.
        of_unknown: fragments left out because they are of an unknown type.
        too_rare: fragments by class, of classes that are too rare.
        not_drawn: training fragments that are more than are wanted of their class.
        letters: fragments left out for their letters, and letters kept.
        annotations: of every genome, what its features were.
        notes: what the user should know of the files.
    """

    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    mixed: int = 0
    of_unknown: int = 0
    too_rare: dict[str, int] = field(default_factory=dict)
    not_drawn: int = 0
    letters: Letters = field(default_factory=Letters)
    annotations: dict[str, dict[str, Any]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """What a user wants to know."""
        told = list(self.notes)
        for split, classes in self.counts.items():
            told.append(f"{split}: " + ", ".join(f"{count} {name}" for name, count in classes.items()))
        told.append(f"{self.mixed} fragments of several classes left out")
        if self.of_unknown:
            told.append(f"{self.of_unknown} fragments of unknown types left out")
        if self.too_rare:
            named = ", ".join(f"{name} ({count})" for name, count in self.too_rare.items())
            told.append(f"classes with too few training fragments: {named}")
        left_out = self.letters.too_ambiguous + self.letters.no_code
        if left_out or self.letters.ambiguous:
            told.append(
                f"{left_out} fragments left out for letters other than A, C, G, T; {self.letters.ambiguous} "
                "such letters kept in others"
            )
        return told


@dataclass(frozen=True)
class _Fragment:
    split: str
    sequence: str
    label: str
    answer: str
    name: str
    species: str


def prepare_annotation(
    request: AnnotateRequest, output: Path, command: str, on_bases: Callable[[float], None] = lambda _: None
) -> AnnotateReport:
    """Writes train.csv, dev.csv, test.csv, with species held out test_species.csv, and meta.json.

    Args:
        request: what from.
        output: folder to write; it is there whole or not at all.
        command: the command line, for meta.json.
        on_bases: told how many bases are done.

    Raises:
        UsageError: if the request makes no sense or the folder is there already.
        BadInputError: if a file cannot be read, or a split or all classes but one would be empty.
        LexomeError: if the folder cannot be written.
    """
    request.check()
    report = AnnotateReport(letters=Letters(request.most_ambiguous))
    fragments: list[_Fragment] = []
    with new_folder(output) as folder, ExitStack() as stack:
        genomes = {name: stack.enter_context(open_genome(path)) for name, path in request.genomes.items()}
        check_contigs(request.regions, {name: genome.lengths_bp for name, genome in genomes.items()})
        done = 0
        for species, genome in genomes.items():
            annotation = read_annotation(request.annotations[species], genome)
            _tell(annotation, species, report)
            for contig, blocks in _by_contig(blocks_of(species, genome.lengths_bp, request.regions)).items():
                fragments += _of_contig(request, genome, annotation, contig, blocks, report)
                done += genome.lengths_bp[contig]
                on_bases(done)
        fragments = _drawn(request, _without_rare(request, fragments, report), report)
        for number, split in enumerate(SPLITS):
            own = [one for one in fragments if one.split == split]
            counts = Counter(one.label for one in own)
            if own:
                report.counts[split] = dict(counts.most_common())
                order = np.random.default_rng([request.seed, 4, number]).permutation(len(own))
                rows = (
                    (own[i].sequence, own[i].label, own[i].answer, own[i].name, own[i].species) for i in order
                )
                write_rows(folder / f"{split}.csv", COLUMNS, rows)
        _check_filled(request, report)
        write_json(folder / META_FILE, _meta(request, command, report))
    return report


def _by_contig(blocks: Sequence[Block]) -> dict[str, list[Block]]:
    found: dict[str, list[Block]] = {}
    for block in blocks:
        found.setdefault(block.contig, []).append(block)
    return found


def _of_contig(
    request: AnnotateRequest, genome: Genome, annotation: Annotation, contig: str, blocks: Sequence[Block],
    report: AnnotateReport,
) -> list[_Fragment]:  # fmt: skip
    class_L, feature_L = annotation.painted(contig, genome.lengths_bp[contig])
    fragments: list[_Fragment] = []
    size = request.length_bp
    for block in blocks:
        for start in range(block.start_bp, block.end_bp - size + 1, size):
            bases = genome.bases(contig, start, start + size)
            if not report.letters.usable(bases):
                continue
            of_class = np.bincount(class_L[start : start + size], minlength=len(CLASSES))
            most = int(of_class.argmax())
            label = CLASSES[most]
            if of_class[most] < request.cover * size:
                report.mixed += 1
            elif label == OTHER and request.unknown == "leave-out":
                report.of_unknown += 1
            else:
                features = feature_L[start : start + size][class_L[start : start + size] == most]
                answer = annotation.answer(label, _commonest(features))
                name = f"{block.species}:{contig}:{start}-{start + size}"
                fragments.append(_Fragment(block.split, bases, label, answer, name, block.species))
    return fragments


def _commonest(features: np.ndarray) -> int:
    numbers, times = np.unique(features, return_counts=True)
    return int(numbers[times.argmax()]) if len(numbers) else NO_FEATURE


def _tell(annotation: Annotation, species: str, report: AnnotateReport) -> None:
    report.notes += annotation.lines()
    report.annotations[species] = {
        "features": {f"{kind} -> {name}": count for (kind, name), count in annotation.kinds.most_common()},
        "unknown_types": dict(annotation.unknown),
        "contigs_not_in_fasta": dict(annotation.no_contig),
        "beyond_the_end": annotation.beyond,
    }


def _without_rare(
    request: AnnotateRequest, fragments: Sequence[_Fragment], report: AnnotateReport
) -> list[_Fragment]:
    """Without classes that are too rare in training; "other" itself stays if it is common enough."""
    learnt = Counter(one.label for one in fragments if one.split == TRAIN)
    everywhere = Counter(one.label for one in fragments)
    report.too_rare = {name: count for name, count in everywhere.items() if learnt[name] < request.least}
    if request.rare == "leave-out":
        return [one for one in fragments if one.label not in report.too_rare]
    pooled = [
        _Fragment(one.split, one.sequence, OTHER, one.answer, one.name, one.species)
        if one.label in report.too_rare
        else one
        for one in fragments
    ]
    if not any(one.label == OTHER for one in pooled if one.split == TRAIN):
        return [one for one in pooled if one.label != OTHER]
    return pooled


def _drawn(
    request: AnnotateRequest, fragments: Sequence[_Fragment], report: AnnotateReport
) -> list[_Fragment]:
    if not request.most:
        return list(fragments)
    rng, kept = np.random.default_rng([request.seed, 2]), np.ones(len(fragments), bool)
    for label in CLASSES:
        own = [i for i, one in enumerate(fragments) if one.split == TRAIN and one.label == label]
        kept[rng.permutation(own)[request.most :].astype(int)] = False
    report.not_drawn = int((~kept).sum())
    return [one for one, is_kept in zip(fragments, kept, strict=True) if is_kept]


def _check_filled(request: AnnotateRequest, report: AnnotateReport) -> None:
    for split in (TRAIN, DEV, TEST, *([TEST_SPECIES] if request.regions.test_species else [])):
        if not report.counts.get(split):
            raise BadInputError(
                f"no fragment for {split}: the genomes are too small for blocks of "
                f"{request.regions.block_bp} bases, or hold too few of A, C, G and T"
            )
    if len(report.counts[TRAIN]) < 2:
        raise BadInputError(
            f"all training fragments are '{next(iter(report.counts[TRAIN]))}'; two classes are needed (lower "
            "--min-per-class, --length or --cover)"
        )


def _meta(request: AnnotateRequest, command: str, report: AnnotateReport) -> dict[str, Any]:
    asked = to_dict(request)
    asked["genomes"] = {name: path.name for name, path in request.genomes.items()}
    asked["annotations"] = {name: path.name for name, path in request.annotations.items()}
    return {"command": command, "lexome_version": __version__, **asked, **to_dict(report)}
