"""Principal components of vectors that come in parts.

Shapes: N vectors, D features, C components.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True)
class Components:
    """The directions in which vectors vary most.

    Attributes:
        mean_D: of the vectors.
        axes_CD: unit vectors, the one of the largest variance first; of each the feature with the largest
            part is positive, so that the same vectors give the same signs.
        explained_C: part of the whole variance along each.
    """

    mean_D: Float[np.ndarray, " D"]
    axes_CD: Float[np.ndarray, "C D"]
    explained_C: Float[np.ndarray, " C"]

    def project(self, values_ND: Float[np.ndarray, "N D"]) -> Float[np.ndarray, "N C"]:
        """Coordinates of vectors along the axes, from the mean."""
        return (values_ND - self.mean_D) @ self.axes_CD.T


class Moments:
    """Mean and covariance of vectors, summed up part by part in double precision."""

    def __init__(self, features: int) -> None:
        self.count = 0
        self._shift_D = np.zeros(features)  # near the mean, so that the squares do not cancel
        self._sum_D = np.zeros(features)
        self._products_DD = np.zeros((features, features))

    def add(self, values_ND: Float[np.ndarray, "N D"]) -> None:
        """Takes in some vectors."""
        values_ND = values_ND.astype(np.float64)
        if self.count == 0 and len(values_ND):
            self._shift_D = values_ND.mean(axis=0)
        moved_ND = values_ND - self._shift_D
        self.count += len(values_ND)
        self._sum_D += moved_ND.sum(axis=0)
        self._products_DD += moved_ND.T @ moved_ND

    def components(self, count: int) -> Components:
        """The first components, at most as many as there are features.

        Raises:
            ValueError: without vectors, or for fewer than one component.
        """
        if self.count == 0 or count < 1:
            raise ValueError("components need one vector, and there is at least one of them")
        mean_D = self._sum_D / self.count
        covariance_DD = self._products_DD / self.count - np.outer(mean_D, mean_D)
        variance_D, axes_DD = np.linalg.eigh(covariance_DD)  # ascending, axes in columns
        largest = slice(None, -count - 1, -1)
        variance_C, axes_CD = variance_D[largest].clip(min=0), axes_DD[:, largest].T
        strongest_C = np.abs(axes_CD).argmax(axis=1)
        signs_C = np.sign(axes_CD[np.arange(len(axes_CD)), strongest_C])
        whole = float(np.trace(covariance_DD))
        explained_C = variance_C / whole if whole > 0 else np.zeros(len(variance_C))
        return Components(self._shift_D + mean_D, axes_CD * signs_C[:, None], explained_C)
