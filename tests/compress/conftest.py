"""A recipe that trains in a second, for the methods that prune."""

from collections.abc import Callable
from typing import Any

import pytest

from lexome.tasks.recipe import Recipe, resolve_recipe

CONVS = [{"size": 4, "kernel": 5, "stride": 5, "batch_norm": True}]
LSTMS = [{"size": 6, "reverse": True}, {"size": 6, "reverse": False, "kind": "gru"}]


@pytest.fixture
def recipe_of(tiny_store: Any) -> Callable[..., Recipe]:
    """Makes a recipe of eight steps; tables that are given are put into its own."""

    def make(**tables: Any) -> Recipe:
        data = {
            "task_kind": "basecall", "name": "tiny",
            "architecture": {"name": "bonito", "config": {"convs": CONVS, "lstms": LSTMS}},
            "head": {"name": "crf", "config": {"state_len": 1}},
            "signal": {"sample_rate_hz": 4000, "chunk_size": 200, "overlap": 20},
            "task": {"stores": [str(tiny_store)], "optim": {"lr": 0.02, "warmup_steps": 2}},
            "loop": {
                "steps": 8, "batch_size": 4, "seed": 1, "validate_every": 3, "save_every": 3, "log_every": 1,
                "device": "cpu",
            },
        }  # fmt: skip
        for key, table in tables.items():
            data[key] = {**data.get(key, {}), **table}  # type: ignore[dict-item]
        return resolve_recipe(data, "tiny")

    return make
