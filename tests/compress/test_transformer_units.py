"""Heads of attentions: what belongs to each, and that the configuration says which are left."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lexome.checkpoint.build import build_any_network, build_network, weights_of
from lexome.checkpoint.export_bonito import shared_obstacles
from lexome.checkpoint.export_huggingface import export_huggingface
from lexome.checkpoint.export_network import PlainNetwork
from lexome.checkpoint.store import Checkpoint, Component, load, save
from lexome.compress.layers import example_scores
from lexome.compress.structured import choose, cut, cuttable, importance_by_norm, keep_widths, masked
from lexome.compress.transformer_units import head_units, hidden_units, with_heads, without_full_heads
from lexome.compress.unit_parts import Part, places_of
from lexome.core.config import from_dict
from lexome.core.errors import UsageError
from lexome.models.registry import new_language_network, new_network
from lexome.models.transformer import TransformerConfig
from lexome.nn.scorer import CrfScorerConfig

CONVS = [{"size": 4, "kernel": 5}, {"size": 16, "kernel": 9, "stride": 4}]
FRAME = {"convs": CONVS, "num_heads": 4, "feed_forwards": [{"hidden": 8}, {"hidden": 6}]}
CASES: dict[str, dict[str, Any]] = {
    "bigbird": {**FRAME, "window": [3, 4], "num_global": 2},
    "catcaller": {"convs": CONVS, "num_heads": 4, "kernels": [3, 7], "feed_forward": {"hidden": 12}},
    "deepconsensus": {
        "pileup": {"passes": 2, "width": 4}, "size": 16, "num_heads": 4, "band": 3, "feed_forwards": [8, 6],
    },
    "dnabert2": {"vocab_size": 11, "size": 16, "num_layers": 2, "num_heads": 4, "hidden": 6},
    "reformer": {**FRAME, "lsh": {"group": 8, "num_buckets": 4}},
    "sacall": {**FRAME, "thoughts": {"steps": 2}},
    "transformer": {
        "convs": CONVS, "attention": {"num_heads": 4, "window": [3, 4]}, "feed_forwards": [8, 12],
    },
    "with_inputs": {
        "inputs": {"degree": 3, "window": 7}, "architecture": {"name": "sacall", "config": {**FRAME}},
    },
}  # fmt: skip


def model_of(name: str, seed: int = 0) -> Checkpoint:
    torch.manual_seed(seed)
    config, task, head = CASES[name], "basecall", Component("ctc", {})
    if name == "dnabert2":
        task, head = "language", Component("masked_lm", {"vocab_size": 11})
    new = new_language_network if task == "language" else new_network
    network = new({"name": name, "config": config}, {"name": head.name, "config": head.config})
    with torch.no_grad():  # gates that are shut would hide a mistake
        for parameter in network.parameters():
            parameter.add_(torch.randn(parameter.shape) * 0.2)
    return Checkpoint(task, Component(name, config), head, {}, None, {"name": "m"}, weights_of(network))


def scores_of(model: Checkpoint) -> torch.Tensor:
    with torch.no_grad():
        return example_scores(build_any_network(model))


@pytest.mark.parametrize("name", list(CASES))
@pytest.mark.parametrize("seed", [0, 1])
def test_a_network_without_heads_gives_what_the_masked_one_gives(
    name: str, seed: int, tmp_path: Path
) -> None:
    model, rng = model_of(name, seed), np.random.default_rng(seed)
    units = cuttable(model, ["heads"])
    assert {(one.kind, one.width) for one in units} == {("heads", 4)}
    counts = {one.key: int(rng.integers(1, 4)) for one in units}  # of each layer another number
    keep = {one.layer: np.sort(rng.choice(4, counts[one.key], replace=False)) for one in units}
    smaller = cut(model, units, keep)
    save(tmp_path / "small", smaller, "cut")
    back = load(tmp_path / "small")
    found, wanted = scores_of(back), scores_of(masked(model, units, keep))
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)
    assert float((scores_of(model) - wanted).abs().max()) > 1e-3
    config = back.architecture.config
    config = config["architecture"]["config"] if "architecture" in config else config
    if name == "dnabert2":
        assert config["heads"] == [keep[one.layer].tolist() for one in units]
    else:
        assert config["heads"] == list(counts.values())
    # and once more: heads of what has fewer already
    again = cuttable(back, ["heads"])
    keep = {one.layer: np.arange(one.width)[-1:] for one in again}
    torch.testing.assert_close(
        scores_of(cut(back, again, keep)), scores_of(masked(back, again, keep)), rtol=1e-5, atol=1e-5
    )


def test_the_tensors_of_a_head() -> None:
    model = model_of("transformer")
    one = cuttable(model, ["heads"])[0]
    assert (one.layer, one.key, one.each) == ("encoder.layers.0.attention", ("heads", 0), 4)
    assert one.made == (Part("encoder.layers.0.attention.out.weight", 1, 1, 4),)
    assert one.used == (Part("encoder.layers.0.attention.qkv.weight", 0, 3, 4),)
    np.testing.assert_array_equal(places_of(one.made[0], np.array([1]), 4), [4, 5, 6, 7])
    rows = [*range(4, 8), *range(20, 24), *range(36, 40)]
    np.testing.assert_array_equal(places_of(one.used[0], np.array([1]), 4), rows)
    w = {part.name: model.weights[part.name].astype(float) for part in (*one.made, *one.used)}
    total = np.square(w[one.used[0].name][rows]).sum() + np.square(w[one.made[0].name][:, 4:8]).sum()
    assert importance_by_norm(model.weights, [one])[one.layer][1] == pytest.approx(np.sqrt(total))


def test_heads_and_hidden_features_together() -> None:
    model = model_of("transformer")
    units = cuttable(model, ["heads", "ffn"])
    assert sorted({one.kind for one in units}) == ["ffn", "heads"]
    importance = importance_by_norm(model.weights, units)
    keep = choose(model, units, importance, 0.3, multiple=8)
    smaller = cut(model, units, keep)
    assert smaller.num_parameters <= 0.7 * model.num_parameters
    heads = [len(keep[one.layer]) for one in units if one.kind == "heads"]
    assert all(count * 4 % 8 == 0 for count in heads)  # features of heads that are left
    torch.testing.assert_close(
        scores_of(smaller), scores_of(masked(model, units, keep)), rtol=1e-5, atol=1e-5
    )
    all_kinds = {one.kind for one in cuttable(model)}
    assert all_kinds == {"units", "ffn"}  # what is cut unless heads are asked for
    keep = keep_widths(model, units, importance, {"encoder.layers.1.attention": 3})
    assert cut(model, units, keep).architecture.config["heads"] == [4, 3]


def test_a_configuration_says_nothing_if_all_heads_are_there() -> None:
    model = model_of("sacall")
    network = build_network(model)
    config = {**model.architecture.config, "heads": None}
    assert with_heads(config, network.encoder)["heads"] == [4, 4]
    assert without_full_heads({**config, "heads": [4, 4]})["heads"] is None
    assert without_full_heads({**config, "heads": [4, 3]})["heads"] == [4, 3]
    numbered = {"num_heads": 2, "heads": [[0, 1], [0, 1]]}
    assert without_full_heads(numbered)["heads"] is None
    units = cuttable(model, ["heads", "ffn"])
    keep = {one.layer: np.arange(one.width) for one in units}
    assert cut(model, units, keep).architecture.config["heads"] is None
    assert [one.kind for one in hidden_units(network.encoder, "encoder", ())] == ["ffn"] * 4
    assert len(list(head_units(network.encoder, "encoder", ()))) == 6  # reader (two) and encoder, twice


def test_a_wrong_number_of_heads_in_a_configuration_is_refused() -> None:
    config = {**CASES["transformer"], "heads": [4, 5]}
    with pytest.raises(UsageError, match="1 to 4"):
        new_network({"name": "transformer", "config": config}, {"name": "ctc", "config": {}})


def test_layouts_without_a_place_for_it_refuse_it(tmp_path: Path) -> None:
    def cut_down(name: str) -> Checkpoint:
        model = model_of(name)
        units = cuttable(model, ["heads"])
        return cut(model, units, {one.layer: np.arange(3) for one in units})

    with pytest.raises(UsageError, match="heads are taken out of it"):
        export_huggingface(cut_down("dnabert2"), tmp_path / "out")
    assert not (tmp_path / "out").exists()
    window = from_dict(TransformerConfig, cut_down("transformer").architecture.config, "here")
    network = PlainNetwork(window, CrfScorerConfig(state_len=1), {})
    assert "attention with heads taken out" in list(shared_obstacles(network))
