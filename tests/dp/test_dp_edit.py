"""The soft edit distance: against all walks one by one, gradcheck, bands, and inputs that make no sense."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck, gradgradcheck

from lexome.dp.edit import band_along, full_band, soft_edit_cost, soft_edit_cost_torch

seeds = st.integers(0, 10**6)
temperatures = st.sampled_from([0.0, 0.1, 1.0, 5.0])


def random_case(seed: int, columns: int, labels: int, windows: int = 1, scale: float = 2.0):
    """Log-probabilities in float64, targets, lengths (the first of them the longest)."""
    rng = np.random.default_rng(seed)
    scores = torch.from_numpy(scale * rng.standard_normal((windows, columns, 5)))
    lengths = torch.from_numpy(np.sort(rng.integers(0, labels + 1, windows))[::-1].copy())
    lengths[0] = labels
    return scores.log_softmax(-1), torch.from_numpy(rng.integers(1, 5, (windows, labels))), lengths


def all_walks(log_probs: np.ndarray, target: list[int], deletion: float, low, high) -> list[float]:
    """The price of every walk that stays in the band."""
    prices = []

    def walk(i: int, j: int, price: float) -> None:
        if not low[j] <= i <= high[j]:
            return
        if (i, j) == (len(target), len(log_probs)):
            prices.append(price)
            return
        if j < len(log_probs):
            walk(i, j + 1, price - log_probs[j, 0])
            if i < len(target):
                walk(i + 1, j + 1, price - log_probs[j, target[i]])
        if i < len(target):
            walk(i + 1, j, price + deletion)

    walk(0, 0, 0.0)
    return prices


def soft_minimum(prices: list[float], temperature: float) -> float:
    if temperature == 0:
        return min(prices)
    return -temperature * np.logaddexp.reduce(-np.array(prices) / temperature)


@given(st.integers(0, 5), st.integers(0, 4), seeds, temperatures, st.sampled_from([0.0, 0.7, 10.0]))
@settings(max_examples=80)
def test_both_forms_are_the_soft_minimum_of_all_walks(columns, labels, seed, temperature, deletion) -> None:
    log_probs, targets, lengths = random_case(seed, columns, labels)
    low, high = [0] * (columns + 1), [labels] * (columns + 1)
    prices = all_walks(log_probs[0].numpy(), targets[0].tolist(), deletion, low, high)
    for kernel in ("numba", "torch"):
        cost = soft_edit_cost(
            log_probs, targets, lengths, deletion_cost=deletion, temperature=temperature, kernel=kernel
        )
        assert float(cost) == pytest.approx(soft_minimum(prices, temperature), abs=1e-10)


@given(st.integers(1, 5), st.integers(0, 4), seeds, temperatures, st.integers(0, 3))
@settings(max_examples=80)
def test_a_band_leaves_out_the_walks_outside_it_and_nothing_else(
    columns, labels, seed, temperature, width
) -> None:
    log_probs, targets, lengths = random_case(seed, columns, labels)
    draft = torch.from_numpy(np.random.default_rng(seed).integers(0, 5, (1, columns)))
    low, high = band_along(draft, lengths, width)
    prices = all_walks(log_probs[0].numpy(), targets[0].tolist(), 1.5, low[0].tolist(), high[0].tolist())
    assert prices, "a band holds at least one whole walk"
    for kernel in ("numba", "torch"):
        cost = soft_edit_cost(
            log_probs, targets, lengths,
            deletion_cost=1.5, temperature=temperature, band=(low, high), kernel=kernel,
        )  # fmt: skip
        assert float(cost) == pytest.approx(soft_minimum(prices, temperature), abs=1e-10)


@given(st.integers(1, 40), st.integers(0, 30), seeds, st.sampled_from([0.05, 0.1, 1.0]), st.booleans())
@settings(max_examples=40)
def test_kernel_and_torch_agree_in_cost_and_gradient(columns, labels, seed, temperature, banded) -> None:
    log_probs, targets, lengths = random_case(seed, columns, labels, windows=3, scale=4.0)
    draft = torch.from_numpy(np.random.default_rng(seed).integers(0, 5, (3, columns)))
    band = band_along(draft, lengths, 3) if banded else None
    found = []
    for kernel in ("numba", "torch"):
        leaf = log_probs.clone().requires_grad_()
        cost = soft_edit_cost(leaf, targets, lengths, temperature=temperature, band=band, kernel=kernel)
        (cost * torch.tensor([1.0, -2.0, 0.5])).sum().backward()
        found.append((cost.detach(), leaf.grad))
    torch.testing.assert_close(found[0], found[1], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kernel", ["numba", "torch"])
@pytest.mark.parametrize("temperature", [0.1, 1.0])
def test_the_gradient_is_that_of_the_cost(kernel, temperature) -> None:
    log_probs, targets, lengths = random_case(3, 6, 4, windows=2)
    band = band_along(torch.tensor([[1, 0, 2, 3, 0, 1], [0, 0, 1, 2, 4, 0]]), lengths, 2)

    def cost(x: torch.Tensor) -> torch.Tensor:
        return soft_edit_cost(
            x, targets, lengths, deletion_cost=2.0, temperature=temperature, band=band, kernel=kernel
        )

    leaf = log_probs.requires_grad_()
    assert gradcheck(cost, (leaf,))
    if kernel == "torch":
        assert gradgradcheck(cost, (leaf,))


def test_the_hard_gradient_marks_one_best_walk() -> None:
    log_probs, targets, lengths = random_case(5, 12, 7)
    leaf = log_probs.requires_grad_()
    cost = soft_edit_cost(leaf, targets, lengths, temperature=0.0)
    cost.sum().backward()
    assert leaf.grad is not None
    assert set(leaf.grad.unique().tolist()) == {-1.0, 0.0}
    assert (leaf.grad.sum(-1) == -1).all(), "every column is spent once"


def test_a_wide_band_is_none_and_a_narrow_one_costs_no_less() -> None:
    log_probs, targets, lengths = random_case(11, 50, 30, windows=4)
    lengths = torch.full((4,), 30)
    draft = (torch.arange(50) < 30).long().expand(4, -1)  # far from the best walk, which uses all columns
    full = soft_edit_cost(log_probs, targets, lengths)
    costs = [
        soft_edit_cost(log_probs, targets, lengths, band=band_along(draft, lengths, width))
        for width in (0, 2, 5, 30)
    ]
    for narrow, wide in zip(costs, costs[1:], strict=False):
        assert (narrow >= wide - 1e-12).all()
    assert (costs[0] > full + 1).any()
    torch.testing.assert_close(costs[-1], full, rtol=0, atol=1e-12)
    assert all(torch.equal(a, b) for a, b in zip(band_along(draft, lengths, 30), full_band(50, lengths)))  # noqa: B905


@given(st.integers(1, 30), st.integers(0, 30), seeds, st.integers(0, 4))
@settings(max_examples=60)
def test_a_band_holds_both_ends_and_never_falls(columns, labels, seed, width) -> None:
    draft = torch.from_numpy(np.random.default_rng(seed).integers(0, 3, (2, columns)))
    lengths = torch.tensor([labels, labels // 2])
    low, high = band_along(draft, lengths, width)
    assert (low[:, 0] == 0).all()
    assert torch.equal(high[:, -1], lengths)
    assert (low.diff(dim=1) >= 0).all()
    assert (high.diff(dim=1) >= 0).all()
    assert (low <= high).all()


@pytest.mark.parametrize("kernel", ["numba", "torch"])
def test_what_cannot_be_or_is_no_number_has_no_gradient_and_harms_no_other(kernel) -> None:
    scores = torch.zeros(3, 4, 5, dtype=torch.float64)
    scores[0, 2] = -torch.inf  # this column can be nothing
    scores[1, 0, 3] = torch.nan
    leaf = scores.requires_grad_()
    targets, lengths = torch.tensor([[1, 2], [1, 2], [1, 2]]), torch.tensor([2, 2, 2])
    cost = soft_edit_cost(leaf, targets, lengths, kernel=kernel)
    infinite, no_number, finite = cost.tolist()
    assert infinite == math.inf
    assert math.isnan(no_number)
    assert math.isfinite(finite)
    cost[2].backward()
    assert leaf.grad is not None
    assert torch.isfinite(leaf.grad).all()
    assert not leaf.grad[:2].any()
    assert leaf.grad[2].sum() == pytest.approx(-4)


@pytest.mark.parametrize("kernel", ["numba", "torch"])
def test_extreme_scores_stay_finite(kernel) -> None:
    """Differences of a million nats: nothing overflows, and what matters is exact."""
    log_probs = torch.full((1, 3, 5), -1e6, dtype=torch.float64)
    log_probs[0, [0, 1, 2], [1, 0, 2]] = 0.0
    leaf = log_probs.requires_grad_()
    cost = soft_edit_cost(leaf, torch.tensor([[1, 2]]), torch.tensor([2]), kernel=kernel)
    cost.sum().backward()
    assert cost.item() == 0
    assert leaf.grad is not None
    assert leaf.grad[0, [0, 1, 2], [1, 0, 2]].tolist() == [-1, -1, -1]


def test_half_precision_results_keep_their_type() -> None:
    log_probs, targets, lengths = random_case(1, 6, 3)
    leaf = log_probs.float().requires_grad_()
    cost = soft_edit_cost(leaf, targets, lengths)
    cost.sum().backward()
    assert cost.dtype == torch.float32
    assert leaf.grad is not None
    assert leaf.grad.dtype == torch.float32


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"deletion_cost": -1.0}, "deletion_cost"),
        ({"temperature": float("inf")}, "temperature"),
        ({"lengths_N": torch.tensor([4])}, "beyond its row of 3"),
        ({"lengths_N": torch.tensor([-1])}, "below 0"),
        ({"targets_NL": torch.tensor([[1, 5, 1]])}, "no label"),
        ({"targets_NL": torch.tensor([[1, 0, 1]])}, "no label"),
        ({"band": full_band(4, torch.tensor([3]))}, "one place more"),
    ],
)
def test_what_makes_no_sense_is_refused(changes, complaint) -> None:
    log_probs, targets, _ = random_case(0, 6, 3)
    arguments = {"targets_NL": targets, "lengths_N": torch.tensor([3])} | changes
    with pytest.raises(ValueError, match=complaint):
        soft_edit_cost(log_probs, **arguments)


def test_a_band_of_no_width_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 0"):
        band_along(torch.zeros(1, 3, dtype=torch.long), torch.tensor([2]), -1)


def test_padding_of_targets_does_not_matter() -> None:
    log_probs, targets, _ = random_case(0, 6, 4, windows=2)
    lengths = torch.tensor([4, 2])
    other = targets.clone()
    other[1, 2:] = 99
    for kernel in ("numba", "torch"):
        a, b = (soft_edit_cost(log_probs, t, lengths, kernel=kernel) for t in (targets, other))
        assert torch.equal(a, b)
    full = full_band(6, lengths)
    direct = soft_edit_cost_torch(log_probs, targets, lengths, *full, deletion_cost=10.0, temperature=0.1)
    torch.testing.assert_close(direct, soft_edit_cost(log_probs, targets, lengths))
