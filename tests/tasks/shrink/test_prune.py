"""Pruning a model from its weights to a model: figures, training, resuming, and what is refused."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lexome.checkpoint.build import build_network
from lexome.checkpoint.store import Checkpoint, load, save
from lexome.compress.masks import weights_to_prune
from lexome.compress.sparse_size import stored_size
from lexome.core.errors import LexomeError, UsageError
from lexome.tasks.basecall.task import BasecallTask
from lexome.tasks.recipe import read_recipe
from lexome.tasks.shrink.prune import PruneRequest, prune, sparsities_of, widths_of


@pytest.fixture
def model(tiny_recipe: Path, tmp_path: Path) -> Path:
    """A basecaller with random weights."""
    task = read_recipe(tiny_recipe).task()
    torch.manual_seed(0)
    save(tmp_path / "tiny_model", task.checkpoint(task.build(), {"name": "tiny"}), "random")
    return tmp_path / "tiny_model"


@pytest.fixture
def request_of(model: Path) -> Callable[..., PruneRequest]:
    return lambda **options: PruneRequest(str(model), **options)


Make = Callable[..., PruneRequest]


def zeros(checkpoint: Checkpoint) -> np.ndarray:
    weights = weights_to_prune(build_network(checkpoint))
    return np.concatenate([weight.detach().numpy().ravel() == 0 for weight in weights.values()])


def test_weights_go_at_once(request_of: Make, model: Path, tmp_path: Path) -> None:
    notes: list[str] = []
    figures = prune(request_of(sparsity=0.6), tmp_path / "out", "0", on_note=notes.append)
    made, base = load(tmp_path / "out/model"), load(model)
    gone = zeros(made)
    assert gone.sum() == round(0.6 * gone.size)
    before, after = figures["stages"]
    assert (before["stage"], after["stage"]) == ("before", "after pruning")
    assert after["layer_weights"] - after["layer_nonzero"] == gone.sum()
    assert after["parameters"] == before["parameters"] == base.num_parameters
    assert after["nonzero"] == sum(int((w != 0).sum()) for w in made.weights.values())
    assert (
        after["compressed_bytes"] == stored_size(made.weights).compressed_bytes < before["compressed_bytes"]
    )
    assert after["macs_per_sample"] == before["macs_per_sample"] > 0
    assert after["label_identity"] is None
    assert "no --store" in notes[0]
    assert json.loads((tmp_path / "out/prune.json").read_text()) == figures
    assert (made.features, made.head) == (base.features, base.head)
    assert made.provenance["pruned_from"] == "tiny"
    assert made.provenance["pruning"] == figures


def test_units_go_and_the_network_is_trained_on(request_of: Make, tiny_store: Path, tmp_path: Path) -> None:
    request = request_of(
        sparsity=0.4,
        stores=(tiny_store,),
        structured=True,
        importance="taylor",
        steps=3,
        lr=0.01,
        distill=True,
    )
    rows: list[dict[str, Any]] = []
    figures = prune(request, tmp_path / "out", "0", on_log=rows.append)
    made = load(tmp_path / "out/model")
    before, cut, trained = figures["stages"]
    assert trained["stage"] == "after training"
    assert cut["parameters"] == trained["parameters"] == made.num_parameters <= 0.6 * before["parameters"]
    assert cut["macs_per_sample"] < before["macs_per_sample"]
    assert cut["dense_bytes"] < before["dense_bytes"]
    widths = figures["widths"]
    assert widths["encoder.lstms.0"] == [4, made.architecture.config["lstms"][0]["size"]]
    judge = read_recipe_task(request, tiny_store)
    for row, folder in ((cut, "out/cut"), (trained, "out/model")):
        identity = judge.evaluate(build_network(load(tmp_path / folder)), "validation")["label_identity_mean"]
        assert row["label_identity"] == identity
    assert any("distillation" in row for row in rows)
    weights = [load(tmp_path / folder).weights["scorer.linear.weight"] for folder in ("out/cut", "out/model")]
    assert not np.array_equal(*weights)


def read_recipe_task(request: PruneRequest, store: Path) -> BasecallTask:
    base = load(request.model)
    from lexome.tasks.recipe import resolve_recipe

    data = {
        "task_kind": "basecall", "name": "judge",
        "architecture": {"name": "bonito", "config": base.architecture.config},
        "head": {"name": "crf", "config": base.head.config}, "signal": base.features,
        "task": {"stores": [str(store)]}, "loop": {"steps": 1},
    }  # fmt: skip
    task = resolve_recipe(data, "judge").task()
    assert isinstance(task, BasecallTask)
    return task


def test_weights_go_little_by_little_and_a_stopped_pruning_goes_on(
    request_of: Make, tiny_store: Path, tmp_path: Path
) -> None:
    request = request_of(sparsity=0.5, stores=(tiny_store,), steps=4, lr=0.01)
    whole = prune(request, tmp_path / "whole", "0")
    gone = zeros(load(tmp_path / "whole/model"))
    assert gone.sum() == round(0.5 * gone.size)

    class StoppedError(Exception):
        pass

    def stop(row: dict[str, Any]) -> None:
        raise StoppedError

    with pytest.raises(StoppedError):
        prune(request, tmp_path / "parts", "0", on_log=stop)
    assert not (tmp_path / "parts/model").exists()
    with pytest.raises(UsageError, match="--resume"):
        prune(request, tmp_path / "parts", "0")
    with pytest.raises(UsageError, match="sparsity"):
        prune(replace(request, sparsity=0.6), tmp_path / "parts", "0", resume=True)
    parts = prune(request, tmp_path / "parts", "0", resume=True)
    assert parts == whole
    with pytest.raises(UsageError, match="done"):
        prune(request, tmp_path / "parts", "0", resume=True)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"sparsity": 1.0}, "sparsity must be"),
        ({"steps": 3}, "--store"),
        ({"structured": True, "importance": "taylor"}, "--store"),
        ({"distill": True, "stores": "STORE"}, "--steps or --minutes"),
        ({"multiple": 8}, "--structured"),
        ({"widths": {"encoder.lstms.0": 2}}, "--structured"),
        ({"structured": True, "widths": {"encoder.lstms.0": 5}}, "has 4 units"),
        ({"structured": True, "sparsity": 0.99}, "cannot be reached"),
        ({"stores": "NONE"}, "none"),
    ],
)
def test_what_cannot_be_leaves_nothing(
    request_of: Make, tiny_store: Path, tmp_path: Path, options: dict[str, Any], words: str
) -> None:
    places = {"STORE": (tiny_store,), "NONE": (tmp_path / "none",)}
    if "stores" in options:
        options = {**options, "stores": places[options["stores"]]}
    with pytest.raises(LexomeError, match=words):
        prune(request_of(**options), tmp_path / "out", "0")
    assert not (tmp_path / "out").exists()


def test_a_quantised_model_is_refused(
    request_of: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = request_of()
    base = replace(load(request.model), quantization={"bits": 8})
    monkeypatch.setattr("lexome.tasks.shrink.prune.load", lambda model: base)
    with pytest.raises(UsageError, match="quantised"):
        prune(request, tmp_path / "out", "0")
    assert not (tmp_path / "out").exists()


def test_several_sparsities_and_widths_as_they_are_typed() -> None:
    assert sparsities_of("0.5,0.7, .85") == (0.5, 0.7, 0.85)
    assert widths_of(["encoder.lstms.0=64", "a=1"]) == {"encoder.lstms.0": 64, "a": 1}
    for wrong in ("", "0.5,", "half", "0.5,1", "0.5,0.50", "nan", "-0.1"):
        with pytest.raises(UsageError, match="--sparsity"):
            sparsities_of(wrong)
    for wrong in ("a", "=3", "a=", "a=-1", "a=1.5"):
        with pytest.raises(UsageError, match="--width"):
            widths_of([wrong])
