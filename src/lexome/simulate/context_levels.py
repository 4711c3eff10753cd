"""Levels of the current that depend on more bases than a k-mer table has.

A level is the k-mer's, plus small effects of the bases around it, up to seven before and eight after: of
each alone, of each together with the two bases that weigh most, and of pairs at the k-mer's borders. A table
of all 11-mers would need a thousand times the data; these few hundred numbers are fitted to one small genome
and hold on other sequence: stretches that are left out of the fit decide whether they are used.

Units: the table's levels less their median, over their MAD as a standard deviation.
Legend: N contexts, W bases of a context, L bases of a sequence.

Source: own; ridge regression on one-hot bases.
"""

from dataclasses import dataclass

import numpy as np

from lexome.core.records import KmerLevels

BEFORE, AFTER = 7, 8  # bases of a context before and after its own
WIDTH = BEFORE + 1 + AFTER
HELD_OUT_GROUPS = 8  # every eighth group of contexts is left out to judge the fit
MIN_CONTEXTS = 5000  # fewer cannot carry some hundred effects
MAX_CONTEXTS = 200_000
MAX_COUNT = 50  # a context with more events counts as one with so many
KMER_SHRINKAGE = 20.0  # events that a k-mer's given level counts for
RIDGE = 200.0  # events likewise, per effect
ROWS = 20_000  # of the design matrix at a time
ROUNDS = 3
MAD_TO_SD = 1.4826


@dataclass(frozen=True)
class ContextLevels:
    """A sum of tables.

    `tables[i][index]` is the effect of the bases at the offsets `terms[i]` from the base whose level it is.
    """

    terms: tuple[tuple[int, ...], ...]
    tables: tuple[np.ndarray, ...]

    def predict(self, codes_L: np.ndarray) -> np.ndarray:
        """Levels of a sequence's bases, float32[L]; beyond its ends the last base is taken to go on."""
        windows_LW = context_windows(np.pad(codes_L, (BEFORE, AFTER), mode="edge"))
        level_L = np.zeros(len(codes_L))
        for term, table in zip(self.terms, self.tables, strict=True):
            level_L += table[_index(windows_LW, term)]
        return level_L.astype(np.float32)


@dataclass(frozen=True)
class ContextFit:
    """The levels to use, and what was found out.

    `held_out_sd` gives the standard deviation of contexts that were left out of the fit around the levels of
    each candidate, by its name; it is empty if there were too few contexts. `chosen` is the name of the best,
    and `level_sd` the standard deviation of all contexts.
    """

    levels: ContextLevels
    chosen: str
    held_out_sd: dict[str, float]
    level_sd: float


def context_windows(codes_L: np.ndarray) -> np.ndarray:
    """The context of every base that has a whole one: uint8[L - W + 1, W]; base `BEFORE` + i is row i's."""
    return np.lib.stride_tricks.sliding_window_view(codes_L, WIDTH)


def unit_levels(table: KmerLevels) -> np.ndarray:
    """The table's levels less their median, over their MAD as a standard deviation; float32[4**k]."""
    centre = np.median(table.mean_pa)
    spread = MAD_TO_SD * np.median(np.abs(table.mean_pa - centre))
    return ((table.mean_pa - centre) / (spread or 1.0)).astype(np.float32)


def fit_context_levels(
    windows_NW: np.ndarray,
    means_N: np.ndarray,
    counts_N: np.ndarray,
    groups_N: np.ndarray,
    table: KmerLevels,
) -> ContextFit:
    """Fits levels to the means of events.

    Args:
        windows_NW: the context of each mean, from `context_windows`.
        means_N: means over all events of the context, in the units of the module.
        counts_N: how many events each mean is of.
        groups_N: which stretch of sequence it is of, whole numbers: whole groups are left out to judge.
        table: the levels to start from.

    Returns:
        The best of three by the groups left out: the table as given, its levels refitted, those with the
        wider context. With fewer than `MIN_CONTEXTS` contexts it is the table as given.
    """
    terms = _terms(table)
    given = ContextLevels(terms[:1], (unit_levels(table).astype(np.float64),))
    level_sd = float(np.std(means_N)) if len(means_N) else 0.0
    if len(means_N) < MIN_CONTEXTS:
        return ContextFit(given, "as given", {}, level_sd)
    if len(means_N) > MAX_CONTEXTS:
        kept = np.linspace(0, len(means_N) - 1, MAX_CONTEXTS).astype(np.int64)
        windows_NW, means_N, counts_N, groups_N = (
            windows_NW[kept], means_N[kept], counts_N[kept], groups_N[kept]
        )  # fmt: skip
    weights_N = np.minimum(counts_N, MAX_COUNT).astype(np.float64)
    is_out = groups_N % HELD_OUT_GROUPS == 0
    tried = _fit(windows_NW[~is_out], means_N[~is_out], weights_N[~is_out], given, terms)
    held_out_sd = {
        name: _spread(levels, windows_NW[is_out], means_N[is_out], weights_N[is_out])
        for name, levels in {"as given": given, **tried}.items()
    }
    chosen = min(held_out_sd, key=lambda name: held_out_sd[name])
    levels = given
    if chosen != "as given":
        levels = _fit(windows_NW, means_N, weights_N, given, terms)[chosen]
    return ContextFit(levels, chosen, held_out_sd, level_sd)


def _terms(table: KmerLevels) -> tuple[tuple[int, ...], ...]:
    """Offsets of the bases of each table: the k-mer first."""
    first, last = -table.centre, table.k - 1 - table.centre
    outside = [o for o in range(-BEFORE, AFTER + 1) if not first <= o <= last]
    single = [(o,) for o in outside]
    with_centre = [(0, 1, o) for o in outside]
    pairs = [(first - 1, first), (first - 1, first + 1), (last, last + 1), (last - 1, last + 1)]
    pairs += [(first - 2, first - 1), (last + 1, last + 2)]
    pairs = [pair for pair in pairs if -BEFORE <= pair[0] and pair[1] <= AFTER]
    return (tuple(range(first, last + 1)), *single, *with_centre, *pairs)


def _index(windows_NW: np.ndarray, term: tuple[int, ...]) -> np.ndarray:
    index = np.zeros(len(windows_NW), np.int64)
    for offset in term:
        index = index * 4 + windows_NW[:, BEFORE + offset]
    return index


def _fit(
    windows_NW: np.ndarray,
    means_N: np.ndarray,
    weights_N: np.ndarray,
    given: ContextLevels,
    terms: tuple[tuple[int, ...], ...],
) -> dict[str, ContextLevels]:
    """The k-mers' levels refitted, and these with all other terms fitted to what they leave."""
    kmers_N = _index(windows_NW, terms[0])
    sizes = [4 ** len(term) for term in terms[1:]]
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    columns_NT = np.stack(
        [_index(windows_NW, t) + o for t, o in zip(terms[1:], offsets[:-1], strict=True)], axis=1
    )
    normal = RIDGE * np.eye(offsets[-1])
    for start in range(0, len(means_N), ROWS):
        rows = slice(start, start + ROWS)
        root = np.sqrt(weights_N[rows, None]).astype(np.float32)
        design = np.zeros((len(root), offsets[-1]), np.float32)
        np.put_along_axis(design, columns_NT[rows], root, axis=1)
        normal += design.T @ design
    refitted = table = _refitted(means_N, weights_N, kmers_N, given.tables[0])
    effects = np.zeros(offsets[-1])
    for _ in range(ROUNDS):  # in turns: k-mers that few contexts have must not learn these contexts' effects
        left_N = (means_N - table[kmers_N]) * weights_N
        moment = np.bincount(columns_NT.ravel(), left_N.repeat(columns_NT.shape[1]), offsets[-1])
        effects = np.linalg.solve(normal, moment)
        around_N = effects[columns_NT].sum(axis=1)
        table = _refitted(means_N - around_N, weights_N, kmers_N, given.tables[0])
    return {
        "k-mers refitted": ContextLevels(terms[:1], (refitted,)),
        "wider context": ContextLevels(terms, (table, *np.split(effects, offsets[1:-1]))),
    }


def _refitted(
    means_N: np.ndarray, weights_N: np.ndarray, kmers_N: np.ndarray, given: np.ndarray
) -> np.ndarray:
    """Levels of the k-mers, shrunk towards the given ones."""
    total = np.bincount(kmers_N, (means_N - given[kmers_N]) * weights_N, len(given))
    return given + total / (np.bincount(kmers_N, weights_N, len(given)) + KMER_SHRINKAGE)


def _spread(
    levels: ContextLevels, windows_NW: np.ndarray, means_N: np.ndarray, weights_N: np.ndarray
) -> float:
    """Weighted root mean square of what the levels leave; infinite without contexts."""
    if not len(means_N):
        return float("inf")
    left_N = means_N.astype(np.float64)
    for term, table in zip(levels.terms, levels.tables, strict=True):
        left_N = left_N - table[_index(windows_NW, term)]
    return float(np.sqrt(np.average(left_N**2, weights=weights_N)))
