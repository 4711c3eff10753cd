"""The most memory that the tensors of a computation take at a time, forwards and backwards."""

import weakref
from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode


def peak_tensor_bytes(run: Callable[[], object]) -> int:
    """Runs something once and follows the tensors that its operations make.

    What is measured so does not depend on the allocator nor on what ran before, as growth of the process
    would. `nn.costs.counted` does it for inference, and looks into no recurrent layer.

    Args:
        run: does the work; also a backward pass.

    Returns:
        Bytes of all tensors that were made in it and alive at the same time, at the worst moment: those
        that wait for the backward pass included, weights and inputs that were there before not, nor what a
        single operation needs inside.
    """
    follower = _Follower()
    with follower:
        run()
    return follower.peak


class _Follower(TorchDispatchMode):
    """Adds up the storages of all results, until they are gone."""

    def __init__(self) -> None:
        super().__init__()
        self.live = self.peak = 0
        self._alive: dict[int, int] = {}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        given = _storages([args, kwargs])
        result = func(*args, **(kwargs or {}))
        for key, storage in _storages(result).items():
            if key not in given and key not in self._alive:
                self._alive[key] = storage.nbytes()
                self.live += storage.nbytes()
                weakref.finalize(storage, self._forget, key).atexit = False
        self.peak = max(self.peak, self.live)
        return result

    def _forget(self, key: int) -> None:
        self.live -= self._alive.pop(key)


def _storages(value: Any) -> dict[int, Any]:
    """The storages of all tensors in a value, by their address."""
    if isinstance(value, Tensor):
        storage = value.untyped_storage()
        return {storage._cdata: storage}
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, (tuple, list)):
        return {}
    found: dict[int, Any] = {}
    for part in value:
        found |= _storages(part)
    return found
