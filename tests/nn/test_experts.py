"""Mixtures of experts and fast feed-forward blocks against loops over places."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lexome.nn.experts import Experts, ExpertsConfig, ExpertWeights, FastConfig, FastFeedForward


def randomise(module: nn.Module) -> None:
    torch.manual_seed(0)
    for parameter in module.parameters():
        nn.init.normal_(parameter)


def block(weights: ExpertWeights, expert: int, x_D: Tensor) -> Tensor:
    hidden = (x_D @ weights.into_XDH[expert] + weights.into_bias_XH[expert]).clamp(min=0)
    return hidden @ weights.out_XHD[expert] + weights.out_bias_XD[expert]


@pytest.mark.parametrize("grouped", [False, True])
def test_each_place_gets_the_weighted_sum_of_its_best_experts(grouped: bool) -> None:
    one = Experts(4, ExpertsConfig(5, 6, chosen=3, grouped=grouped))
    randomise(one)
    x = torch.randn(2, 7, 4)
    y = one(x)
    for n in range(2):
        for t in range(7):
            gates = one.gate.weight @ x[n, t]
            best = sorted(range(6), key=lambda e: -gates[e].item())[:3]
            share = torch.softmax(gates[best], 0)
            expected = sum(s * block(one.weights, e, x[n, t]) for s, e in zip(share, best, strict=True))
            torch.testing.assert_close(y[n, t], expected, rtol=1e-4, atol=1e-4)


def test_grouping_changes_neither_numbers_nor_gradients() -> None:
    results = []
    for grouped in (False, True):
        one = Experts(4, ExpertsConfig(5, 6, grouped=grouped)).double()
        randomise(one)
        x = torch.randn(
            2, 7, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1)
        ).requires_grad_()
        y = one(x)
        results.append([y, *torch.autograd.grad(y.square().sum(), [x, *one.parameters()])])
    for found, expected in zip(*results, strict=True):
        torch.testing.assert_close(found, expected)


def test_an_expert_runs_on_its_own_places_only(monkeypatch: pytest.MonkeyPatch) -> None:
    one = Experts(4, ExpertsConfig(5, 6, chosen=2, grouped=True))
    randomise(one)
    seen: list[int] = []
    plain = ExpertWeights.one

    def counted(self: ExpertWeights, x_PD: Tensor, expert: int) -> Tensor:
        seen.append(len(x_PD))
        return plain(self, x_PD, expert)

    monkeypatch.setattr(ExpertWeights, "one", counted)
    one(torch.randn(2, 7, 4))
    assert sum(seen) == 2 * 14


def test_a_fast_block_follows_its_questions_to_one_leaf() -> None:
    one = FastFeedForward(4, FastConfig(3, 3)).eval()
    randomise(one)
    x = torch.randn(1, 20, 4)
    y, leaves = one(x), set()
    for t in range(20):
        node = 0
        for _ in range(3):
            right = (one.nodes.weight[node] @ x[0, t] + one.nodes.bias[node]).item() > 0
            node = 2 * node + 1 + right
        leaves.add(node - 7)
        torch.testing.assert_close(y[0, t], block(one.leaves, node - 7, x[0, t]), rtol=1e-4, atol=1e-4)
    assert len(leaves) > 3


def test_in_training_all_leaves_answer_with_the_probability_of_their_path() -> None:
    one = FastFeedForward(4, FastConfig(3, 2)).train()
    randomise(one)
    x = torch.randn(1, 5, 4)
    y = one(x)
    for t in range(5):
        a, b, c = torch.sigmoid(one.nodes(x[0, t]))
        shares = [(1 - a) * (1 - b), (1 - a) * b, a * (1 - c), a * c]
        expected = sum(s * block(one.leaves, leaf, x[0, t]) for leaf, s in enumerate(shares))
        torch.testing.assert_close(y[0, t], expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("config", "wrong"),
    [
        (ExpertsConfig, {"hidden": 0, "experts": 4}),
        (ExpertsConfig, {"hidden": 4, "experts": 4, "chosen": 1}),
        (ExpertsConfig, {"hidden": 4, "experts": 4, "chosen": 5}),
        (FastConfig, {"leaf": 0, "depth": 2}),
        (FastConfig, {"leaf": 2, "depth": 11}),
    ],
)
def test_senseless_configs_are_refused(config: Any, wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"positive|can be chosen"):
        config(**wrong)
