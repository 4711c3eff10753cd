"""Batches through worker threads, in order, with a bounded number in flight.

Shapes: N batch, S samples, T steps, K scores per step.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

Key = TypeVar("Key", bound=Hashable)
R = TypeVar("R")

PATIENCE = 16  # batches' worth of later chunks that may pass a waiting one


@dataclass(frozen=True)
class _Item(Generic[Key]):
    """A chunk with its place in the input."""

    number: int
    key: Key
    signal: np.ndarray


def run_batches(
    items: Iterable[tuple[Key, np.ndarray]],
    infer: Callable[[np.ndarray], np.ndarray],
    post: Callable[[np.ndarray], R],
    *,
    batch_size: int,
    threads: int,
) -> Iterator[tuple[Key, R]]:
    """Runs chunks through a network and what follows it, `threads` batches at a time.

    Both `infer` and `post` run in the worker threads and should release the GIL. A batch holds chunks of one
    length; a chunk of a rare length waits for others of its kind, but not for more than `PATIENCE` batches.
    At most 2 * threads batches are in flight, so memory does not grow with the input. An error in a worker
    (or in `items`) is raised here as soon as it happens; then, and when the caller stops early, no further
    batch is started and the workers end.

    Args:
        items: (key, signal float32[S]).
        infer: (N, 1, S) -> scores (N, T, K).
        post: scores (T, K) of one item -> its result.
        batch_size: items in a batch at most.
        threads: worker threads.

    Yields:
        (key, result) in the order of the items.

    Raises:
        ValueError: for a batch size or thread count below one, or an item that is no signal.
        MemoryError: also if the system does not give so many threads.
    """
    if batch_size < 1 or threads < 1:
        raise ValueError(f"batch size {batch_size} and threads {threads} must be at least 1")

    def work(batch: list[_Item[Key]]) -> list[tuple[int, tuple[Key, R]]]:
        scores_NTK = infer(_stack([item.signal for item in batch]))
        return [(i.number, (i.key, post(scores_TK))) for i, scores_TK in zip(batch, scores_NTK, strict=True)]

    batches = _batches(items, batch_size)
    flying: set[Future[list[tuple[int, tuple[Key, R]]]]] = set()
    finished: dict[int, tuple[Key, R]] = {}
    following = 0
    executor = ThreadPoolExecutor(threads, thread_name_prefix="lexome-engine")
    try:
        while True:
            while len(flying) < 2 * threads and (batch := next(batches, None)):
                flying.add(executor.submit(work, batch))
            if not flying:
                return
            done, flying = wait(flying, return_when=FIRST_COMPLETED)
            for future in done:
                finished.update(future.result())
            while following in finished:
                yield finished.pop(following)
                following += 1
    except RuntimeError as error:
        if "start new thread" in str(error):
            raise MemoryError(f"{threads} threads cannot be started") from error
        raise
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def _batches(items: Iterable[tuple[Key, np.ndarray]], batch_size: int) -> Iterator[list[_Item[Key]]]:
    """Groups items by length; what has waited too long, and what is left at the end, makes small batches."""
    waiting: dict[int, list[_Item[Key]]] = {}  # by length, in the order in which their first items came
    for number, (key, signal) in enumerate(items):
        if signal.ndim != 1:
            raise ValueError(f"a chunk must be one row of samples, not an array of shape {signal.shape}")
        group = waiting.setdefault(len(signal), [])
        group.append(_Item(number, key, signal))
        if len(group) == batch_size:
            yield waiting.pop(len(signal))
        oldest = next(iter(waiting.values()), None)
        if oldest and number - oldest[0].number >= PATIENCE * batch_size:
            yield waiting.pop(len(oldest[0].signal))
    yield from waiting.values()


def _stack(signals: list[np.ndarray]) -> np.ndarray:
    return np.stack(signals).astype(np.float32, copy=False)[:, None, :]
