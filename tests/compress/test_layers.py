"""Whole layers are taken out: the network that is left gives what the one that passes them by gives."""

import dataclasses
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lexome.checkpoint.build import build_any_network, weights_of
from lexome.checkpoint.store import Checkpoint, Component, load, save
from lexome.compress.layers import choose_layers, droppable, example_scores, passed_by, without_layers
from lexome.core.errors import UsageError
from lexome.models.registry import new_language_network, new_network

CONVS = [{"size": 4, "kernel": 5}, {"size": 8, "kernel": 9, "stride": 5}]
TWO_STEPS = [{"size": 4, "kernel": 3, "stride": 2}, {"size": 8, "kernel": 3, "stride": 2, "batch_norm": True}]
HIDDEN = [{"hidden": 12}, {"hidden": 8}, {"hidden": 6}]
LSTMS = [{"size": 8, "reverse": True}, {"size": 8, "reverse": False}, {"size": 6, "reverse": True}]
FRAME = {"convs": TWO_STEPS, "num_heads": 2, "feed_forwards": HIDDEN}
# of each architecture: a configuration, and the layers that can go
CASES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "bigbird": ({**FRAME, "window": [2, 3]}, ["layers.0", "layers.1", "layers.2"]),
    "bonito": ({"convs": CONVS, "lstms": LSTMS}, ["lstms.0", "lstms.1"]),
    "catcaller": (
        {"convs": TWO_STEPS, "num_heads": 2, "kernels": [3, 7], "feed_forward": {"hidden": 12}},
        ["layers.0", "layers.1"],
    ),
    "deepconsensus": (
        {"pileup": {"passes": 2, "width": 4}, "size": 12, "num_heads": 2, "feed_forwards": [8, 6]},
        ["layers.0", "layers.1"],
    ),
    "dense_base_conv": (
        {"convs": CONVS, "blocks": [{"size": 8, "kernel": 3}, {"size": 8}], "lstms": LSTMS},
        ["blocks.0", "blocks.1", "lstms.0", "lstms.1"],
    ),
    "mamba": (
        {"convs": CONVS, "layers": [{"size": 8}, {"size": 8, "reverse": True}]}, ["layers.0", "layers.1"],
    ),
    "parallel_rnn": (
        {"convs": CONVS, "layers": [{"size": 8}, {"size": 8, "reverse": True}]}, ["layers.0", "layers.1"],
    ),
    "quartznet": (
        {
            "blocks": [
                {"size": 6, "kernel": 9, "stride": 3}, {"size": 6, "kernel": 5}, {"size": 4, "kernel": 3},
            ]
        },
        ["blocks.1"],
    ),
    "reformer": (
        {**FRAME, "lsh": {"group": 8, "num_buckets": 4}},
        ["layers.blocks.0", "layers.blocks.1", "layers.blocks.2"],
    ),
    "s4": ({"convs": CONVS, "blocks": [{"size": 8, "states": 3}, {"size": 8}]}, ["blocks.0", "blocks.1"]),
    "sacall": ({**FRAME, "heads": [2, 1, 2]}, ["layers.0", "layers.1", "layers.2"]),
    "transformer": (
        {
            "convs": CONVS, "attention": {"num_heads": 2, "window": [3, 4]}, "feed_forwards": [8, 12, 6],
            "heads": [1, 2, 2],
        },
        ["layers.0", "layers.1", "layers.2"],
    ),
    "with_inputs": (
        {
            "inputs": {"degree": 3, "window": 7},
            "architecture": {"name": "bonito", "config": {"convs": CONVS, "lstms": LSTMS}},
        },
        ["encoder.lstms.0", "encoder.lstms.1"],
    ),
}  # fmt: skip
LANGUAGE = {"vocab_size": 11, "size": 8, "num_layers": 3, "num_heads": 2, "hidden": 6}


def model_of(name: str, config: dict[str, Any]) -> Checkpoint:
    torch.manual_seed(1)
    task, head = ("basecall", Component("ctc", {}))
    if name == "dnabert2":
        task, head = "language", Component("masked_lm", {"vocab_size": 11})
    new = new_language_network if task == "language" else new_network
    network = new({"name": name, "config": config}, {"name": head.name, "config": head.config})
    with torch.no_grad():  # gates that are shut and statistics that change nothing would hide a mistake
        for parameter in network.parameters():
            parameter.add_(torch.randn(parameter.shape) * 0.2)
    return Checkpoint(task, Component(name, config), head, {}, None, {"name": "m"}, weights_of(network))


@pytest.mark.parametrize("name", [*CASES, "dnabert2"])
def test_what_is_left_gives_what_the_network_that_passes_layers_by_gives(name: str, tmp_path: Path) -> None:
    config, layers = CASES.get(name) or (LANGUAGE, [f"encoder.layer.{i}" for i in range(3)])
    model = model_of(name, config)
    layers = [f"encoder.{layer}" for layer in layers]
    assert list(droppable(model)) == layers
    network = build_any_network(model)
    with torch.no_grad():
        whole = example_scores(network)
        for gone in {tuple(layers[:1]), (layers[-1],)}:
            with passed_by(network, gone):
                wanted = example_scores(network)
            smaller = without_layers(model, gone)
            save(tmp_path / gone[0], smaller, "cut")
            found = example_scores(build_any_network(load(tmp_path / gone[0])))
            torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)
            assert float((whole - wanted).abs().max()) > 1e-3
            assert smaller.num_parameters < model.num_parameters
        torch.testing.assert_close(example_scores(network), whole, rtol=0, atol=0)  # passed by no longer


def test_the_layer_without_which_least_changes_goes_first() -> None:
    model = model_of(
        "bonito", {"convs": CONVS, "lstms": [{"size": 8, "reverse": r} for r in (True, False, True, False)]}
    )
    network = build_any_network(model)
    gone: list[str] = []
    changes: dict[str, float] = {}
    with torch.no_grad():
        whole = example_scores(network)
        for _ in range(2):  # brute force: every layer, by itself, with those before it
            changes = {}
            for layer in droppable(model):
                if layer not in gone:
                    with passed_by(network, [*gone, layer]):
                        changes[layer] = float(
                            (example_scores(network) - whole).square().mean() / whole.var()
                        )
            gone.append(min(changes, key=lambda one: changes[one]))
    found = choose_layers(model, example_scores, share=1.0, count=2)
    assert list(found) == gone
    assert found[gone[1]] == pytest.approx(changes[gone[1]], rel=1e-4)
    size = sum(w.size for name, w in model.weights.items() if name.startswith("encoder.lstms.0."))
    share = (size + 1) / model.num_parameters
    assert len(choose_layers(model, example_scores, share=share)) == 1
    assert choose_layers(model, example_scores, share=(size - 1) / model.num_parameters) == {}
    assert len(choose_layers(model, example_scores, share=1.0)) == 3  # one stays


def test_deepnorm_keeps_the_factor_of_its_depth() -> None:
    model = model_of("transformer", CASES["transformer"][0])
    config = without_layers(model, ["encoder.layers.1"]).architecture.config
    assert config["deepnorm_alpha"] == pytest.approx(6**0.25)
    assert config["feed_forwards"] == [8, 6]
    assert config["heads"] == [1, 2]
    assert without_layers(model, ["encoder.layers.0"]).architecture.config["heads"] is None  # all are there


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        (["encoder.lstms.2"], "no layer 'encoder.lstms.2' that can be taken out"),
        (["encoder.lstm.0"], "encoder.lstms.0"),
    ],
)
def test_what_cannot_go_is_one_line(layers: list[str], words: str) -> None:
    model = model_of("bonito", CASES["bonito"][0])
    with pytest.raises(UsageError, match=words) as error:
        without_layers(model, layers)
    assert "\n" not in str(error.value)


def test_one_layer_stays() -> None:
    model = model_of("s4", CASES["s4"][0])
    with pytest.raises(UsageError, match="at least one layer has to stay"):
        without_layers(model, ["encoder.blocks.0", "encoder.blocks.1"])
    with pytest.raises(UsageError, match="1 layers can be taken out, not 2"):
        choose_layers(model, example_scores, share=1.0, count=2)
    assert without_layers(model, []) is model
    causal = model_of("causalcall", {"size": 6, "dilations": [1, 2, 4], "linear": 5})
    with pytest.raises(UsageError, match="no layers that give what they take"):
        droppable(causal)


def test_every_architecture_is_known_or_has_no_stack() -> None:
    examples = runpy.run_path(str(Path(__file__).parents[1] / "models" / "registry_examples.py"))["EXAMPLES"]
    assert examples.keys() - CASES.keys() == {"causalcall"}


def test_nothing_of_the_model_is_changed() -> None:
    model = model_of("transformer", CASES["transformer"][0])
    before = dataclasses.replace(model, weights={n: np.array(w) for n, w in model.weights.items()})
    without_layers(model, ["encoder.layers.0"])
    assert model.architecture == before.architecture
    for name, weight in before.weights.items():
        np.testing.assert_array_equal(model.weights[name], weight)
