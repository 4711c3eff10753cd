"""The training chunks of a basecaller's stores in two parts that share no read, for a search.

The weights of a super-network learn on the one, its architecture on the other. The validation chunks of the
stores are in neither: by them the network that was found is judged.
"""

import zlib
from copy import copy
from dataclasses import replace

import numpy as np

from lexome.core.errors import UsageError
from lexome.io.array_folder import SPLITS
from lexome.io.chunks import ChunkStore
from lexome.tasks.basecall.task import BasecallTask

TRAINING, VALIDATION, UNUSED = (SPLITS.index(name) for name in ("training", "validation", "test"))


def in_halves(task: BasecallTask) -> tuple[BasecallTask, BasecallTask]:
    """A task twice, each with half of the training reads.

    The first one's training chunks are the second one's validation chunks, and the other way round. Which
    half a read is in depends on its name alone.

    Args:
        task: left as it is.

    Raises:
        UsageError: if a half is empty.
    """
    sides = [_side(store) for store in task.stores]
    tasks = []
    for side in (0, 1):
        one = copy(task)
        one.stores = [
            replace(store, split_N=np.select([s == side, s == 1 - side], [TRAINING, VALIDATION], UNUSED))
            for store, s in zip(task.stores, sides, strict=True)
        ]
        if not any(len(store.indices("training")) for store in one.stores):
            raise UsageError("the training chunks are too few reads to be halved for a search; give it more")
        tasks.append(one)
    return tasks[0], tasks[1]


def _side(store: ChunkStore) -> np.ndarray:
    """0 or 1 for training chunks, by their read; -1 for all others."""
    names, number_N = np.unique(store.source_N["read"], return_inverse=True)
    side = np.array([zlib.crc32(bytes(name)) & 1 for name in names])
    return np.where(store.split_N == TRAINING, side[number_N], -1)
