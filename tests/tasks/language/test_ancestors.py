"""Tests of `lexome.tasks.language.ancestors`: against trying all sequences of the ancestors."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lexome.tasks.language import ancestors
from lexome.tasks.language.ancestors import Substitution, likely, parsimonious

PI = (0.4, 0.1, 0.2, 0.3)
JC = (0.25, 0.25, 0.25, 0.25)


@st.composite
def trees(draw: st.DrawFn) -> tuple[list[int], np.ndarray]:
    """Parents of at most seven nodes, parents first, any number of children, and masks of two sites."""
    size = draw(st.integers(1, 7))
    parents = [-1, *(draw(st.integers(0, node - 1)) for node in range(1, size))]
    masks = np.array([[draw(st.integers(1, 15)) for _ in range(2)] for _ in range(size)], np.uint8)
    return parents, masks


def internal(parents: list[int]) -> list[int]:
    """The nodes with children."""
    return sorted({parent for parent in parents if parent >= 0})


def all_states(parents: list[int], masks_M: np.ndarray) -> list[tuple[int, ...]]:
    """All states of all nodes at a site that the tips allow."""
    inner = set(internal(parents))
    options = [
        range(4) if node in inner else [k for k in range(4) if masks_M[node] >> k & 1]
        for node in range(len(parents))
    ]
    return list(itertools.product(*options))


def changes(parents: list[int], states: tuple[int, ...]) -> int:
    """Branches on which a state changes."""
    return sum(states[node] != states[parent] for node, parent in enumerate(parents) if parent >= 0)


@given(trees())
@settings(deadline=None, max_examples=60)
def test_no_states_have_fewer_changes(tree: tuple[list[int], np.ndarray]) -> None:
    parents, masks = tree
    states, count = parsimonious(parents, masks)
    fewest = 0
    for site in range(masks.shape[1]):
        allowed = all_states(parents, masks[:, site])
        fewest += min(changes(parents, one) for one in allowed)
        assert tuple(states[:, site].tolist()) in set(allowed)
    assert count == fewest
    assert count == sum(changes(parents, tuple(states[:, s].tolist())) for s in range(masks.shape[1]))


@given(trees(), st.floats(0.2, 8), st.floats(0.1, 3), st.data())
@settings(deadline=None, max_examples=40)
def test_posteriors_are_those_of_all_states(
    tree: tuple[list[int], np.ndarray], kappa: float, rate: float, data: st.DataObject
) -> None:
    parents, masks = tree
    lengths = np.array([0.0] + [data.draw(st.sampled_from([0.0, 0.1, 0.7])) for _ in parents[1:]])
    found = likely(parents, lengths, masks, kappa=kappa, rate=rate)
    across, pi = found.model.transitions(lengths), np.array(found.model.frequencies)
    log_likelihood = 0.0
    for site in range(masks.shape[1]):
        weights = np.zeros((len(parents), 4))
        for states in all_states(parents, masks[:, site]):
            p = pi[states[0]] * math.prod(
                across[node, states[parent], states[node]] for node, parent in enumerate(parents) if node
            )
            for node, state in enumerate(states):
                weights[node, state] += p
        log_likelihood += math.log(weights[0].sum())
        posterior = weights / weights.sum(1, keepdims=True)
        assert np.allclose(found.probability[:, site], posterior.max(1), rtol=1e-6)
        chosen = posterior[np.arange(len(parents)), found.letters[:, site]]
        assert np.allclose(chosen, posterior.max(1), rtol=1e-6)
    assert found.log_likelihood == pytest.approx(log_likelihood, rel=1e-8)


def test_transitions_are_the_exponential_of_the_rates() -> None:
    kappa, rate, length = 3.0, 1.5, 0.4
    rates = torch.ones(4, 4)
    for purine_or_pyrimidine in ([0, 2], [1, 3]):
        rates[np.ix_(purine_or_pyrimidine, purine_or_pyrimidine)] = kappa
    pi = torch.tensor(PI, dtype=torch.float64)
    rates = rates.double() * pi
    rates.fill_diagonal_(0)
    rates -= torch.diag(rates.sum(1))
    rates /= -(pi * rates.diagonal()).sum()
    expected = torch.matrix_exp(rates * rate * length).numpy()
    assert np.allclose(Substitution(PI, kappa, rate).transitions(np.array([length]))[0], expected)


def test_jukes_cantor_has_a_closed_form() -> None:
    across = Substitution(JC, 1.0, 1.0).transitions(np.array([0.3]))[0]
    same = 0.25 + 0.75 * math.exp(-4 / 3 * 0.3)
    assert np.allclose(across.diagonal(), same)
    assert np.allclose(across[0, 1:], (1 - same) / 3)


def evolved(rng: np.random.Generator, model: Substitution, sites: int, tips: int, length: float) -> tuple:
    """A random tree with true letters of all its nodes."""
    parents, ends = [-1, 0, 0], [1, 2]
    while len(ends) < tips:
        grown = ends.pop(int(rng.integers(len(ends))))
        ends += [len(parents), len(parents) + 1]
        parents += [grown, grown]
    lengths = rng.exponential(length, len(parents))
    across = model.transitions(lengths).cumsum(2)
    letters = np.empty((len(parents), sites), np.int64)
    letters[0] = rng.choice(4, sites, p=model.frequencies)
    for node, parent in enumerate(parents[1:], 1):
        letters[node] = (across[node][letters[parent]] < rng.random(sites)[:, None]).sum(1)
    return parents, lengths, letters


def test_simulated_ancestors_and_rates_are_found_again() -> None:
    rng = np.random.default_rng(1)
    truth = Substitution(PI, 5.0, 1.0)
    parents, lengths, letters = evolved(rng, truth, 1500, 24, 0.08)
    masks = (1 << letters).astype(np.uint8)
    found = likely(parents, lengths / 10, masks)  # branch lengths in other units
    assert found.model.rate == pytest.approx(10, rel=0.1)
    assert found.model.kappa == pytest.approx(5, rel=0.2)
    inner = internal(parents)
    by_parsimony, _ = parsimonious(parents, masks)
    right = (found.letters[inner] == letters[inner]).mean()
    assert right > 0.97
    assert right >= (by_parsimony[inner] == letters[inner]).mean()
    said = found.probability[inner].mean()  # the posterior tells how often it is right
    assert said == pytest.approx(right, abs=0.01)


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    parents, lengths, letters = evolved(np.random.default_rng(2), Substitution(PI, 2.0, 1.0), 40, 6, 0.3)
    masks = (1 << letters).astype(np.uint8)
    whole = likely(parents, lengths, masks, kappa=2.0, rate=1.0)
    monkeypatch.setattr(ancestors, "_BLOCK", 7 * len(parents))
    parts = likely(parents, lengths, masks, kappa=2.0, rate=1.0)
    assert np.array_equal(whole.letters, parts.letters)
    assert whole.log_likelihood == pytest.approx(parts.log_likelihood, rel=1e-12)


def test_large_trees_do_not_underflow() -> None:
    parents = [-1] + [0] * 4000
    masks = np.full((4001, 1), 1, np.uint8)
    masks[:1500] = 2
    found = likely(parents, np.full(4001, 0.0), masks, jc69=True, rate=1.0)
    assert math.isfinite(found.log_likelihood)
    assert found.letters[0, 0] == 0


def test_what_makes_no_sense_is_refused() -> None:
    masks = np.ones((2, 1), np.uint8)
    with pytest.raises(ValueError, match="branch lengths"):
        likely([-1, 0], np.array([0.0, -1.0]), masks)
    with pytest.raises(ValueError, match="branch lengths"):
        likely([-1, 0], np.array([0.0, np.nan]), masks)
    with pytest.raises(ValueError, match="positive"):
        likely([-1, 0], np.array([0.0, 1.0]), masks, kappa=0.0)
