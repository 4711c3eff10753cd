"""Batches through worker threads, in order, with a bounded number in flight.

Shapes: N batch, S samples, T steps, K scores per step.
"""

import itertools
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

import numpy as np

Key = TypeVar("Key", bound=Hashable)
R = TypeVar("R")


def run_batches(
    items: Iterable[tuple[Key, np.ndarray]],
    infer: Callable[[np.ndarray], np.ndarray],
    post: Callable[[np.ndarray], R],
    *,
    batch_size: int,
    threads: int,
) -> Iterator[tuple[Key, R]]:
    """Runs chunks through a network and what follows it, `threads` batches at a time.

    Both `infer` and `post` run in the worker threads and should release the GIL. At most 2 * threads batches
    are in flight, so memory does not grow with the input. An error in a worker (or in `items`) is raised here
    as soon as it happens; then, and when the caller stops early, no further batch is started and the workers
    end.

    Args:
        items: (key, signal float32[S]), all of one length.
        infer: (N, 1, S) -> scores (N, T, K).
        post: scores (T, K) of one item -> its result.
        batch_size: items in a batch; the last one may hold fewer.
        threads: worker threads.

    Yields:
        (key, result) in the order of the items.

    Raises:
        ValueError: if the items differ in length, or for a batch size or thread count below one.
    """
    if batch_size < 1 or threads < 1:
        raise ValueError(f"batch size {batch_size} and threads {threads} must be at least 1")

    def work(batch: list[tuple[Key, np.ndarray]]) -> list[tuple[Key, R]]:
        scores_NTK = infer(_stack([signal for _, signal in batch]))
        return [(key, post(scores_TK)) for (key, _), scores_TK in zip(batch, scores_NTK, strict=True)]

    source = iter(items)
    flying: deque[Future[list[tuple[Key, R]]]] = deque()
    executor = ThreadPoolExecutor(threads, thread_name_prefix="lexome-engine")
    try:
        while True:
            while len(flying) < 2 * threads and (batch := list(itertools.islice(source, batch_size))):
                flying.append(executor.submit(work, batch))
            if not flying:
                return
            _await_first(flying)
            yield from flying.popleft().result()
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def _await_first(flying: deque[Future[list[tuple[Key, R]]]]) -> None:
    """Waits for the oldest batch, but raises the error of any batch as soon as it is there."""
    while True:
        for future in flying:
            if future.done():
                future.result()
        if flying[0].done():
            return
        wait([future for future in flying if not future.done()], return_when=FIRST_COMPLETED)


def _stack(signals: list[np.ndarray]) -> np.ndarray:
    length = len(signals[0])
    if any(signal.shape != (length,) for signal in signals):
        raise ValueError("all chunks of a batch must be signals of one length")
    return np.stack(signals).astype(np.float32, copy=False)[:, None, :]
