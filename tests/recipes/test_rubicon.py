"""RUBICALL's recipes: parameters, bytes and products, beside the published ratios to Bonito-CTC."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import torch

from lexome.compress.quantize import QuantizeConfig, bits_of_layers
from lexome.core.config import from_dict, to_dict
from lexome.models.costs import network_costs
from lexome.models.registry import new_network
from lexome.nn.network import Network
from lexome.tasks.recipe import read_recipe

RECIPES = Path(__file__).parents[2] / "recipes" / "rubicon"
# published: channels out, convolutions, kernel, bits of weights and of activations; C1, 15 blocks, C2, C3
PUBLISHED = [
    (208, 1, 9, 16, 16), (280, 2, 75, 16, 16), (280, 1, 31, 8, 8), (296, 2, 31, 8, 8), (232, 1, 123, 16, 8),
    (232, 2, 55, 16, 8), (232, 2, 5, 16, 8), (224, 2, 3, 8, 8), (224, 2, 9, 16, 8), (224, 2, 115, 16, 8),
    (224, 2, 55, 16, 8), (144, 2, 25, 16, 8), (144, 2, 9, 16, 8), (144, 1, 25, 8, 8), (144, 2, 7, 8, 8),
    (144, 1, 123, 8, 4), (152, 1, 9, 8, 4), (48, 1, 9, 8, 4),
]  # fmt: skip
WHOLE = ("rubicall", "rubicall_fp", "rubicall_mp", "rubicall_depthwise")
PAPER_PARAMETERS, PAPER_BYTES = 2.94, 6.88


def tables(name: str) -> dict[str, Any]:
    return tomllib.loads((RECIPES / f"{name}.toml").read_text("utf-8"))


def network(name: str) -> Network:
    with torch.device("meta"):
        return new_network(tables(name)["architecture"], tables(name)["head"])


def parameters(name: str) -> int:
    return sum(p.numel() for p in network(name).parameters())


def noted_bits(name: str) -> list[tuple[int, int]]:
    """The bits that stand behind the blocks."""
    text = (RECIPES / f"{name}.toml").read_text("utf-8")
    return [(int(w), int(a)) for w, a in re.findall(r"# [BC]\d+: W(\d+) A(\d+)$", text, re.MULTILINE)]


def stored_bytes(name: str) -> float:
    """Convolutions, those of the skips too, at their block's bits; normalisations and the head in float."""
    total = 0.0
    for (bits, _), block in zip(noted_bits(name), network(name).encoder.blocks, strict=True):  # type: ignore[union-attr,arg-type]
        for part, weight in block.named_parameters():
            total += weight.numel() * (4 if "norm" in part else bits / 8)
    return total + 4 * sum(weight.numel() for weight in network(name).scorer.parameters())


@pytest.mark.parametrize("name", WHOLE)
def test_layers_and_bits_are_the_published_ones(name: str) -> None:
    blocks = tables(name)["architecture"]["config"]["blocks"]
    found = [
        (block["size"], block.get("repeat", 1), block["kernel"], *bits)
        for block, bits in zip(blocks, noted_bits(name), strict=True)
    ]
    assert found == PUBLISHED
    groups = {block.get("groups_of", 1) for block in blocks[1:17]}
    assert groups == ({1} if name == "rubicall_depthwise" else {8})
    has_skips = name in ("rubicall", "rubicall_depthwise")
    assert [block.get("residual", False) for block in blocks] == [False, *[has_skips] * 15, False, False]
    assert network(name).stride == 3


def test_parameters_beside_the_papers_ratio() -> None:
    """Depthwise with skips is the published ratio; 8 channels to a group, as in the source, is not."""
    teacher = parameters("bonito_ctc_teacher")
    assert teacher == 6_649_613
    ratios = {name: round(teacher / parameters(name), 2) for name in WHOLE}
    assert ratios == {"rubicall": 1.65, "rubicall_fp": 2.01, "rubicall_mp": 2.01, "rubicall_depthwise": 2.94}
    assert ratios["rubicall_depthwise"] == PAPER_PARAMETERS


def test_bytes_beside_the_papers_ratio() -> None:
    """The published ratio is met to 3 %, by the same network as that of the parameters; by no other."""
    teacher = 4 * parameters("bonito_ctc_teacher")
    ratios = {name: teacher / stored_bytes(name) for name in WHOLE if name != "rubicall_fp"}
    rounded = {name: round(ratio, 2) for name, ratio in ratios.items()}
    assert rounded == {"rubicall": 3.86, "rubicall_mp": 4.66, "rubicall_depthwise": 7.07}
    assert abs(ratios["rubicall_depthwise"] / PAPER_BYTES - 1) < 0.03


def test_products_of_a_sample() -> None:
    found = {
        name: round(network_costs(network(name), 3000).macs_per_sample / 1000)
        for name in ("bonito_ctc_teacher", "rubicall", "rubicall_fp", "rubicall_depthwise")
    }
    assert found == {"bonito_ctc_teacher": 2207, "rubicall": 1339, "rubicall_fp": 1101,
                     "rubicall_depthwise": 747}  # fmt: skip


def test_the_skip_free_network_is_the_one_that_skipclip_ends_with() -> None:
    encoder = network("rubicall").encoder
    without = to_dict(encoder.config_without(encoder.skips))  # type: ignore[operator,union-attr]
    assert without == to_dict(network("rubicall_fp").encoder.config)  # type: ignore[union-attr]
    assert without == to_dict(network("rubicall_mp").encoder.config)  # type: ignore[union-attr]


def test_the_bits_of_the_mixed_recipe_are_those_behind_its_blocks() -> None:
    config = from_dict(QuantizeConfig, tables("rubicall_mp")["quantize"], "test")
    names = [f"encoder.blocks.{i}.convs.0.along_time" for i in range(18)]
    found = bits_of_layers(config, [*names, "scorer.linear"])
    assert [found[name] for name in names] == noted_bits("rubicall_mp")
    assert found["scorer.linear"] == (32, 32)


def test_the_small_ones_are_small_and_fit_together() -> None:
    small, teacher = network("rubicall_small"), network("bonito_ctc_small")
    for one in (small, teacher):
        assert 900_000 < sum(p.numel() for p in one.parameters()) < 1_000_000
        assert one.stride == 3
    kernels = [
        [(block.kernel, block.repeat, block.residual) for block in network(name).encoder.config.blocks]  # type: ignore[union-attr]
        for name in ("rubicall_small", "rubicall", "bonito_ctc_small", "bonito_ctc_teacher")
    ]
    assert kernels[0] == kernels[1]
    assert kernels[2] == kernels[3]


@pytest.mark.parametrize("name", ["rubicall", "rubicall_depthwise", "rubicall_small"])
def test_the_steps_are_enough_to_remove_all_skips(name: str) -> None:
    recipe = read_recipe(RECIPES / f"{name}.toml")
    table, loop = recipe.data["skipclip"], recipe.loop
    removals = -(-15 // table["at_once"])
    assert removals == 5  # one for each stage, as published
    assert table["every"] * removals * loop.validate_every < 0.8 * loop.steps
