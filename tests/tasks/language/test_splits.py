"""Parts of a labelled set."""

from pathlib import Path

import numpy as np
import pytest

from lexome.core.alphabet import reverse_complement
from lexome.core.errors import UsageError
from lexome.simulate.genome import random_genome
from lexome.tasks.language.labelled import LabelledSet
from lexome.tasks.language.splits import folds, held_out, take
from lexome.tasks.language.targets import Target


def labelled(count: int = 60, classes: int = 3) -> LabelledSet:
    genome = random_genome(20 * count, 1)
    sequences = [genome[20 * i : 20 * i + 20] for i in range(count)]
    truth = np.arange(count) % classes
    target = Target("classes", tuple("abc"[:classes]))
    return LabelledSet(Path("x.csv"), [f"s{i}" for i in range(count)], sequences, truth, target)


def test_classes_are_spread_evenly() -> None:
    one = labelled()
    fold_N = folds(one, 5, 0)
    table = np.zeros((5, 3), int)
    np.add.at(table, (fold_N, one.truth), 1)
    assert (table == 4).all()
    assert not np.array_equal(fold_N, folds(one, 5, 1))
    assert np.array_equal(fold_N, folds(one, 5, 0))


def test_copies_stay_together() -> None:
    one = labelled()
    one.sequences[7] = reverse_complement(one.sequences[30])
    one.sequences[11] = one.sequences[30]
    for seed in range(5):
        fold_N = folds(one, 4, seed)
        assert fold_N[7] == fold_N[11] == fold_N[30]


def test_what_is_held_out_is_about_the_share() -> None:
    one = labelled(100, 2)
    for share in (0.1, 0.25, 0.5):
        kept, out = held_out(one, share, 0)
        assert sorted([*kept, *out]) == list(range(100))
        assert len(out) == pytest.approx(100 * share, abs=3)
        assert np.bincount(one.truth[out]).min() >= 50 * share - 3
    part = take(one, out)
    assert part.names == [f"s{i}" for i in out]
    assert part.truth.tolist() == one.truth[out].tolist()


def test_too_little() -> None:
    one = labelled(3)
    with pytest.raises(UsageError, match="3 different sequences cannot be divided into 5"):
        folds(one, 5, 0)
    one.sequences = ["ACGT"] * 3
    with pytest.raises(UsageError, match="1 different sequences"):
        held_out(one, 0.5, 0)
