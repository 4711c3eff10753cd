"""DenseBaseConv; the contract of the registry holds for it too (`test_registry_contract.py`)."""

from pathlib import Path

import pytest
import torch

from lexome.models.dense_base_conv import DenseBaseConv, DenseBaseConvConfig
from lexome.nn.conv import ConvConfig
from lexome.nn.dense_base_conv import DenseBaseConvBlockConfig
from lexome.nn.recurrent import RecurrentConfig
from lexome.tasks.recipe import read_recipe

RECIPE = Path(__file__).parents[2] / "recipes" / "faster_basecalling" / "dense_base_conv.toml"
CONVS = (
    ConvConfig(4, 3, batch_norm=True, activation="leaky_relu"),
    ConvConfig(8, 4, stride=3, padding=1, batch_norm=True, activation="leaky_relu"),
)
BLOCKS = (DenseBaseConvBlockConfig(8),)


def test_the_recipe_is_the_network_of_the_text() -> None:
    encoder = DenseBaseConv(DenseBaseConvConfig(CONVS, BLOCKS, (RecurrentConfig(8, reverse=True),)))
    recipe = read_recipe(RECIPE).data["architecture"]["config"]
    assert [(c["kernel"], c.get("stride", 1)) for c in recipe["convs"]] == [(3, 1), (4, 3)]
    assert (len(recipe["blocks"]), recipe["blocks"][0]["kernel"], len(recipe["lstms"])) == (1, 5, 1)
    assert encoder(torch.zeros(1, 1, 1998)).shape == (1, 666, 8)
    assert encoder.prunable == ("convs.0", "blocks.0.conv", "lstms.0")


def test_parameters_are_counted_by_hand() -> None:
    encoder = DenseBaseConv(DenseBaseConvConfig(CONVS, BLOCKS, (RecurrentConfig(6, reverse=True),)))
    convs = (4 * 3 + 4 + 2 * 4) + (8 * 4 * 4 + 8 + 2 * 8)
    block = (8 * 8 * 5 + 8) + (8 * 8 + 8) + 2 * 8
    lstm = 4 * (6 * 8 + 6 * 6 + 2 * 6)
    assert sum(p.numel() for p in encoder.parameters()) == convs + block + lstm
    assert encoder.num_features == 6


def test_without_an_lstm_a_step_hears_its_surroundings_only() -> None:
    torch.manual_seed(0)
    encoder = DenseBaseConv(DenseBaseConvConfig(CONVS, BLOCKS * 2)).eval()
    x = torch.randn(1, 1, 300)
    changed = x.clone()
    changed[0, 0, 150] += 1  # seen by the steps 49 and 50 of the stem, then two blocks of two steps each
    steps = (encoder(x) - encoder(changed))[0].abs().amax(-1).gt(1e-7).nonzero().flatten()
    assert (int(steps.min()), int(steps.max())) == (49 - 4, 50 + 4)


@pytest.mark.parametrize(
    "wrong",
    [{"convs": ()}, {"blocks": ()}, {"in_channels": 0}, {"blocks": (DenseBaseConvBlockConfig(6),)}],
)
def test_senseless_configs_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match=r"at least one|must be positive|size of the last"):
        DenseBaseConvConfig(**({"convs": CONVS, "blocks": BLOCKS} | wrong))
