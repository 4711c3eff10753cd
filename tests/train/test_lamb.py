"""LAMB against the formulas of its paper, written out plainly in numpy."""

import numpy as np
import torch
from torch import nn

from lexome.train.lamb import EPS, Lamb
from lexome.train.optim import OptimConfig, build_optimizer


def gradients(shape: tuple[int, ...], steps: int) -> list[np.ndarray]:
    rng = np.random.default_rng(4)
    return [rng.normal(size=shape) for _ in range(steps)]


def plain(weights: np.ndarray, given: list[np.ndarray], lr: float, decay: float, trust: bool) -> np.ndarray:
    m, v = np.zeros_like(weights), np.zeros_like(weights)
    for t, gradient in enumerate(given, 1):
        m = 0.9 * m + 0.1 * gradient
        v = 0.999 * v + 0.001 * gradient**2
        update = (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + EPS) + decay * weights
        ratio = np.linalg.norm(weights) / np.linalg.norm(update) if trust else 1.0
        weights = weights - lr * ratio * update
    return weights


def run(weights: np.ndarray, given: list[np.ndarray], optimizer_of) -> np.ndarray:
    parameter = nn.Parameter(torch.from_numpy(weights.copy()))
    optimizer = optimizer_of(parameter)
    for gradient in given:
        parameter.grad = torch.from_numpy(gradient)
        optimizer.step()
    return parameter.detach().numpy()


def test_steps_are_those_of_the_paper() -> None:
    weights = np.random.default_rng(1).normal(size=(5, 3))
    given = gradients((5, 3), 7)
    found = run(weights, given, lambda p: Lamb([p], lr=0.02, weight_decay=0.3))
    np.testing.assert_allclose(found, plain(weights, given, 0.02, 0.3, True), rtol=1e-10)


def test_a_matrix_moves_by_a_share_of_its_own_norm_and_a_bias_as_adam_moves_it() -> None:
    config = OptimConfig(lr=0.01, optimizer="lamb", weight_decay=0.0)
    for scale in (1e-3, 1.0, 1e3):
        weights = np.random.default_rng(2).normal(size=(4, 4)) * scale
        moved = run(weights, gradients((4, 4), 1), lambda p: build_optimizer([p], config)) - weights
        np.testing.assert_allclose(np.linalg.norm(moved) / np.linalg.norm(weights), 0.01, rtol=1e-6)
    bias, given = np.arange(1.0, 5.0), gradients((4,), 5)
    found = run(bias, given, lambda p: build_optimizer([p], config))
    np.testing.assert_allclose(found, plain(bias, given, 0.01, 0.0, False), rtol=1e-10)
    adam = run(bias, given, lambda p: torch.optim.AdamW([p], lr=0.01, weight_decay=0.0, eps=EPS))
    np.testing.assert_allclose(found, adam, rtol=1e-6)


def test_weights_of_zero_begin_to_move() -> None:
    zeros = np.zeros((3, 2))
    found = run(zeros, gradients((3, 2), 1), lambda p: Lamb([p], lr=0.1))
    assert np.all(np.abs(found) > 0.09)


def test_a_closure_is_asked_and_its_loss_given_back() -> None:
    parameter = nn.Parameter(torch.ones(2, 2))
    optimizer = Lamb([parameter], lr=0.1)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = (parameter**2).sum()
        loss.backward()
        return loss

    assert float(optimizer.step(closure).detach()) == 4.0
    assert float((parameter**2).sum().detach()) < 4.0


def test_its_state_goes_on_where_it_was_left() -> None:
    weights = np.random.default_rng(3).normal(size=(4, 2))
    given = gradients((4, 2), 6)
    whole = run(weights, given, lambda p: Lamb([p], lr=0.05))
    first = nn.Parameter(torch.from_numpy(weights.copy()))
    before = Lamb([first], lr=0.05)
    for gradient in given[:3]:
        first.grad = torch.from_numpy(gradient)
        before.step()
    second = nn.Parameter(first.detach().clone())
    after = Lamb([second], lr=0.05)
    after.load_state_dict(before.state_dict())
    for gradient in given[3:]:
        second.grad = torch.from_numpy(gradient)
        after.step()
    np.testing.assert_array_equal(second.detach().numpy(), whole)
