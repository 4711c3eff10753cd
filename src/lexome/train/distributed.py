"""Several processes that train one network: each takes its part of every batch, all take the same step.

Everything is exchanged over torch's gloo, on the CPU of one machine. Nothing is pickled.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from lexome.core.errors import LexomeError, UsageError

HOST = "127.0.0.1"
# the others wait while the first one validates; a process that died is noticed at once all the same
PATIENCE = timedelta(days=2)
JOINING = timedelta(minutes=5)
POLL_S = 0.02
INTERFACE = "GLOO_SOCKET_IFNAME"


class LostProcessError(LexomeError):
    """Another process of the training has ended."""


class Processes:
    """The processes that train together, seen from one of them; without a group it is alone.

    Attributes:
        rank: number of this process, from 0.
        world: how many there are.
    """

    def __init__(self, rank: int = 0, world: int = 1, group: Any = None) -> None:
        self.rank, self.world, self._group = rank, world, group

    @property
    def is_first(self) -> bool:
        """Whether this process validates, saves and speaks for all."""
        return self.rank == 0

    @contextmanager
    def _exchange(self) -> Iterator[Any]:
        assert self._group is not None
        try:
            yield self._group
        except RuntimeError as error:
            raise LostProcessError(
                f"another of the {self.world} processes of this training has ended; --resume goes on from "
                "the state that was saved last"
            ) from error

    def copy_from_first(self, model: nn.Module) -> None:
        """Gives all processes the weights of the first."""
        if self.world == 1:
            return
        with self._exchange() as group:
            for tensor in model.state_dict().values():
                group.broadcast(tensor, 0).wait()

    def numbers_from_first(self, numbers: Sequence[float]) -> list[float]:
        """What the first process says, whatever the others say."""
        if self.world == 1:
            return list(numbers)
        tensor = torch.tensor(numbers, dtype=torch.float64)
        with self._exchange() as group:
            group.broadcast(tensor, 0).wait()
        return tensor.tolist()

    def gather(self, tensor: Tensor) -> Tensor:
        """A tensor of every process (all of one shape), one after the other along the first dimension."""
        if self.world == 1:
            return tensor
        tensor = tensor.detach().contiguous()
        parts = [torch.empty_like(tensor) for _ in range(self.world)]
        with self._exchange() as group:
            group.allgather([parts], [tensor]).wait()
        return torch.cat(parts)

    def gather_records(self, record: dict[str, Any]) -> list[dict[str, Any]]:
        """A record (JSON values) of every process, in their order."""
        if self.world == 1:
            return [record]
        text = json.dumps(record).encode()
        room = int(self.gather(torch.tensor([len(text)])).max())
        padded = torch.frombuffer(bytearray(text.ljust(room)), dtype=torch.uint8)
        rows = self.gather(padded).reshape(self.world, room)
        return [json.loads(bytes(row.tolist())) for row in rows]

    def mean_step(self, parameters: Sequence[nn.Parameter], loss: float, weight: float) -> float:
        """Makes all gradients those of the whole batch, and returns its loss.

        Args:
            parameters: their gradients, each the mean over a process's part of the batch, are replaced.
            loss: mean over that part.
            weight: what the part counts, for example its items.
        """
        if self.world == 1:
            return loss
        gradients = [p.grad for p in parameters if p.grad is not None]
        numbers = torch.tensor([loss * weight, weight], dtype=torch.float32)
        flat = torch.cat([*(g.flatten() * weight for g in gradients), numbers])
        with self._exchange() as group:
            group.allreduce([flat]).wait()
        flat, (loss_sum, weight_sum) = flat[:-2], flat[-2:].tolist()
        # no part counted at all: the gradients are zero then
        divisor = weight_sum or 1.0
        for gradient, part in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(part.view_as(gradient)).div_(divisor)
        return loss_sum / divisor


ALONE = Processes()


def open_meeting(world: int) -> dist.TCPStore:
    """Where the processes of a training meet; the first one opens it, the others get its `port`."""
    return dist.TCPStore(HOST, 0, world, is_master=True, timeout=JOINING, wait_for_workers=False)


def join(
    rank: int, world: int, meeting: dist.TCPStore | int, check: Callable[[], None] = lambda: None
) -> Processes:
    """Joins the processes of a training; returns when all are there.

    Args:
        rank: number of this process, from 0.
        world: how many there are.
        meeting: what `open_meeting` returned, or the port of it.
        check: called again and again while others are missing; may raise.

    Raises:
        LostProcessError: if the others do not come.
        UsageError: if this torch has no gloo.
    """
    if not dist.is_gloo_available():
        raise UsageError("this torch cannot train with several processes (it has no gloo)")
    loopback = {"linux": "lo", "darwin": "lo0"}.get(sys.platform)
    if loopback and INTERFACE not in os.environ:
        os.environ[INTERFACE] = loopback  # nothing leaves the machine, and its name need not be known
    missing = LostProcessError(f"the {world} processes of this training did not find each other")
    try:
        if isinstance(meeting, int):
            meeting = dist.TCPStore(HOST, meeting, world, is_master=False, timeout=JOINING)
        # first here: the group itself would wait for a missing one as long as for a slow one
        meeting.set(f"here/{rank}", "")
        deadline_s = time.monotonic() + JOINING.total_seconds()
        while not meeting.check([f"here/{number}" for number in range(world)]):
            check()
            if time.monotonic() > deadline_s:
                raise missing
            time.sleep(POLL_S)
        return Processes(rank, world, dist.ProcessGroupGloo(meeting, rank, world, PATIENCE))
    except RuntimeError as error:
        raise missing from error
