"""Which layers of a network get how many bits."""

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Literal

from lexome.compress.ranges import Ranges
from lexome.core.errors import UsageError, nearest
from lexome.nn.fake_quant import FLOAT, LEAST_BITS, MOST_BITS

Bits = tuple[int, int]  # of weights and of what goes into the layer; 32 is float


@dataclass(frozen=True)
class QuantizeConfig:
    """Which layers get how many bits, and by what: the table [quantize] of a recipe.

    Attributes:
        bits: of weights and of what goes into a layer (its activations), 2 to 16 or 32 for float.
        layers: pattern of module names ("encoder.lstms.*") -> bits; the first one that fits counts, before
            all else.
        first: bits of the layer that runs first; None: as the others.
        last: bits of the layer that runs last; None: as the others.
        ranges: "max", "percentile", "mse" (the least squared error) or "learned" (steps from "mse" that are
            then trained).
        percentile: for "percentile".
        batches: of training chunks that are looked at for the ranges.
        engine: what the result is for: "float", grids in float32, or "int8": LSTMs and linear layers with at
            most 7 bits for weights and 8 for activations run in integers with onnxruntime.
        distill: weight of the mean square difference to the scores of the float model, beside 1 of the loss
            of the labels, when the network is trained; 0: without.
    """

    bits: Bits = (8, 8)
    layers: dict[str, Any] = field(default_factory=dict)
    first: Bits | None = None
    last: Bits | None = None
    ranges: Ranges = "mse"
    percentile: float = 99.99
    batches: int = 4
    engine: Literal["float", "int8"] = "float"
    distill: float = 0.0

    def __post_init__(self) -> None:
        for value in (self.bits, *self.layers.values(), self.first, self.last):
            if value is not None:
                check_bits(value)
        if not 50 < self.percentile <= 100:
            raise ValueError(f"percentile must be above 50 and at most 100, is {self.percentile}")
        if self.batches < 1:
            raise ValueError(f"batches must be at least 1, is {self.batches}")
        if not 0 <= self.distill < float("inf"):
            raise ValueError(f"distill must not be negative, is {self.distill}")


def check_bits(value: Any) -> Bits:
    """Two numbers of bits.

    Raises:
        ValueError: if they are none.
    """
    pair = list(value) if isinstance(value, list | tuple) else []
    good = [isinstance(b, int) and (b == FLOAT or LEAST_BITS <= b <= MOST_BITS) for b in pair]
    if len(good) != 2 or not all(good):
        raise ValueError(
            f"bits are two numbers, of weights and activations, each {LEAST_BITS} to {MOST_BITS} or {FLOAT} "
            f"for float, not {value}"
        )
    return pair[0], pair[1]


def bits_of_layers(config: QuantizeConfig, names: list[str]) -> dict[str, Bits]:
    """The bits of every layer.

    Args:
        config: what is asked for.
        names: of the layers, in the order in which they run.

    Raises:
        UsageError: for a pattern that fits no layer.
    """
    for pattern in config.layers:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise UsageError(f"no layer is called '{pattern}'; {nearest(pattern, names)}")
    result: dict[str, Bits] = {}
    for name in names:
        found = next((b for pattern, b in config.layers.items() if fnmatchcase(name, pattern)), None)
        if found is None and name == names[0]:
            found = config.first
        if found is None and name == names[-1]:
            found = config.last
        result[name] = check_bits(config.bits if found is None else found)
    return result
