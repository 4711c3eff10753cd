"""Cross-validation inside one labelled set: for data that has no test set."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lexome.core.config import to_dict
from lexome.core.errors import UsageError
from lexome.report.files import write_json
from lexome.tasks.finetuning import begin
from lexome.tasks.language.finetune import (
    FIGURES,
    PREDICTIONS,
    FinetuneRequest,
    Listener,
    finetune_sets,
    opened,
)
from lexome.tasks.language.judged import Judged, judge, write_predictions
from lexome.tasks.language.labelled import LabelledSet, read_labelled
from lexome.tasks.language.splits import cut, folds, held_out, take


@dataclass(frozen=True, eq=False)
class CrossValidated:
    """Predictions of every sequence by a network that has not seen it, and the figures of each fold."""

    judged: Judged
    by_fold: list[dict[str, float | None]]

    def lines(self) -> list[str]:
        """What a user wants to know."""
        told = []
        for name, value in self.judged.figures.items():
            values = np.array([v for fold in self.by_fold if (v := fold.get(name)) is not None])
            if value is None or not len(values):
                continue
            ends = self.judged.intervals.get(name)
            interval = f" ({ends[0]:.4f} to {ends[1]:.4f})" if ends else ""
            spread = values.std(ddof=1) if len(values) > 1 else 0.0
            told.append(
                f"{name} {value:.4f}{interval} over all; folds {values.mean():.4f}, standard deviation "
                f"{spread:.4f}"
            )
        return told


def cross_validate(
    request: FinetuneRequest, count: int, output: Path, version: str, *, resume: bool = False,
    listener: Listener | None = None,
) -> CrossValidated:  # fmt: skip
    """Fine-tunes once per fold; within the rest a part is held out to choose the network.

    Equal sequences and reverse complements are always in the same fold.

    Args:
        request: how; its training file is divided.
        count: folds.
        output: gets fold-1, fold-2, ..., figures.json and predictions.tsv.
        version: of lexome.
        resume: go on with what is there.
        listener: told what happens.

    Raises:
        UsageError, BadInputError: as `finetune`.
    """
    listener = listener or Listener()
    if request.validation is not None or request.test:
        raise UsageError("cross-validation divides the training set; it takes no other sets")
    model = opened(request)
    labelled = read_labelled(request.train, kind=request.kind, label_columns=request.label_columns)
    for note in labelled.notes:
        listener.note(note)
    fold_N = folds(labelled, count, request.seed)
    begin({**to_dict(request), "folds": count}, output, resume)
    predictions_NK = np.zeros((len(labelled), labelled.target.num_outputs))
    by_fold = []
    for fold in range(count):
        listener.note(f"fold {fold + 1} of {count}")
        sets = fold_sets(labelled, fold_N, fold, request)
        folder = output / f"fold-{fold + 1}"
        folder.mkdir(exist_ok=True)
        tuned = finetune_sets(request, model, sets, folder, version, listener)
        predictions_NK[fold_N == fold] = tuned.judged["test"].predictions_NK
        by_fold.append(tuned.judged["test"].figures)
    judged = judge(labelled, predictions_NK)
    write_predictions({"out_of_fold": judged}, output / PREDICTIONS)
    write_json(output / FIGURES, {"figures": judged.figures, "intervals": judged.intervals, "folds": by_fold})
    return CrossValidated(judged, by_fold)


def fold_sets(
    labelled: LabelledSet, fold_N: np.ndarray, fold: int, request: FinetuneRequest
) -> dict[str, LabelledSet]:
    """The sets of one fold: "training", "validation" (out of the other folds) and "test"."""
    rest = take(labelled, np.flatnonzero(fold_N != fold))
    kept, out = held_out(rest, request.validation_share, request.seed)
    sets = {
        "training": take(rest, kept),
        "validation": take(rest, out),
        "test": take(labelled, np.flatnonzero(fold_N == fold)),
    }
    return {name: cut(one, request.max_bp) for name, one in sets.items()}
