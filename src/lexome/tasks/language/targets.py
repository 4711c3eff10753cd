"""What a model of sequences says of each: one of several classes, any number of labels, or a value."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from lexome.core.config import from_dict
from lexome.core.errors import BadInputError

Kind = Literal["classes", "labels", "value"]


@dataclass(frozen=True)
class Target:
    """The meaning of a network's outputs; checkpoints keep it as `features["target"]`.

    Attributes:
        kind: "classes": exactly one of `names`; "labels": each of `names` or not; "value": a number.
        names: of the outputs, in their order; for a value one, the name of its column.
        mean: of the training values; the network's output times `scale` plus this is the value.
        scale: their standard deviation; 1 where there is no value.
    """

    kind: Kind
    names: tuple[str, ...]
    mean: float = 0.0
    scale: float = 1.0

    def __post_init__(self) -> None:
        least = {"classes": 2, "labels": 1, "value": 1}[self.kind]
        if len(self.names) < least or (self.kind == "value" and len(self.names) > 1):
            raise ValueError(f"{len(self.names)} names do not make a target of kind '{self.kind}'")
        if len(set(self.names)) < len(self.names):
            raise ValueError("two outputs have the same name")
        if not self.scale > 0:
            raise ValueError("scale must be positive")

    @property
    def num_outputs(self) -> int:
        """Outputs of the network."""
        return len(self.names)

    def predictions(self, scores_NK: Float[np.ndarray, "N K"]) -> Float[np.ndarray, "N K"]:
        """Probabilities of the classes or labels, or values, from the network's scores."""
        scores = scores_NK.astype(np.float64)
        if self.kind == "value":
            return scores * self.scale + self.mean
        if self.kind == "labels":
            return 0.5 + 0.5 * np.tanh(0.5 * scores)  # the logistic function, without overflow
        odds = np.exp(scores - scores.max(axis=1, keepdims=True))
        return odds / odds.sum(axis=1, keepdims=True)


def target_from(data: Mapping[str, Any], where: str) -> Target:
    """Reads a target out of a checkpoint.

    Raises:
        BadInputError: if it is none.
    """
    try:
        return from_dict(Target, data, where)
    except Exception as error:
        raise BadInputError(f"{where}: {error}") from error
