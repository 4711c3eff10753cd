"""Labelled sets that a model was judged on: predictions, figures, and the table of them.

Legend: N sequences, K outputs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from lexome.evaluate.classification import figure_intervals, figures_of
from lexome.io.partial import explained, partial_of
from lexome.tasks.language.labelled import LabelledSet


@dataclass(frozen=True, eq=False)
class Judged:
    """A set that was judged: predictions, figures and their intervals."""

    labelled: LabelledSet
    predictions_NK: np.ndarray
    figures: dict[str, float | None]
    intervals: dict[str, tuple[float, float] | None]

    def text(self) -> str:
        """The figures with their intervals."""
        told = []
        for name, value in self.figures.items():
            ends = self.intervals.get(name)
            if value is not None:
                told.append(f"{name} {value:.4f}" + (f" ({ends[0]:.4f} to {ends[1]:.4f})" if ends else ""))
        return ", ".join(told)


def judge(labelled: LabelledSet, predictions_NK: Float[np.ndarray, "N K"]) -> Judged:
    """The figures of predictions, with bootstrap intervals over sequences."""
    kind = labelled.target.kind
    figures = figures_of(kind, predictions_NK, labelled.truth)
    return Judged(labelled, predictions_NK, figures, figure_intervals(kind, predictions_NK, labelled.truth))


def write_predictions(judged: Mapping[str, Judged], path: Path) -> None:
    """Writes all predictions: set, name, truth, then a probability per class or label, or a value."""
    target = next(iter(judged.values())).labelled.target
    names = [f"p_{name}" for name in target.names] if target.kind != "value" else ["prediction"]
    rows = ["\t".join(["set", "name", "truth", *names])]
    for name, one in judged.items():
        rows += _rows(name, one)
    partial = partial_of(path)
    with explained(path):
        partial.write_text("".join(f"{line}\n" for line in rows), encoding="utf-8")
        partial.replace(path)


def _rows(name: str, judged: Judged) -> Sequence[str]:
    labelled = judged.labelled
    target = labelled.target

    def truth(value: Any) -> str:
        if target.kind == "classes":
            return target.names[int(value)]
        if target.kind == "labels":
            return ";".join(label for label, is_on in zip(target.names, value, strict=True) if is_on)
        return f"{float(value):.6g}"

    return [
        "\t".join([name, key, truth(value), *(f"{p:.6g}" for p in row)])
        for key, value, row in zip(labelled.names, labelled.truth, judged.predictions_NK, strict=True)
    ]
