"""Benchmark sets of one's own: positives and as many negatives, divided so that no sequence is in two.

What is written is a folder as GUE's: train.csv, dev.csv and test.csv with the columns sequence, label (1 for
positives) and name, and meta.json, which says how it was made.
"""

import csv
import io
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from lexome import __version__
from lexome.core.config import to_dict
from lexome.core.errors import BadInputError, UsageError
from lexome.io.partial import explained, partial_of
from lexome.report.files import write_json, write_text
from lexome.tasks.language.gue_negatives import (
    Example,
    NegativeMaker,
    NegativeWindows,
    Taken,
    gc_content,
    shuffled,
)
from lexome.tasks.language.gue_positives import divided, read_positives
from lexome.tasks.language.gue_request import BuildReport, BuildRequest
from lexome.tasks.language.gue_sets import SPLITS
from lexome.tasks.language.labelled import read_labelled
from lexome.tasks.language.leakage import duplicates, leakage, on_either_strand
from lexome.tasks.language.regions import Genome, open_genome

META_FILE = "meta.json"


def build_sets(
    request: BuildRequest, output: Path, command: str, on_positives: Callable[[float], None] = lambda _: None
) -> BuildReport:
    """Builds a benchmark set and checks it for leaks.

    Args:
        request: what from.
        output: folder to write; it is there whole or not at all.
        command: the command line, for meta.json.
        on_positives: called with how many positives have their negatives.

    Raises:
        UsageError: if the request makes no sense or the folder is there already.
        BadInputError: if a file cannot be read, or there are too few positives.
        LexomeError: if the folder cannot be written.
    """
    request.check()
    if output.exists():
        raise UsageError(f"{output}: is there already; remove it or name another folder")
    rng, report = np.random.default_rng(request.seed), BuildReport()
    with nullcontext() if request.genome is None else open_genome(request.genome) as genome:
        for name in (*request.validation, *request.test):
            assert genome is not None
            genome.check_contig(name, "--validation" if name in request.validation else "--test")
        taken = Taken()
        positives = read_positives(request, genome, taken, report)
        splits = divided(request, positives, rng)
        rows = _with_negatives(request, genome, taken, positives, splits, rng, report, on_positives)
    for split, name in enumerate(SPLITS):
        labels = [label for where, label, _ in rows if where == split]
        report.counts[name] = (sum(labels), len(labels) - sum(labels))
        if not report.counts[name][1]:
            raise BadInputError(f"{request.positives}: no negative was found for a positive of {name}")
    with _new_folder(output) as folder:
        for split, name in enumerate(SPLITS):
            chosen = [rows[i] for i in rng.permutation(len(rows)) if rows[i][0] == split]
            write_text(folder / f"{name}.csv", _table(chosen))
        report.checks = _checks(folder)
        write_json(folder / META_FILE, _meta(request, command, report))
    return report


_Row = tuple[int, int, Example]  # split, label


def _with_negatives(
    request: BuildRequest,
    genome: Genome | None,
    taken: Taken,
    positives: Sequence[Example],
    splits: Sequence[int],
    rng: np.random.Generator,
    report: BuildReport,
    on_positives: Callable[[float], None],
) -> list[_Row]:
    seen = {on_either_strand(one.sequence) for one in positives}
    makers = _makers(request, genome, taken, seen, rng)
    rows: list[_Row] = []
    differences: list[float] = []
    for done, (positive, split) in enumerate(zip(positives, splits, strict=True), 1):
        rows.append((split, 1, positive))
        negative = makers[split](positive)
        if negative is None:
            report.without_negative += 1
        else:
            rows.append((split, 0, negative))
            differences.append(abs(gc_content(negative.sequence) - gc_content(positive.sequence)))
        on_positives(done)
    report.gc_difference = float(np.mean(differences)) if differences else 0.0
    return rows


def _makers(
    request: BuildRequest, genome: Genome | None, taken: Taken, seen: set[str], rng: np.random.Generator
) -> list[NegativeMaker]:
    """What makes the negatives of each split."""
    if request.negatives == "shuffled":
        return [lambda positive: shuffled(positive, seen, rng)] * len(SPLITS)
    assert genome is not None
    windows = NegativeWindows(genome, taken, seen, rng)
    if request.negatives == "adversarial":
        return [lambda positive: windows.beside(positive, request.shift_bp)] * len(SPLITS)
    return [partial(windows.drawn, contigs=names) for names in _contigs(request, genome)]


def _contigs(request: BuildRequest, genome: Genome) -> list[list[str]]:
    """Where negatives of each split are from: its own contigs, or all if they are divided at random."""
    names = list(genome.lengths_bp)
    if not request.test:
        return [names] * len(SPLITS)
    held = {*request.validation, *request.test}
    return [[name for name in names if name not in held], list(request.validation), list(request.test)]


def _table(rows: Sequence[_Row]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["sequence", "label", "name"])
    writer.writerows([one.sequence, label, one.name] for _, label, one in rows)
    return text.getvalue()


def _checks(folder: Path) -> list[str]:
    """Reads what was written, as those who use it will, and looks for leaks and duplicates."""
    training = read_labelled(folder / "train.csv")
    held = {name: read_labelled(folder / f"{name}.csv", target=training.target) for name in SPLITS[1:]}
    return [
        duplicates(training).line("train"),
        *(leakage(training, one).line(name, "train") for name, one in held.items()),
        leakage(held["dev"], held["test"]).line("test", "dev"),
    ]


def _meta(request: BuildRequest, command: str, report: BuildReport) -> dict[str, Any]:
    asked = {**to_dict(request), "positives": request.positives.name}
    asked["genome"] = None if request.genome is None else request.genome.name
    return {"command": command, "lexome_version": __version__, **asked, **to_dict(report)}


@contextmanager
def _new_folder(output: Path) -> Iterator[Path]:
    """A folder under another name, which gets its own when all is written; nothing is left if that fails."""
    folder = partial_of(output)
    with explained(output):
        output.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(exist_ok=True)
    try:
        yield folder
        with explained(output):
            os.replace(folder, output)
    except BaseException:
        # only what is written here, should somebody keep something else under this name
        for path in (folder / META_FILE, *(folder / f"{name}.csv" for name in SPLITS)):
            path.unlink(missing_ok=True)
            partial_of(path).unlink(missing_ok=True)
        with suppress(OSError):
            folder.rmdir()
        raise
