"""Noticing a plateau, once; what the layers of a network give out."""

import pytest
import torch
from torch import nn

from lexome.train.diagnosis import BLOCKS, PlateauWatch, activation_spreads


def said(losses: list[float], steps: int = 50) -> list[int]:
    """Steps (from 1) at which the watch spoke."""
    watch = PlateauWatch(1.2, 1.6, steps)
    return [step for step, loss in enumerate(losses, 1) if watch.add(loss) is not None]


def noisy(mean: float, count: int, spread: float = 0.2) -> list[float]:
    # opposite noise side by side: the mean of every block is the mean
    return [mean + spread * (-1) ** step for step in range(count)]


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        (noisy(1.39, 500), [50]),
        (noisy(1.39, 49), []),
        (noisy(5.0, 30) + noisy(1.39, 500), [80]),
        (noisy(1.39, 40) + noisy(1.0, 100) + noisy(1.39, 60), [190]),
        (noisy(0.5, 500), []),
        (noisy(1.9, 500), []),
        ([1.5 - 0.002 * step for step in range(100)], []),  # slow, but it falls
        ([1.5 - 0.0005 * step for step in range(500)], [50]),
        ([1.3 + 0.001 * step for step in range(200)], [50]),
        (noisy(1.39, 40) + [float("nan")] + noisy(1.39, 79), [100]),
    ],
)
def test_it_speaks_once_and_only_of_a_plateau(losses: list[float], expected: list[int]) -> None:
    assert said(losses) == expected


def test_the_mean_of_the_plateau_is_told() -> None:
    watch = PlateauWatch(1.2, 1.6, 10)
    told = [watch.add(loss) for loss in noisy(1.4, 10)]
    assert told[:-1] == [None] * 9
    assert told[-1] == pytest.approx(1.4)


def test_zero_steps_is_never() -> None:
    assert said(noisy(1.39, 100), steps=0) == []
    assert said([1.39] * 9, steps=3) == [BLOCKS]  # a block is at least a step


@pytest.mark.parametrize("stop", [1, 33, 49, 50, 51])
def test_a_saved_watch_goes_on(stop: int) -> None:
    losses = noisy(1.39, 120)
    first, second = PlateauWatch(1.2, 1.6, 50), PlateauWatch(1.2, 1.6, 50)
    before = [first.add(loss) for loss in losses[:stop]]
    second.state = first.state
    after = [second.add(loss) for loss in losses[stop:]]
    assert [step for step, told in enumerate(before + after, 1) if told is not None] == [50]


def test_spreads_of_layers_in_order_of_use() -> None:
    torch.manual_seed(0)
    model = nn.Sequential()
    model.add_module("first", nn.Conv1d(1, 4, 3))
    model.add_module("silent", nn.Dropout(0.5))
    model.add_module("second", nn.Linear(8, 5))
    model.add_module("lstm", nn.LSTM(5, 2, batch_first=True))
    x = torch.randn(6, 1, 10)
    before = torch.get_rng_state()
    spreads = activation_spreads(model, lambda: model(x))
    assert torch.equal(torch.get_rng_state(), before)  # dropout is off
    assert list(spreads) == ["first", "second", "lstm"]
    assert spreads["first"] == pytest.approx(model[0](x).std().item())
    assert spreads["second"] == pytest.approx(model[2](model[0](x)).std().item())
    assert spreads["lstm"] == pytest.approx(model[3](model[2](model[0](x)))[0].std().item())
    assert model.training
    assert not any(module._forward_hooks for module in model.modules())
