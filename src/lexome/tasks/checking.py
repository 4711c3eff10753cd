"""What a check of a model finds, line by line, whatever the model is for."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from lexome.checkpoint.store import Checkpoint

MAX_DIFFERENCE = 1e-3  # between the engines' scores; rounding makes a hundredth of it

Result = Literal["pass", "FAIL", "warn", "info"]


@dataclass(frozen=True)
class CheckLine:
    """One check: what was looked at, how it came out, and what was found."""

    check: str
    result: Result
    finding: str


def weights_line(checkpoint: Checkpoint) -> CheckLine:
    """Whether all weights are numbers."""
    bad = [name for name, weight in checkpoint.weights.items() if not np.isfinite(weight).all()]
    if bad:
        return CheckLine("weights", "FAIL", f"not finite: {', '.join(bad)}")
    numbers = [weight for weight in checkpoint.weights.values() if weight.dtype.kind == "f"]  # no counters
    largest = max(float(np.abs(weight).max(initial=0)) for weight in numbers)
    return CheckLine(
        "weights", "pass", f"{len(checkpoint.weights)} tensors, one for every place, all finite; "
        f"largest value {largest:.3g}"
    )  # fmt: skip


def difference_line(difference: float, counted: str) -> CheckLine:
    """Whether the scores of the two engines are the same up to rounding; `counted` says of how much."""
    return alike_line("engines", difference, MAX_DIFFERENCE, "of onnx and torch", f", {counted}")


def alike_line(check: str, difference: float, allowed: float, what: str, more: str = "") -> CheckLine:
    """Whether scores made in two ways (`what`) are the same up to rounding; `more` ends the sentence."""
    alike = difference <= allowed  # false too if it is no number
    return CheckLine(
        check,
        "pass" if alike else "FAIL",
        f"scores {what} differ by up to {difference:.2g} (allowed {allowed:g}){more}",
    )
