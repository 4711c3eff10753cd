"""The moving average of weights: its values, its start, its place in the model, its way to disk."""

import pytest
import torch
from torch import nn

from lexome.train.averaging import WeightAverage


def network(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv1d(1, 2, 3), nn.BatchNorm1d(2))


def test_it_is_the_average_that_is_written_down() -> None:
    """Against the weights of all steps at once."""
    model = network(0)
    average = WeightAverage(model, 0.6)
    history = [model[0].weight.detach().clone()]
    for step in range(1, 8):
        with torch.no_grad():
            model[0].weight.add_(torch.randn(2, 1, 3, generator=torch.Generator().manual_seed(step)))
        history.append(model[0].weight.detach().clone())
        average.update(model)
    keeps = [2 / 11, 3 / 12, 4 / 13, 5 / 14, 6 / 15, 7 / 16, 8 / 17]  # (1 + n) / (10 + n), below 0.6 still
    shares = [1.0]
    for keep in keeps:
        shares = [share * keep for share in shares] + [1 - keep]
    assert sum(shares) == pytest.approx(1)
    assert shares[0] < 0.001
    expected = sum(share * weight for share, weight in zip(shares, history, strict=True))
    torch.testing.assert_close(average.tensors["0.weight"], expected)


def test_decay_is_the_bound() -> None:
    model = network(0)
    average = WeightAverage(model, 0.5)
    average.updates = 1000
    before = average.tensors["0.weight"].clone()
    with torch.no_grad():
        model[0].weight.add_(1)
    average.update(model)
    torch.testing.assert_close(average.tensors["0.weight"], before + 0.5)


def test_buffers_are_averaged_and_counts_copied() -> None:
    model = network(0)
    average = WeightAverage(model, 0.9)
    model(torch.randn(4, 1, 9))
    average.update(model)
    assert average.tensors["1.num_batches_tracked"] == 1
    expected = model[1].running_mean * (1 - 2 / 11)
    torch.testing.assert_close(average.tensors["1.running_mean"], expected)


def test_the_model_gets_its_own_weights_back_to_the_bit() -> None:
    model = network(0)
    average = WeightAverage(network(1), 0.9)
    own = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    places = [parameter.data_ptr() for parameter in model.parameters()]

    def use() -> None:
        with average.in_place_of(model):
            assert torch.equal(model[0].weight, average.tensors["0.weight"])
            raise KeyError

    with pytest.raises(KeyError):
        use()
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, own[name]), name
    assert [parameter.data_ptr() for parameter in model.parameters()] == places
    assert not torch.equal(model[0].weight, average.tensors["0.weight"])


def test_restoring() -> None:
    average = WeightAverage(network(0), 0.9)
    saved = {name: tensor.clone() for name, tensor in network(1).state_dict().items()}
    average.restore(saved, 7)
    assert average.updates == 7
    assert all(torch.equal(average.tensors[name], tensor) for name, tensor in saved.items())
    assert average.tensors["0.weight"] is not saved["0.weight"]
    with pytest.raises(KeyError):
        average.restore({}, 7)
    with pytest.raises(RuntimeError):
        average.restore(saved | {"0.weight": torch.zeros(3, 1, 4)}, 7)
