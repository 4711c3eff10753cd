"""Fresh networks keep their activations alive."""

from typing import Any

import pytest
import torch
from torch import nn

from lexome.models.registry import new_network
from lexome.nn.conv import ConvBlock
from lexome.nn.initialise import scale_to_data
from lexome.nn.network import Network
from lexome.nn.recurrent import RecurrentConfig, RecurrentLayer
from lexome.nn.scorer import CrfScorer


def network(size: int = 32, linears: tuple[int, ...] = (), **head: Any) -> Network:
    torch.manual_seed(0)
    config = {
        "convs": [
            {"size": 4, "kernel": 5},
            {"size": 16, "kernel": 5},
            {"size": size, "kernel": 19, "stride": 5},
        ],
        "lstms": [{"size": size, "reverse": i % 2 == 0} for i in range(5)],
        "linears": [{"size": width} for width in linears],
    }
    return new_network(
        {"name": "bonito", "config": config}, {"name": "crf", "config": {"state_len": 3, **head}}
    )


def stds(net: nn.Module, signal: torch.Tensor) -> dict[str, float]:
    """Standard deviation of what leaves every layer; a fixed stay score is left out."""
    found: dict[str, float] = {}

    def note(name: str) -> Any:
        return lambda module, inputs, output: found.update({name: float(output.std())})

    handles = [
        module.register_forward_hook(note(name))
        for name, module in net.named_modules()
        if isinstance(module, ConvBlock | RecurrentLayer | CrfScorer)
    ]
    for module in net.modules():
        if isinstance(module, CrfScorer):
            module.expand_blanks = False
    with torch.no_grad():
        net(signal)
    for handle in handles:
        handle.remove()
    return found


def signal() -> torch.Tensor:
    return torch.randn(8, 1, 1000, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("head", [{}, {"activation": "none", "scale": 1.0}, {"blank_score": None}])
def test_activations_neither_fade_nor_explode(head: dict[str, Any]) -> None:
    net = network(**head)
    scale_to_data(net, signal())
    found = stds(net, signal())
    assert len(found) == 9
    assert all(0.2 <= std <= 2 for std in found.values()), found


def test_without_it_and_with_default_weights_they_fade() -> None:
    """What the test above guards against: it fails on such a network."""
    net = network()
    for module in net.modules():
        if isinstance(module, nn.Conv1d | nn.LSTM | nn.Linear):
            module.reset_parameters()
    found = list(stds(net, signal()).values())
    assert min(found) < 0.1


def test_it_reports_a_factor_for_every_layer_and_runs_again_without_effect() -> None:
    net = network(linears=(12,))
    first = scale_to_data(net, signal())
    assert set(first) == {
        *(f"encoder.convs.{i}" for i in range(3)),
        *(f"encoder.lstms.{i}" for i in range(5)),
        "encoder.linears.0",
        "scorer",
    }
    again = scale_to_data(net, signal())
    assert all(abs(factor - 1) < 1e-3 for factor in again.values()), again


def test_the_scores_of_a_ctc_head_are_neither_sure_nor_all_alike() -> None:
    torch.manual_seed(0)
    architecture = {
        "convs": [{"size": 16, "kernel": 5, "stride": 5}],
        "lstms": [{"size": 24, "reverse": True}],
    }
    net = new_network({"name": "bonito", "config": architecture}, {"name": "ctc", "config": {}})
    assert "scorer.linear" in scale_to_data(net, signal())
    assert net(signal()).std().item() == pytest.approx(1.0, abs=0.01)


def test_it_leaves_mode_and_hooks_as_they_were() -> None:
    net = network().train()
    scale_to_data(net, signal())
    assert net.training
    assert not any(module._forward_pre_hooks for module in net.modules())


def test_a_dead_layer_is_named() -> None:
    net = network()
    next(m for m in net.modules() if isinstance(m, ConvBlock)).conv.weight.data.zero_()
    with pytest.raises(ValueError, match=r"encoder\.convs\.0"):
        scale_to_data(net, signal())


def test_behind_batch_normalisations_it_is_the_scores_of_training_that_count() -> None:
    """With the statistics that they begin with, a deep stack would fade and the scores be blown up."""
    torch.manual_seed(0)
    blocks = [{"size": 16, "kernel": 5, "stride": 5}, *[{"size": 16, "kernel": 9}] * 5]
    made = new_network({"name": "quartznet", "config": {"blocks": blocks}}, {"name": "ctc", "config": {}})
    factors = scale_to_data(made, signal())
    assert list(factors) == ["scorer.linear"]
    with torch.no_grad():
        assert 0.7 < float(made.train()(signal()).std()) < 1.4


def test_thin_maps_in_front_of_gates_are_scaled_with_them() -> None:
    torch.manual_seed(0)
    made = RecurrentLayer(20, RecurrentConfig(16, reverse=False, rank=4))
    before = made.down.weight.detach().clone()  # type: ignore[union-attr]
    x = 7 * torch.randn(4, 30, 20)
    assert list(scale_to_data(made, x)) == [""]
    assert torch.equal(made.down.weight, before)  # type: ignore[union-attr]
    gates = (made.narrowed(x) @ made.rnn.get_parameter("weight_ih_l0").T).detach()
    assert float(gates.std()) == pytest.approx(1, abs=1e-4)
