"""Training chunks in halves: by read, none of the validation chunks, the same every time."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lexome.core.errors import UsageError
from lexome.tasks.basecall.task import BasecallTask
from lexome.tasks.recipe import read_recipe
from lexome.tasks.shrink.halves import in_halves


def test_the_halves_share_no_read(tiny_recipe: Path) -> None:
    task = read_recipe(tiny_recipe).task()
    assert isinstance(task, BasecallTask)
    store = task.stores[0]
    # two chunks of each read
    names = [f"read-{number // 2}".encode() for number in range(20)]
    source = store.source_N.copy()
    source["read"] = names
    task.stores = [replace(store, source_N=source)]
    before = store.split_N.copy()
    one, other = in_halves(task)
    assert np.array_equal(task.stores[0].split_N, before)
    first, second = (set(half.stores[0].indices("training").tolist()) for half in (one, other))
    assert first
    assert second
    assert first | second == set(store.indices("training").tolist())
    assert not {names[i] for i in first} & {names[i] for i in second}
    assert set(one.stores[0].indices("validation").tolist()) == second
    assert set(other.stores[0].indices("validation").tolist()) == first
    again, _ = in_halves(task)
    assert np.array_equal(again.stores[0].split_N, one.stores[0].split_N)
    # one read cannot be halved
    source["read"] = b"the only one"
    task.stores = [replace(store, source_N=source)]
    with pytest.raises(UsageError, match="too few reads to be halved"):
        in_halves(task)
