"""Reach of networks whose reach is known."""

import pytest
import torch
from torch import Tensor, nn

from lexome.nn.attention import AttentionConfig, SelfAttention, surroundings
from lexome.nn.reach import Reach, reach_of, shaken


def noise(batch: int, samples: int) -> Tensor:
    return torch.randn(batch, 1, samples, generator=torch.Generator().manual_seed(samples))


class Steps(nn.Module):
    """Convolutions, then a layer over the steps."""

    def __init__(self, *layers: nn.Module, behind: nn.Module | None = None) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)
        self.behind = behind

    def forward(self, x: Tensor) -> Tensor:
        y = self.layers(x).transpose(1, 2)
        return y if self.behind is None else self.behind(y)


class Lstm(nn.Module):
    def __init__(self, size: int, *, reverse: bool) -> None:
        super().__init__()
        self.inner = nn.LSTM(size, size, batch_first=True)
        self.reverse = reverse

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x.flip(1))[0].flip(1) if self.reverse else self.inner(x)[0]


class Windowed(nn.Module):
    def __init__(self, size: int, window: tuple[int, int]) -> None:
        super().__init__()
        self.config = AttentionConfig(2, window)
        self.inner = SelfAttention(size, self.config)

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x, surroundings(x.shape[1], x.shape[2] // 2, self.config, x.device))


CONV = (1, 4, 5)


@pytest.mark.parametrize(
    ("network", "stride", "field", "ahead"),
    [
        (Steps(nn.Conv1d(*CONV, padding=2)), 1, 5, 2),
        (Steps(nn.ConstantPad1d((4, 0), 0.0), nn.Conv1d(*CONV)), 1, 5, 0),
        (Steps(nn.Conv1d(*CONV, padding=2), nn.ReLU(), nn.Conv1d(4, 4, 9, 5, padding=4)), 5, 13, 2),
        (Steps(nn.Conv1d(*CONV, stride=5)), 5, 5, 0),
        (Steps(nn.Conv1d(*CONV, padding=8, dilation=4)), 1, 17, 8),
        (Steps(nn.Conv1d(1, 4, 5, 5), behind=Lstm(4, reverse=False)), 5, None, 0),
        (Steps(nn.Conv1d(1, 4, 5, 5), behind=Lstm(4, reverse=True)), 5, None, None),
        (Steps(nn.Conv1d(1, 4, 5, 5), behind=Windowed(4, (3, 2))), 5, 6 * 5, 2 * 5),
        (Steps(nn.Conv1d(1, 4, 3, padding=1), nn.GroupNorm(1, 4)), 1, None, None),
    ],
)
def test_what_a_step_sees(network: nn.Module, stride: int, field: int | None, ahead: int | None) -> None:
    before = {name: weight.clone() for name, weight in network.state_dict().items()}
    found = reach_of(network, stride, stride, noise, 1000)
    assert (found.receptive_field, found.looks_ahead) == (field, ahead)
    assert all(torch.equal(weight, before[name]) for name, weight in network.state_dict().items())
    assert all(weight.dtype == torch.float32 for weight in network.parameters())


def test_a_wide_reach_needs_a_long_chunk() -> None:
    network = Steps(nn.Conv1d(1, 2, 201, padding=100))
    assert reach_of(network, 1, 1, noise, 100) == Reach(None, None, 64)
    assert reach_of(network, 1, 1, noise, 600) == Reach(201, 100, 256)


class Table(nn.Module):
    """Looks whole numbers up, and sees two columns before and one behind."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(8, 4)
        self.conv = nn.Conv1d(4, 4, 4)

    def forward(self, rows: Tensor) -> Tensor:
        x = self.table(rows[:, 0].long()).transpose(1, 2)
        return self.conv(nn.functional.pad(x, (2, 1))).transpose(1, 2)


def test_input_without_gradients_is_replaced() -> None:
    def rows(batch: int, samples: int) -> Tensor:
        return torch.randint(0, 8, (batch, 1, samples), generator=torch.Generator().manual_seed(1)).float()

    # a value that happens to be the same behind and before would be missed at the edge: the seed has none
    assert reach_of(Table(), 1, 1, rows, 200) == Reach(4, 1, 32)


class Blind(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return (x * 0).transpose(1, 2)


def test_a_network_that_sees_nothing_is_told() -> None:
    with pytest.raises(RuntimeError, match="depends on no sample"):
        reach_of(Blind(), 1, 1, noise, 100)


def test_shaken_opens_what_is_closed() -> None:
    linear = nn.Linear(3, 3)
    nn.init.zeros_(linear.weight)
    network = nn.Sequential(linear, nn.BatchNorm1d(3), nn.Dropout())
    made = shaken(network)
    weights = made.state_dict()
    assert not made.training
    assert weights["0.weight"].abs().min() > 0
    assert weights["1.running_mean"].abs().min() > 0
    assert (weights["1.running_var"] != 1).all()
    assert not linear.weight.any()
    assert torch.equal(shaken(network).state_dict()["0.weight"], weights["0.weight"])
