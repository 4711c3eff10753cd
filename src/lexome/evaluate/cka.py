"""How alike two networks represent the same examples: linear centred kernel alignment (CKA) of their layers.

Source: Kornblith 2019 (CKA); Song 2012 (the unbiased estimator of HSIC), of which Nguyen 2021 and Raghu 2021
take the mean over small batches, because they hold a Gram matrix of all pairs of examples. What differs: with
a linear kernel that estimator is a function of sums over single examples, so here it is computed over all
examples at once, exactly, in memory that depends on the widths of the layers alone.

Shapes: N examples, D features of a layer of the first network, E of the second, A and B layers.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

FEWEST_EXAMPLES = 4
ROUNDING = 1e-12  # of float64 values, relative to their mean, with room


@dataclass(frozen=True)
class Cka:
    """CKA of every layer of one network (rows) with every layer of another (columns).

    NaN where a pair was not compared, or where a layer is constant.

    Attributes:
        unbiased: from the unbiased estimator of HSIC; about 0 for independent features however few examples
            there are, 1 for equal ones, may be slightly below 0.
        biased: the plain ratio, within [0, 1]; too high where features are many and examples few.
        examples: how many examples each pair was compared on; 0: not compared.
    """

    unbiased: Float[np.ndarray, "A B"]
    biased: Float[np.ndarray, "A B"]
    examples: Int[np.ndarray, "A B"]


class LinearCka:
    """Adds up examples batch by batch, in float64; `result` gives the CKA of what was added.

    A pair of layers is compared if both had equally many examples in the first batch (layers before and after
    a change of resolution have not).

    Args:
        num_first: layers A of the first network.
        num_second: layers B of the second.
    """

    def __init__(self, num_first: int, num_second: int) -> None:
        self._num_first, self._num_second = num_first, num_second
        self._groups: list[_Group] = []

    def add(
        self, first: Sequence[Float[np.ndarray, "_ _"]], second: Sequence[Float[np.ndarray, "_ _"]]
    ) -> None:
        """Adds the examples of one batch, (examples, features) of each layer of each network.

        Raises:
            ValueError: for another number of layers, or layers that had equally many examples before and have
                not now.
        """
        if (len(first), len(second)) != (self._num_first, self._num_second):
            raise ValueError(
                f"{len(first)} and {len(second)} layers instead of {self._num_first} and {self._num_second}"
            )
        if not self._groups:
            for number in sorted({len(x_ND) for x_ND in (*first, *second)}):
                members = [
                    [i for i, x_ND in enumerate(side) if len(x_ND) == number] for side in (first, second)
                ]
                self._groups.append(_Group(*members))
        for group in self._groups:
            group.add([first[i] for i in group.first], [second[j] for j in group.second])

    def result(self) -> Cka:
        """The CKA of all examples so far.

        Raises:
            ValueError: with fewer than four examples, of which no unbiased estimate exists.
        """
        if not self._groups or min(group.examples for group in self._groups) < FEWEST_EXAMPLES:
            raise ValueError(f"CKA needs at least {FEWEST_EXAMPLES} examples")
        shape = (self._num_first, self._num_second)
        cka = Cka(np.full(shape, np.nan), np.full(shape, np.nan), np.zeros(shape, np.int64))
        for group in self._groups:
            own = [group.hsic(m, m) for m in range(len(group.first) + len(group.second))]
            for a, i in enumerate(group.first):
                for b, j in enumerate(group.second, len(group.first)):
                    both = group.hsic(a, b)
                    cka.biased[i, j] = _ratio(both[0], own[a][0], own[b][0])
                    cka.unbiased[i, j] = _ratio(both[1], own[a][1], own[b][1])
                    cka.examples[i, j] = group.examples
        return cka


class _Group:
    """Layers with equally many examples: sums over these, of all layers side by side.

    Features are counted from about their mean, which changes nothing but the rounding.

    Args:
        first: which layers of the first network.
        second: which of the second.
    """

    def __init__(self, first: Sequence[int], second: Sequence[int]) -> None:
        self.first, self.second = tuple(first), tuple(second)
        self.examples = 0

    def add(self, first: Sequence[np.ndarray], second: Sequence[np.ndarray]) -> None:
        layers = [np.asarray(x_ND, np.float64) for x_ND in (*first, *second)]
        if len({len(x_ND) for x_ND in layers}) > 1:
            raise ValueError("layers that had equally many examples have not now")
        all_ND = np.concatenate(layers, axis=1)
        if not self.examples:
            self._start(layers, all_ND.mean(axis=0))
        all_ND -= self._shift_D
        parts = [all_ND[:, part] for part in self._parts]
        lengths_NM = np.stack([np.einsum("nd,nd->n", x_ND, x_ND) for x_ND in parts], axis=1)
        split = self._split
        self.examples += len(all_ND)
        self._sum_D += all_ND.sum(axis=0)
        self._products += all_ND[:, :split].T @ all_ND[:, split:]
        for gram, x_ND in zip(self._grams, parts, strict=True):
            gram += x_ND.T @ x_ND
        self._by_length_DM += all_ND.T @ lengths_NM
        self._lengths_MM += lengths_NM.T @ lengths_NM

    def _start(self, layers: Sequence[np.ndarray], shift_D: np.ndarray) -> None:
        ends = np.cumsum([0, *(x_ND.shape[1] for x_ND in layers)]).tolist()
        self._parts = [slice(start, end) for start, end in zip(ends, ends[1:], strict=False)]
        self._split = ends[len(self.first)]
        self._shift_D = shift_D
        self._sum_D = np.zeros(ends[-1])
        self._products = np.zeros((self._split, ends[-1] - self._split))
        self._grams = [np.zeros((x_ND.shape[1],) * 2) for x_ND in layers]
        self._by_length_DM = np.zeros((ends[-1], len(layers)))
        self._lengths_MM = np.zeros((len(layers),) * 2)

    def _products_of(self, a: int, b: int) -> np.ndarray:
        """x^T y of two layers: of the first and the second network, or of one with itself."""
        if a == b:
            return self._grams[a]
        second = self._parts[b]
        return self._products[self._parts[a], second.start - self._split : second.stop - self._split]

    def _varies(self, a: int) -> bool:
        """Whether a layer differs between examples by more than rounding."""
        part = self._parts[a]
        variance = float(np.trace(self._grams[a]) - self._sum_D[part] @ self._sum_D[part] / self.examples)
        return variance > ROUNDING**2 * self.examples * float(self._shift_D[part] @ self._shift_D[part])

    def hsic(self, a: int, b: int) -> tuple[float, float]:
        """HSIC of two members: its biased estimate, times (n - 1) ** 2, and the unbiased one.

        Both are NaN if one of them is constant.

        With the Gram matrices K = x x^T and L = y y^T less their diagonals, the unbiased one is made of
        tr(K L), of the sum of all elements of each, and of that of K L.
        """
        n = self.examples
        x, y = self._parts[a], self._parts[b]
        sum_x, sum_y, products_DE = self._sum_D[x], self._sum_D[y], self._products_of(a, b)
        if not (self._varies(a) and self._varies(b)):
            return float("nan"), float("nan")
        biased = float(np.sum((products_DE - np.outer(sum_x, sum_y) / n) ** 2))
        diagonals = float(self._lengths_MM[a, b])
        trace = float(np.sum(products_DE**2)) - diagonals
        all_k = float(sum_x @ sum_x - np.trace(self._grams[a]))
        all_l = float(sum_y @ sum_y - np.trace(self._grams[b]))
        all_kl = float(
            sum_x @ products_DE @ sum_y
            - sum_x @ self._by_length_DM[x, b]
            - self._by_length_DM[y, a] @ sum_y
            + diagonals
        )
        unbiased = trace + all_k * all_l / ((n - 1) * (n - 2)) - 2 * all_kl / (n - 2)
        return biased, unbiased / (n * (n - 3))


def _ratio(both: float, one: float, other: float) -> float:
    return both / (one * other) ** 0.5 if one > 0 and other > 0 else float("nan")
