"""From the probability that a base is wrong to its quality (numpy). Legend: L bases."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

MIN_QUALITY, MAX_QUALITY = 1.0, 50.0
MIN_ERROR = 1e-10


@dataclass(frozen=True)
class QualityScale:
    """How a model's own doubt becomes a Phred quality: Q = -10 log10(error) * `scale` + `bias`.

    `ceiling` is the quality that the surest bases come close to: 10^(-ceiling / 10) is added to the error
    that Q stands for, as some errors show in no score. None: nothing is, as in ONT's models.
    """

    scale: float = 1.0
    bias: float = 0.0
    ceiling: float | None = None

    def __call__(self, error_L: Float[np.ndarray, " L"]) -> UInt8[np.ndarray, " L"]:
        """Qualities within 1 to 50, rounded (a half up).

        Args:
            error_L: probability that each base is wrong, as the model has it.

        Returns:
            One per base.
        """
        quality_L = self.line(-10 * np.log10(np.maximum(error_L, MIN_ERROR)))
        return np.floor(np.clip(quality_L, MIN_QUALITY, MAX_QUALITY) + 0.5).astype(np.uint8)

    def line(self, raw_L: Float[np.ndarray, " L"]) -> Float[np.ndarray, " L"]:
        """What raw qualities become, neither bounded nor rounded."""
        quality_L = raw_L * self.scale + self.bias
        if self.ceiling is None:
            return quality_L
        return -10 * np.log10(10 ** (-quality_L / 10) + 10 ** (-self.ceiling / 10))


def quality_scale(config: Mapping[str, Any]) -> QualityScale:
    """That of a head's configuration: its keys qscore_scale, qscore_bias and qscore_ceiling."""
    return QualityScale(
        config.get("qscore_scale", 1.0), config.get("qscore_bias", 0.0), config.get("qscore_ceiling")
    )
