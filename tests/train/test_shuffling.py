"""The order of a training set: epochs, skipping, several processes."""

from itertools import islice

import numpy as np
import pytest

from lexome.core.errors import UsageError
from lexome.train.shuffling import items_of, shuffled_batches


def take(count: int, items: int = 23, **changes: int) -> list[list[int]]:
    settings = {"batch_size": 4, "seed": 1, "rank": 0, "world": 1, "skip": 0} | changes
    return [batch.tolist() for batch in islice(shuffled_batches(items, **settings), count)]


def test_an_epoch_holds_items_once_and_every_epoch_is_another() -> None:
    batches = take(10)
    epochs = [sum(batches[:5], []), sum(batches[5:], [])]
    for epoch in epochs:
        assert len(set(epoch)) == len(epoch) == 20
        assert set(epoch) <= set(range(23))
    assert epochs[0] != epochs[1]
    assert {i for epoch in np.array_split(np.array(take(50)), 10) for i in epoch.ravel()} == set(range(23))


def test_skipping_is_skipping() -> None:
    everything = take(17)
    for skip in range(13):
        assert take(17 - skip, skip=skip) == everything[skip:]
    assert take(17, seed=2) != everything


def test_processes_share_what_one_would_have() -> None:
    one = take(9, batch_size=6)
    parts = [take(9, batch_size=2, rank=rank, world=3) for rank in range(3)]
    assert [sum(together, []) for together in zip(*parts, strict=True)] == one


def test_too_few_items_are_refused() -> None:
    assert len(take(3, items=4)) == 3
    with pytest.raises(UsageError, match="3 training items do not fill one batch of 4 on 1"):
        take(1, items=3)


def test_items_name_their_store_and_row() -> None:
    items = items_of([np.array([3, 5]), np.zeros(0, np.int64), np.array([1])])
    assert items.tolist() == [[0, 3], [0, 5], [2, 1]]


def test_the_error_calls_the_items_by_their_name() -> None:
    with pytest.raises(UsageError, match="3 training chunks do not fill one batch"):
        next(shuffled_batches(3, batch_size=4, seed=0, rank=0, world=1, skip=0, noun="chunks"))
