"""Calibration: what was seen, and the steps that are chosen."""

import numpy as np
import pytest
import torch

from lexome.compress.ranges import CANDIDATES, Seen, input_steps, weight_steps
from lexome.nn.fake_quant import input_grid, rounded_input, rounded_weight


def seen_of(*batches: torch.Tensor) -> Seen:
    seen = Seen(1 << 16)
    for batch in batches:
        seen.add(batch)
    return seen


def test_extremes_are_of_everything_and_the_sample_of_some() -> None:
    seen = Seen(100)
    rng = np.random.default_rng(0)
    batches = [torch.from_numpy(rng.normal(size=(10, 200)).astype(np.float32)) for _ in range(2)]
    for batch in batches:
        seen.add(batch)
    whole = torch.cat(batches)
    assert (seen.low, seen.high) == (float(whole.min()), float(whole.max()))
    assert [len(part) for part in seen.sample] == [96, 96]  # every 21st of 2000
    torch.testing.assert_close(seen.sample[1], batches[1].reshape(-1)[::21])


def test_the_largest_number_is_on_the_grid() -> None:
    weight = torch.tensor([[0.5, -1.0], [3.0, 0.0], [0.0, 0.0]])
    torch.testing.assert_close(weight_steps(weight, 3, "max", 99.0), torch.tensor([1 / 3, 1.0, 1.0]))


def test_a_percentile_leaves_the_rest_out() -> None:
    weight = torch.arange(101.0)[None]
    assert float(weight_steps(weight, 8, "percentile", 90.0)) == pytest.approx(90 / 127)
    seen = seen_of(torch.arange(-20.0, 81.0))
    assert input_steps(seen, 8, "percentile", 90.0) == pytest.approx(input_grid(-10.0, 70.0, 8))


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_no_candidate_has_less_error(bits: int) -> None:
    rng = np.random.default_rng(bits)
    weight = torch.from_numpy(rng.standard_t(3, size=(4, 200)).astype(np.float32))
    found = weight_steps(weight, bits, "mse", 99.0)
    torch.testing.assert_close(found, weight_steps(weight, bits, "learned", 99.0))
    top = 2 ** (bits - 1) - 1
    for row, step in zip(weight, found, strict=True):
        errors = []
        for part in CANDIDATES:
            tried = (row.abs().max() * part / top)[None]
            errors.append(float((rounded_weight(row[None], tried, bits) - row).square().sum()))
        own = float((rounded_weight(row[None], step[None], bits) - row).square().sum())
        assert own == pytest.approx(min(errors), rel=1e-5)
        assert step <= row.abs().max() / top * 1.0001


def test_an_inputs_range_is_cut_where_that_loses_less() -> None:
    rng = np.random.default_rng(1)
    values = torch.from_numpy(rng.normal(size=20_000).astype(np.float32))
    values[7] = 60.0  # an outlier

    def error(grid: tuple[float, float]) -> float:
        step, zero = (torch.tensor(number) for number in grid)
        return float((rounded_input(values, step, zero, 4) - values).square().sum())

    seen = seen_of(values)
    cut, whole = (input_steps(seen, 4, kind, 99.0) for kind in ("mse", "max"))  # type: ignore[arg-type]
    assert whole == pytest.approx(input_grid(float(values.min()), 60.0, 4))
    assert cut[0] < whole[0] / 2
    assert error(cut) < 0.7 * error(whole)


def test_what_is_never_below_0_has_no_grid_there() -> None:
    assert input_steps(seen_of(torch.linspace(0, 3, 100)), 8, "mse", 99.0)[1] == 0
