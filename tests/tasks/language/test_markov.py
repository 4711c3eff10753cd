"""Markov models against counting by hand."""

from collections import Counter
from math import log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lexome.core.alphabet import reverse_complement
from lexome.core.errors import UsageError
from lexome.tasks.language.markov import fit_markov

dna = st.text("ACGTN", min_size=1, max_size=60)


def _chance(sequence: str, at: int, order: int, counts: Counter[str], pseudo: float) -> float:
    """By the recursion as it is written down."""
    if order < 0:
        return 0.25
    context = sequence[at - order : at]
    if order > at or set(context) - set("ACGT"):
        return _chance(sequence, at, order - 1, counts, pseudo)
    lower = _chance(sequence, at, order - 1, counts, pseudo)
    total = sum(counts[context + base] for base in "ACGT")
    return (counts[context + sequence[at]] + pseudo * lower) / (total + pseudo)


@settings(max_examples=60, deadline=None)
@given(st.lists(dna, min_size=1, max_size=4), dna, st.integers(0, 4), st.sampled_from([0.3, 1.0, 5.0]))
def test_against_counting(training: list[str], tested: str, order: int, pseudo: float) -> None:
    counts: Counter[str] = Counter()
    for sequence in training:
        for strand in (sequence, reverse_complement(sequence)):
            for start in range(len(strand) - order):
                word = strand[start : start + order + 1]
                if not set(word) - set("ACGT"):
                    # the shorter words that end where a whole one does
                    counts.update(word[i:] for i in range(order + 1))
    if not counts:
        with pytest.raises(UsageError, match="no stretch of"):
            fit_markov(training, order, pseudo)
        return
    told = fit_markov(training, order, pseudo).log_likelihoods(tested)
    for at, base in enumerate(tested):
        if base == "N":
            assert np.isnan(told[at])
        else:
            assert told[at] == pytest.approx(log(_chance(tested, at, order, counts, pseudo)))


def test_pieces_are_counted_like_one(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    sequence = "".join(rng.choice(list("ACGT"), 500))
    whole = fit_markov([sequence], 3).per_base(sequence)
    monkeypatch.setattr("lexome.tasks.language.markov._TOGETHER", 37)
    assert fit_markov([sequence], 3).per_base(sequence) == whole


def test_what_was_learnt_is_likelier_on_both_strands() -> None:
    rng = np.random.default_rng(0)
    sequence, other = ("".join(rng.choice(list("ACGT"), 2000)) for _ in range(2))
    model = fit_markov([sequence], 8)
    assert model.order == 8
    assert model.per_base(sequence) == pytest.approx(model.per_base(reverse_complement(sequence)))
    assert model.per_base(sequence) > model.per_base(other) + 0.5
    assert np.isnan(model.per_base("NN"))


@pytest.mark.parametrize(("order", "pseudo"), [(-1, 1.0), (13, 1.0), (2, 0.0), (2, float("inf"))])
def test_what_is_out_of_range(order: int, pseudo: float) -> None:
    with pytest.raises(UsageError, match="must lie between"):
        fit_markov(["ACGTACGT"], order, pseudo)
