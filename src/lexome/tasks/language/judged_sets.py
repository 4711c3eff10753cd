"""Several predictors judged on the tables of one folder, group by group, beside each other.

Legend: N sequences, K classes.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from lexome.core.errors import BadInputError, UsageError
from lexome.evaluate.classification import f1_by_class
from lexome.report.tables import Table
from lexome.tasks.language.judged import Judged, judge
from lexome.tasks.language.labelled import LabelledSet
from lexome.tasks.language.sequences import read_rows
from lexome.tasks.language.splits import take

SHOWN = ("accuracy", "f1_macro", "auroc")


@dataclass(frozen=True, eq=False)
class Scored:
    """What one predictor reached on one group of a split."""

    split: str
    group: str
    predictor: str
    judged: Judged

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        names = self.judged.labelled.target.names
        by_class = f1_by_class(self.judged.predictions_NK, self.judged.labelled.truth)
        return {
            "split": self.split,
            "group": self.group,
            "predictor": self.predictor,
            "sequences": len(self.judged.labelled),
            "figures": {
                name: {"value": value, "interval": self.judged.intervals.get(name)}
                for name, value in self.judged.figures.items()
            },
            "f1_by_class": dict(zip(names, by_class, strict=True)),
            "sequences_by_class": dict(
                zip(
                    names, np.bincount(self.judged.labelled.truth, minlength=len(names)).tolist(), strict=True
                )
            ),
        }


def by_group(
    split: str,
    labelled: LabelledSet,
    groups: Sequence[str],
    predictor: str,
    predictions_NK: Float[np.ndarray, "N K"],
) -> Iterator[Scored]:
    """Judges predictions on each group of a set.

    Args:
        split: name of the set.
        labelled: the set.
        groups: of every sequence.
        predictor: who made the predictions.
        predictions_NK: probabilities of the classes.
    """
    for group in sorted(set(groups)):
        rows = np.flatnonzero(np.array(groups) == group)
        yield Scored(split, group, predictor, judge(take(labelled, rows), predictions_NK[rows]))


def column_of(path: Path, name: str) -> list[str]:
    """A column of a table, a text per row.

    Raises:
        BadInputError: if it is not there.
    """
    return [cells[0] for _, cells in read_rows(path, [name], longest_field=300_000_000)]


def read_predictions(path: Path, split: str, labelled: LabelledSet) -> Float[np.ndarray, "N K"] | None:
    """The probabilities that `lexome lm finetune` has written for a set; None if the file has none of it.

    Args:
        path: its predictions.tsv.
        split: name of the set there; "dev" is "validation" too.
        labelled: the set; rows go together by name.

    Raises:
        UsageError: if a sequence has no row.
        BadInputError: if the file cannot be read or has other classes.
    """
    names = labelled.target.names
    columns = ["set", "name", *(f"p_{name}" for name in names)]
    called = {split, "validation"} if split == "dev" else {split}
    found: dict[str, list[str]] = {}
    for _, row in read_rows(path, columns):
        if row[0] in called:
            found[row[1]] = row[2:]
    if not found:
        return None
    missing = [name for name in labelled.names if name not in found]
    if missing:
        raise UsageError(
            f"{path}: no row of set '{split}' for '{missing[0]}' and {len(missing) - 1} others; was the "
            f"model tested on {labelled.path}?"
        )
    try:
        values_NK = np.array([[float(p) for p in found[name]] for name in labelled.names])
    except ValueError as error:
        raise BadInputError(f"{path}: a probability of set '{split}' is no number ({error})") from error
    if not np.isfinite(values_NK).all():
        raise BadInputError(f"{path}: a probability of set '{split}' is no finite number")
    return values_NK


def check_predictions(path: Path) -> None:
    """Raises BadInputError if it is no table of predictions."""
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            head = next(csv.reader(stream, delimiter="\t"), [])
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError(f"{path}: cannot be read ({error})") from error
    if head[:3] != ["set", "name", "truth"]:
        raise BadInputError(f"{path}: no predictions of 'lexome lm finetune' (set, name, truth, p_...)")


def figures_table(scored: Sequence[Scored], caption: str) -> Table:
    """A row per predictor, group and split."""
    rows = []
    for one in scored:
        cells = []
        for name in SHOWN:
            value, ends = one.judged.figures.get(name), one.judged.intervals.get(name)
            text = "-" if value is None else f"{value:.3f}"
            cells.append(text + (f" ({ends[0]:.3f}–{ends[1]:.3f})" if ends and value is not None else ""))
        rows.append((one.split, one.group, one.predictor, str(len(one.judged.labelled)), *cells))
    columns = ("set", "windows", "predictor", "number", "accuracy", "F1 (macro)", "AUROC")
    return Table(columns, tuple(rows), caption, "lllrrrr")


def class_table(scored: Sequence[Scored], caption: str) -> Table:
    """F1 of every class, a column per predictor, of sets of one kind."""
    predictors = list(dict.fromkeys(one.predictor for one in scored))
    values: dict[tuple[str, str], dict[str, str]] = {}
    counts: dict[tuple[str, str], int] = {}
    for one in scored:
        plain = one.to_json()
        for name, f1 in plain["f1_by_class"].items():
            key = (one.split, name)
            counts[key] = plain["sequences_by_class"][name]
            values.setdefault(key, {})[one.predictor] = "-" if f1 is None else f"{f1:.3f}"
    rows = tuple(
        (split, name, str(counts[split, name]), *(of.get(who, "-") for who in predictors))
        for (split, name), of in values.items()
    )
    return Table(("set", "class", "number", *predictors), rows, caption, "ll" + "r" * (1 + len(predictors)))


def plain_figures(scored: Sequence[Scored], about: Mapping[str, Any]) -> dict[str, Any]:
    """What `--json` writes."""
    return {**about, "scores": [one.to_json() for one in scored]}
