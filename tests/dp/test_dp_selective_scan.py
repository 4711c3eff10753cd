"""Mamba's compiled recurrence against scans in torch: outputs and gradients."""

import pytest
import torch

from lexome.dp.selective_scan import can_loop
from lexome.models.mamba import state_space
from lexome.nn.mamba import by_scans


def inputs(batch: int, steps: int, inner: int, states: int, dtype: torch.dtype) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(7)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator, dtype=dtype)

    step = torch.nn.functional.softplus(draw(batch, steps, inner))
    return [
        step,
        draw(batch, steps, inner),
        draw(inner, states),
        draw(batch, steps, states),
        draw(batch, steps, states),
    ]


@pytest.mark.parametrize("shape", [(2, 13, 5, 3), (1, 1, 1, 1), (3, 2, 8, 16)])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_outputs_and_gradients_are_those_of_scans(
    shape: tuple[int, int, int, int], dtype: torch.dtype
) -> None:
    results = []
    for way in (state_space, by_scans):
        given = [one.requires_grad_() for one in inputs(*shape, dtype)]
        y = way(*given)
        weights = torch.linspace(-1, 2, y.numel(), dtype=dtype).reshape(y.shape)
        results.append([y, *torch.autograd.grad((y * weights).sum(), given)])
    for one, other in zip(*results, strict=True):
        assert one.shape == other.shape
        torch.testing.assert_close(one, other, rtol=1e-4 if dtype is torch.float32 else 1e-10, atol=1e-5)


def test_gradients_are_right_by_differences() -> None:
    given = [one.requires_grad_() for one in inputs(2, 4, 3, 2, torch.float64)]
    assert torch.autograd.gradcheck(state_space, given)


def test_views_are_taken_as_they_are() -> None:
    step, added, log_a, b, c = inputs(2, 6, 4, 3, torch.float64)
    both = torch.cat([b, c], -1)
    split = both.split([3, 3], -1)
    assert not split[1].is_contiguous()
    found = state_space(step.flip(1).flip(1), added, log_a, *split)
    torch.testing.assert_close(found, by_scans(step, added, log_a, b, c))


def test_no_number_is_needed_on_meta() -> None:
    assert not can_loop(torch.empty(2, 3, device="meta"))
    assert not can_loop(torch.empty(0, 3))
    assert not can_loop(torch.empty(2, 3, dtype=torch.bfloat16))
    assert can_loop(torch.empty(2, 3))
