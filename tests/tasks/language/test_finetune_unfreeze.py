"""Gradual unfreezing: which parts learn when, and that a stopped training goes on with the same ones."""

from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from lexome.checkpoint.store import load
from lexome.core.errors import UsageError
from lexome.models.registry import new_language_network
from lexome.tasks.language.finetune_config import FinetuneConfig
from lexome.tasks.language.finetune_task import FinetuneTask
from lexome.tasks.language.finetune_unfreeze import NAME, begin_frozen, thaw_of, told_of, without_thaw
from lexome.train.config import LoopConfig
from lexome.train.loop import train
from lexome.train.optim import OptimConfig

OPTIM = OptimConfig(lr=3e-3, warmup_steps=2, decay="linear", clip=1.0, clip_mode="constant")


def task(toy: ModuleType, **changes: Any) -> FinetuneTask:
    sets = {"training": toy.motif_set(64), "validation": toy.motif_set(20, seed=1)}
    config = replace(FinetuneConfig(optim=OPTIM, reverse_complement=False, unfreeze="gradual"), **changes)
    return FinetuneTask(config, toy.enbed_model(), toy.BYTES, sets)


def test_parts_join_from_the_top(toy: ModuleType) -> None:
    network = task(toy).build()
    thaw = thaw_of(network)
    assert thaw.num_parts == 3

    def learning() -> set[str]:
        return {n for n, p in network.named_parameters() if p.requires_grad and n.startswith("encoder.")}

    every = {n for n, _ in network.named_parameters() if n.startswith("encoder.")}
    of_layers = [{n for n in every if n.startswith(f"encoder.encoder.layer.{i}.")} for i in (0, 1)]
    assert learning() == set()
    assert all(p.requires_grad for n, p in network.named_parameters() if n.startswith("scorer."))
    for expected in (of_layers[1], of_layers[0] | of_layers[1], every, every):
        thaw.unfreeze_next()
        assert learning() == expected


def test_training_unfreezes_with_every_validation_and_resumes_to_the_bit(
    toy: ModuleType, tmp_path: Path
) -> None:
    one, start = task(toy), toy.enbed_model().weights

    def run(folder: Path, *, resume: bool = False, stop_at: int = 0) -> None:
        class StoppedError(Exception):
            pass

        def watch(row: dict[str, Any]) -> None:
            if row["step"] == stop_at:
                raise StoppedError

        loop = LoopConfig(steps=20, batch_size=8, validate_every=4, save_every=5, log_every=1, seed=1)
        try:
            train(one, loop, folder, {"name": "toy"}, {}, resume=resume, on_log=watch)
        except StoppedError:
            assert stop_at
        else:
            assert not stop_at

    run(tmp_path / "whole")
    for stop_at in (3, 7, 12):  # before any save; behind the first validation; behind the second
        folder = tmp_path / f"stopped-{stop_at}"
        run(folder, stop_at=stop_at)
        run(folder, resume=stop_at > 5)
    states = [
        load_file(tmp_path / name / "training.safetensors")
        for name in ("whole", "stopped-3", "stopped-7", "stopped-12")
    ]
    assert int(states[0][f"model.{NAME}.unfrozen"]) == 3
    for state in states[1:]:
        assert all(torch.equal(states[0][name], state[name]) for name in states[0])
    trained = {n.removeprefix("model."): t.numpy() for n, t in states[0].items() if n.startswith("model.")}
    assert {name for name in start if name.startswith("encoder.")} == {
        name for name in start
        if name.startswith("encoder.") and not np.array_equal(start[name], trained[name])
    }  # fmt: skip
    model = load(tmp_path / "whole" / "model")
    assert model.provenance["unfreeze"] == "gradual"
    assert not any(name.startswith(NAME) for name in model.weights)
    assert model.weights.keys() == without_thaw(trained).keys()


def test_frozen_layers_do_not_move(toy: ModuleType, tmp_path: Path) -> None:
    one, start = task(toy), toy.enbed_model().weights
    loop = LoopConfig(steps=7, batch_size=8, validate_every=4, save_every=7, seed=1)
    train(one, loop, tmp_path / "run", {"name": "toy"}, {})
    state = load_file(tmp_path / "run" / "training.safetensors")
    moved = {
        name for name in start
        if name.startswith("encoder.") and not np.array_equal(start[name], state[f"model.{name}"].numpy())
    }  # fmt: skip
    assert moved
    assert all(name.startswith("encoder.encoder.layer.1.") for name in moved)


def test_what_cannot_be_unfrozen_is_refused(toy: ModuleType) -> None:
    cnn = new_language_network(
        {"name": "sequence_cnn", "config": {}}, {"name": "sequence", "config": {"num_outputs": 2}}
    )
    with pytest.raises(UsageError, match="SequenceCnn does not show its layers"):
        begin_frozen(cnn)
    for changes in ({"method": "lora"}, {"new_weights": True}):
        with pytest.raises(ValueError, match="with method 'full' and a model's weights only"):
            task(toy, **changes)


def test_how_much_will_learn_is_told() -> None:
    assert told_of(6, 5).startswith(
        "unfrozen gradually: 5 of the 7 parts of the encoder will learn; more epochs"
    )
    assert told_of(2, 9) == "unfrozen gradually: 3 of the 3 parts of the encoder will learn"
