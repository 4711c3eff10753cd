"""ParallelRNN; the contract of the registry holds for it too (`test_registry_contract.py`)."""

import pytest
import torch

from lexome.models.parallel_rnn import ParallelRnn, ParallelRnnConfig
from lexome.nn.conv import ConvConfig
from lexome.nn.parallel_rnn import ParallelRnnLayerConfig

CONVS = (ConvConfig(4, 5), ConvConfig(8, 9, stride=3))


def test_parameters_are_counted_by_hand() -> None:
    layers = (ParallelRnnLayerConfig(8), ParallelRnnLayerConfig(8, reverse=True, mixer_groups=8))
    encoder = ParallelRnn(ParallelRnnConfig(CONVS, layers))
    convs = (4 * 5 + 4) + (8 * 4 * 9 + 8)
    common = (8 * 8 + 8) + 8 + 8 * 8 + 2 * 8  # input, initial state, state, normalisation
    assert sum(p.numel() for p in encoder.parameters()) == convs + 2 * common + 8 * 8 * 5 + 8 * 5
    assert (encoder.stride, encoder.num_features, encoder.prunable) == (3, 8, ("convs.0",))


def test_layers_follow_the_convolutions_in_order() -> None:
    torch.manual_seed(0)
    layers = (ParallelRnnLayerConfig(8), ParallelRnnLayerConfig(8, reverse=True))
    encoder = ParallelRnn(ParallelRnnConfig(CONVS, layers))
    x = torch.randn(2, 1, 60)
    first, second = encoder.layers
    assert [first.config.reverse, second.config.reverse] == [False, True]  # pyright: ignore
    torch.testing.assert_close(encoder(x), second(first(encoder.convs(x).transpose(1, 2))))


@pytest.mark.parametrize(
    "wrong",
    [{"convs": ()}, {"layers": ()}, {"in_channels": 0}, {"layers": (ParallelRnnLayerConfig(6),)}],
)
def test_senseless_configs_are_refused(wrong: dict) -> None:
    right = {"convs": CONVS, "layers": (ParallelRnnLayerConfig(8),)}
    with pytest.raises(ValueError, match=r"at least one|must be positive|size of the last"):
        ParallelRnnConfig(**(right | wrong))
