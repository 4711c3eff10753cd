"""References (`models.reference`) and named families (`models.named`, `models.families`)."""

import copy
from typing import Any

import pytest
import torch

from lexome.core.errors import UsageError
from lexome.models import families
from lexome.models.named import NAMED, named_architecture
from lexome.models.reference import known_names, reference, references
from lexome.models.registry import ENCODERS, new_network


def test_every_encoder_has_a_named_family() -> None:
    assert {NAMED[name](128)["name"] for name in NAMED} == set(ENCODERS)
    assert [one.name for one in references()][: len(NAMED)] == list(NAMED)
    assert all(one.what and one.origin and not one.problem for one in references()[: len(NAMED)])
    assert set(ENCODERS) | set(NAMED) <= set(known_names())


@pytest.mark.parametrize("name", NAMED)
def test_all_widths_make_a_network(name: str) -> None:
    head = reference(name).head
    for width in (32, 64, 96, 128, 384):
        with torch.device("meta"):
            network = new_network(named_architecture(name, width), head)
        features = int(network.encoder.num_features)  # type: ignore[arg-type]
        assert features == (width // 2 if name in ("causalcall", "quartznet") else width)


def test_layers_can_be_chosen() -> None:
    for name, key in (
        ("bonito_gru", "lstms"),
        ("s4", "blocks"),
        ("sacall", "feed_forwards"),
        ("mamba", "layers"),
    ):
        assert len(named_architecture(name, 64, 3)["config"][key]) == 3
    assert len(named_architecture("causalcall", 64, 7)["config"]["dilations"]) == 7
    assert named_architecture("catcaller", 64, 8)["config"]["kernels"][-3:] == [31, 31, 31]


@pytest.mark.parametrize("name", NAMED)
def test_tables_are_new_every_time(name: str) -> None:
    first = named_architecture(name, 64)
    kept = copy.deepcopy(first)
    stack: list[Any] = [first]
    while stack:  # spoils everything that could be shared
        part = stack.pop()
        for value in list(part.values() if isinstance(part, dict) else part):
            if isinstance(value, (dict, list)):
                stack.append(value)
        part.clear()
    assert named_architecture(name, 64) == kept


def test_the_families_of_the_thesis() -> None:
    config = named_architecture("bonito_parallel_lstm", 96)["config"]
    assert [(c["size"], c["kernel"], c.get("stride", 1)) for c in config["convs"]] == [
        (16, 5, 1), (16, 5, 1), (96, 19, 5),
    ]  # fmt: skip
    assert [layer["reverse"] for layer in config["lstms"]] == [True, False, True, False, True]
    assert all(layer["kind"] == "parallel_lstm" for layer in config["lstms"])
    kan = named_architecture("bonito_kan_conv2_sine", 96)["config"]["convs"]
    assert [("basis" in c) for c in kan] == [False, True, False]
    assert [families.heads(width) for width in (20, 64, 96, 128, 256)] == [1, 2, 3, 4, 8]


def test_wrong_requests() -> None:
    with pytest.raises(UsageError, match="unknown architecture 'bonita'; did you mean 'bonito'"):
        named_architecture("bonita", 64)
    with pytest.raises(UsageError, match="must be positive"):
        named_architecture("bonito", 0)
    with pytest.raises(UsageError, match="must be positive"):
        named_architecture("bonito", 64, 0)
    with pytest.raises(UsageError, match="unknown architecture 'nothing'"):
        reference("nothing")
    assert reference("with_inputs").name == "bonito_taylor"
