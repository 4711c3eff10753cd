"""Wider networks that compute the same."""

import pytest
import torch
from torch import nn

from lexome.models.registry import new_network
from lexome.nn.widen import widen

SIGNAL_NCS = torch.randn(2, 1, 60, generator=torch.Generator().manual_seed(1))


def network(width: int, kind: str = "lstm", *, batch_norm: bool = False, convs: int = 4) -> nn.Module:
    torch.manual_seed(width)
    return new_network(
        {
            "name": "bonito",
            "config": {
                "convs": [
                    {"size": convs, "kernel": 5, "activation": "swish", "batch_norm": batch_norm},
                    {"size": width, "kernel": 5, "stride": 3, "activation": "tanh"},
                ],
                "lstms": [
                    {"size": width, "reverse": True, "kind": kind},
                    {"size": width + 1, "reverse": False, "kind": kind},
                ],
                "linears": [{"size": width}],
            },
        },
        {"name": "crf", "config": {"state_len": 1, "blank_score": 2.0}},
    ).eval()


@pytest.mark.parametrize("kind", ["lstm", "gru", "elman"])
@pytest.mark.parametrize("batch_norm", [False, True])
def test_without_noise_the_outputs_stay(kind: str, batch_norm: bool) -> None:
    narrow, wide = network(6, kind, batch_norm=batch_norm), network(17, kind, batch_norm=batch_norm, convs=5)
    if batch_norm:
        narrow.train()(SIGNAL_NCS)  # statistics that are not those of a new layer
        narrow.eval()
    widen(narrow, wide, seed=3, noise=0.0)
    assert torch.allclose(wide(SIGNAL_NCS), narrow(SIGNAL_NCS), atol=1e-5)


def test_noise_tells_copies_apart_and_changes_little() -> None:
    narrow, wide, again, other = network(6), network(12), network(12), network(12)
    widen(narrow, wide, seed=3)
    widen(narrow, again, seed=3)
    widen(narrow, other, seed=4)
    for name, tensor in wide.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name])
        if name.endswith("weight_ih_l0"):
            assert len(torch.unique(tensor, dim=0)) == len(tensor)
            assert not torch.equal(tensor, other.state_dict()[name])
    before, after = narrow(SIGNAL_NCS), wide(SIGNAL_NCS)
    assert 0 < (after - before).std() < 0.2 * before.std()


def test_what_is_no_wider_chain_of_the_same_layers_is_refused() -> None:
    narrow = network(6)
    with pytest.raises(ValueError, match="a layer of 6 outputs cannot become one of 5"):
        widen(narrow, network(5), seed=0)
    with pytest.raises(ValueError, match="a LSTM cannot become a GRU"):
        widen(narrow, network(8, "gru"), seed=0)
    with pytest.raises(ValueError, match="same number of layers"):
        widen(narrow, network(8, batch_norm=True), seed=0)
    with pytest.raises(ValueError, match="the last layer has more outputs"):
        widen(nn.Sequential(nn.Linear(3, 4)), nn.Sequential(nn.Linear(3, 5)), seed=0)
    with pytest.raises(ValueError, match="not fed by"):
        widen(*(nn.Sequential(nn.Linear(3, 4), nn.Linear(3, 4)) for _ in range(2)), seed=0)
