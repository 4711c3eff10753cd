"""Gradients of networks whose receptive field is known exactly."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from lexome.models.registry import new_network
from lexome.nn.network import Network
from lexome.tasks.compare.gradients import SIGNAL, Looking, Windows
from lexome.tasks.compare.layer_steps import layer_axes

CTC = {"name": "ctc", "config": {}}


class Given(nn.Module):
    """An encoder that is one given module (N, 1, S) -> (N, S, D)."""

    stride, skips, prunable = 1, (), ()

    def __init__(self, inner: nn.Module, features: int) -> None:
        super().__init__()
        self.inner, self.num_features = inner, features

    def forward(self, signal_NCS: torch.Tensor) -> torch.Tensor:
        return self.inner(signal_NCS)


class Leaky(nn.Module):
    """h(t) = keep * h(t - 1) + x(t): the gradient with respect to x(t - k) is keep^k."""

    def __init__(self, keep: float) -> None:
        super().__init__()
        self.keep = nn.Parameter(torch.tensor(keep))

    def forward(self, x_NCS: torch.Tensor) -> torch.Tensor:
        h, found = x_NCS.new_zeros(len(x_NCS), x_NCS.shape[1]), []
        for s in range(x_NCS.shape[2]):
            h = self.keep * h + x_NCS[:, :, s]
            found.append(h)
        return torch.stack(found, dim=1)


class Transposed(nn.Module):
    """A convolution with steps second."""

    def __init__(self, conv: nn.Conv1d) -> None:
        super().__init__()
        self.conv = conv

    def forward(self, x_NCS: torch.Tensor) -> torch.Tensor:
        return self.conv(x_NCS).transpose(1, 2)


def plain(inner: nn.Module, features: int) -> Network:
    scorer = nn.Identity()
    scorer.num_outputs = features  # pyright: ignore[reportAttributeAccessIssue, reportArgumentType]
    return Network(Given(inner, features), scorer)


def profiles(network: Network, names: list[str], samples: int = 80, count: int = 6) -> Looking:
    network.eval().requires_grad_(False)
    looking = Looking(network, names, layer_axes(network, names), seed=0)
    rng = np.random.default_rng(0)
    signal = torch.from_numpy(rng.standard_normal((count, 1, samples), dtype=np.float32))
    looking.add(Windows(signal, np.arange(count) % 2))
    return looking


def test_one_convolution_is_its_kernel() -> None:
    """One score: the mass at an offset is the weight there, whatever the sign, and zero beyond the kernel."""
    conv = nn.Conv1d(1, 1, 5, padding=2)
    looking = profiles(plain(Transposed(conv), 1), ["encoder.inner"])
    rows = looking.of_scores[SIGNAL].rows
    expected = np.zeros(80)
    expected[38:43] = np.abs(conv.weight.detach().numpy().ravel())
    for row in rows:  # two reads of three windows each
        np.testing.assert_allclose(row, 3 * expected, rtol=1e-5)
        assert not row[:38].any()
        assert not row[43:].any()
    np.testing.assert_allclose(looking.of_itself["encoder.inner"].rows, rows, rtol=1e-6)


def test_features_of_a_position_count_together() -> None:
    """Of an input of two features the mass is the length of both derivatives."""
    last = nn.Conv1d(2, 1, 3, padding=1)
    network = plain(nn.Sequential(nn.Conv1d(1, 2, 3, padding=1), Transposed(last)), 1)
    row = profiles(network, ["encoder.inner.1"]).of_itself["encoder.inner.1"].rows[0]
    np.testing.assert_allclose(row[39:42], 3 * last.weight.detach()[0].norm(dim=0).numpy(), rtol=1e-5)


def test_random_directions_measure_the_whole_matrix() -> None:
    """The mean square is the sum of the squared weights over the number of scores."""
    conv = nn.Conv1d(1, 6, 3, padding=1)
    network = plain(Transposed(conv), 6).requires_grad_(False)
    looking = Looking(network, [], {}, seed=0)
    for read in range(400):
        looking.add(Windows(torch.zeros(1, 1, 20), np.array([read])))
    squares = np.mean(np.square(looking.of_scores[SIGNAL].rows), axis=0)[9:12]
    expected = conv.weight.detach().square().sum(dim=(0, 1)).numpy() / 6
    np.testing.assert_allclose(squares, expected, rtol=0.15)


def test_a_leaky_sum_decays_as_it_forgets() -> None:
    row = profiles(plain(Leaky(0.8), 1), []).of_scores[SIGNAL].rows[0]
    np.testing.assert_allclose(row[:41] / row[40], 0.8 ** np.arange(40, -1, -1), rtol=1e-4)
    assert not row[41:].any()


def blocks(*kernels: int, stride: int = 1) -> dict[str, Any]:
    one = {"size": 3, "separable": False}
    made = [{**one, "kernel": kernel} for kernel in kernels]
    made[0]["stride"] = stride
    return {"name": "quartznet", "config": {"blocks": made, "dropout": 0.0}}


@pytest.mark.parametrize(
    ("kernels", "stride", "before", "behind"),
    # behind a stride of 4 a kernel of 5 reaches 2 steps, 8 samples, to each side; the first one 3 more
    [((9,), 1, 4, 4), ((5, 9), 1, 6, 6), ((7, 5), 4, 11, 11), ((3, 3, 3), 1, 3, 3)],
)
def test_stacks_reach_exactly_as_far_as_their_kernels(
    kernels: tuple[int, ...], stride: int, before: int, behind: int
) -> None:
    torch.manual_seed(1)
    network = new_network(blocks(*kernels, stride=stride), CTC)
    looking = profiles(network, [f"encoder.blocks.{i}" for i in range(len(kernels))])
    reached = np.flatnonzero(sum(looking.of_scores[SIGNAL].rows)) - 40
    assert (reached[0], reached[-1]) == (-before, behind)
    for i, kernel in enumerate(kernels):
        own = looking.of_itself[f"encoder.blocks.{i}"]
        assert own.samples_per_position == (1 if i == 0 else stride)
        middle = 40 // own.samples_per_position
        reached = np.flatnonzero(sum(own.rows)) - middle
        assert (reached[0], reached[-1]) == (-(kernel // 2), kernel // 2)


def test_recurrent_layers_look_to_one_side() -> None:
    torch.manual_seed(1)
    config = {
        "convs": [{"size": 4, "kernel": 5, "stride": 5}],
        "lstms": [{"size": 4, "reverse": True}, {"size": 4, "reverse": False}],
    }
    names = ["encoder.convs.0", "encoder.lstms.0", "encoder.lstms.1", "scorer"]
    looking = profiles(new_network({"name": "bonito", "config": config}, CTC), names)
    backwards, forwards = (looking.of_itself[f"encoder.lstms.{i}"].rows[0] for i in (0, 1))
    assert len(backwards) == 16
    assert not backwards[:8].any()
    assert backwards[8:].all()
    assert forwards[:9].all()
    assert not forwards[9:].any()
    scorer = looking.of_scores["scorer"].rows[0]
    assert np.flatnonzero(scorer).tolist() == [8]
