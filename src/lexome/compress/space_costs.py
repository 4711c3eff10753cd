"""What networks of a search space cost: expected under probabilities, least possible, within a target.

Slots are chosen independently of one another, and the cost of a network is the sum of its layers': so the
expected cost is a sum of products of probabilities, exact and differentiable.

Shapes: V widths in, W widths out, O operators, B bits.
"""

import hashlib
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from lexome.compress.costs import check_target
from lexome.compress.space import Choices, ConvolutionSpace, Layer


class SpaceCosts:
    """The costs of all layers of a space.

    Args:
        space: the networks.
        costs: by the key of an operation.
        unit: of the costs, in words.
    """

    def __init__(self, space: ConvolutionSpace, costs: Mapping[str, float], unit: str) -> None:
        self.space, self.unit = space, unit
        self.tables_VWOB = {layer.name: self._table(layer, costs) for layer in space.layers}

    def _table(self, layer: Layer, costs: Mapping[str, float]) -> np.ndarray:
        """Costs of a layer's options, float64; if it keeps its width they are on the diagonal V = W."""
        widths = self.space.widths[layer.out]
        into = self.space.widths[layer.into] if layer.into else (1,)
        table_VWOB = np.full((len(into), len(widths), len(layer.operators), len(layer.bits)), np.nan)
        for width_in, width in self.space.width_pairs(layer):
            for o in range(len(layer.operators)):
                for b in range(len(layer.bits)):
                    one = self.space.operation(layer, width_in, width, o, b)
                    place = into.index(width_in), widths.index(width), o, b
                    table_VWOB[place] = 0.0 if one is None else costs[one.key]
        return table_VWOB

    def digest(self) -> str:
        """A text that differs if a cost does: a search is resumed with the same costs only."""
        parts = [table.tobytes() for table in self.tables_VWOB.values()]
        return hashlib.sha256(b"".join(parts)).hexdigest()

    def of(self, choices: Choices) -> float:
        """The cost of one network."""
        return float(sum(self._of_layer(layer, choices) for layer in self.space.layers))

    def _of_layer(self, layer: Layer, choices: Choices) -> float:
        v = choices[layer.into] if layer.into else 0
        o, b = choices[layer.operator_slot], choices[layer.bits_slot]
        return float(self.tables_VWOB[layer.name][v, choices[layer.out], o, b])

    def expected(self, probabilities: Mapping[str, Tensor]) -> Tensor:
        """The mean cost of networks whose slots are drawn independently.

        Args:
            probabilities: of the options of every slot; a slot of one option may be left out.

        Returns:
            One number, float64, in whose gradient all probabilities are.
        """

        def of(slot: str, size: int) -> Tensor:
            return probabilities[slot].double() if slot in probabilities else torch.ones(size).double()

        total = torch.zeros((), dtype=torch.float64)
        for layer in self.space.layers:
            table = torch.from_numpy(self.tables_VWOB[layer.name])
            slots = (layer.out, layer.operator_slot, layer.bits_slot)
            w, o, b = (of(slot, size) for slot, size in zip(slots, table.shape[1:], strict=True))
            if layer.into == layer.out:
                total = total + torch.einsum("wwob,w,o,b->", table.nan_to_num(), w, o, b)
            else:
                v = of(layer.into, table.shape[0])
                total = total + torch.einsum("vwob,v,w,o,b->", table, v, w, o, b)
        return total

    def cheapest(self) -> dict[str, int]:
        """The choices of a network of the least cost, found exactly: widths are a chain, all else is free."""
        best: list[tuple[float, dict[str, int]]] = [(0.0, {})]
        for layer in self.space.layers:
            table = self.tables_VWOB[layer.name]
            found = []
            for w in range(table.shape[1]):
                ways = []
                for v in [w] if layer.into == layer.out else range(table.shape[0]):
                    o, b = np.unravel_index(int(np.argmin(table[v, w])), table.shape[2:])
                    cost, chosen = best[v]
                    own = {layer.out: w, layer.operator_slot: int(o), layer.bits_slot: int(b)}
                    ways.append((cost + float(table[v, w, o, b]), {**chosen, **own}))
                found.append(min(ways, key=lambda way: way[0]))
            best = found
        return min(best, key=lambda way: way[0])[1]

    def check_target(self, target: float) -> None:
        """Finds out whether any network is cheap enough.

        Raises:
            UsageError: if not, with the least possible cost.
        """
        check_target(target, self.of(self.cheapest()), self.unit)

    def within(self, choices: Choices, probabilities: Mapping[str, Tensor], target: float) -> dict[str, int]:
        """Choices like those given that cost no more than a target, which must be possible.

        One choice after the other is changed, each time that which gives up the least probability (its
        logarithm) for the cost it saves; if no single change saves anything, the cheapest network is taken.
        Then choices are changed for more probable ones as long as the target allows one.
        """
        now, cost = dict(choices), self.of(choices)
        while cost > target:
            ways = []
            for slot, p in probabilities.items():
                for option in range(len(p)):
                    changed = {**now, slot: option}
                    saved = cost - self.of(changed)
                    if saved > 0:
                        given_up = float(torch.log(p[now[slot]]) - torch.log(p[option]))
                        # a change that reaches the target need not save more than that
                        ways.append((given_up / min(saved, cost - target), -saved, slot, option))
            if not ways:
                now = self.cheapest()
                break
            _, _, slot, option = min(ways)
            now[slot] = option
            cost = self.of(now)
        return self._improved(now, probabilities, target)

    def _improved(
        self, choices: dict[str, int], probabilities: Mapping[str, Tensor], target: float
    ) -> dict[str, int]:
        """Choices of which no single one can be changed for a more probable one within the target."""
        now = choices
        while True:
            ways = [
                (float(torch.log(p[option]) - torch.log(p[now[slot]])), slot, option)
                for slot, p in probabilities.items()
                for option in range(len(p))
                if p[option] > p[now[slot]] and self.of({**now, slot: option}) <= target
            ]
            if not ways:
                return now
            _, slot, option = max(ways)
            now = {**now, slot: option}
