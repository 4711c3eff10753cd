"""What any prediction of children is measured by: the parent, common mutations, the best possible.

Legend: L letters of a sequence, four letters of DNA.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np

from lexome.core.alphabet import BASES
from lexome.evaluate.mutations import MOST
from lexome.tasks.language.mutate_pairs import Pair


def copies(parents: Sequence[str]) -> list[list[str]]:
    """The parent as the only candidate."""
    return [[parent] for parent in parents]


class CommonChanges:
    """The parent, then the parent with each of the four changes that were commonest in training.

    Args:
        training: pairs to count in; those whose lengths differ say nothing about places and are left out.
    """

    def __init__(self, training: Sequence[Pair]) -> None:
        counted = Counter(change for pair in training for change in pair.changes() or [])
        self.commonest = sorted(counted, key=lambda change: (-counted[change], change))

    def candidates(self, parent: str) -> list[str]:
        """The first five; a change that the parent cannot undergo is passed over."""
        found = [parent]
        for at, before, after in self.commonest:
            if len(found) == MOST:
                break
            if at < len(parent) and parent[at] == before:
                found.append(parent[:at] + after + parent[at + 1 :])
        return found


class SitesAndSpectrum:
    """The parent, then its four likeliest single changes, if places and kinds of change were independent.

    How often a place changed in training, whatever to, times how often its letter becomes another one: it
    also knows changes that training did not have.

    Args:
        training: as for `CommonChanges`.
    """

    def __init__(self, training: Sequence[Pair]) -> None:
        longest = max((len(pair.parent) for pair in training), default=0)
        self.sites_L, self.kinds_44 = np.zeros(longest), np.zeros((4, 4))
        for pair in training:
            for at, before, after in pair.changes() or []:
                if before in BASES and after in BASES:
                    self.sites_L[at] += 1
                    self.kinds_44[BASES.index(before), BASES.index(after)] += 1
        self.kinds_44 /= np.maximum(self.kinds_44.sum(1, keepdims=True), 1)

    def candidates(self, parent: str) -> list[str]:
        """The first five."""
        places = range(min(len(parent), len(self.sites_L)))
        letters = [(at, BASES.index(parent[at])) for at in places if parent[at] in BASES]
        scored = [
            (-float(self.sites_L[at] * self.kinds_44[letter, after]), at, after)
            for at, letter in letters
            for after in range(4)
            if self.sites_L[at] and self.kinds_44[letter, after]
        ]
        best = sorted(scored)[: MOST - 1]
        return [parent, *(parent[:at] + BASES[after] + parent[at + 1 :] for _, at, after in best)]


def oracle(pairs: Sequence[Pair]) -> list[list[str]]:
    """The five commonest children that each parent has in these very pairs; of equally common ones the first.

    No map from parents to children can score higher on them.
    """
    children: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for pair in pairs:
        children[pair.parent][pair.child] += 1
    best = {parent: [child for child, _ in of.most_common(MOST)] for parent, of in children.items()}
    return [best[pair.parent] for pair in pairs]
