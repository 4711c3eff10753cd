"""The items of a training set, and the order in which they are gone through."""

from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Int

from lexome.core.errors import UsageError


def items_of(rows: Sequence[np.ndarray]) -> Int[np.ndarray, "items 2"]:
    """(store, row) of every item, for the rows of each of several stores, int64."""
    return np.concatenate([np.stack([np.full(len(r), n), r], axis=1) for n, r in enumerate(rows)])


def fixed_choice(num_items: int, limit: int) -> Int[np.ndarray, " chosen"]:
    """Which items judge a network if not all do: the same ones, ascending, whenever it is asked."""
    return np.sort(np.random.default_rng(0).permutation(num_items)[:limit])


def shuffled_batches(
    num_items: int, *, batch_size: int, seed: int, rank: int, world: int, skip: int, noun: str = "items"
) -> Iterator[Int[np.ndarray, " batch"]]:
    """Endless batches of indices; every epoch has another order and leaves out what does not fill a batch.

    Args:
        num_items: of the training set.
        batch_size: of one process.
        seed: of the order.
        rank: of this process.
        world: processes; their batches together are that of one process with a batch as large.
        skip: leaves out so many first batches.
        noun: what the items are called in the error.

    Yields:
        Indices of this process's items.

    Raises:
        UsageError: if the items do not fill one batch.
    """
    whole_size = batch_size * world
    per_epoch = num_items // whole_size
    if per_epoch == 0:
        raise UsageError(
            f"{num_items} training {noun} do not fill one batch of {batch_size} on {world} processes"
        )
    epoch, within = divmod(skip, per_epoch)
    while True:
        order = np.random.default_rng([seed, 1, epoch]).permutation(num_items)
        for number in range(within, per_epoch):
            start = number * whole_size + rank * batch_size
            yield order[start : start + batch_size]
        epoch, within = epoch + 1, 0
