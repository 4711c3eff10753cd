"""Where a network is trained: the device, moving batches to it, making batches ahead of it."""

import dataclasses
import queue
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor

from lexome.core.errors import UsageError

BATCHES_AHEAD = 3


def find_device(name: str) -> torch.device:
    """The device of a name: "cpu", "cuda", "cuda:N" or "auto" (a GPU if there is one).

    Raises:
        UsageError: for another name, or a GPU that is not there.
    """
    if not re.fullmatch(r"auto|cpu|cuda(:\d{1,3})?", name, re.ASCII):
        raise UsageError(f"unknown device '{name}'; known: auto, cpu, cuda, cuda:N")
    has_gpu = torch.cuda.is_available()
    if name == "auto":
        name = "cuda" if has_gpu else "cpu"
    if not name.startswith("cuda"):
        return torch.device(name)
    count = torch.cuda.device_count() if has_gpu else 0
    number = int(name.partition(":")[2] or 0)
    if number >= count:
        raise UsageError(f"device {name}: there is no such GPU (torch sees {count}); use --device cpu")
    return torch.device("cuda", number)


def autocast(device: torch.device, precision: str) -> AbstractContextManager[Any]:
    """What a network's forward pass runs in.

    Raises:
        UsageError: for mixed precision on a CPU, where it is slower.
    """
    if precision == "fp32":
        return nullcontext()
    if device.type != "cuda":
        raise UsageError("loop.precision 'mixed' is for a GPU; on a CPU set it to 'fp32'")
    return torch.autocast("cuda", torch.bfloat16)


def moved(batch: Any, move: Callable[[Tensor], Tensor]) -> Any:
    """A batch with `move` done to all its tensors; tuples, lists, mappings and dataclasses are gone into."""
    if isinstance(batch, Tensor):
        return move(batch)
    if dataclasses.is_dataclass(batch) and not isinstance(batch, type):
        fields = {f.name: moved(getattr(batch, f.name), move) for f in dataclasses.fields(batch) if f.init}
        return dataclasses.replace(batch, **fields)
    if isinstance(batch, Mapping):
        return {key: moved(value, move) for key, value in batch.items()}
    if isinstance(batch, tuple | list):
        return type(batch)(moved(value, move) for value in batch)
    return batch


def on_device(batches: Iterator[Any], device: torch.device) -> Iterator[Any]:
    """The batches, on a device; for a GPU they are made ahead by a thread, in memory it can copy from."""
    if device.type == "cpu":
        return batches

    def prepare() -> Iterator[Any]:
        torch.cuda.set_device(device)  # of this thread
        for batch in batches:
            yield moved(batch, lambda tensor: tensor.pin_memory())

    ahead = made_ahead(prepare())
    return (moved(batch, lambda tensor: tensor.to(device, non_blocking=True)) for batch in ahead)


def made_ahead(items: Iterator[Any], count: int = BATCHES_AHEAD) -> Iterator[Any]:
    """The items in their order, made by a thread that is at most `count` ahead; its errors are raised here.

    The thread begins with the first item that is asked for, and ends when the iterator is closed or gone.
    """
    ready: queue.Queue[tuple[str, Any]] = queue.Queue(maxsize=count)
    is_closed = threading.Event()

    def put(kind: str, value: Any) -> None:
        while not is_closed.is_set():
            try:
                ready.put((kind, value), timeout=0.1)
                return
            except queue.Full:
                continue

    def work() -> None:
        try:
            for item in items:
                put("item", item)
                if is_closed.is_set():
                    return
            put("end", None)
        except BaseException as error:
            put("error", error)

    thread = threading.Thread(target=work, name="lexome-batches", daemon=True)
    thread.start()
    try:
        while True:
            kind, value = ready.get()
            if kind == "end":
                return
            if kind == "error":
                raise value
            yield value
    finally:
        is_closed.set()
        thread.join()
