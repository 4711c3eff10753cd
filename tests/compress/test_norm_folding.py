"""Scales move into convolutions, to the same scores; weights stay on their grids when engines fold again."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from lexome.compress.norm_folding import fold_scales, folded_norms
from lexome.core.errors import LexomeError
from lexome.models.registry import new_network
from lexome.nn.conv import fold_batchnorm

QUARTZ = {"blocks": [
    {"size": 6, "kernel": 9, "stride": 3, "separable": False},
    {"size": 8, "kernel": 5, "repeat": 2, "residual": True},
]}  # fmt: skip
BONITO = {
    "convs": [{"size": 4, "kernel": 5, "batch_norm": True, "bias": bias} for bias in (True, False)],
    "lstms": [{"size": 6, "reverse": True}],
}


def network_of(name: str, config: dict[str, Any]) -> nn.Module:
    torch.manual_seed(0)
    network = new_network({"name": name, "config": config}, {"name": "crf", "config": {"state_len": 1}})
    for norm in (m for m in network.modules() if isinstance(m, nn.BatchNorm1d)):
        nn.init.normal_(norm.weight)
        nn.init.normal_(norm.bias)
    for _ in range(4):
        network(2 + torch.randn(4, 1, 300))
    return network.eval()


@pytest.mark.parametrize(("name", "config", "count"), [("bonito", BONITO, 2), ("quartznet", QUARTZ, 4)])
def test_scores_stay_and_scales_are_one(name: str, config: dict[str, Any], count: int) -> None:
    network, signal = network_of(name, config), torch.randn(2, 1, 300)
    with torch.no_grad():
        before = network(signal)
    assert fold_scales(network, lambda: network(signal)) == count
    assert len(folded_norms(network)) == count
    with torch.no_grad():
        torch.testing.assert_close(network(signal), before, rtol=1e-4, atol=1e-5)
    assert fold_scales(network, lambda: network(signal)) == count  # again: nothing changes
    for norm in folded_norms(network):
        assert norm.running_var is not None
        # to the bit, as torch and numpy add it up
        assert bool((torch.sqrt(norm.running_var + norm.eps) == 1).all())


def test_folding_once_more_leaves_weights_on_their_grid() -> None:
    network, signal = network_of("bonito", BONITO), torch.randn(2, 1, 300)
    fold_scales(network, lambda: network(signal))
    again = fold_batchnorm(network)
    for ours, folded in zip(network.encoder.convs, again.encoder.convs, strict=True):  # type: ignore[union-attr,arg-type]
        assert folded.norm is None
        np.testing.assert_array_equal(ours.conv.weight.detach(), folded.conv.weight.detach())


class Forked(nn.Module):
    """A convolution that others look at, too."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv1d(1, 2, 3), nn.BatchNorm1d(2)
        nn.init.constant_(self.norm.weight, 3.0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.conv(x)
        return y + self.norm(y)


def test_a_convolution_that_serves_others_is_refused() -> None:
    network, signal = Forked().eval(), torch.randn(1, 1, 20)
    with pytest.raises(LexomeError, match="cannot be folded"):
        fold_scales(network, lambda: network(signal))
