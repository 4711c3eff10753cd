"""Ladders of recurrent basecallers, as data: width, depth and stride to choose from.

These networks share no weights worth sharing, so each is trained by itself: for searches that draw and try.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import Any, Literal

from lexome.compress.costs import Operation, check_target
from lexome.compress.space import Choices, Slot
from lexome.core.config import to_dict
from lexome.nn.conv import ConvConfig

MAX_NETWORKS = 500


@dataclass(frozen=True)
class LadderSpace:
    """Networks of `models.bonito`: the table [space] of a file, kind "ladder".

    Attributes:
        widths: of the last convolution and of all recurrent layers.
        depths: numbers of recurrent layers; they run backwards and forwards in turn, the first backwards.
        strides: of the last convolution.
        convs: the convolutions; size and stride of the last one are chosen.
        recurrent: kind of the recurrent layers.
    """

    widths: tuple[int, ...]
    depths: tuple[int, ...]
    strides: tuple[int, ...]
    convs: tuple[ConvConfig, ...]
    recurrent: str = "lstm"
    kind: Literal["ladder"] = "ladder"

    def __post_init__(self) -> None:
        for name in ("widths", "depths", "strides", "convs"):
            if not getattr(self, name):
                raise ValueError(f"{name} must not be empty")
        for name in ("widths", "depths", "strides"):
            values = getattr(self, name)
            if min(values) < 1 or len(set(values)) < len(values):
                raise ValueError(f"{name} must be positive, and different from one another")
        count = len(self.widths) * len(self.depths) * len(self.strides)
        if count > MAX_NETWORKS:
            raise ValueError(f"{count:,} networks to choose from; at most {MAX_NETWORKS} make sense")

    @cached_property
    def slots(self) -> tuple[Slot, ...]:
        """The three choices."""
        return tuple(
            Slot(name, tuple(map(str, options)))
            for name, options in (("width", self.widths), ("depth", self.depths), ("stride", self.strides))
        )

    def architecture(self, choices: Choices) -> dict[str, Any]:
        """The chosen network as the table [architecture] of a recipe."""
        width, depth, stride = self._numbers(choices)
        *first, last = self.convs
        convs = [*first, replace(last, size=width, stride=stride)]
        lstms = [{"size": width, "reverse": n % 2 == 0, "kind": self.recurrent} for n in range(depth)]
        tables = [{k: v for k, v in to_dict(conv).items() if v is not None} for conv in convs]
        return {"name": "bonito", "config": {"convs": tables, "lstms": lstms}}

    def bits(self, choices: Choices) -> dict[str, tuple[int, int]]:
        """No layer has other bits than float."""
        return {}

    def operation(self, choices: Choices) -> Operation:
        """The chosen network, which is measured as a whole."""
        width, depth, stride = self._numbers(choices)
        convs = "-".join(f"{conv.size}k{conv.kernel}s{conv.stride}" for conv in self.convs[:-1])
        last = f"{width}k{self.convs[-1].kernel}s{stride}"
        key = f"{self.recurrent} {width} x{depth} behind {'-'.join(filter(None, (convs, last)))}"
        architecture = self.architecture(choices)
        return Operation(key, architecture["name"], architecture["config"])

    def operations(self) -> dict[str, Operation]:
        """All networks, by key."""
        return {one.key: one for one in map(self.operation, self.all_choices())}

    def all_choices(self) -> list[dict[str, int]]:
        """The choices of all networks."""
        sizes = {slot.name: range(len(slot.options)) for slot in self.slots}
        return [dict(zip(sizes, numbers, strict=True)) for numbers in product(*sizes.values())]

    def _numbers(self, choices: Choices) -> tuple[int, int, int]:
        return (
            self.widths[choices["width"]],
            self.depths[choices["depth"]],
            self.strides[choices["stride"]],
        )


class LadderCosts:
    """The costs of all networks of a ladder.

    Args:
        space: the networks.
        costs: by the key of a network.
        unit: of the costs, in words.
    """

    def __init__(self, space: LadderSpace, costs: Mapping[str, float], unit: str) -> None:
        self.space, self.costs, self.unit = space, costs, unit

    def of(self, choices: Choices) -> float:
        """The cost of one network."""
        return self.costs[self.space.operation(choices).key]

    def check_target(self, target: float) -> None:
        """Finds out whether any network is cheap enough.

        Raises:
            UsageError: if not, with the least possible cost.
        """
        least = min(self.of(choices) for choices in self.space.all_choices())
        check_target(target, least, self.unit)
