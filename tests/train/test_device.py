"""Devices by name, batches of any shape on their way to one, and the thread that makes them ahead."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import torch

from lexome.core.errors import UsageError
from lexome.train.device import autocast, find_device, made_ahead, moved, on_device


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "cuda:", "", "cpu:0", "cuda:0000", "mps"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match="unknown device"):
        find_device(name)


def test_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert find_device("auto") == find_device("cpu") == torch.device("cpu")
    with pytest.raises(UsageError, match=r"device cuda:0: there is no such GPU \(torch sees 0\)"):
        find_device("cuda:0")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert find_device("auto") == find_device("cuda") == torch.device("cuda", 0)
    assert find_device("cuda:1") == torch.device("cuda", 1)
    with pytest.raises(UsageError, match=r"cuda:2: there is no such GPU \(torch sees 2\)"):
        find_device("cuda:2")


def test_mixed_precision_is_for_gpus() -> None:
    with autocast(torch.device("cpu"), "fp32"):
        assert not torch.is_autocast_enabled("cpu")
    with pytest.raises(UsageError, match="set it to 'fp32'"):
        autocast(torch.device("cpu"), "mixed")


@dataclass(frozen=True)
class Batch:
    x: torch.Tensor
    names: tuple[str, ...]
    more: dict[str, list[torch.Tensor]]


def test_all_tensors_of_a_batch_are_moved() -> None:
    batch = (Batch(torch.zeros(2), ("a",), {"y": [torch.ones(1), torch.ones(2)]}), 3, torch.zeros(1))
    new = moved(batch, lambda tensor: tensor + 5)
    assert isinstance(new, tuple)
    assert new[0].x.tolist() == [5, 5]
    assert new[0].names == ("a",)
    assert [y.tolist() for y in new[0].more["y"]] == [[6], [6, 6]]
    assert new[1] == 3
    assert new[2].tolist() == [5]
    assert batch[0].x.tolist() == [0, 0]


def test_on_a_cpu_batches_are_made_when_they_are_asked_for() -> None:
    made = []
    batches = on_device((made.append(i) or i for i in range(5)), torch.device("cpu"))
    assert next(batches) == 0
    assert made == [0]


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "lexome-batches"]


def test_items_made_ahead_come_in_order_and_not_too_far_ahead() -> None:
    asked = threading.Semaphore(0)
    made: list[int] = []

    def items() -> Iterator[int]:
        for number in range(50):
            made.append(number)
            yield number
            asked.release()

    ahead = made_ahead(items(), count=2)
    assert made == []
    assert next(ahead) == 0
    for _ in range(2):
        asked.acquire()  # two more are ready; a further one waits for room
    assert len(made) <= 4
    assert list(ahead) == list(range(1, 50))
    assert threads() == []


def test_an_error_of_the_thread_is_raised_at_its_place() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise UsageError("no more")

    ahead = made_ahead(items())
    assert next(ahead) == 1
    with pytest.raises(UsageError, match="no more"):
        next(ahead)
    assert threads() == []


def test_closing_ends_the_thread_however_full_it_is() -> None:
    def endless() -> Iterator[int]:
        while True:
            yield 1

    ahead = made_ahead(endless(), count=1)
    next(ahead)
    assert threads() == ["lexome-batches"]
    ahead.close()
    assert threads() == []


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_batches_reach_a_gpu() -> None:
    device = torch.device("cuda", 0)
    batches = list(on_device(iter([(torch.arange(3), "a"), (torch.ones(2), "b")]), device))
    assert [batch[0].device for batch in batches] == [device, device]
    assert [batch[0].tolist() for batch in batches] == [[0, 1, 2], [1, 1]]
