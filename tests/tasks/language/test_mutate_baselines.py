"""Tests of `lexome.tasks.language.mutate_baselines`."""

import itertools
from collections import Counter

import numpy as np

from lexome.evaluate.mutations import score
from lexome.tasks.language.mutate_baselines import CommonChanges, SitesAndSpectrum, copies, oracle
from lexome.tasks.language.mutate_pairs import Pair


def pair(parent: str, child: str) -> Pair:
    """A pair whose names do not matter."""
    return Pair("p", "c", parent, child)


TRAINING = [
    *[pair("AAAA", "AGAA")] * 5,
    *[pair("AAAA", "AAAT")] * 3,
    *[pair("CAAA", "TAAA")] * 4,
    pair("AAAA", "AACA"),
    pair("AAAA", "AAA"),  # no places
    pair("AAAA", "AAAA"),
]


def test_the_parent_is_the_only_copy() -> None:
    assert copies(["A", "C"]) == [["A"], ["C"]]


def test_common_changes_are_those_that_apply() -> None:
    found = CommonChanges(TRAINING)
    assert found.commonest == [(1, "A", "G"), (0, "C", "T"), (3, "A", "T"), (2, "A", "C")]
    assert found.candidates("AAAA") == ["AAAA", "AGAA", "AAAT", "AACA"]
    assert found.candidates("CAAA") == ["CAAA", "CGAA", "TAAA", "CAAT", "CACA"]
    assert found.candidates("GG") == ["GG"]


def test_sites_and_spectrum_know_changes_that_were_not_seen() -> None:
    found = SitesAndSpectrum(TRAINING)
    # a C was only seen to become T, at place 0; places changed 4, 5, 1 and 3 times
    assert found.candidates("CCNC") == ["CCNC", "CTNC", "TCNC", "CCNT"]
    assert found.candidates("AAAA")[:2] == ["AAAA", "AGAA"]
    assert len(found.candidates("AAAA")) == 5
    assert SitesAndSpectrum([]).candidates("ACGT") == ["ACGT"]


def test_no_map_beats_the_oracle() -> None:
    rng = np.random.default_rng(0)
    pairs = [pair("AC"[rng.integers(2)], "ACGT"[rng.integers(4)]) for _ in range(9)]
    children = [one.child for one in pairs]
    best = score(oracle(pairs), children)
    assert best.among.all()
    tried = [
        Counter(one.child == {"A": a, "C": c}[one.parent] for one in pairs)[True]
        for a, c in itertools.product("ACGT", repeat=2)
    ]
    assert best.first.sum() == max(tried)


def test_the_oracle_has_five_candidates() -> None:
    pairs = [pair("A", letter) for letter in "CGTNRYYAA"]
    assert oracle(pairs)[0] == ["Y", "A", "C", "G", "T"]
