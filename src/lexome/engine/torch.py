"""Runs a network with torch: the reference on a CPU, and the engine for GPUs.

Shapes: N batch, S samples, T steps, K scores per step.
"""

import threading
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import torch

from lexome.checkpoint.build import build_network
from lexome.checkpoint.store import Checkpoint
from lexome.core.errors import UsageError
from lexome.engine.pipeline import Key, R, run_batches
from lexome.nn.conv import fold_batchnorm
from lexome.nn.network import Network
from lexome.nn.scorer import CrfScorer

CPU_BATCH_SIZE = 12
GPU_BATCH_SIZE = 256


class TorchEngine:
    """The reference engine, and the one for GPUs; fp32 throughout, no TF32.

    On a CPU `threads` workers run one batch each on one core. On a GPU the batches go through the network one
    after the other, while the other workers decode.

    Args:
        checkpoint: the network, or a network that is already built (used as it is now; later training does
            not change the engine).
        device: "cpu", "cuda" or "cuda:N".
        threads: worker threads.
        batch_size: chunks in a batch; default `CPU_BATCH_SIZE` or `GPU_BATCH_SIZE`.
    """

    name = "torch"

    def __init__(
        self,
        checkpoint: Checkpoint | Network,
        *,
        device: str = "cpu",
        threads: int = 1,
        batch_size: int | None = None,
    ) -> None:
        self._device = _usable(device)
        self.device = str(self._device)
        self.threads = threads
        self.batch_size = batch_size or (CPU_BATCH_SIZE if self._device.type == "cpu" else GPU_BATCH_SIZE)
        network = checkpoint if isinstance(checkpoint, Network) else build_network(checkpoint)
        self.stride = network.stride
        self.chunk_multiple = network.chunk_multiple
        self._network = fold_batchnorm(network).to(self._device).requires_grad_(False)
        self.stay_score: float | None = None
        for module in self._network.modules():
            if isinstance(module, CrfScorer):
                module.expand_blanks = False
                self.stay_score = module.config.stay_score
        self._one_at_a_time = threading.Lock()

    def run(
        self, items: Iterable[tuple[Key, np.ndarray]], post: Callable[[np.ndarray], R]
    ) -> Iterator[tuple[Key, R]]:
        """See `engine.Engine.run`."""
        previous = torch.get_num_threads()
        torch.set_num_threads(1)  # one core per worker; several would fight over the cores
        try:
            yield from run_batches(items, self.scores, post, batch_size=self.batch_size, threads=self.threads)
        finally:
            torch.set_num_threads(previous)

    def scores(self, signal_NCS: np.ndarray) -> np.ndarray:
        """Scores (N, T, K) of one batch of signals (N, 1, S); safe to call from several threads."""
        signal = torch.from_numpy(signal_NCS)
        if self._device.type == "cpu":
            with torch.inference_mode():
                return self._network(signal).numpy()
        with (
            self._one_at_a_time,
            torch.inference_mode(),
            torch.backends.cudnn.flags(enabled=True, allow_tf32=False),
        ):
            return self._network(signal.to(self._device)).cpu().numpy()


def _usable(device: str) -> torch.device:
    found = torch.device(device)
    if found.type == "cuda":
        if not torch.cuda.is_available():
            raise UsageError(f"device {device}: no GPU that this torch can use; try --device cpu")
        if (found.index or 0) >= torch.cuda.device_count():
            raise UsageError(
                f"device {device}: there are only {torch.cuda.device_count()} GPUs (from cuda:0)"
            )
        return torch.device("cuda", found.index or 0)
    return found
