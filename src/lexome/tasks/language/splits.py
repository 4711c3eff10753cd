"""Parts of a labelled set: what is held out, and folds of cross-validation.

Sequences that are equal, or the reverse complement of each other, are always in the same part.
"""

import dataclasses

import numpy as np
from jaxtyping import Int

from lexome.core.alphabet import reverse_complement
from lexome.core.errors import UsageError
from lexome.tasks.language.labelled import LabelledSet


def take(labelled: LabelledSet, rows: Int[np.ndarray, " R"]) -> LabelledSet:
    """Some rows of a set, in the order given."""
    return dataclasses.replace(
        labelled,
        names=[labelled.names[i] for i in rows],
        sequences=[labelled.sequences[i] for i in rows],
        truth=labelled.truth[rows],
    )


def cut(labelled: LabelledSet, max_bp: int) -> LabelledSet:
    """The set with longer sequences cut to their first bases; 0: as it is."""
    if not max_bp:
        return labelled
    return dataclasses.replace(labelled, sequences=[sequence[:max_bp] for sequence in labelled.sequences])


def folds(labelled: LabelledSet, count: int, seed: int) -> Int[np.ndarray, " N"]:
    """The fold, 0 to `count` - 1, of every row; every class is spread evenly over the folds.

    Raises:
        UsageError: if there are fewer different sequences than folds.
    """
    rng = np.random.default_rng([seed, 6])
    keys = [min(s, reverse_complement(s)) for s in labelled.sequences]
    groups: dict[str, list[int]] = {}
    for row, key in enumerate(keys):
        groups.setdefault(key, []).append(row)
    if not 2 <= count <= len(groups):
        raise UsageError(f"{len(groups)} different sequences cannot be divided into {count} parts")
    members = list(groups.values())
    order = rng.permutation(len(members))
    fold_N = np.zeros(len(keys), np.int64)
    dealt: dict[object, int] = {}
    for number in order:
        rows = members[number]
        kind = _stratum(labelled, rows[0])
        first = dealt.setdefault(
            kind, int(rng.integers(count))
        )  # so that not all classes begin with one fold
        fold_N[rows] = first % count
        dealt[kind] = first + 1
    return fold_N


def held_out(
    labelled: LabelledSet, share: float, seed: int
) -> tuple[Int[np.ndarray, " R"], Int[np.ndarray, " H"]]:
    """Rows that are kept and rows that are held out, about `share` of all, every class alike.

    Raises:
        UsageError: if a part would be empty.
    """
    count = max(2, round(1 / share))
    fold_N = folds(labelled, count, seed)
    parts = max(1, round(share * count))
    is_out = fold_N < parts
    if is_out.all() or not is_out.any():
        raise UsageError(f"{len(labelled)} sequences are too few to hold out {share:.0%} of them")
    return np.flatnonzero(~is_out), np.flatnonzero(is_out)


def _stratum(labelled: LabelledSet, row: int) -> object:
    """Rows that are alike to the eye of the split: of one class; values and sets of labels are not."""
    return int(labelled.truth[row]) if labelled.target.kind == "classes" else None
