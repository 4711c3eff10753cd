"""Encoders behind another representation of the signal."""

from typing import Any

import pytest
import torch

from lexome.core.errors import UsageError
from lexome.models.registry import build_encoder
from lexome.models.with_inputs import WithInputs

INNER: dict[str, Any] = {
    "convs": [{"size": 8, "kernel": 5}, {"size": 16, "kernel": 9, "stride": 6}],
    "attention": {"num_heads": 2, "window": [3, 4]},
    "feed_forwards": [8],
    "upsample": 2,
}


def config(**changes: Any) -> dict[str, Any]:
    return {
        "inputs": {"degree": 2, "window": 5},
        "architecture": {"name": "transformer", "config": INNER},
    } | changes


def test_the_encoder_takes_the_features_and_keeps_its_promises() -> None:
    torch.manual_seed(0)
    encoder = build_encoder("with_inputs", config())
    assert isinstance(encoder, WithInputs)
    assert (encoder.stride, encoder.chunk_multiple, encoder.num_features) == (3, 6, 16)
    assert encoder.encoder.convs[0].conv.in_channels == 3  # type: ignore[union-attr,index]
    x = torch.randn(2, 1, 60)
    torch.testing.assert_close(encoder(x), encoder.encoder(encoder.inputs(x)))
    modules = dict(encoder.named_modules())
    assert encoder.prunable
    assert all(name in modules for name in encoder.prunable)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"inputs": {"degree": 3, "window": 5}}, "degree from 0 to half"),
        ({"inputs": {"parts": "real"}}, "'real' is not allowed"),
        ({"architecture": {"name": "transformer"}}, "takes the keys 'name' and 'config'"),
        ({"architecture": {"name": "transformer", "config": INNER | {"in_channels": 1}}}, "leave it out"),
        ({"architecture": {"name": "trnsformer", "config": INNER}}, "did you mean 'transformer'"),
    ],
)
def test_senseless_configs_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        build_encoder("with_inputs", config(**wrong))
