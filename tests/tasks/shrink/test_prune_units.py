"""Heads and layers of every task's models go; what cannot be is said in one line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from lexome.checkpoint.build import build_network, weights_of
from lexome.checkpoint.store import Checkpoint, Component, load, save
from lexome.compress.layers import droppable, passed_by
from lexome.core.errors import UsageError
from lexome.models.registry import new_language_network, new_network
from lexome.tasks.basecall.task import BasecallTask
from lexome.tasks.recipe import read_recipe
from lexome.tasks.shrink.prune import PruneRequest, prune
from lexome.tasks.shrink.prune_units import kinds_of, structured

CONVS = [{"size": 4, "kernel": 5}, {"size": 16, "kernel": 9, "stride": 4}]
TRANSFORMER = {"convs": CONVS, "attention": {"num_heads": 4, "window": [3, 4]}, "feed_forwards": [16] * 4}
CORRECTOR = {"pileup": {"passes": 2, "width": 4}, "size": 16, "num_heads": 4, "feed_forwards": [24, 24, 24]}
LANGUAGE = {"vocab_size": 11, "size": 16, "num_layers": 3, "num_heads": 4, "hidden": 24}
Save = Callable[[str], str]


@pytest.fixture
def saved(tmp_path: Path) -> Save:
    """Saves a small random model of a task, gives its folder."""

    def make(task: str) -> str:
        name, config, head = {
            "basecall": ("transformer", TRANSFORMER, Component("ctc", {})),
            "correct": ("deepconsensus", CORRECTOR, Component("consensus", {})),
            "language": ("dnabert2", LANGUAGE, Component("masked_lm", {"vocab_size": 11})),
        }[task]
        torch.manual_seed(0)
        new = new_language_network if task == "language" else new_network
        network = new({"name": name, "config": config}, {"name": head.name, "config": head.config})
        made = Checkpoint(task, Component(name, config), head, {}, None, {"name": task}, weights_of(network))
        save(tmp_path / task, made, "random")
        return str(tmp_path / task)

    return make


@pytest.mark.parametrize("task", ["basecall", "correct", "language"])
@pytest.mark.parametrize("kinds", [("heads", "ffn"), ("layers",), ("heads", "ffn", "layers")])
def test_a_model_of_any_task_gets_smaller(
    task: str, kinds: tuple[str, ...], saved: Save, tmp_path: Path
) -> None:
    request = PruneRequest(saved(task), sparsity=0.3, structured=True, kinds=kinds)
    figures = prune(request, tmp_path / "out", "0")
    base, made = load(request.model), load(tmp_path / "out/model")
    before, after = figures["stages"]
    assert after["parameters"] == made.num_parameters < before["parameters"] == base.num_parameters
    assert after["parameters"] <= 0.7 * before["parameters"]
    config = made.architecture.config
    depth = config["num_layers"] if task == "language" else len(config["feed_forwards"])
    assert ("layers" in figures) == ("layers" in kinds)
    if "layers" in kinds:
        full = {"basecall": 4, "correct": 3, "language": 3}[task]
        assert depth == full - len(figures["layers"])
    if kinds == ("layers",):
        assert figures["layers"]
        assert "widths" not in figures
    else:
        assert any(now < was for was, now in figures["widths"].values())
    if task != "language":
        assert after["macs_per_sample"] < before["macs_per_sample"]


def test_layers_by_name(saved: Save, tmp_path: Path) -> None:
    request = PruneRequest(
        saved("basecall"), structured=True, drop=("encoder.layers.1", "encoder.layers.2"),
        widths={"encoder.layers.1.attention": 2},
    )  # fmt: skip
    figures = prune(request, tmp_path / "out", "0")
    assert figures["sparsity"] is None
    assert figures["layers"] == {"encoder.layers.1": None, "encoder.layers.2": None}
    config = load(tmp_path / "out/model").architecture.config
    assert config["feed_forwards"] == [16, 16]
    assert config["heads"] == [4, 2]  # the name is that of what is left


def test_chunks_say_which_layers_matter(tiny_recipe: Path, tiny_store: Path, tmp_path: Path) -> None:
    task = read_recipe(tiny_recipe).task()
    torch.manual_seed(0)
    base = task.checkpoint(task.build(), {"name": "tiny"})
    lstms = [{"size": 4, "reverse": True}, {"size": 4, "reverse": False}, {"size": 4, "reverse": True}]
    config = {**base.architecture.config, "lstms": lstms}
    network = new_network({"name": "bonito", "config": config}, {"name": "crf", "config": base.head.config})
    base = Checkpoint(
        "basecall", Component("bonito", config), base.head, base.features, None, {"name": "deep"},
        weights_of(network),
    )  # fmt: skip
    save(tmp_path / "deep", base, "random")
    request = PruneRequest(
        str(tmp_path / "deep"), sparsity=0.1, structured=True, kinds=("layers",), stores=(tiny_store,),
        steps=1, chunks=2,
    )  # fmt: skip
    figures = prune(request, tmp_path / "out", "0")
    (change,) = figures["layers"].values()
    assert change > 0
    assert isinstance(task, BasecallTask)
    _, how = structured(request, base, task)  # the chunks as they are, without the training's variations
    ((gone, change),) = how["layers"].items()
    batch = next(task.batches("training", batch_size=16, seed=0, rank=0, world=1, skip=0))
    network, changes = build_network(base), {}
    with torch.no_grad():
        whole = task.outputs(network, batch).scores
        for layer in droppable(base):
            with passed_by(network, [layer]):
                off = task.outputs(network, batch).scores - whole
            changes[layer] = float(off.square().mean() / whole.var())
    assert len(changes) == 3
    assert (gone, change) == (
        min(changes, key=lambda one: changes[one]),
        pytest.approx(min(changes.values())),
    )
    assert len(load(tmp_path / "out/model").architecture.config["lstms"]) == 2


@pytest.mark.parametrize(
    ("task", "options", "words"),
    [
        ("basecall", {"kinds": ("layers",), "sparsity": 0.95}, "cannot be reached by whole layers"),
        ("basecall", {"drop": ("encoder.layers.4",)}, "no layer 'encoder.layers.4'"),
        ("correct", {"kinds": ("units",)}, r"has no units of .* it has: heads, ffn, layers"),
        ("correct", {"stores": (Path("here"),)}, "--store is for basecallers"),
        ("language", {"kinds": ("heads",), "sparsity": 0.9}, "cannot be reached"),
    ],
)
def test_what_cannot_be(task: str, options: dict[str, Any], words: str, saved: Save, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=words) as error:
        prune(PruneRequest(saved(task), structured=True, **options), tmp_path / "out", "0")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()


def test_half_of_the_sparsity_is_for_layers(saved: Save) -> None:
    request = PruneRequest(saved("basecall"), sparsity=0.6, kinds=("ffn", "heads", "layers"))
    base = load(request.model)
    made, how = structured(request, base, None)
    gone = sum(
        w.size for name, w in base.weights.items() if any(name.startswith(f"{one}.") for one in how["layers"])
    )
    assert 0 < gone <= (1 - 0.4**0.5) * base.num_parameters
    assert 0.35 * base.num_parameters < made.num_parameters <= 0.4 * base.num_parameters  # no more than asked


def test_kinds_as_they_are_typed() -> None:
    assert kinds_of("heads, ffn,heads") == ("heads", "ffn")
    for wrong in ("", "heads,", "head"):
        with pytest.raises(UsageError, match="unknown kind"):
            kinds_of(wrong)
