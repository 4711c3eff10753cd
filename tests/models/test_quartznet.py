"""The encoder of Bonito-CTC."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
import torch

from lexome.core.config import from_dict
from lexome.models.quartznet import QuartzNet, QuartzNetConfig
from lexome.models.registry import new_network

RECIPE = Path(__file__).parents[2] / "recipes" / "faster_basecalling" / "bonito_ctc.toml"
TINY: dict[str, Any] = {
    "blocks": [
        {"size": 6, "kernel": 9, "stride": 3, "separable": False},
        {"size": 8, "kernel": 5, "repeat": 2, "residual": True},
        {"size": 8, "kernel": 7},
        {"size": 4, "kernel": 1, "separable": False},
    ]
}


def tiny() -> QuartzNet:
    torch.manual_seed(0)
    return QuartzNet(from_dict(QuartzNetConfig, TINY, "test"))


def test_the_recipe_has_the_published_size() -> None:
    """Bonito's `dna_r9.4.1@v2`: 6,649,613 parameters with its convolution to the symbols."""
    recipe = tomllib.loads(RECIPE.read_text("utf-8"))
    with torch.device("meta"):
        network = new_network(recipe["architecture"], recipe["head"])
    assert sum(p.numel() for p in network.parameters()) == 6_649_613
    assert (network.stride, network.num_outputs) == (3, 5)


def test_shapes_stride_and_names() -> None:
    encoder = tiny()
    assert (encoder.stride, encoder.num_features) == (3, 4)
    assert encoder(torch.zeros(2, 1, 300)).shape == (2, 100, 4)
    modules = dict(encoder.named_modules())
    assert encoder.prunable == ("blocks.0", "blocks.1", "blocks.2", "blocks.3")
    assert encoder.skips == ("blocks.1.residual",)
    assert all(name in modules for name in encoder.prunable + encoder.skips)


def test_what_a_step_hears_is_bounded_by_the_kernels() -> None:
    encoder = tiny().eval()
    x = torch.randn(1, 1, 300, generator=torch.Generator().manual_seed(0))
    changed = x.clone()
    changed[0, 0, 150] += 1
    with torch.no_grad():
        differs = (encoder(x) - encoder(changed))[0].abs().amax(-1) > 1e-7
    # the first convolution reaches 4 samples (one step), the others 2 + 2 + 3 steps to each side
    assert differs.nonzero().flatten().tolist() == list(range(50 - 8, 50 + 8 + 1))


def test_a_small_network_learns() -> None:
    torch.manual_seed(0)
    network = new_network({"name": "quartznet", "config": TINY}, {"name": "ctc", "config": {}})
    signal = torch.randn(4, 1, 90)
    symbols = (signal[:, 0, ::3] > 0).long() + 1
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-2)
    losses = []
    for _ in range(40):
        loss = torch.nn.functional.cross_entropy(network(signal).transpose(1, 2), symbols)
        optimizer.zero_grad()
        loss.backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.6 * losses[0], losses


@pytest.mark.parametrize("wrong", [{"blocks": ()}, {"in_channels": 0}, {"dropout": 1.0}])
def test_senseless_configs_are_refused(wrong: dict[str, Any]) -> None:
    right: dict[str, Any] = {"blocks": (from_dict(QuartzNetConfig, TINY, "test").blocks), "in_channels": 1}
    with pytest.raises(ValueError, match=r"at least one|at least 0"):
        QuartzNetConfig(**(right | wrong))
