"""What every contender of a benchmark offers, and what it gives back.

Legend: N sequences, K outputs.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from jaxtyping import Float

from lexome.tasks.language.finetune import Listener
from lexome.tasks.language.gue_sets import BenchmarkSet
from lexome.tasks.language.gue_splits import Trial

Role = Literal["model", "scratch", "cnn", "kmer", "majority"]


@dataclass(frozen=True, eq=False)
class Answer:
    """What a contender says of the tested sequences of a trial, and what that took.

    Attributes:
        predictions_NK: probabilities or values.
        cpu_s: CPU seconds of training, and of choosing the network; scoring the tested set is not counted.
        parameters: all trained or pre-trained numbers; None where there is no training.
        network_parameters: those of a network that every token is multiplied with; None for other models.
        bases_per_token: of the tested sequences; None without tokens.
        steps: of the training; None without steps.
        best_step: the one that was chosen.
    """

    predictions_NK: Float[np.ndarray, "N K"]
    cpu_s: float
    parameters: int | None = None
    network_parameters: int | None = None
    bases_per_token: float | None = None
    steps: int | None = None
    best_step: int | None = None


class Contender(Protocol):
    """One that competes."""

    @property
    def name(self) -> str:
        """Its column in tables."""
        ...

    @property
    def role(self) -> Role:
        """What kind of contender it is."""
        ...

    @property
    def is_drawn(self) -> bool:
        """Whether its result depends on a seed."""
        ...

    def settings(self, described: BenchmarkSet) -> dict[str, Any]:
        """All that decides its result on a set, but seed and data; JSON values."""
        ...

    def answer(
        self, described: BenchmarkSet, trial: Trial, seed: int, folder: Path, listener: Listener
    ) -> Answer:
        """Trains on a trial and predicts the tested set; works in an existing folder, and goes on there."""
        ...
