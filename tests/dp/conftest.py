"""All paths of a small CRF, one by one: what no dynamic programme can fool."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest


@dataclass(frozen=True)
class Paths:
    """Every path of `steps` steps: its entries, int[P, T], and the bases it spells (the start's k too)."""

    steps: int
    entries_PT: np.ndarray
    bases: list[tuple[int, ...]]

    def scores(self, scores_TK: np.ndarray) -> np.ndarray:
        """Score of every path."""
        return scores_TK[np.arange(self.steps), self.entries_PT].sum(axis=1)

    def log_sum(self, scores_TK: np.ndarray, target: tuple[int, ...] | None = None) -> float:
        """Log-sum over all paths, or over those that spell a target (base codes 0..3)."""
        scores = self.scores(scores_TK)
        if target is not None:
            scores = scores[[spelled == target for spelled in self.bases]]
        return float(np.logaddexp.reduce(scores)) if len(scores) else -np.inf

    def posteriors(self, scores_TK: np.ndarray) -> np.ndarray:
        """Probability of every entry at every step."""
        weights = np.exp(self.scores(scores_TK) - self.log_sum(scores_TK))
        result = np.zeros_like(scores_TK)
        for t in range(self.steps):
            np.add.at(result[t], self.entries_PT[:, t], weights)
        return result


@pytest.fixture(scope="session")
def all_paths() -> Callable[[int, int], Paths]:
    made: dict[tuple[int, int], Paths] = {}

    def enumerate_paths(state_len: int, steps: int) -> Paths:
        if (state_len, steps) not in made:
            entries, bases = [], []
            for start in itertools.product(range(4), repeat=state_len):
                for choices in itertools.product([None, 0, 1, 2, 3], repeat=steps):
                    kmer, spelled, path = start, start, []
                    for base in choices:
                        dropped = kmer[0]
                        if base is not None:
                            kmer, spelled = (*kmer[1:], base), (*spelled, base)
                        state = int("".join(map(str, kmer)), 4)
                        path.append(5 * state + (0 if base is None else 1 + dropped))
                    entries.append(path)
                    bases.append(spelled)
            array = np.array(entries, np.int64).reshape(len(entries), steps)
            made[state_len, steps] = Paths(steps, array, bases)
        return made[state_len, steps]

    return enumerate_paths


@dataclass(frozen=True)
class Labellings:
    """Every path of symbols (0 the blank) of `steps` steps, int[P, T], and which of them spell what."""

    steps: int
    paths_PT: np.ndarray
    paths_of: dict[tuple[int, ...], list[int]]

    def path_scores(self, log_probs_TK: np.ndarray, target: tuple[int, ...] | None = None) -> np.ndarray:
        """Log-probability of every path, -inf for those that do not spell the target (if there is one)."""
        scores = log_probs_TK[np.arange(self.steps), self.paths_PT].sum(axis=1)
        if target is not None:
            is_other = np.ones(len(scores), bool)
            is_other[self.paths_of.get(target, [])] = False
            scores[is_other] = -np.inf
        return scores

    def log_sums(self, log_probs_TK: np.ndarray) -> dict[tuple[int, ...], float]:
        """Log-probability of everything that can be spelled."""
        scores = self.path_scores(log_probs_TK)
        return {labels: float(np.logaddexp.reduce(scores[paths])) for labels, paths in self.paths_of.items()}


@pytest.fixture(scope="session")
def all_labellings() -> Callable[[int, int], Labellings]:
    made: dict[tuple[int, int], Labellings] = {}

    def enumerate_paths(steps: int, symbols: int) -> Labellings:
        if (steps, symbols) not in made:
            paths = list(itertools.product(range(symbols), repeat=steps))
            paths_of: dict[tuple[int, ...], list[int]] = {}
            for number, path in enumerate(paths):
                paths_of.setdefault(tuple(k for k, _ in itertools.groupby(path) if k), []).append(number)
            array = np.array(paths, np.int64).reshape(len(paths), steps)
            made[steps, symbols] = Labellings(steps, array, paths_of)
        return made[steps, symbols]

    return enumerate_paths
