"""Lines of a check."""

import dataclasses

import numpy as np
import pytest

from lexome.checkpoint.store import load
from lexome.tasks.checking import MAX_DIFFERENCE, difference_line, weights_line


def test_weights_that_are_no_numbers_are_named() -> None:
    model = load("r9.4.1_turbo")
    good = weights_line(model)
    assert (good.check, good.result) == ("weights", "pass")
    assert good.finding.startswith(f"{len(model.weights)} tensors")
    name = next(iter(model.weights))
    broken = np.full_like(model.weights[name], np.nan)
    bad = weights_line(dataclasses.replace(model, weights={**model.weights, name: broken}))
    assert (bad.result, bad.finding) == ("FAIL", f"not finite: {name}")


@pytest.mark.parametrize(
    ("difference", "result"),
    [(0.0, "pass"), (MAX_DIFFERENCE, "pass"), (2e-3, "FAIL"), (float("nan"), "FAIL")],
)
def test_engines_differ_by_rounding_only(difference: float, result: str) -> None:
    line = difference_line(difference, "3 chunks")
    assert line.result == result
    assert line.finding.endswith("3 chunks")
