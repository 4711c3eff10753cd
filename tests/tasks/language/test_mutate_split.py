"""Tests of `lexome.tasks.language.mutate_split`."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lexome.core.errors import BadInputError, UsageError
from lexome.tasks.language.mutate_pairs import LEFT_OUT, SPLITS, Pair, read_pairs
from lexome.tasks.language.mutate_split import LEAST_PAIRS, Divided, divide, figures_of_sets


def random_pairs(seed: int, count: int = 400, letters: int = 30) -> list[Pair]:
    """A random tree whose sequences change on about half of the branches."""
    rng = np.random.default_rng(seed)
    sequences = ["A" * letters]
    pairs = []
    for node in range(1, count + 1):
        # clades: a node hangs on one of the last, mostly
        parent = max(0, node - 1 - int(rng.integers(0, 12) ** 2))
        child = list(sequences[parent])
        if rng.random() < 0.5:
            child[int(rng.integers(letters))] = "ACGT"[int(rng.integers(4))]
        sequences.append("".join(child))
        pairs.append(Pair(str(parent), str(node), sequences[parent], sequences[node]))
    return pairs


def check_nothing_leaks(divided: Divided) -> None:
    """No sequence in two sets, and whole clades."""
    sequences = [{s for p in divided.of(name) for s in (p.parent, p.child)} for name in SPLITS]
    for i in range(3):
        for j in range(i):
            assert not sequences[i] & sequences[j]
    split_of = {pair.child_id: pair.split for pair in divided.pairs}
    for pair in divided.pairs:  # a set changes over a left-out branch only
        above = split_of.get(pair.parent_id, pair.split)
        assert pair.split == above or LEFT_OUT in (pair.split, above)


@given(st.integers(0, 10_000), st.floats(0.05, 0.3), st.floats(0.05, 0.3), st.integers(0, 5))
@settings(deadline=None, max_examples=25)
def test_nothing_leaks(tree: int, validation: float, test: float, seed: int) -> None:
    pairs = random_pairs(tree)
    try:
        divided = divide(pairs, validation, test, seed)
    except BadInputError:
        return  # a tree without such clades
    check_nothing_leaks(divided)
    assert [(p.parent_id, p.child_id) for p in divided.pairs] == [(p.parent_id, p.child_id) for p in pairs]
    left_out = divided.of(LEFT_OUT)
    assert len(left_out) == divided.cut_branches + divided.shared
    assert divided.cut_branches == sum(divided.clades.values())
    assert len(divided.of("test")) <= 1.1 * test * len(pairs) + LEAST_PAIRS


def test_the_same_seed_divides_alike_and_another_one_does_not() -> None:
    pairs = random_pairs(0)
    assert divide(pairs, 0.1, 0.1, 1) == divide(pairs, 0.1, 0.1, 1)
    assert divide(pairs, 0.1, 0.1, 1) != divide(pairs, 0.1, 0.1, 2)


def test_what_cannot_be_divided_is_refused() -> None:
    pairs = random_pairs(0)
    with pytest.raises(UsageError, match="positive"):
        divide(pairs, 0.0, 0.1, 0)
    with pytest.raises(UsageError, match="leave something"):
        divide(pairs, 0.5, 0.5, 0)
    with pytest.raises(BadInputError, match="no clade"):
        divide([Pair("r", str(i), "A", "A") for i in range(50)], 0.1, 0.1, 0)


def test_figures_name_every_set() -> None:
    figures = figures_of_sets(divide(random_pairs(0), 0.1, 0.1, 0))
    assert list(figures["sets"]) == ["all", *SPLITS, LEFT_OUT]
    assert figures["sets"]["all"]["pairs"] == 400
    assert sum(figures["sets"][name]["pairs"] for name in (*SPLITS, LEFT_OUT)) == 400
    assert sum(figures["left_out"].values()) == figures["sets"][LEFT_OUT]["pairs"]


def test_the_real_pairs_are_divided(shared: Path) -> None:
    pairs = read_pairs(shared / "data" / "dna" / "influenza" / "h3n2_ha_pairs_train.csv.gz")
    divided = divide(pairs, 0.1, 0.15, 0)
    check_nothing_leaks(divided)
    assert len(divided.of("test")) > 200
    assert divided.clades["test"] > 10
