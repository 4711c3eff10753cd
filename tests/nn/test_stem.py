"""The way of signal into a transformer."""

import math
from typing import Any

import pytest
import torch

from lexome.nn.conv import ConvConfig
from lexome.nn.stem import ConvStem, check_frame

CONVS = (ConvConfig(3, 5), ConvConfig(6, 3, stride=2))


def test_positions_are_added_to_what_the_convolutions_give() -> None:
    torch.manual_seed(0)
    stem = ConvStem(1, CONVS)
    assert (stem.stride, stem.size) == (2, 6)
    x = torch.randn(2, 1, 20)
    rates = [1.0, 0.01, 0.0001]  # three timescales from 1 to 10,000
    expected = torch.tensor(
        [[math.sin(t * r) for r in rates] + [math.cos(t * r) for r in rates] for t in range(10)]
    )
    added = stem(x) - stem.convs(x).transpose(1, 2)
    torch.testing.assert_close(added, expected.expand(2, -1, -1), rtol=0, atol=1e-6)
    plain = ConvStem(1, CONVS, positions=False)
    plain.load_state_dict(stem.state_dict())
    torch.testing.assert_close(plain(x), stem.convs(x).transpose(1, 2))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"convs": ()}, "at least one"),
        ({"num_layers": 0}, "at least one"),
        ({"in_channels": 0}, "at least one"),
        ({"num_heads": 0}, "6 features do not divide into 0 heads"),
        ({"num_heads": 2}, "6 features do not divide into 2 heads of even size"),
        ({"dropout": 1.0}, "dropout"),
    ],
)
def test_senseless_frames_are_refused(wrong: dict[str, Any], message: str) -> None:
    right = {"convs": CONVS, "num_layers": 1, "num_heads": 3, "dropout": 0.0, "in_channels": 1}
    check_frame(**right)
    with pytest.raises(ValueError, match=message):
        check_frame(**(right | wrong))
