"""Sequences of ancestors in a tree, from those of its tips: by parsimony, and by likelihood.

Legend: M nodes of a tree (parents before children), S sites, P site patterns, four letters of DNA.

Source: Fitch (1971), for polytomies as Hartigan (1973) has it; Felsenstein (1981), HKY85 (Hasegawa 1985).
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, UInt8

LETTERS = "ACGT"
UNKNOWN = 15  # of a mask: it may be any letter
MIN_LENGTH = 1e-6  # substitutions per site; on a branch of none all differences would be impossible
_BLOCK = 1 << 20  # nodes times patterns that are held at once
_RATES, _KAPPAS = (1e-5, 1e3), (0.1, 100.0)  # where the best are looked for
_GOLDEN = (math.sqrt(5) - 1) / 2
_ROUNDS, _TRIALS = 2, 24

Masks = UInt8[np.ndarray, "M S"]


@dataclass(frozen=True)
class Substitution:
    """HKY85; with a kappa of 1 and equal frequencies it is JC69.

    Attributes:
        frequencies: of A, C, G, T.
        kappa: how much likelier a transition (A-G, C-T) is than a transversion.
        rate: substitutions per site and unit of the branch lengths; 1 if these are such already.
    """

    frequencies: tuple[float, float, float, float]
    kappa: float
    rate: float

    def transitions(self, lengths_M: Float[np.ndarray, " M"]) -> Float[np.ndarray, "M 4 4"]:
        """The probability of each letter (last axis) below branches, given that above (second axis)."""
        pi = np.array(self.frequencies)
        rates = np.where([[i != j and (i - j) % 2 == 0 for j in range(4)] for i in range(4)], self.kappa, 1.0)
        rates = rates * pi
        np.fill_diagonal(rates, 0.0)
        np.fill_diagonal(rates, -rates.sum(1))
        rates /= -(pi * rates.diagonal()).sum()  # one substitution per site and unit
        root = np.sqrt(pi)
        values, vectors = np.linalg.eigh(root[:, None] * rates / root)  # symmetric: reversible in time
        times_M = np.maximum(lengths_M * self.rate, MIN_LENGTH)
        inner = (vectors * np.exp(values * times_M[:, None, None])) @ vectors.T
        return np.clip(inner * root / root[:, None], 0.0, 1.0)


@dataclass(frozen=True)
class Likely:
    """Sequences of all nodes by likelihood.

    Attributes:
        letters: the likeliest letter at every site (0 to 3), of each site by itself.
        probability: its posterior probability.
        model: with what it was found.
        log_likelihood: of the tips' letters, nats.
    """

    letters: UInt8[np.ndarray, "M S"]
    probability: Float[np.ndarray, "M S"]
    model: Substitution
    log_likelihood: float


def parsimonious(
    parents: Sequence[int], masks_MS: Masks, num_states: int = 4
) -> tuple[UInt8[np.ndarray, "M S"], int]:
    """States of all nodes with the fewest changes; of equals a child has its parent's, the root the lowest.

    Args:
        parents: of every node, before it; -1 for the root.
        masks_MS: of every tip bit k set where it may have state k; those of other nodes are not looked at.
        num_states: up to 8.

    Returns:
        The states, and how many changes there are.
    """
    masks_MS = masks_MS.copy()
    for node, below in _from_tips(parents):
        best, chosen = np.zeros(masks_MS.shape[1], np.int64), np.zeros(masks_MS.shape[1], np.uint8)
        for state in range(num_states):
            count = np.sum([(masks_MS[child] >> state) & 1 for child in below], axis=0, dtype=np.int64)
            bit = np.uint8(1 << state)
            chosen = np.where(count > best, bit, np.where(count == best, chosen | bit, chosen))
            best = np.maximum(best, count)
        masks_MS[node] = chosen
    lowest = np.array([0, *((k & -k).bit_length() - 1 for k in range(1, 256))], np.uint8)
    states_MS, changes = lowest[masks_MS], 0
    for node, parent in enumerate(parents):
        if parent >= 0:
            above_S = states_MS[parent]
            may_stay_S = (masks_MS[node] >> above_S) & 1 > 0
            states_MS[node] = np.where(may_stay_S, above_S, states_MS[node])
            changes += int(np.sum(~may_stay_S))
    return states_MS, changes


def likely(
    parents: Sequence[int], lengths_M: Float[np.ndarray, " M"], masks_MS: Masks, *, jc69: bool = False,
    kappa: float | None = None, rate: float | None = None,
) -> Likely:  # fmt: skip
    """The marginally likeliest letters of all nodes.

    Args:
        parents: of every node, before it; -1 for the root.
        lengths_M: of the branch above each node, not negative; that of the root is not looked at.
        masks_MS: as for `parsimonious`, over A, C, G, T.
        jc69: all letters and changes alike; else frequencies are those of the tips.
        kappa: see `Substitution`; None: the likeliest one.
        rate: likewise.

    Raises:
        ValueError: if a length, a kappa or a rate makes no sense.
    """
    if not (np.isfinite(lengths_M[1:]).all() and (lengths_M[1:] >= 0).all()):
        raise ValueError("branch lengths must be finite and not negative")
    if any(one is not None and not 0 < one < math.inf for one in (kappa, rate)):
        raise ValueError("kappa and rate must be positive and finite")
    tips = np.setdiff1d(np.arange(len(parents)), parents)
    patterns, place_S, count_P = np.unique(masks_MS[tips], axis=1, return_inverse=True, return_counts=True)
    masks_MP = np.full((len(parents), patterns.shape[1]), UNKNOWN, np.uint8)
    masks_MP[tips] = patterns
    frequencies = (0.25, 0.25, 0.25, 0.25) if jc69 else _frequencies(masks_MS[tips])
    tree = _Pruning(parents, lengths_M, masks_MP, count_P)
    model = tree.fitted(frequencies, 1.0 if jc69 else kappa, rate)
    letters_MP, probability_MP = tree.posteriors(model)
    place_S = place_S.reshape(-1)
    return Likely(letters_MP[:, place_S], probability_MP[:, place_S], model, tree.log_likelihood(model))


def _from_tips(parents: Sequence[int]) -> Iterator[tuple[int, list[int]]]:
    """Nodes with their children, children first; no tips."""
    below: dict[int, list[int]] = {}
    for node, parent in enumerate(parents):
        below.setdefault(parent, []).append(node)
    yield from ((node, below[node]) for node in sorted(below, reverse=True) if node >= 0)


def _frequencies(masks: np.ndarray) -> tuple[float, float, float, float]:
    """Of the letters that are known; one of each is added."""
    counts = np.array([np.sum(masks == 1 << k) for k in range(4)], float) + 1
    a, c, g, t = (counts / counts.sum()).tolist()
    return a, c, g, t


class _Pruning:
    """Likelihoods of site patterns on a tree, by Felsenstein's pruning; all numbers are scaled."""

    def __init__(
        self,
        parents: Sequence[int],
        lengths_M: np.ndarray,
        masks_MP: np.ndarray,
        count_P: Int[np.ndarray, " P"],
    ) -> None:  # fmt: skip
        self.parents, self.lengths_M = list(parents), np.where(np.arange(len(parents)) > 0, lengths_M, 0.0)
        self.masks_MP, self.count_P = masks_MP, count_P
        self.width = max(1, _BLOCK // len(self.parents))

    def _blocks(self) -> Iterator[slice]:
        for start in range(0, len(self.count_P), self.width):
            yield slice(start, min(start + self.width, len(self.count_P)))

    def _inside(self, block: slice, model: Substitution) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The likelihood of what is below every node given its letter, and given its parent's (M, P, 4 both).

        Behind them the logarithm of what they were divided by (P,).
        """
        bits = (self.masks_MP[:, block, None] >> np.arange(4, dtype=np.uint8)) & 1
        inside_MP4, across_M44 = bits.astype(np.float64), model.transitions(self.lengths_M)
        message_MP4, log_P = np.empty_like(inside_MP4), np.zeros(inside_MP4.shape[1])
        for node in range(len(self.parents) - 1, 0, -1):
            message_MP4[node] = inside_MP4[node] @ across_M44[node].T
            parent = self.parents[node]
            inside_MP4[parent] *= message_MP4[node]
            most_P = inside_MP4[parent].max(1)
            inside_MP4[parent] /= most_P[:, None]
            log_P += np.log(most_P)
        return inside_MP4, message_MP4, log_P

    def log_likelihood(self, model: Substitution) -> float:
        total = 0.0
        for block in self._blocks():
            inside_MP4, _, log_P = self._inside(block, model)
            of_sites_P = np.log(inside_MP4[0] @ np.array(model.frequencies)) + log_P
            total += float((of_sites_P * self.count_P[block]).sum())
        return total

    def posteriors(self, model: Substitution) -> tuple[np.ndarray, np.ndarray]:
        """The likeliest letter of every node and pattern, and its probability."""
        shape = self.masks_MP.shape
        letters_MP, probability_MP = np.empty(shape, np.uint8), np.empty(shape)
        across_M44 = model.transitions(self.lengths_M)
        for block in self._blocks():
            inside_MP4, message_MP4, _ = self._inside(block, model)
            outside_MP4 = np.empty_like(inside_MP4)
            outside_MP4[0] = model.frequencies
            for node, parent in enumerate(self.parents[1:], 1):
                rest_P4 = outside_MP4[parent] * inside_MP4[parent] / message_MP4[node]
                outside_MP4[node] = rest_P4 @ across_M44[node]
                outside_MP4[node] /= outside_MP4[node].max(1, keepdims=True)
            both_MP4 = inside_MP4 * outside_MP4
            both_MP4 /= both_MP4.sum(2, keepdims=True)
            letters_MP[:, block] = both_MP4.argmax(2)
            probability_MP[:, block] = both_MP4.max(2)
        return letters_MP, probability_MP

    def fitted(
        self, frequencies: tuple[float, float, float, float], kappa: float | None, rate: float | None
    ) -> Substitution:
        """The likeliest model; what is given stays."""
        model = Substitution(frequencies, kappa or 2.0, rate or 1.0)
        free = [name for name, given in (("rate", rate), ("kappa", kappa)) if given is None]
        for _ in range(_ROUNDS if len(free) > 1 else len(free)):
            for name in free:

                def score(log_value: float, name: str = name, model: Substitution = model) -> float:
                    return self.log_likelihood(_with(model, name, math.exp(log_value)))

                low, high = _RATES if name == "rate" else _KAPPAS
                model = _with(model, name, math.exp(_highest(score, math.log(low), math.log(high))))
        return model


def _with(model: Substitution, name: str, value: float) -> Substitution:
    kappa, rate = (value, model.rate) if name == "kappa" else (model.kappa, value)
    return Substitution(model.frequencies, kappa, rate)


def _highest(score: Callable[[float], float], low: float, high: float) -> float:
    """Where a function with one top is highest, by golden section."""
    inner = [high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)]
    values = [score(one) for one in inner]
    for _ in range(_TRIALS):
        if values[0] >= values[1]:
            high, inner, values = inner[1], [0.0, inner[0]], [0.0, values[0]]
            inner[0] = high - _GOLDEN * (high - low)
            values[0] = score(inner[0])
        else:
            low, inner, values = inner[0], [inner[1], 0.0], [values[1], 0.0]
            inner[1] = low + _GOLDEN * (high - low)
            values[1] = score(inner[1])
    return (low + high) / 2
