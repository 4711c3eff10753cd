"""The Mamba networks; the contract of the registry holds for them too (`test_registry_contract.py`)."""

from typing import Any

import pytest
import torch

from lexome.models.mamba import MambaConfig, MambaEncoder
from lexome.nn.chain_of_thought import Interleaved
from lexome.nn.conv import ConvConfig
from lexome.nn.mamba import Mamba, MambaLayerConfig
from lexome.nn.mamba2 import Mamba2

CONVS = (ConvConfig(4, 5), ConvConfig(8, 9, stride=3))


def test_blocks_add_to_what_comes_in_and_run_in_their_direction() -> None:
    torch.manual_seed(0)
    layers = (MambaLayerConfig(8, reverse=True), MambaLayerConfig(8, version=2, head_size=8))
    encoder = MambaEncoder(MambaConfig(CONVS, layers))
    assert [type(block.mixer) for block in encoder.layers] == [Mamba, Mamba2]
    x = torch.randn(2, 1, 60)
    features = encoder.convs(x).transpose(1, 2)
    first, second = encoder.layers
    features = features + first.mixer(first.norm(features).flip(1)).flip(1)  # pyright: ignore
    features = features + second.mixer(second.norm(features))  # pyright: ignore
    torch.testing.assert_close(encoder(x), encoder.norm(features))


def test_thoughts_run_between_the_steps() -> None:
    torch.manual_seed(0)
    layers = (MambaLayerConfig(8, reverse=True), MambaLayerConfig(8, version=2, head_size=8))
    encoder = MambaEncoder(MambaConfig(CONVS, layers, thoughts_every=4))
    assert [(type(b.mixer), type(b.mixer.inner)) for b in encoder.layers] == [  # pyright: ignore
        (Interleaved, Mamba), (Interleaved, Mamba2)
    ]  # fmt: skip
    x = torch.randn(2, 1, 60)
    before = encoder(x).detach()
    with torch.no_grad():
        encoder.layers[1].mixer.thought.fill_(1.0)  # pyright: ignore
    after = encoder(x).detach()
    torch.testing.assert_close(before[:, :4], after[:, :4])  # the first vector comes behind the fourth step
    assert float((before[:, 4:] - after[:, 4:]).abs().max()) > 1e-3


@pytest.mark.parametrize("version", [1, 2])
def test_parameters_are_counted_by_hand(version: Any) -> None:
    layer = MambaLayerConfig(8, version=version, states=4, head_size=8)
    encoder = MambaEncoder(MambaConfig(CONVS, (layer,)))
    inner, states = 16, 4
    mixer = {
        1: 8 * 32
        + inner * 5
        + inner * (1 + 2 * states)
        + (inner + inner)
        + inner * states
        + inner
        + inner * 8,
        2: 8 * (2 * inner + 2 * states + 2) + (inner + 2 * states) * 5 + 3 * 2 + inner + inner * 8,
    }[version]
    convs = 4 * 5 + 4 + 8 * 4 * 9 + 8
    assert sum(p.numel() for p in encoder.parameters()) == convs + mixer + 2 * 8


@pytest.mark.parametrize(
    "wrong",
    [
        {"convs": ()},
        {"layers": ()},
        {"in_channels": 0},
        {"layers": (MambaLayerConfig(6),)},
        {"thoughts_every": -1},
    ],
)
def test_senseless_configs_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match=r"at least one|must be positive|size of the last"):
        MambaConfig(**({"convs": CONVS, "layers": (MambaLayerConfig(8),)} | wrong))
