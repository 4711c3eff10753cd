"""What an engine is, and how to open one. Importing this needs neither torch nor onnxruntime.

Shapes: S samples, T steps, K scores per step.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from lexome.checkpoint.store import Checkpoint
from lexome.core.errors import UsageError, nearest
from lexome.engine.pipeline import Key, R

ENGINES = ("auto", "onnx", "torch")
MAX_THREADS = 1024  # far above any machine's cores; every thread costs memory
MAX_BATCH_SIZE = 65_536  # chunks; they are collected before the first is called
NVIDIA_DRIVER = Path("/proc/driver/nvidia/version")


@runtime_checkable  # so that it can be checked under the tests' type hook
class Engine(Protocol):
    """Runs a network over chunks.

    Attributes:
        name: "onnx" or "torch".
        stride: samples per step.
        chunk_multiple: samples that the length of a chunk must be a multiple of; a multiple of stride.
        stay_score: for a CRF with a fixed score for staying, that score: the scores then hold only the moves,
            K = states * 4. None: the scores are as the network gives them (a CRF: K = states * 5).
        batch_size: chunks in a batch.
        threads: batches worked on at a time.
        device: where it runs: "cpu" or "cuda:N".
    """

    name: str
    stride: int
    chunk_multiple: int
    stay_score: float | None
    batch_size: int
    threads: int
    device: str

    def run(
        self, items: Iterable[tuple[Key, np.ndarray]], post: Callable[[np.ndarray], R]
    ) -> Iterator[tuple[Key, R]]:
        """Runs (key, signal float32[S]) items; `post(scores_TK)` is called in the worker.

        Yields (key, result) in the order of the items; at most 2 * threads batches are in flight.
        """
        ...


def open_engine(
    checkpoint: Checkpoint,
    *,
    engine: str = "auto",
    device: str = "auto",
    threads: int = 1,
    batch_size: int | None = None,
) -> Engine:
    """Makes the engine for a network: onnxruntime on a CPU, torch on a GPU.

    Args:
        checkpoint: the network.
        engine: "onnx", "torch" or "auto" (torch if the device is a GPU, else onnx).
        device: "cpu", "cuda", "cuda:N" or "auto" (a GPU if there is one that works).
        threads: batches worked on at a time, one thread each.
        batch_size: chunks in a batch; None takes the engine's own default.

    Returns:
        The engine.

    Raises:
        UsageError: for an unknown engine or device, or a combination that cannot be.
    """
    if engine not in ENGINES:
        raise UsageError(f"unknown engine '{engine}'; {nearest(engine, ENGINES)}")
    if not re.fullmatch(r"auto|cpu|cuda(:\d{1,3})?", device, re.ASCII):
        raise UsageError(f"unknown device '{device}'; known: auto, cpu, cuda, cuda:N")
    if not 1 <= threads <= MAX_THREADS:
        raise UsageError(f"{threads} threads: must be from 1 to {MAX_THREADS}")
    if batch_size is not None and not 1 <= batch_size <= MAX_BATCH_SIZE:
        raise UsageError(f"a batch size of {batch_size} is not from 1 to {MAX_BATCH_SIZE}")
    if engine == "onnx" and device.startswith("cuda"):
        raise UsageError(f"the onnx engine runs on the CPU; use the torch engine for {device}")
    if device == "auto" and engine != "onnx":
        device = "cuda" if _gpu_works() else "cpu"
    if engine == "torch" or device.startswith("cuda"):
        from lexome.engine.torch import TorchEngine

        return TorchEngine(checkpoint, device=device, threads=threads, batch_size=batch_size)
    from lexome.engine.onnx import OnnxEngine

    return OnnxEngine(checkpoint, threads=threads, batch_size=batch_size)


def _gpu_works() -> bool:
    if not NVIDIA_DRIVER.exists():  # saves the seconds that importing torch takes
        return False
    import torch

    return torch.cuda.is_available()
