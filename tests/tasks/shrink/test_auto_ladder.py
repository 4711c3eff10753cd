"""What is tried for which model, in which order, and why something is not."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from lexome.checkpoint.build import build_network, weights_of
from lexome.checkpoint.store import Checkpoint, Component, load
from lexome.compress.structured import cut
from lexome.core.errors import UsageError
from lexome.models.registry import new_network
from lexome.tasks.shrink.auto_ladder import FAMILIES, families_of, narrower, plan_ladder


def of(architecture: str, config: dict, like: Checkpoint) -> Checkpoint:
    """A random model of some architecture."""
    torch.manual_seed(0)
    table = {"name": architecture, "config": config}
    network = new_network(table, {"name": like.head.name, "config": like.head.config})
    return replace(like, architecture=Component(architecture, config), weights=weights_of(network))


def test_the_ladder_of_a_bundled_model() -> None:
    base = load("r9.4.1_turbo")
    ladder, left_out = plan_ladder(base, FAMILIES, trains=True)
    names = [one.name for one in ladder]
    assert names[:2] == ["int8", "int8-tuned"]
    assert [one.split("-")[0] for one in names if "+" not in one][2:] == [
        *["prune"] * 3,
        *["low"] * 2,
        "student",
    ]
    assert names[2:] == [name for one in names[2::2] for name in (one, f"{one}+int8")]
    for one in ladder[3::2]:
        assert one.kind == "int8"
        assert one.after == one.name.removesuffix("+int8")
    assert {"low-rank-32", "low-rank-16"} < set(names)
    assert left_out == []

    ladder, left_out = plan_ladder(base, FAMILIES, trains=False)
    assert [one.name for one in ladder] == [n for n in names if n != "int8-tuned" and "student" not in n]
    assert [one.name for one in left_out] == ["student"]
    assert "--store" in left_out[0].reason


def test_names_say_what_part_of_the_weights_is_gone() -> None:
    base = load("r9.4.1_turbo")
    ladder, _ = plan_ladder(base, ("prune", "student"), trains=True)
    assert not any("int8" in one.name for one in ladder)
    for one in ladder:
        made = cut(base, *narrower(base, one.amount))
        gone = 1 - made.num_parameters / base.num_parameters
        assert one.name == f"{one.kind}-{round(100 * gone)}"
        assert gone >= one.amount
        assert re.search(rf"{gone:.0%}", one.what)
        widths = [layer["size"] for layer in made.architecture.config["lstms"]]
        assert all(width % 8 == 0 for width in widths)


def test_one_network_is_tried_once(small_model: Path) -> None:
    ladder, left_out = plan_ladder(load(small_model), ("prune",), trains=False)
    names = [one.name for one in ladder]
    assert len(names) == len(set(names))
    assert names or left_out


def test_what_does_not_apply_says_why(small_model: Path) -> None:
    small = load(small_model)
    gru = of(
        "bonito",
        {
            "convs": [{"size": 16, "kernel": 5, "stride": 5}],
            "lstms": [{"size": 24, "kind": "gru", "reverse": True}],
        },
        small,
    )
    ladder, left_out = plan_ladder(gru, FAMILIES, trains=False)
    assert not any("int8" in one.name for one in ladder)
    assert any(one.kind == "low-rank" for one in ladder)
    assert {one.name: one.reason for one in left_out}["int8"].startswith("model small has no LSTM")

    convolutions = of("quartznet", {"blocks": [{"size": 8, "kernel": 5, "stride": 5}]}, small)
    ladder, left_out = plan_ladder(convolutions, ("int8", "low-rank"), trains=True)
    assert ladder == []
    assert {one.name for one in left_out} == {"int8", "low-rank"}
    build_network(convolutions)


def test_families() -> None:
    assert families_of(None) == FAMILIES
    assert families_of("student, int8") == ("int8", "student")
    with pytest.raises(UsageError, match="there is no 'pruning'; did you mean 'prune'"):
        families_of("int8,pruning")
    with pytest.raises(UsageError, match="names nothing"):
        families_of(",")
