"""Dividing the branches of trees into training, validation and test set: whole clades, so that nothing leaks.

A held-out clade hangs on a branch that changes the sequence. That branch belongs to no set: its parent is
outside, its child within. Sequences that come up a second time elsewhere in the tree belong to the training
set, then to the test set; pairs of another set with such a sequence are left out. So no two sets share a
sequence.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Int

from lexome.core.errors import BadInputError, UsageError
from lexome.tasks.language.mutate_pairs import LEFT_OUT, SPLITS, Pair, counts

LEAST_PAIRS = 4  # of a clade that is held out
_PARTS = (3, 2, 1)  # a clade is at most such a part of what is wanted of a set, if possible the first


@dataclass(frozen=True)
class Divided:
    """Pairs with their sets.

    Attributes:
        pairs: in the order that was given; `split` is a set or `LEFT_OUT`.
        clades: of the validation and the test set.
        cut_branches: pairs left out because they lead into a held-out clade.
        shared: pairs left out because one of their sequences is in another set.
    """

    pairs: list[Pair]
    clades: dict[str, int]
    cut_branches: int
    shared: int

    def of(self, split: str) -> list[Pair]:
        """The pairs of a set."""
        return [pair for pair in self.pairs if pair.split == split]

    def record(self) -> dict[str, Any]:
        """What was done, as plain values."""
        left_out = {"cut_branches": self.cut_branches, "shared_sequence": self.shared}
        return {"clades": self.clades, "left_out": left_out}


def divide(pairs: Sequence[Pair], validation: float, test: float, seed: int) -> Divided:
    """Divides pairs by clades.

    Args:
        pairs: that form trees (`mutate_pairs.check_tree`).
        validation: the part of the pairs that the validation set gets, about.
        test: likewise.
        seed: of the draw of clades.

    Raises:
        UsageError: if the parts make no sense.
        BadInputError: if there are no such clades.
    """
    if not (0 < validation and 0 < test and validation + test < 1):
        raise UsageError("the parts for validation and test must be positive and leave something to train on")
    below = _Below(pairs)
    splits, rng = np.full(len(pairs), SPLITS[0], object), np.random.default_rng(seed)
    taken = np.zeros(len(pairs), bool)
    clades: dict[str, int] = {}
    for name, share in (("test", test), ("validation", validation)):
        drawn = (_draw(below, taken, share * len(pairs), parts, rng) for parts in _PARTS)
        roots = next((one for one in drawn if one), [])
        clades[name] = len(roots)
        if not roots:
            raise BadInputError(
                f"no clade of the tree fits into a {name} set of {share:.0%} of {len(pairs)} pairs: too few "
                "pairs, or too few branches that change the sequence"
            )
        for root in roots:
            splits[below.of(root)] = name
            splits[root] = LEFT_OUT
            taken[below.of(root)] = taken[root] = True
            taken[below.above(root)] = True  # clades around it are no clades any more
    cut = int((splits == LEFT_OUT).sum())
    shared = _leave_out_shared(pairs, splits)
    return Divided([replace(p, split=s) for p, s in zip(pairs, splits, strict=True)], clades, cut, shared)


def _draw(
    below: "_Below", taken: np.ndarray, wanted: float, parts: int, rng: np.random.Generator
) -> list[int]:
    """Branches whose clades are held out, drawn until there are as many pairs as are wanted."""
    blocked, have, roots = taken.copy(), 0, []
    most = max(wanted / parts, LEAST_PAIRS)
    for branch in rng.permutation(len(below.pairs)).tolist():
        size = len(below.of(branch)) if below.pairs[branch].is_changed and not blocked[branch] else 0
        inside = below.of(branch)
        if not LEAST_PAIRS <= size <= min(most, 1.1 * wanted - have) or blocked[inside].any():
            continue
        roots.append(branch)
        have += size
        blocked[inside] = blocked[branch] = True
        blocked[below.above(branch)] = True
    return roots


def _leave_out_shared(pairs: Sequence[Pair], splits: np.ndarray) -> int:
    """Leaves out the pairs of held-out sets that have a sequence of a set before theirs; how many."""
    count = 0
    owned: set[str] = set()
    for name in ("training", "test", "validation"):
        members = np.flatnonzero(splits == name).tolist()
        for i in members:
            if pairs[i].parent in owned or pairs[i].child in owned:
                splits[i] = LEFT_OUT
                count += 1
        owned.update(s for i in members if splits[i] == name for s in (pairs[i].parent, pairs[i].child))
    return count


class _Below:
    """The branches below a branch and above it, by their numbers."""

    def __init__(self, pairs: Sequence[Pair]) -> None:
        self.pairs = pairs
        branch_of = {pair.child_id: i for i, pair in enumerate(pairs)}
        self._up = [branch_of.get(pair.parent_id, -1) for pair in pairs]
        down: list[list[int]] = [[] for _ in pairs]
        for i, up in enumerate(self._up):
            if up >= 0:
                down[up].append(i)
        order: list[int] = []  # a branch, then all below it
        open_ = [i for i, up in enumerate(self._up) if up < 0]
        while open_:
            order.append(open_.pop())
            open_ += down[order[-1]]
        self._order = np.array(order)
        self._place = np.empty(len(pairs), np.int64)
        self._place[self._order] = np.arange(len(pairs))
        self._size = [0] * len(pairs)
        for branch in reversed(order):
            if self._up[branch] >= 0:
                self._size[self._up[branch]] += 1 + self._size[branch]

    def of(self, branch: int) -> Int[np.ndarray, " _"]:
        """All branches below one, that one not counted."""
        first = self._place[branch] + 1
        return self._order[first : first + self._size[branch]]

    def above(self, branch: int) -> list[int]:
        """All branches between one and the root."""
        found: list[int] = []
        while (branch := self._up[branch]) >= 0:
            found.append(branch)
        return found


def figures_of_sets(divided: Divided) -> dict[str, Any]:
    """What the pairs of all sets are, and what was left out, as plain values."""
    sets = {name: counts(divided.of(name)) for name in (*SPLITS, LEFT_OUT)}
    return {"sets": {"all": counts(divided.pairs), **sets}, **divided.record()}
