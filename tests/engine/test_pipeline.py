"""Order, bounds and ends of the worker pipeline."""

import itertools
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lexome.engine import pipeline
from lexome.engine.pipeline import PATIENCE, run_batches

PREFIX = "lexome-engine"


def chunks(count: int, length: int = 4) -> Iterator[tuple[int, np.ndarray]]:
    return ((i, np.full(length, i, np.float32)) for i in range(count))


def double(signal_NCS: np.ndarray) -> np.ndarray:
    assert signal_NCS.ndim == 3
    assert signal_NCS.dtype == np.float32
    return np.repeat(2 * signal_NCS.transpose(0, 2, 1), 3, axis=2)


def total(scores_TK: np.ndarray) -> float:
    assert scores_TK.shape[1:] == (3,)
    return float(scores_TK.sum())


def workers() -> int:
    return sum(t.name.startswith(PREFIX) for t in threading.enumerate())


@settings(deadline=None, max_examples=60)
@given(count=st.integers(0, 40), batch_size=st.integers(1, 9), threads=st.integers(1, 4))
def test_results_come_once_each_and_in_order(count: int, batch_size: int, threads: int) -> None:
    results = list(run_batches(chunks(count), double, total, batch_size=batch_size, threads=threads))
    assert results == [(i, 24.0 * i) for i in range(count)]
    assert workers() == 0


def test_slow_batches_keep_their_place() -> None:
    def infer(signal_NCS: np.ndarray) -> np.ndarray:
        time.sleep(0.05 if signal_NCS[0, 0, 0] == 0 else 0)
        return double(signal_NCS)

    results = list(run_batches(chunks(6), infer, total, batch_size=1, threads=3))
    assert [key for key, _ in results] == list(range(6))


def test_batches_hold_what_was_asked_for() -> None:
    sizes = []

    def infer(signal_NCS: np.ndarray) -> np.ndarray:
        sizes.append(len(signal_NCS))
        return double(signal_NCS)

    list(run_batches(chunks(10), infer, total, batch_size=4, threads=1))
    assert sizes == [4, 4, 2]


@pytest.mark.parametrize("threads", [1, 3])
def test_input_is_taken_no_faster_than_it_is_worked_on(threads: int) -> None:
    taken = itertools.count()
    newest = 0

    def source() -> Iterator[tuple[int, np.ndarray]]:
        nonlocal newest
        for item in chunks(60):
            newest = next(taken)
            yield item

    for key, _ in run_batches(source(), double, total, batch_size=2, threads=threads):
        # Two batches per thread in flight, the one being handed out, and the look-ahead of none.
        assert newest - key <= 2 * (2 * threads + 1)
    assert newest == 59


def test_a_result_is_handed_out_while_later_batches_run() -> None:
    received = threading.Event()

    def infer(signal_NCS: np.ndarray) -> np.ndarray:
        if signal_NCS[0, 0, 0] == 1:
            assert received.wait(5), "the first result was held back"
        time.sleep(0.05)  # the caller is waiting by now
        return double(signal_NCS)

    for key, _ in run_batches(chunks(2), infer, total, batch_size=1, threads=2):
        if key == 0:
            received.set()


def test_an_error_ends_the_work_before_the_oldest_batch_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second batch fails while the first one runs on until the workers are told to stop."""
    stopping = threading.Event()
    in_time: list[bool] = []

    class Executor(ThreadPoolExecutor):
        def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
            stopping.set()
            super().shutdown(wait, cancel_futures=cancel_futures)

    def infer(signal_NCS: np.ndarray) -> np.ndarray:
        if signal_NCS[0, 0, 0] == 1:
            time.sleep(0.05)  # the caller is waiting by now
            raise RuntimeError("broken network")
        in_time.append(stopping.wait(5))
        return double(signal_NCS)

    monkeypatch.setattr(pipeline, "ThreadPoolExecutor", Executor)
    with pytest.raises(RuntimeError, match="broken network"):
        list(run_batches(chunks(2), infer, total, batch_size=1, threads=2))
    assert in_time == [True]
    assert workers() == 0


def test_an_error_in_what_follows_or_in_the_input_is_raised() -> None:
    def fail(scores_TK: np.ndarray) -> float:
        raise KeyError("no such base")

    with pytest.raises(KeyError, match="no such base"):
        list(run_batches(chunks(3), double, fail, batch_size=2, threads=1))

    def source() -> Iterator[tuple[int, np.ndarray]]:
        yield from chunks(3)
        raise OSError("disk gone")

    with pytest.raises(OSError, match="disk gone"):
        list(run_batches(source(), double, total, batch_size=1, threads=2))
    assert workers() == 0


def test_stopping_early_ends_the_workers_and_starts_nothing_more() -> None:
    begun = 0

    def infer(signal_NCS: np.ndarray) -> np.ndarray:
        nonlocal begun
        begun += 1
        time.sleep(0.01)
        return double(signal_NCS)

    results = run_batches(chunks(1000), infer, total, batch_size=1, threads=1)
    next(results)
    results.close()  # pyright: ignore[reportAttributeAccessIssue]
    assert workers() == 0
    at_close = begun
    time.sleep(0.05)
    assert begun == at_close <= 4


def test_an_interrupt_ends_the_workers() -> None:
    def source() -> Iterator[tuple[int, np.ndarray]]:
        yield from chunks(3)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(run_batches(source(), double, total, batch_size=1, threads=2))
    assert workers() == 0


def test_a_batch_holds_chunks_of_one_length() -> None:
    lengths = [4, 6, 4, 4, 6, 4, 5, 4, 4]
    seen: list[tuple[int, ...]] = []

    def infer(signal_NCS: np.ndarray) -> np.ndarray:
        seen.append(signal_NCS.shape)
        return double(signal_NCS)

    items = [(key, np.full(length, key, np.float32)) for key, length in enumerate(lengths)]
    results = list(run_batches(items, infer, total, batch_size=2, threads=1))
    assert results == [(key, total(double(signal[None, None])[0])) for key, signal in items]
    # pairs as they fill, then what is left
    assert seen == [(2, 1, 4), (2, 1, 6), (2, 1, 4), (2, 1, 4), (1, 1, 5)]


def test_a_rare_length_does_not_wait_for_ever() -> None:
    source = ((key, np.zeros(7 if key == 0 else 4, np.float32)) for key in range(1000))
    results = run_batches(source, double, total, batch_size=2, threads=1)
    assert next(results)[0] == 0
    later = next(source)[0]  # what was not yet taken when the first result came
    assert later <= 2 * (PATIENCE + 2 + 1)


def test_a_chunk_must_be_one_row() -> None:
    with pytest.raises(ValueError, match="one row"):
        list(run_batches([(0, np.zeros((2, 2), np.float32))], double, total, batch_size=2, threads=1))


@pytest.mark.parametrize(("batch_size", "threads"), [(0, 1), (1, 0)])
def test_senseless_numbers_are_refused(batch_size: int, threads: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        next(run_batches(chunks(1), double, total, batch_size=batch_size, threads=threads))


def test_a_thread_that_cannot_be_started_is_a_lack_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(MemoryError, match="3 threads cannot be started"):
        list(run_batches([(0, np.zeros(5, np.float32))], np.copy, np.sum, batch_size=1, threads=3))
