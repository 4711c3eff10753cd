"""The encoder of CATCaller."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from lexome.core.config import from_dict
from lexome.core.errors import UsageError
from lexome.models.catcaller import CATCaller, CATCallerConfig, Halves
from lexome.models.registry import new_network

RECIPE = Path(__file__).parents[2] / "recipes" / "faster_basecalling" / "catcaller.toml"
TINY: dict[str, Any] = {
    "convs": [{"size": 4, "kernel": 3, "stride": 2}, {"size": 8, "kernel": 3, "stride": 2}],
    "num_heads": 2,
    "kernels": [3, 5],
    "feed_forward": {"hidden": 12},
}


def test_the_recipe_has_the_published_size() -> None:
    """Counted from the published shapes."""
    recipe = tomllib.loads(RECIPE.read_text("utf-8"))
    with torch.device("meta"):
        encoder = new_network(recipe["architecture"], recipe["head"]).encoder
    stem = 256 * 3 + 2 * 256 + 512 * 256 * 3 + 2 * 512
    layer = 4 * 256**2 + (256 * 512 + 512) + (256**2 + 256) + 2 * (512 * 512 + 512) + 2 * 2 * 512
    kernels = 256 * 4 * (3 + 7 + 15 + 31 + 31 + 31)
    assert sum(p.numel() for p in encoder.parameters()) == stem + 6 * layer + kernels + 2 * 512
    assert (encoder.stride, encoder.num_features) == (4, 512)


def test_each_half_passes_its_own_module() -> None:
    x = torch.randn(1, 3, 6)
    first, second = x.chunk(2, dim=-1)
    torch.testing.assert_close(Halves(nn.Identity(), nn.Tanh())(x), torch.cat([first, second.tanh()], dim=-1))


def test_shapes_and_order() -> None:
    torch.manual_seed(0)
    encoder = CATCaller(from_dict(CATCallerConfig, TINY, "test")).eval()
    x = torch.randn(2, 1, 40)
    y = encoder.stem(x)
    for layer in encoder.layers:
        y = layer(y)
    torch.testing.assert_close(encoder(x), encoder.norm(y))
    assert encoder(x).shape == (2, 10, 8)
    assert [layer.mixer.second.kernel for layer in encoder.layers] == [3, 5]  # type: ignore[union-attr]
    modules = dict(encoder.named_modules())
    assert all(name in modules for name in encoder.prunable)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"convs": []}, "at least one"),
        ({"kernels": []}, "at least one"),
        ({"num_heads": 3}, "8 features do not divide into 3 heads"),
        ({"kernels": [4]}, "must be odd"),
        ({"dropout": -0.5}, "dropout"),
    ],
)
def test_senseless_configs_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        from_dict(CATCallerConfig, TINY | wrong, "test")
