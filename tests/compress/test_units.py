"""Which layers of every registered encoder can be cut: all that it declares, or a reason why not."""

import runpy
from pathlib import Path
from typing import Any

import pytest
import torch

from lexome.compress.units import architecture_of, units_of
from lexome.models.registry import new_language_network, new_network
from lexome.nn.network import Network

EXAMPLES: dict[str, list[dict[str, Any]]] = runpy.run_path(
    str(Path(__file__).parents[1] / "models" / "registry_examples.py")
)["EXAMPLES"]
CASES = [(name, number) for name, examples in EXAMPLES.items() for number in range(len(examples))]
CTC = {"name": "ctc", "config": {}}
LANGUAGE = {
    "name": "dnabert2",
    "config": {"vocab_size": 11, "size": 8, "num_layers": 2, "num_heads": 2, "hidden": 6},
}
MASKED_LM = {"name": "masked_lm", "config": {"vocab_size": 11}}


def network_of(name: str, config: dict[str, Any]) -> Network:
    with torch.device("meta"):
        return new_network({"name": name, "config": config}, CTC)


@pytest.mark.parametrize(("name", "number"), CASES)
def test_every_layer_that_is_declared_is_found_or_has_a_reason(name: str, number: int) -> None:
    network = network_of(name, EXAMPLES[name][number])
    found = units_of(network)
    layers = {one.layer for one in found.units}
    for declared in network.prunable:
        inside = {one for one in layers if one == declared or one.startswith(f"{declared}.")}
        assert inside or found.refused.get(declared)
    assert not layers & set(found.refused)
    tensors = network.state_dict()
    config = architecture_of(network)
    for one in found.units:
        said: Any = config
        for key in one.key:
            said = said[key]
        assert (len(said) if one.is_numbered else said) == one.width
        for part in (*one.made, *one.used):
            assert tensors[part.name].shape[part.axis] == part.blocks * one.width * part.each


def test_every_architecture_has_something_to_cut() -> None:
    cut = {name for name, number in CASES if units_of(network_of(name, EXAMPLES[name][number])).units}
    assert cut == set(EXAMPLES)


def test_convolutions_over_groups_of_channels_stay_as_they_are() -> None:
    blocks = [{"size": 6, "kernel": 5}, {"size": 6, "kernel": 5, "groups_of": 3}, {"size": 4, "kernel": 3}]
    found = units_of(network_of("quartznet", {"blocks": [*blocks, {"size": 4, "kernel": 3}]}))
    assert [one.layer for one in found.units] == ["encoder.blocks.2", "encoder.blocks.3"]
    assert found.refused.keys() == {"encoder.blocks.0", "encoder.blocks.1"}
    assert all("groups of channels" in reason for reason in found.refused.values())


def test_the_layers_of_the_basecaller() -> None:
    found = units_of(network_of("bonito", EXAMPLES["bonito"][0]))
    assert [(one.layer, one.width, one.key) for one in found.units] == [
        ("encoder.convs.0", 4, ("convs", 0, "size")),
        ("encoder.convs.1", 8, ("convs", 1, "size")),
        ("encoder.lstms.0", 8, ("lstms", 0, "size")),
        ("encoder.lstms.1", 6, ("lstms", 1, "size")),
    ]
    assert found.refused == {}


CONV = {"size": 8, "kernel": 9, "stride": 5}


def lstm(**more: Any) -> dict[str, Any]:
    return {"size": 8, "reverse": True, **more}


@pytest.mark.parametrize(
    ("convs", "lstms", "refused"),
    [
        ([{**CONV, "clamp": [0.5, 3.5]}], [lstm()], {"convs.0": "leaves zero out"}),
        ([{**CONV, "clamp": [-0.5, 3.5]}], [lstm()], {}),
        ([CONV], [lstm(residual=True)], {"convs.0": "adds its outputs", "lstms.0": "a sum"}),
        ([CONV], [lstm(layer_norm=True)], {"lstms.0": "normalisation"}),
        ([CONV], [lstm(), lstm(residual=True)], {"lstms.0": "adds its outputs", "lstms.1": "a sum"}),
        ([CONV], [lstm(rank=3), lstm(rank=2)], {}),
        ([CONV], [lstm(kind="slstm")], {"lstms.0": "slstm"}),
        ([CONV], [lstm(kind="min_gru")], {"lstms.0": "min_gru"}),
        ([CONV], [lstm(kind="gru_ablation")], {"convs.0": "gru_ablation", "lstms.0": "gru_ablation"}),
        ([{"size": 3, "kernel": 5, "basis": "sine", "hidden": 4}, CONV], [lstm()], {"convs.0": "KanConv"}),
        ([CONV, {"size": 8, "kernel": 5, "basis": "sine", "hidden": 4}], [lstm()],
         {"convs.0": "KanConv reads", "convs.1": "KanConv"}),
    ],
)  # fmt: skip
def test_what_cannot_be_cut_says_why(convs: list, lstms: list, refused: dict[str, str]) -> None:
    found = units_of(network_of("bonito", {"convs": convs, "lstms": lstms}))
    assert found.refused.keys() == {f"encoder.{name}" for name in refused}
    for name, words in refused.items():
        assert words in found.refused[f"encoder.{name}"]


def test_the_hidden_layers_of_a_language_model_share_their_width() -> None:
    with torch.device("meta"):
        found = units_of(new_language_network(LANGUAGE, MASKED_LM))
    assert [(one.layer, one.width, one.key) for one in found.units] == [
        ("encoder.encoder.layer.0.mlp", 6, ("hidden",)),
        ("encoder.encoder.layer.1.mlp", 6, ("hidden",)),
        ("encoder.encoder.layer.0.attention", 2, ("heads", 0)),
        ("encoder.encoder.layer.1.attention", 2, ("heads", 1)),
    ]
