"""Low-rank adapters."""

import copy
from typing import Any

import pytest
import torch
from torch import nn

from lexome.models.registry import new_language_network
from lexome.nn.language import LanguageNetwork
from lexome.nn.lora import (
    ENBED_TARGETS,
    TARGETS,
    LoraConfig,
    LoraLinear,
    adapters,
    add_adapters,
    merge_adapters,
)

SMALL: dict[str, Any] = {"vocab_size": 11, "size": 12, "num_layers": 2, "num_heads": 3, "hidden": 8}


def network() -> LanguageNetwork:
    torch.manual_seed(0)
    made = new_language_network(
        {"name": "dnabert2", "config": SMALL | {"initial_std": 0.3, "pooler": True}},
        {"name": "sequence", "config": {"num_outputs": 2}},
    )
    return made.eval()


def stir(made: nn.Module) -> None:
    for _, layer in adapters(made):
        nn.init.normal_(layer.lora_B.weight, std=0.2)


def test_the_adapter_adds_a_scaled_product() -> None:
    torch.manual_seed(0)
    linear = nn.Linear(7, 5)
    adapted = LoraLinear(copy.deepcopy(linear), LoraConfig(rank=3, alpha=6.0)).eval()
    x = torch.randn(2, 4, 7)
    torch.testing.assert_close(adapted(x), linear(x))  # a new one changes nothing
    nn.init.normal_(adapted.lora_B.weight)
    weight = linear.weight + 2 * adapted.lora_B.weight @ adapted.lora_A.weight
    expected = nn.functional.linear(x, weight, linear.bias)
    torch.testing.assert_close(adapted(x), expected)
    merged = adapted.merged()
    assert type(merged) is nn.Linear
    torch.testing.assert_close(merged(x), expected)


def test_the_right_layers_are_adapted_and_only_they_learn_with_the_head() -> None:
    made = network()
    names = add_adapters(made, LoraConfig(rank=2))
    assert names == sorted(f"encoder.encoder.layer.{i}.{target}" for i in range(2) for target in TARGETS)
    assert [name for name, _ in adapters(made)] == [
        f"encoder.encoder.layer.{i}.{target}" for i in range(2) for target in TARGETS
    ]
    learning = {name for name, p in made.named_parameters() if p.requires_grad}
    assert learning == {f"{name}.lora_{part}.weight" for name in names for part in "AB"} | {
        "scorer.classifier.weight",
        "scorer.classifier.bias",
    }
    stir(made)
    made(torch.randint(0, 11, (3, 6))).square().sum().backward()
    for name, parameter in made.named_parameters():
        assert (parameter.grad is not None) == (name in learning), name
        assert parameter.grad is None or parameter.grad.any(), name


def test_merged_networks_give_the_same_scores_and_learn_again() -> None:
    made, ids = network(), torch.randint(0, 11, (3, 6))
    names = set(made.state_dict())
    before = made(ids)
    add_adapters(made, LoraConfig())
    torch.testing.assert_close(made(ids), before)
    stir(made)
    adapted = made(ids)
    assert (adapted - before).abs().max() > 1e-3
    assert merge_adapters(made) == 8
    torch.testing.assert_close(made(ids), adapted, rtol=1e-4, atol=1e-5)
    assert set(made.state_dict()) == names
    assert all(p.requires_grad for p in made.parameters())
    assert merge_adapters(made) == 0


def test_dropout_is_for_training_only() -> None:
    made, ids = network(), torch.randint(0, 11, (3, 6))
    add_adapters(made, LoraConfig(dropout=0.5))
    stir(made)
    assert torch.equal(made(ids), made(ids))
    layer = made.get_submodule("encoder.encoder.layer.0.mlp.wo").train()
    x = torch.randn(4, 8)
    assert not torch.equal(layer(x), layer(x))


def test_the_layers_of_enbed_are_adapted_without_naming_them() -> None:
    config = {
        "vocab_size": 11, "size": 12, "num_layers": 2, "num_heads": 3, "head_size": 4, "hidden": 8,
        "narrow_radius": 2, "radius": 3, "num_global": 2,
    }  # fmt: skip
    made = new_language_network(
        {"name": "enbed", "config": config}, {"name": "sequence", "config": {"num_outputs": 2}}
    )
    names = add_adapters(made, LoraConfig(rank=2))
    assert names == sorted(
        f"encoder.encoder.layer.{i}.{target}" for i in range(2) for target in ENBED_TARGETS
    )
    linear = [name for name, part in made.encoder.named_modules() if type(part) is nn.Linear]
    assert all("lora" in name or name.endswith(".linear") for name in linear)  # there are no others


@pytest.mark.parametrize(
    ("targets", "complaint"),
    [
        (("query", "value"), "called query, value"),
        (("qkv",), "called qkv"),
        (("mlp",), "called mlp"),
    ],
)
def test_targets_that_are_no_layers_are_refused(targets: tuple[str, ...], complaint: str) -> None:
    made = network()
    with pytest.raises(ValueError, match=complaint):
        add_adapters(made, LoraConfig(targets=targets))
    assert not list(adapters(made))


def test_layers_are_adapted_once() -> None:
    made = network()
    add_adapters(made, LoraConfig())
    with pytest.raises(ValueError, match="has an adapter already"):
        add_adapters(made, LoraConfig())


@pytest.mark.parametrize("changes", [{"rank": 0}, {"alpha": 0.0}, {"dropout": 1.0}, {"targets": ("",)}])
def test_impossible_configurations_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"must be positive|names of layers"):
        LoraConfig(**changes)
