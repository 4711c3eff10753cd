"""The learning-rate schedule, weight decay and clipping, against numbers by hand."""

import math

import pytest
import torch
from torch import nn

from lexome.train.optim import GradientClip, OptimConfig, build_optimizer, learning_rate


def test_learning_rate() -> None:
    config = OptimConfig(lr=2.0, warmup_steps=100, final_lr=0.1)
    rates = [learning_rate(config, step, 1100) for step in (0, 50, 100, 600, 1100, 2000)]
    assert rates == pytest.approx([0.2, 1.1, 2.0, 2.0 * (0.1 + 0.9 * 0.5), 0.2, 0.2])
    assert learning_rate(config, 350, 1100) == pytest.approx(2 * (0.1 + 0.9 * (1 + math.sqrt(0.5)) / 2))
    assert learning_rate(OptimConfig(lr=1.0, warmup_steps=0), 0, 10) == 1.0
    assert learning_rate(OptimConfig(lr=1.0, warmup_steps=5), 5, 5) == 1.0


def test_a_part_of_all_steps_warms_up() -> None:
    config = OptimConfig(lr=1.0, warmup_steps=7, warmup_share=0.05, decay="linear", final_lr=0.0)
    assert [learning_rate(config, step, 2000) for step in (0, 50, 100, 1050)] == pytest.approx(
        [0.1, 0.55, 1.0, 0.5]
    )


def test_what_adam_adds_to_the_root() -> None:
    parameters = [nn.Parameter(torch.ones(2, 2))]
    assert build_optimizer(parameters, OptimConfig()).defaults["eps"] == 1e-8
    assert build_optimizer(parameters, OptimConfig(eps=1e-6)).defaults["eps"] == 1e-6
    with pytest.raises(ValueError, match="eps is for optimizer 'adamw'"):
        OptimConfig(eps=1e-6, optimizer="lamb")
    with pytest.raises(ValueError, match="eps finite and not negative"):
        OptimConfig(eps=-1.0)
    with pytest.raises(ValueError, match="warmup_share must be at least 0 and below 1"):
        OptimConfig(warmup_share=1.0)


def test_only_matrices_decay() -> None:
    model = nn.Sequential(nn.Conv1d(1, 2, 3), nn.BatchNorm1d(2), nn.LSTM(2, 3))
    config = OptimConfig(lr=0.5, weight_decay=0.25, beta1=0.8, beta2=0.9)
    optimizer = build_optimizer(list(model.parameters()), config)
    decayed, plain = optimizer.param_groups
    assert {p.ndim for p in decayed["params"]} == {2, 3}
    assert {p.ndim for p in plain["params"]} == {1}
    assert (decayed["weight_decay"], plain["weight_decay"]) == (0.25, 0.0)
    assert (decayed["lr"], decayed["betas"]) == (0.5, (0.8, 0.9))
    assert len(decayed["params"]) + len(plain["params"]) == len(list(model.parameters()))


def clip_one(clip: GradientClip, norm: float) -> tuple[float, float]:
    """The norm before and after."""
    parameter = nn.Parameter(torch.zeros(4, dtype=torch.float64))
    parameter.grad = torch.full((4,), norm / 2, dtype=torch.float64)
    before = clip([parameter])
    return before, float(parameter.grad.norm())


def test_clipping_to_a_constant() -> None:
    clip = GradientClip(OptimConfig(clip=3.0, clip_mode="constant"))
    for norm in (1.0, 2.9, 3.5, 100.0):
        assert clip_one(clip, norm) == pytest.approx((norm, min(norm, 3.0)), rel=1e-5)


def test_clipping_to_a_multiple_of_the_median() -> None:
    clip = GradientClip(OptimConfig(clip=2.0, clip_mode="median"))
    assert clip_one(clip, 5.0) == pytest.approx((5.0, 2.0), rel=1e-5)  # the first: no median yet
    assert clip_one(clip, 20.0) == pytest.approx((20.0, 10.0), rel=1e-5)  # median of 5
    clip_one(clip, 1.0)
    assert clip_one(clip, 50.0) == pytest.approx((50.0, 10.0), rel=1e-5)  # median of 1 5 20
    assert clip.norms == pytest.approx([5.0, 20.0, 1.0, 50.0])  # as they were before clipping


def test_the_median_is_of_the_last_hundred_steps() -> None:
    clip = GradientClip(OptimConfig(clip=1.0, clip_mode="median"))
    clip.norms = [1000.0] * 100
    for _ in range(51):
        clip_one(clip, 1.0)
    assert len(clip.norms) == GradientClip.WINDOW == 100
    assert clip_one(clip, 7.0) == pytest.approx((7.0, 1.0), rel=1e-5)


@pytest.mark.parametrize("norm", [math.nan, math.inf])
def test_a_norm_that_is_not_finite_is_not_remembered(norm: float) -> None:
    clip = GradientClip(OptimConfig())
    clip.norms = [1.0]
    before, _ = clip_one(clip, norm)
    assert not math.isfinite(before)
    assert clip.norms == [1.0]


@pytest.mark.parametrize(
    "change", [{"lr": 0.0}, {"lr": math.nan}, {"clip": 0.0}, {"warmup_steps": -1}, {"final_lr": 1.5}]
)
def test_impossible_settings_are_refused(change: dict) -> None:
    with pytest.raises(ValueError, match="must"):
        OptimConfig(**change)
