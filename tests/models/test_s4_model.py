"""The S4 network; the contract of the registry holds for it too (`test_registry_contract.py`)."""

import pytest
import torch

from lexome.models.s4 import S4, S4Config
from lexome.nn.conv import ConvConfig
from lexome.nn.s4 import S4BlockConfig

CONVS = (ConvConfig(4, 5), ConvConfig(8, 9, stride=3))


def test_blocks_follow_the_convolutions_and_hear_as_far_as_their_kernels() -> None:
    torch.manual_seed(0)
    encoder = S4(S4Config(CONVS, (S4BlockConfig(8, kernel=6), S4BlockConfig(8, kernel=4)))).eval()
    x = torch.randn(1, 1, 300)
    changed = x.clone()
    changed[0, 0, 150] += 1  # the convolutions reach 6 samples: the steps 48 to 52
    steps = (encoder(x) - encoder(changed))[0].abs().amax(-1).gt(1e-7).nonzero().flatten()
    assert (int(steps.min()), int(steps.max())) == (48 - 6 - 4, 52 + 5 + 3)
    torch.testing.assert_close(encoder(x), encoder.blocks(encoder.convs(x).transpose(1, 2)))


def test_parameters_are_counted_by_hand() -> None:
    encoder = S4(S4Config(CONVS, (S4BlockConfig(8, states=5),)))
    kernel = 8 + 2 * 8 * 5 + 3 * 2 * 8 * 5
    block = 2 * 8 + 2 * kernel + 8 + (8 * 8 + 8)
    assert sum(p.numel() for p in encoder.parameters()) == 4 * 5 + 4 + 8 * 4 * 9 + 8 + block


@pytest.mark.parametrize(
    "wrong", [{"convs": ()}, {"blocks": ()}, {"in_channels": 0}, {"blocks": (S4BlockConfig(6),)}]
)
def test_senseless_configs_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match=r"at least one|must be positive|size of the last"):
        S4Config(**({"convs": CONVS, "blocks": (S4BlockConfig(8),)} | wrong))
