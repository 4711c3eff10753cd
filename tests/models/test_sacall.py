"""The encoder of SACall."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
import torch

from lexome.core.config import from_dict
from lexome.core.errors import UsageError
from lexome.models.registry import new_network
from lexome.models.sacall import SACall, SACallConfig
from lexome.nn.chain_of_thought import ThoughtConfig, ThoughtLayer

RECIPE = Path(__file__).parents[2] / "recipes" / "faster_basecalling" / "sacall.toml"
TINY: dict[str, Any] = {
    "convs": [{"size": 4, "kernel": 3, "stride": 2}, {"size": 8, "kernel": 3, "stride": 2}],
    "num_heads": 2,
    "feed_forwards": [{"hidden": 12}, {"hidden": 10}],
}


def test_the_recipe_has_the_published_size() -> None:
    """Counted from the published shapes: convolutions, norms, six layers without biases in attention."""
    recipe = tomllib.loads(RECIPE.read_text("utf-8"))
    with torch.device("meta"):
        encoder = new_network(recipe["architecture"], recipe["head"]).encoder
    stem = 128 * 3 + 2 * 128 + 256 * 128 * 3 + 2 * 256
    layer = 4 * 256**2 + (256 * 1024 + 1024) + (1024 * 256 + 256) + 2 * 2 * 256
    assert sum(p.numel() for p in encoder.parameters()) == stem + 6 * layer + 2 * 256
    assert (encoder.stride, encoder.num_features) == (4, 256)


def test_the_parts_stand_in_their_order() -> None:
    torch.manual_seed(0)
    encoder = SACall(from_dict(SACallConfig, TINY, "test")).eval()
    x = torch.randn(2, 1, 40)
    y = encoder.stem(x)
    for layer in encoder.layers:
        y = layer(y)
    mean, var = y.mean(-1, keepdim=True), y.var(-1, keepdim=True, correction=0)
    torch.testing.assert_close(encoder(x), (y - mean) / (var + 1e-6).sqrt(), rtol=1e-4, atol=1e-5)
    assert encoder(x).shape == (2, 10, 8)
    modules = dict(encoder.named_modules())
    assert all(name in modules for name in encoder.prunable)


def test_layers_may_reason() -> None:
    torch.manual_seed(0)
    encoder = SACall(
        from_dict(SACallConfig, TINY | {"thoughts": {"steps": 3, "iterations": 2}}, "test")
    ).eval()
    assert [type(layer) for layer in encoder.layers] == [ThoughtLayer] * 2
    assert [layer.config for layer in encoder.layers] == [ThoughtConfig(3, iterations=2)] * 2
    assert encoder(torch.zeros(2, 1, 40)).shape == (2, 10, 8)
    modules = dict(encoder.named_modules())
    assert all(name in modules for name in encoder.prunable)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"convs": []}, "at least one"),
        ({"feed_forwards": []}, "at least one"),
        ({"num_heads": 3}, "8 features do not divide into 3 heads"),
        ({"dropout": 1.5}, "dropout"),
        ({"feed_forwards": [{"hiden": 3}]}, "unknown key 'hiden'"),
    ],
)
def test_senseless_configs_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        from_dict(SACallConfig, TINY | wrong, "test")
