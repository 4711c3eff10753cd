"""The linear recurrence in rounds against the loop, values and gradients."""

import pytest
import torch

from lexome.nn.scan import linear_loop, linear_scan


@pytest.mark.parametrize("steps", [1, 2, 3, 7, 8, 33, 100])
def test_the_scan_is_the_loop(steps: int) -> None:
    generator = torch.Generator().manual_seed(steps)
    a = torch.rand(2, steps, 3, generator=generator, dtype=torch.float64, requires_grad=True)
    b = torch.randn(2, steps, 3, generator=generator, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(2, steps, 3, generator=generator, dtype=torch.float64)
    results = []
    for function in (linear_scan, linear_loop):
        h = function(a, b)
        results.append((h, *torch.autograd.grad((h * weights).sum(), (a, b))))
    for fast, slow in zip(*results, strict=True):
        torch.testing.assert_close(fast, slow, rtol=1e-12, atol=1e-12)


def test_gradients_agree_with_differences() -> None:
    torch.manual_seed(0)
    a = torch.rand(1, 5, 2, dtype=torch.float64, requires_grad=True)
    b = torch.randn(1, 5, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(linear_scan, (a, b))


def test_factors_of_one_add_up_and_of_zero_forget() -> None:
    b = torch.arange(1.0, 6)[None, :, None]
    assert linear_scan(torch.ones_like(b), b).flatten().tolist() == [1, 3, 6, 10, 15]
    assert torch.equal(linear_scan(torch.zeros_like(b), b), b)
