"""The encoder of ONT's CRF basecallers."""

import pytest
import torch

from lexome.core.config import from_dict
from lexome.core.errors import UsageError
from lexome.models.bonito import Bonito, BonitoConfig, LinearConfig
from lexome.nn.conv import ConvConfig
from lexome.nn.recurrent import RecurrentConfig


def published_fast() -> BonitoConfig:
    """The `fast` network of version 3: 732,904 parameters with its scores."""
    convs = (ConvConfig(4, 5), ConvConfig(16, 5), ConvConfig(128, 19, stride=6))
    return BonitoConfig(convs, tuple(RecurrentConfig(128, reverse=i % 2 == 0) for i in range(5)))


def test_the_published_size() -> None:
    encoder = Bonito(published_fast())
    assert sum(p.numel() for p in encoder.parameters()) + 128 * 256 + 256 == 732_904


def test_shapes_stride_and_names() -> None:
    encoder = Bonito(published_fast())
    assert (encoder.stride, encoder.num_features, encoder.skips) == (6, 128, ())
    assert encoder(torch.zeros(2, 1, 600)).shape == (2, 100, 128)
    assert encoder(torch.zeros(1, 1, 601)).shape == (1, 101, 128)
    modules = dict(encoder.named_modules())
    assert all(name in modules for name in encoder.prunable)


def test_linear_layers_follow_the_lstms() -> None:
    config = BonitoConfig(
        (ConvConfig(4, 5, stride=5),), (RecurrentConfig(6, reverse=False),), (LinearConfig(3, bias=False),)
    )
    encoder = Bonito(config)
    x = torch.randn(2, 1, 50, generator=torch.Generator().manual_seed(0))
    hidden = encoder.lstms(encoder.convs(x).transpose(1, 2))
    (linear,) = encoder.linears
    torch.testing.assert_close(encoder(x), hidden @ linear.weight.T)  # pyright: ignore
    assert encoder.num_features == 3


def test_layers_run_in_the_order_and_direction_of_the_config() -> None:
    """An impulse at one end reaches the other end only in its layer's direction."""
    for reverse in (False, True):
        config = BonitoConfig((ConvConfig(2, 1, activation="none"),), (RecurrentConfig(3, reverse=reverse),))
        torch.manual_seed(0)
        encoder = Bonito(config)
        quiet = torch.zeros(1, 1, 20)
        impulse = quiet.clone()
        impulse[0, 0, 10] = 1.0
        changed = (encoder(impulse) - encoder(quiet)).abs().sum((0, 2)) > 1e-7
        steps = torch.arange(20)
        assert torch.equal(changed, steps <= 10 if reverse else steps >= 10)


def test_every_layer_may_be_of_another_kind() -> None:
    lstms = [{"size": 4, "reverse": False, "kind": kind} for kind in ("lstm", "gru", "elman")]
    config = from_dict(BonitoConfig, {"convs": [{"size": 4, "kernel": 5}], "lstms": lstms}, "test")
    encoder = Bonito(config)
    assert [type(layer.rnn).__name__ for layer in encoder.lstms] == ["LSTM", "GRU", "RNN"]
    assert encoder(torch.zeros(1, 1, 20)).shape == (1, 20, 4)
    lstms[1]["kind"] = "gur"
    with pytest.raises(UsageError, match="did you mean 'gru'"):
        from_dict(BonitoConfig, {"convs": [], "lstms": lstms}, "test")


@pytest.mark.parametrize("wrong", [{"convs": ()}, {"lstms": ()}, {"in_channels": 0}])
def test_senseless_configs_are_refused(wrong: dict) -> None:
    right = {"convs": (ConvConfig(4, 5),), "lstms": (RecurrentConfig(4, reverse=True),)}
    with pytest.raises(ValueError, match=r"at least one|must be positive"):
        BonitoConfig(**(right | wrong))
