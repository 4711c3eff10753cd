"""The Reformer as an encoder of signal."""

from typing import Any

import pytest
import torch

from lexome.core.config import from_dict
from lexome.core.errors import UsageError
from lexome.models.reformer import Reformer, ReformerConfig

TINY: dict[str, Any] = {
    "convs": [{"size": 8, "kernel": 5, "stride": 5}],
    "num_heads": 2,
    "feed_forwards": [{"hidden": 12}, {"hidden": 10}],
    "lsh": {"group": 4, "num_buckets": 4, "num_rounds": 2},
}


def tiny(**changes: Any) -> Reformer:
    torch.manual_seed(0)
    return Reformer(from_dict(ReformerConfig, TINY | changes, "test"))


def test_shapes_and_names() -> None:
    encoder = tiny()
    assert (encoder.stride, encoder.num_features) == (5, 8)
    assert encoder(torch.zeros(2, 1, 60)).shape == (2, 12, 8)
    modules = dict(encoder.named_modules())
    assert all(name in modules for name in encoder.prunable)
    assert [type(modules[name]).__name__ for name in encoder.prunable] == ["DenseFeedForward"] * 2


def test_recomputing_changes_no_gradient() -> None:
    x = torch.randn(2, 1, 100, dtype=torch.float64)
    grads = []
    for recompute in (True, False):
        encoder = tiny(recompute=recompute).double()
        assert encoder.layers.recompute == recompute
        encoder(x).square().sum().backward()
        grads.append([p.grad for p in encoder.parameters()])
    for found, expected in zip(*grads, strict=True):
        assert found is not None
        torch.testing.assert_close(found, expected, rtol=1e-8, atol=1e-8)


def test_the_directions_are_saved_with_the_weights() -> None:
    encoder, other = tiny().eval(), tiny().eval()
    with torch.no_grad():
        for buffer in other.buffers():
            buffer.normal_()
    x = torch.randn(2, 1, 100)
    assert not torch.equal(encoder(x), other(x))
    other.load_state_dict(encoder.state_dict())
    assert torch.equal(encoder(x), other(x))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"feed_forwards": []}, "at least one"),
        ({"lsh": {"num_buckets": 5}}, "num_buckets even"),
        ({"num_heads": 3}, "do not divide into 3 heads"),
    ],
)
def test_senseless_configs_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        from_dict(ReformerConfig, TINY | wrong, "test")
