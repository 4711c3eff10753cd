"""What the one training loop knows of a task; a method such as distillation is a task around a task."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from torch import Tensor, nn

from lexome.checkpoint.store import Checkpoint
from lexome.train.distributed import ALONE, Processes
from lexome.train.optim import OptimConfig
from lexome.train.speed import PhaseClock


@dataclass(frozen=True)
class Losses:
    """A step's loss, to be minimised, and what is logged beside it.

    Attributes:
        total: mean over the items that count.
        parts: named means over the same items.
        counts: named numbers of items, which add up over processes.
        weight: how much the items count together; processes that share a batch weigh their means with it.
    """

    total: Tensor
    parts: dict[str, float] = field(default_factory=dict)
    counts: dict[str, float] = field(default_factory=dict)
    weight: float = 1.0


@dataclass(frozen=True)
class Outputs:
    """What a model made of a batch: its scores, and the features asked for by name (for distillation)."""

    scores: Tensor
    features: dict[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class Update:
    """One optimiser step within a training step: on which split's batch, of which parameters."""

    split: str
    parameters: Callable[[nn.Module], Sequence[nn.Parameter]]
    optimizer: OptimConfig


@dataclass(frozen=True)
class Progress:
    """How far training is: steps done, of how many; chunks (items) seen.

    A task may time its loss with `clock.phase("loss")`, and ask the other `processes` for what concerns the
    whole batch.
    """

    step: int
    steps: int
    items: int
    clock: PhaseClock = field(default_factory=PhaseClock, repr=False, compare=False)
    processes: Processes = field(default=ALONE, repr=False, compare=False)

    @property
    def fraction(self) -> float:
        """Part of the training that is done, 0 to 1."""
        return self.step / max(1, self.steps)


@runtime_checkable  # so that tasks can be checked under the tests' type hook
class Task(Protocol):
    """What is learned: how a network is built, fed, judged. Everything else is the loop's."""

    name: str
    primary_metric: str
    higher_is_better: bool

    def build(self) -> nn.Module:
        """A new network, initialised; draws from torch's global generator, which the loop has seeded."""
        ...

    def batches(
        self, split: str, *, batch_size: int, seed: int, rank: int, world: int, skip: int
    ) -> Iterator[Any]:
        """Batches of a split: endless and shuffled for "training", one pass in order otherwise.

        The same arguments give the same batches; `skip` leaves out that many first ones (resume). The batches
        of `world` processes, one after the other by `rank`, are the batch of one process with a `batch_size`
        so many times as large.
        """
        ...

    def outputs(self, model: nn.Module, batch: Any, taps: Sequence[str] = ()) -> Outputs:
        """Runs the network; `taps` names modules whose outputs are wanted."""
        ...

    def loss(self, model: nn.Module, batch: Any, progress: Progress) -> Losses:
        """The loss of one batch."""
        ...

    def evaluate(self, model: nn.Module, split: str) -> dict[str, float]:
        """Metrics over a split, `primary_metric` among them."""
        ...

    def updates(self, progress: Progress) -> Sequence[Update]:
        """The optimiser steps of one training step; usually one."""
        ...

    def on_epoch(self, model: nn.Module, progress: Progress) -> bool:
        """Called after each validation; True if parameters changed and the optimiser must be rebuilt."""
        ...

    def checkpoint(self, model: nn.Module, provenance: Mapping[str, Any]) -> Checkpoint:
        """The network with all that using it needs."""
        ...


@runtime_checkable
class Diagnosable(Protocol):
    """A task that can say why it does not learn."""

    plateau: tuple[float, float]
    """Losses between which a network stays that has learnt nothing of its input."""

    def diagnose(self, model: nn.Module, measured: Mapping[str, float]) -> str:
        """Likely causes of a loss on the plateau, the likeliest first, with what was measured; several lines.

        Changes nothing of the model and draws no random number from torch's global generator.

        Args:
            model: the network as it is.
            measured: the loop's: `loss`, `gradient_norm`, `learning_rate`.
        """
        ...


@runtime_checkable
class Advised(Protocol):
    """A task with something to say before it is trained."""

    advice: Sequence[str]
    """What looks wrong in its settings without making training impossible; one line each."""


@contextmanager
def watched(model: nn.Module, taps: Sequence[str]) -> Iterator[dict[str, Tensor]]:
    """What modules of a network give out, whenever it runs within the block: by name, the last time only.

    Args:
        model: the network.
        taps: names of its modules.

    Raises:
        KeyError: if the network has no module of a name.
    """
    features: dict[str, Tensor] = {}
    modules = dict(model.named_modules())
    wanted = {tap: modules[tap] for tap in taps}

    def keep(tap: str) -> Callable[[nn.Module, Any, Tensor], None]:
        return lambda module, inputs, output: features.update({tap: output})

    handles = [module.register_forward_hook(keep(tap)) for tap, module in wanted.items()]
    try:
        yield features
    finally:
        for handle in handles:
            handle.remove()


def tapped(model: nn.Module, inputs: Tensor | Sequence[Tensor], taps: Sequence[str] = ()) -> Outputs:
    """What `Task.outputs` is for a network with one input or several.

    Args:
        model: the network.
        inputs: what it takes.
        taps: names of modules whose outputs are wanted, too.

    Raises:
        KeyError: if the network has no module of a name.
    """
    with watched(model, taps) as features:
        scores = model(inputs) if isinstance(inputs, Tensor) else model(*inputs)
    return Outputs(scores, features)
