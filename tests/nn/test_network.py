"""An encoder and a scorer joined."""

import torch

from lexome.models.bonito import Bonito, BonitoConfig
from lexome.nn.conv import ConvConfig
from lexome.nn.network import Network
from lexome.nn.recurrent import RecurrentConfig
from lexome.nn.scorer import CrfScorer, CrfScorerConfig


def network() -> Network:
    config = BonitoConfig(
        (ConvConfig(4, 5, stride=2), ConvConfig(6, 9, stride=3)), (RecurrentConfig(6, reverse=True),)
    )
    return Network(Bonito(config), CrfScorer(6, CrfScorerConfig(2)))


def test_signal_becomes_scores_batch_first() -> None:
    scores = network()(torch.zeros(3, 1, 120))
    assert scores.shape == (3, 20, 80)


def test_what_it_says_of_itself() -> None:
    joined = network()
    assert (joined.stride, joined.num_outputs) == (6, 80)
    assert joined.chunk_multiple == 6
    joined.encoder.chunk_multiple = 12  # pyright: ignore[reportArgumentType]
    assert joined.chunk_multiple == 12
    assert joined.skips == ()
    modules = dict(joined.named_modules())
    assert [type(modules[name]).__name__ for name in joined.prunable] == ["ConvBlock"] * 2 + [
        "RecurrentLayer"
    ]
