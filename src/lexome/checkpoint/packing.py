"""Weights on a grid of few bits, packed in a file and plain in memory (numpy only).

In memory a weight NAME of a quantised layer is float32, q * step, and beside it stands
NAME.quantization_step, one number for each output channel. In the file NAME is q: the bits of all
q + 2^(bits-1) - 1, one after the other, the highest first.

Shapes: C output channels, R numbers of a channel, N of a weight, B bits.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any, Literal

import numpy as np

from lexome.core.config import from_dict
from lexome.core.errors import BadInputError, UsageError

STEP = "quantization_step"
FLOAT = 32


@dataclass(frozen=True)
class QuantizedLayer:
    """How one layer is quantised.

    Attributes:
        weight_bits: 2 to 16; 32: not quantised.
        activation_bits: of what goes in; 32: not quantised.
        weights: the shapes of its weights by their names within the layer.
        input_step: the step of what goes in.
        input_zero: the whole number that stands for 0 there.
    """

    weight_bits: int = FLOAT
    activation_bits: int = FLOAT
    weights: dict[str, list[int]] = field(default_factory=dict)
    input_step: float = 1.0
    input_zero: float = 0.0

    def __post_init__(self) -> None:
        for bits in (self.weight_bits, self.activation_bits):
            if bits != FLOAT and not 2 <= bits <= 16:
                raise ValueError(f"{bits} bits: 2 to 16 can be had, or 32 for float")
        if not 0 < self.input_step < float("inf") or not 0 <= self.input_zero < 2**16:
            raise ValueError(f"no grid has the step {self.input_step} and the zero {self.input_zero}")
        for name, shape in self.weights.items():
            if not isinstance(shape, list) or not shape or not all(type(n) is int and n > 0 for n in shape):
                raise ValueError(f"weight '{name}' cannot have the shape {shape}")


@dataclass(frozen=True)
class Quantization:
    """How a network is quantised: the field `quantization` of its checkpoint.

    Attributes:
        engine: "float", numbers on grids in float32; "int8", LSTMs in integers with onnxruntime.
        ranges: how the grids were chosen.
        layers: by module name.
    """

    engine: Literal["float", "int8"] = "float"
    ranges: str = ""
    layers: dict[str, Any] = field(default_factory=dict)

    def layer(self, name: str, where: str = "quantization") -> QuantizedLayer:
        """One layer's record; `where` names the place in an error."""
        return from_dict(QuantizedLayer, self.layers[name], f"{where}, layer {name}")


def read_quantization(stated: Mapping[str, Any] | None, where: str) -> Quantization:
    """The field `quantization` of a checkpoint; None stands for nothing quantised.

    Raises:
        BadInputError: if it makes no sense.
    """
    try:
        found = from_dict(Quantization, stated or {}, f"{where}, quantization")
        layers = {name: found.layer(name, f"{where}, quantization") for name in found.layers}
    except UsageError as error:
        raise BadInputError(str(error)) from error
    return dataclasses.replace(found, layers={n: dataclasses.asdict(layer) for n, layer in layers.items()})


def packed(
    weights: Mapping[str, np.ndarray], stated: Mapping[str, Any] | None, where: str
) -> dict[str, np.ndarray]:
    """The weights of a checkpoint as its file holds them.

    Raises:
        ValueError: if a weight is not on its grid.
    """
    result = dict(weights)
    for name, bits, _ in _packed_names(stated, where):
        step_C1 = weights[f"{name}.{STEP}"][:, None]
        weight_CR = np.asarray(weights[name], np.float32).reshape(len(step_C1), -1)
        q_CR = np.rint(weight_CR / step_C1)
        top = 2 ** (bits - 1) - 1
        if np.abs(q_CR).max(initial=0) > top or not np.array_equal(
            q_CR.astype(np.float32) * step_C1, weight_CR
        ):
            raise ValueError(f"weight {name} is not on its grid of {bits} bits")
        plain_N = (q_CR.ravel() + top).astype(np.uint16)
        bits_NB = np.empty((plain_N.size, bits), np.uint8)
        for place in range(bits):
            bits_NB[:, place] = (plain_N >> (bits - 1 - place)) & 1
        result[name] = np.packbits(bits_NB)
    return result


def unpacked(
    weights: Mapping[str, np.ndarray], stated: Mapping[str, Any] | None, where: str
) -> dict[str, np.ndarray]:
    """The weights of a file as a checkpoint holds them; `packed` undone, to the bit.

    Raises:
        BadInputError: if they are not what the record says.
    """
    result = dict(weights)
    for name, bits, shape in _packed_names(stated, where):
        bytes_B, step_C = weights.get(name), weights.get(f"{name}.{STEP}")
        count = prod(shape)
        if (
            bytes_B is None or step_C is None or bytes_B.dtype != np.uint8 or step_C.dtype != np.float32
            or step_C.shape != (shape[0],)
            or bytes_B.shape != ((count * bits + 7) // 8,)
        ):  # fmt: skip
            raise BadInputError(f"{where}: weight '{name}' is not packed as its record says")
        bits_NB = np.unpackbits(bytes_B, count=count * bits).reshape(count, bits)
        plain_N = np.zeros(count, np.int32)
        for column in bits_NB.T:
            plain_N = 2 * plain_N + column
        q_CR = (plain_N - (2 ** (bits - 1) - 1)).reshape(shape[0], -1)
        result[name] = (q_CR.astype(np.float32) * step_C[:, None]).reshape(shape)
        if not np.isfinite(result[name]).all():
            raise BadInputError(f"{where}: weight '{name}' holds values that are not finite")
    return result


def _packed_names(stated: Mapping[str, Any] | None, where: str) -> list[tuple[str, int, tuple[int, ...]]]:
    """Names, bits and shapes of the weights on grids."""
    found = read_quantization(stated, where)
    layers = {name: found.layer(name) for name in found.layers}
    return [
        (f"{name}.{weight}", layer.weight_bits, tuple(shape))
        for name, layer in layers.items()
        if layer.weight_bits != FLOAT
        for weight, shape in layer.weights.items()
    ]
