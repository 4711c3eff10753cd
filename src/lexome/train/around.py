"""A task around a task: what a method of training, such as distillation, is made of."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar

from torch import nn

from lexome.checkpoint.store import Checkpoint
from lexome.train.task import Advised, Losses, Outputs, Progress, Task, Update

T = TypeVar("T", bound=Task)


class TaskAround(Generic[T]):
    """A task that does everything as the one within; a method of training writes anew what it does otherwise.

    What it trains may be more than the network of the task within: `network_of` takes that out of it. It is
    not `Diagnosable`, whatever the task within is: its loss is another one, and another plateau's.

    Args:
        inner: the task within.
    """

    def __init__(self, inner: T) -> None:
        self.inner = inner
        self.name = inner.name
        self.primary_metric = inner.primary_metric
        self.higher_is_better = inner.higher_is_better
        self.advice: Sequence[str] = inner.advice if isinstance(inner, Advised) else ()

    def network_of(self, model: nn.Module) -> nn.Module:
        """The network that the task within knows."""
        return model

    def build(self) -> nn.Module:
        """That of the task within."""
        return self.inner.build()

    def batches(
        self, split: str, *, batch_size: int, seed: int, rank: int, world: int, skip: int
    ) -> Iterator[Any]:
        """Those of the task within."""
        return self.inner.batches(split, batch_size=batch_size, seed=seed, rank=rank, world=world, skip=skip)

    def outputs(self, model: nn.Module, batch: Any, taps: Sequence[str] = ()) -> Outputs:
        """Those of the task within."""
        return self.inner.outputs(self.network_of(model), batch, taps)

    def loss(self, model: nn.Module, batch: Any, progress: Progress) -> Losses:
        """That of the task within."""
        return self.inner.loss(self.network_of(model), batch, progress)

    def evaluate(self, model: nn.Module, split: str) -> dict[str, float]:
        """The metrics of the task within."""
        return self.inner.evaluate(self.network_of(model), split)

    def updates(self, progress: Progress) -> Sequence[Update]:
        """Those of the task within."""
        return [self._around(update) for update in self.inner.updates(progress)]

    def _around(self, update: Update) -> Update:
        return Update(update.split, lambda model: update.parameters(self.network_of(model)), update.optimizer)

    def on_epoch(self, model: nn.Module, progress: Progress) -> bool:
        """That of the task within."""
        return self.inner.on_epoch(self.network_of(model), progress)

    def checkpoint(self, model: nn.Module, provenance: Mapping[str, Any]) -> Checkpoint:
        """The network that the task within knows, and nothing else."""
        return self.inner.checkpoint(self.network_of(model), provenance)
