"""Benchmark sets of labelled sequences: what is known of each, and which of them are in a folder.

GUE (Genome Understanding Evaluation, of the DNABERT-2 paper) has 28 sets in seven groups. Of two other suites
the files that are passed around are known: three sets of the Genomic Benchmarks and a small sample of the
Nucleotide Transformer's tasks, which share one table. Any other folder with tables of the same form is found
too, such as those that `lexome lm gue build` writes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Literal

GROUPS = {
    "EMP": "epigenetic marks prediction, yeast",
    "TF-M": "transcription factor prediction, mouse",
    "CVC": "covid variant classification",
    "TF-H": "transcription factor prediction, human",
    "PD": "promoter detection, human",
    "CPD": "core promoter detection, human",
    "SSP": "splice site prediction, human",
}
GUE, GENOMIC, NUCLEOTIDE, OWN = "GUE", "Genomic Benchmarks", "Nucleotide Transformer", "other"
SPLITS = ("train", "dev", "test")
_ENDINGS = (".csv", ".csv.gz", ".tsv", ".tsv.gz")
_DEEPEST = 3  # folders below the one that is searched

Split = Literal["train", "dev", "test"]


@dataclass(frozen=True)
class BenchmarkSet:
    """What is known of a set.

    Attributes:
        name: as in tables.
        group: one of `GROUPS`, or the suite's name.
        suite: GUE, Genomic Benchmarks, Nucleotide Transformer or other.
        folder: where its files are, below the benchmark's folder.
        length_bp: bases of its sequences (nearly all in a set have the same); None if they vary.
        num_classes: of its labels; None if nobody said it.
        metric: the figure that the suite reports (a name in `evaluate.classification.METRICS`).
        published: DNABERT-2's score in percent.
        sizes: sequences for training, validation and test; None where not known.
        max_tokens: longest input of the published DNABERT-2 recipe, in tokens; longer ones are cut off there.
        epochs: of that recipe.
        sequence_column: in its tables.
        task: rows of the set, where one table holds several: what stands in column `task`.
        note: what a reader of its score should know.
    """

    name: str
    group: str
    suite: str
    folder: str
    length_bp: int | None = None
    num_classes: int | None = None
    metric: str = "mcc"
    published: float | None = None
    sizes: tuple[int | None, int | None, int | None] = (None, None, None)
    max_tokens: int | None = None
    epochs: int | None = None
    sequence_column: str = "sequence"
    task: str | None = None
    note: str = ""


class Protocol(Enum):
    """How a set is trained and scored with the files that there are; the value is what tables say."""

    COMPLETE = "as published: trained on train, stopped by dev, scored on test"
    TRAIN_TEST = "no dev set: stopped by a tenth of train, scored on test"
    TRAIN_DEV = "no test set: stopped by a tenth of train, scored on dev"
    DEV_TEST = "no training set: trained on dev, stopped by a tenth of it, scored on test"
    ONE_FILE = "one file only: cross-validation inside it"

    @property
    def is_published(self) -> bool:
        """Whether scores may stand beside published ones: same training set, same test set."""
        return self in (Protocol.COMPLETE, Protocol.TRAIN_TEST)


@dataclass(frozen=True)
class FoundSet:
    """A set whose files are there, all or some of them.

    Attributes:
        described: the set.
        files: by split.
    """

    described: BenchmarkSet
    files: dict[Split, Path]

    @property
    def protocol(self) -> Protocol:
        """What can be done with the files."""
        present = frozenset(self.files)
        if len(present) == 1:
            return Protocol.ONE_FILE
        return {
            frozenset(SPLITS): Protocol.COMPLETE,
            frozenset(("train", "test")): Protocol.TRAIN_TEST,
            frozenset(("train", "dev")): Protocol.TRAIN_DEV,
            frozenset(("dev", "test")): Protocol.DEV_TEST,
        }[present]


def find_sets(folder: Path) -> list[FoundSet]:
    """The sets in a folder: the known ones first, in the order of the published tables, then others by name.

    A set is a folder with train, dev or test tables (.csv or .tsv, may be .gz), at most three folders down. A
    folder that is itself a set is found under its own name.
    """
    tables = dict(_tables(folder))
    known = [
        FoundSet(one, tables[folder / one.folder]) for one in KNOWN_SETS if folder / one.folder in tables
    ]
    for one in known:
        tables.pop(folder / one.described.folder, None)
    others = []
    for place in sorted(tables):
        below = place.relative_to(folder).as_posix()
        name = place.resolve().name if below == "." else below
        others.append(FoundSet(BenchmarkSet(name, OWN, OWN, below), tables[place]))
    return known + others


def _tables(folder: Path) -> Iterator[tuple[Path, dict[Split, Path]]]:
    """Folders with tables, and those tables; of two forms of one table the plain one."""
    for depth in range(_DEEPEST + 1):
        for place in sorted(folder.glob("/".join("*" * depth)) if depth else [folder]):
            if place.is_dir() and (files := _files(place)):
                yield place, files


def _files(place: Path) -> dict[Split, Path]:
    files: dict[Split, Path] = {}
    for split in SPLITS:
        there = [path for ending in _ENDINGS if (path := place / f"{split}{ending}").is_file()]
        if there:
            files[split] = there[0]
    return files


def _gue() -> Iterator[BenchmarkSet]:
    """Sizes of training sets that are not in public copies of GUE are left out."""
    for name, published, size in (
        ("H3", 78.27, 1497),
        ("H3K14ac", 52.57, 3305),
        ("H3K36me3", 56.88, 3488),
        ("H3K4me1", 50.52, 3168),
        ("H3K4me2", 31.13, 3069),
        ("H3K4me3", 36.27, 3680),
        ("H3K79me3", 67.39, 2884),
        ("H3K9ac", 55.63, 2779),
        ("H4", 80.71, 1461),
        ("H4ac", 50.43, 3410),
    ):
        folder = f"EMP/{name}"
        yield BenchmarkSet(folder, "EMP", GUE, folder, 500, 2, "mcc", published, (None, size, size), 128, 3)
    for i, published, train, size in (
        (0, 56.76, 6478, 810),
        (1, 84.77, None, 6745),
        (2, 79.32, 2620, 328),
        (3, 66.47, 1904, 239),
        (4, 52.66, 15064, 1883),
    ):
        folder = f"mouse/{i}"
        yield BenchmarkSet(folder, "TF-M", GUE, folder, 101, 2, "mcc", published, (train, size, size), 30, 5)
    yield BenchmarkSet(
        "covid", "CVC", GUE, "virus/covid", 1000, 9, "f1_macro", 71.02, max_tokens=256, epochs=8
    )
    for i, published, train in (
        (0, 71.99, 32378),
        (1, 76.06, 30672),
        (2, 66.52, 19000),
        (3, 58.54, 27294),
        (4, 77.43, 19000),
    ):
        folder = f"tf/{i}"
        yield BenchmarkSet(folder, "TF-H", GUE, folder, 101, 2, "mcc", published, (train, 1000, 1000), 30, 3)
    same = "prom_core and prom_300 sets are of the same promoters, tata and notata parts of all"
    for group, start, length, max_tokens, scores in (
        ("PD", "prom_300", 300, 70, (86.77, 94.27, 71.59)),
        ("CPD", "prom_core", 70, 20, (69.37, 68.04, 74.17)),
    ):
        kinds = (("all", 47356, 5920, 4), ("notata", 42452, 5307, 4), ("tata", 4904, 613, 10))
        for (kind, train, size, epochs), published in zip(kinds, scores, strict=True):
            name = f"{start}_{kind}"
            sizes = (train, size, size)
            yield BenchmarkSet(name, group, GUE, f"prom/{name}", length, 2, "mcc", published, sizes,
                               max_tokens, epochs, note=same)  # fmt: skip
    yield BenchmarkSet(
        "splice", "SSP", GUE, "splice/reconstructed", 400, 3, "mcc", 84.99, (None, 4562, 4562), 80, 5,
        note="the published length of 80 tokens cuts off 65% of the sequences",
    )  # fmt: skip


def _others() -> Iterator[BenchmarkSet]:
    for name, folder, length, classes, sizes, note in (
        ("human_nontata_promoters", "promoters_nontata", 251, 2, (None, None, 9034), ""),
        ("human_enhancers_cohn", "enhancers_cohn", 500, 2, (None, None, 6948), ""),
        ("human_ensembl_regulatory", "regulatory_ensembl", None, 3, (None, None, None),
         "a sample of 1,500 rows of the training set"),
    ):  # fmt: skip
        yield BenchmarkSet(
            name, GENOMIC, GENOMIC, folder, length, classes, "accuracy", None, sizes, sequence_column="seq",
            note=note,
        )  # fmt: skip
    for task, length, classes in (
        ("H2AFZ", 1000, 2),
        ("H3K27ac", 1000, 2),
        ("H3K27me3", 1000, 2),
        ("H3K36me3", 1000, 2),
        ("H3K4me1", 1000, 2),
        ("H3K4me2", 1000, 2),
        ("H3K4me3", 1000, 2),
        ("H3K9ac", 1000, 2),
        ("H3K9me3", 1000, 2),
        ("H4K20me1", 1000, 2),
        ("enhancers", 400, 2),
        ("enhancers_types", 400, 3),
        ("promoter_all", 300, 2),
        ("promoter_no_tata", 300, 2),
        ("promoter_tata", 300, 2),
        ("splice_sites_acceptors", 600, 2),
        ("splice_sites_all", 600, 3),
        ("splice_sites_donors", 600, 2),
    ):
        yield BenchmarkSet(
            f"NT/{task}", NUCLEOTIDE, NUCLEOTIDE, "nucleotide_transformer", length, classes, task=task,
            note="a sample of a few dozen rows, not the benchmark",
        )  # fmt: skip


GUE_SETS = tuple(_gue())
KNOWN_SETS = (*GUE_SETS, *_others())
