"""Costs of the networks of a space: expected, least, within a target, all against enumeration."""

from collections.abc import Iterator
from itertools import product
from math import log, prod

import numpy as np
import pytest
import torch

from lexome.compress.space import ConvolutionSpace, Kind, Stage
from lexome.compress.space_costs import SpaceCosts
from lexome.core.errors import UsageError
from lexome.nn.separable import SeparableConfig

SPACE = ConvolutionSpace(
    stages=(
        Stage((2, 4), (3, 5), layers=2, bits=((32, 32), (4, 4)), stride=2),
        Stage((4, 6), (3,), kinds=(Kind(), Kind(separable=False)), layers=2),
    ),
    tail=(SeparableConfig(3, 1),),
)


def random_costs(seed: int) -> SpaceCosts:
    rng = np.random.default_rng(seed)
    return SpaceCosts(SPACE, {key: float(rng.uniform(1, 100)) for key in SPACE.operations()}, "pebbles")


def all_choices() -> Iterator[dict[str, int]]:
    names = [slot.name for slot in SPACE.slots]
    for options in product(*(range(len(slot.options)) for slot in SPACE.slots)):
        yield dict(zip(names, options, strict=True))


def random_probabilities(seed: int) -> dict[str, torch.Tensor]:
    torch.manual_seed(seed)
    sizes = {slot.name: len(slot.options) for slot in SPACE.slots if len(slot.options) > 1}
    return {name: torch.randn(size).double().mul(2).softmax(0) for name, size in sizes.items()}


def of_blocks(costs: dict[str, float], choices: dict[str, int]) -> float:
    """The cost of a network, from its configuration alone."""
    total, width = 0.0, 1
    for (layer, block, bits), plain in zip(
        SPACE.blocks(choices), SPACE.architecture(choices)["config"]["blocks"], strict=True
    ):
        assert block.size == plain["size"]
        operations = {key: one for key, one in SPACE.operations().items() if one.config["blocks"][0] == plain}
        (key,) = [
            key
            for key, one in operations.items()
            if one.in_channels == width
            and one.samples_per_step == layer.samples_per_step
            and key.endswith(f"bits {bits[0]}/{bits[1]}")
        ]
        total, width = total + costs[key], block.size
    return total


def test_a_network_costs_what_its_blocks_cost() -> None:
    rng = np.random.default_rng(3)
    by_key = {key: float(rng.uniform(1, 100)) for key in SPACE.operations()}
    costs = SpaceCosts(SPACE, by_key, "pebbles")
    everything = list(all_choices())
    for number in rng.integers(len(everything), size=40):
        choices = everything[number]
        assert costs.of(choices) == pytest.approx(of_blocks(by_key, choices))


@pytest.mark.parametrize("seed", range(2))
def test_the_expected_cost_and_its_gradient_are_those_of_enumeration(seed: int) -> None:
    costs = random_costs(seed)
    logits = {name: p.log().requires_grad_(True) for name, p in random_probabilities(seed).items()}
    found = costs.expected({name: alpha.softmax(0) for name, alpha in logits.items()})
    probabilities = {name: alpha.softmax(0) for name, alpha in logits.items()}
    slow = torch.zeros((), dtype=torch.float64)
    for choices in all_choices():
        slow = slow + prod((p[choices[name]] for name, p in probabilities.items())) * costs.of(choices)
    assert float(found.detach()) == pytest.approx(float(slow.detach()))
    ours = torch.autograd.grad(found, list(logits.values()))
    theirs = torch.autograd.grad(slow, list(logits.values()))
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("seed", range(5))
def test_the_cheapest_network_is_that_of_enumeration(seed: int) -> None:
    costs = random_costs(seed)
    least = min(costs.of(choices) for choices in all_choices())
    assert costs.of(costs.cheapest()) == pytest.approx(least)
    costs.check_target(least)
    with pytest.raises(UsageError, match=r"pebbles or less: the least possible is [\d.]+; raise --target"):
        costs.check_target(least * 0.999)


@pytest.mark.parametrize("seed", range(3))
def test_what_is_too_expensive_is_changed_until_it_fits(seed: int) -> None:
    costs, probabilities = random_costs(seed), random_probabilities(seed)
    fixed = {slot.name: 0 for slot in SPACE.slots if len(slot.options) == 1}
    likeliest = fixed | {name: int(p.argmax()) for name, p in probabilities.items()}
    assert costs.within(likeliest, probabilities, costs.of(likeliest)) == likeliest
    dearest = max(costs.of(choices) for choices in all_choices())

    def likelihood(choices: dict[str, int]) -> float:
        return sum(log(p[choices[name]]) for name, p in probabilities.items())

    for target in np.linspace(costs.of(costs.cheapest()), dearest, 6):
        found = costs.within(likeliest, probabilities, float(target))
        assert costs.of(found) <= target
        # no single choice can be taken back
        for name in found:
            back = {**found, name: likeliest[name]}
            if back != found and likelihood(back) > likelihood(found) + 1e-9:
                assert costs.of(back) > target


def test_other_costs_have_another_digest() -> None:
    assert random_costs(0).digest() == random_costs(0).digest()
    assert random_costs(0).digest() != random_costs(1).digest()
