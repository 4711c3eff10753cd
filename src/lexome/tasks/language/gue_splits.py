"""What a benchmark set is trained on, stopped by and scored on, by the files that there are."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from lexome.core.errors import BadInputError
from lexome.tasks.language.gue_sets import FoundSet, Protocol, Split
from lexome.tasks.language.labelled import LabelledSet, read_labelled
from lexome.tasks.language.leakage import on_either_strand
from lexome.tasks.language.splits import folds, held_out, take

STOPPING_SHARE = 0.1  # stops the training where there is no dev set


@dataclass(frozen=True)
class Trial:
    """One training and its test.

    Attributes:
        training: what is learned from.
        stopping: what says which epoch was the best; never scored.
        tested: what is scored.
        label: of several trials of a set, which one; else empty.
    """

    training: LabelledSet
    stopping: LabelledSet
    tested: LabelledSet
    label: str = ""


def trials(found: FoundSet, *, count: int = 5, seed: int = 0) -> list[Trial]:
    """Reads a set and says how to use it, by its protocol.

    Where a set is cut, it is cut as by `splits.folds`: every class alike, copies of a sequence together.

    Args:
        found: the set.
        count: folds of cross-validation, where there is one file only.
        seed: of the cuts.

    Returns:
        One trial; with one file only, one for each fold, which together score every sequence once.

    Raises:
        BadInputError: if a file cannot be read, or has too few sequences of a class to be cut.
    """
    protocol, files = found.protocol, found.files
    described = found.described
    only = None if described.task is None else ("task", described.task)

    def read(split: Split, like: LabelledSet | None = None) -> LabelledSet:
        return read_labelled(
            files[split],
            target=None if like is None else like.target,
            sequence_column=described.sequence_column,
            only=only,
        )

    if protocol is Protocol.ONE_FILE:
        return cross_validation(read(next(iter(files))), count=count, seed=seed)
    if protocol is Protocol.COMPLETE:
        training = read("train")
        return [Trial(training, read("dev", training), read("test", training))]
    whole = read("dev" if protocol is Protocol.DEV_TEST else "train")
    tested = read("dev" if protocol is Protocol.TRAIN_DEV else "test", whole)
    return [Trial(*_with_stopping(whole, seed), tested)]


def cross_validation(whole: LabelledSet, *, count: int, seed: int) -> list[Trial]:
    """Scores each part of a set by training on the others, of which a tenth stops it.

    Args:
        whole: the set.
        count: of parts.
        seed: of the parts.

    Raises:
        BadInputError: if a class has fewer different sequences than there are parts.
    """
    fewest, name = _fewest(whole)
    if fewest < count:
        raise BadInputError(
            f"{whole.path}: {count}-fold cross-validation needs {count} different sequences of every class; "
            f"'{name}' has {fewest}"
        )
    fold_N = folds(whole, count, seed)
    made = []
    for fold in range(count):
        training, stopping = _with_stopping(take(whole, np.flatnonzero(fold_N != fold)), seed)
        tested = take(whole, np.flatnonzero(fold_N == fold))
        made.append(Trial(training, stopping, tested, f"fold {fold + 1} of {count}"))
    return made


def _with_stopping(whole: LabelledSet, seed: int) -> tuple[LabelledSet, LabelledSet]:
    """What is trained on and what stops it; the training keeps all of a class that it would have none of."""
    kept, out = held_out(whole, STOPPING_SHARE, seed)
    if whole.target.kind == "classes":
        is_lost = ~np.isin(whole.truth[out], whole.truth[kept])
        kept, out = np.concatenate([kept, out[is_lost]]), out[~is_lost]
    return take(whole, kept), take(whole, out)


def _fewest(labelled: LabelledSet) -> tuple[int, str]:
    """Different sequences of the class that has the fewest, and its name; a set of no classes is one."""
    is_classes = labelled.target.kind == "classes"
    classes = labelled.truth.tolist() if is_classes else [0] * len(labelled)
    pairs = {(on_either_strand(s), c) for s, c in zip(labelled.sequences, classes, strict=True)}
    counts = Counter(of for _, of in pairs)
    return min((counts[k], labelled.target.names[k]) for k in counts)
