"""Layers with products of oneDNN: torch's answers and gradients, whatever the shape."""

import copy

import pytest
import torch
from torch import nn

from lexome.nn.onednn_linear import OnednnLinear, filled_up, has_onednn, rounded, use_onednn

pytestmark = pytest.mark.skipif(not has_onednn(), reason="this torch has no oneDNN")


@pytest.mark.parametrize("shape", [(7,), (1, 7), (5, 7), (3, 4, 7), (0, 7)])
@pytest.mark.parametrize("bias", [True, False])
def test_the_same_answers_and_gradients(shape: tuple[int, ...], bias: bool) -> None:
    torch.manual_seed(1)
    plain = nn.Linear(7, 9, bias=bias)
    fast = copy.deepcopy(plain)
    assert use_onednn(fast) == 1
    assert type(fast) is OnednnLinear
    x = torch.randn(shape)
    inputs = [x.clone().requires_grad_() for _ in range(2)]
    weights = torch.randn(*shape[:-1], 9)
    for layer, given in zip((plain, fast), inputs, strict=True):
        (layer(given) * weights).sum().backward()
    torch.testing.assert_close(fast(x), plain(x))
    torch.testing.assert_close(inputs[1].grad, inputs[0].grad)
    for ours, theirs in zip(fast.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad)
    with torch.no_grad():
        torch.testing.assert_close(fast(x), plain(x))


def test_frozen_weights_and_inputs_get_no_gradient() -> None:
    layer = nn.Linear(3, 2)
    use_onednn(layer)
    layer.weight.requires_grad_(False)
    x = torch.randn(4, 3, requires_grad=True)
    layer(x).sum().backward()
    assert layer.weight.grad is None
    assert x.grad is not None
    torch.testing.assert_close(layer.bias.grad, torch.full((2,), 4.0))


def test_other_types_and_views_go_the_usual_way() -> None:
    layer = nn.Linear(3, 2).double()
    use_onednn(layer)
    assert layer(torch.ones(1, 3, dtype=torch.float64)).dtype == torch.float64
    single = nn.Linear(3, 2)
    want = single(torch.arange(12.0).view(3, 4).t())
    use_onednn(single)
    torch.testing.assert_close(single(torch.arange(12.0).view(3, 4).t()), want)


def test_names_and_weights_of_a_network_stay() -> None:
    network = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Sequential(nn.Linear(4, 2)))
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    assert use_onednn(network) == 2
    assert use_onednn(network) == 0  # they are that already
    after = network.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[name], before[name]) for name in before)


def test_few_numbers_of_rows_and_little_waste() -> None:
    numbers = {rounded(rows) for rows in range(1, 20_000)}
    assert len(numbers) < 200
    assert all(rows <= rounded(rows) <= max(32, 1.07 * rows + 31) for rows in range(1, 20_000))
    x = torch.ones(5, 3)
    assert filled_up(x).shape == (32, 3)
    assert float(filled_up(x).sum()) == 15
    assert filled_up(torch.ones(64, 3)).shape == (64, 3)
