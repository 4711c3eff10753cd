"""A search for a network within a super-network, as a `Task` around a `Task`: two optimiser steps a step.

The weights learn on one part of the training data, the architecture on another one, with an expected cost in
its loss. What is reported of the network that is found stays out of both.

Source: RUBICON's QABAS, after ProxylessNAS (Cai et al. 2019) and DARTS (Liu et al. 2019, first order): first
a step of the architecture, then one of the weights. What differs: the architecture learns on training data
that the weights do not see instead of on the validation data.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import inf, log
from typing import Any, Literal

import torch
from torch import Tensor, nn

from lexome.checkpoint.store import Checkpoint, Component
from lexome.compress.distill import NetworkTask
from lexome.compress.space import ConvolutionSpace
from lexome.compress.space_costs import SpaceCosts
from lexome.compress.supernet import SuperEncoder, derived_network
from lexome.core.errors import UsageError
from lexome.models.registry import build_scorer
from lexome.nn.network import Network
from lexome.train.around import TaskAround
from lexome.train.optim import OptimConfig
from lexome.train.task import Losses, Outputs, Progress, Update

ARCHITECTURE = "architecture"  # the split that the architecture learns on
Method = Literal["proxyless", "darts", "optuna"]
# As in the source: no momentum (an option that is not drawn does not move), no decay, a constant bound; a
# rate for thousands of steps instead of a hundred thousand.
OPTIM = OptimConfig(
    lr=0.01, weight_decay=0.0, beta1=0.0, warmup_steps=0, final_lr=1.0, clip=5.0, clip_mode="constant"
)


@dataclass(frozen=True)
class SearchConfig:
    """How to search: the table [search] of a space's file.

    Attributes:
        method: "proxyless", one or two paths at a time; "darts", the mixture of all; "optuna", every network
            trained by itself.
        steps: of the search; for "optuna" of each network's training.
        warm_up: part of the steps in which only weights are trained.
        form: how the expected cost E comes into the loss L of the architecture, with the target R: "add",
            L + strength (E - R) / R; "mul", L (log E / log R) ^ strength.
        strength: see `form`.
        optim: of the architecture's parameters; the weights' is that of the task.
        validate_every: steps between validations.
        trials: for "optuna": networks to train.
    """

    method: Method = "proxyless"
    steps: int = 2000
    warm_up: float = 0.2
    form: Literal["add", "mul"] = "add"
    strength: float = 0.6
    optim: OptimConfig = OPTIM
    validate_every: int = 500
    trials: int = 30

    def __post_init__(self) -> None:
        if min(self.steps, self.validate_every, self.trials) < 1:
            raise ValueError("steps, validate_every and trials must be at least 1")
        if not 0 <= self.warm_up < 1 or not 0 <= self.strength < inf:
            raise ValueError("warm_up must be from 0 to below 1, and strength not negative")


@dataclass(frozen=True)
class SearchBatch:
    """A batch, and whom it is for."""

    batch: Any
    is_for_architecture: bool


def with_cost(loss: Tensor, expected: Tensor, target: float, config: SearchConfig) -> Tensor:
    """The loss of an architecture with its expected cost; see `SearchConfig.form`."""
    expected = expected.to(loss.device, loss.dtype)
    if config.form == "add":
        return loss + config.strength * (expected - target) / target
    return loss * (torch.log(expected) / log(target)) ** config.strength


class SearchTask(TaskAround[NetworkTask]):
    """The task of a super-network.

    Args:
        config: how to search.
        space: the networks.
        costs: what they cost.
        target: what the one that is found may cost.
        inner: the task whose training data the weights learn on; its validation data, on which the search is
            judged as it goes, are those of `held_back`.
        held_back: the same task with other training data, which the architecture learns on.

    Raises:
        UsageError: if no network costs so little.
    """

    def __init__(
        self, config: SearchConfig, space: ConvolutionSpace, costs: SpaceCosts, target: float,
        inner: NetworkTask, held_back: NetworkTask,
    ) -> None:  # fmt: skip
        super().__init__(inner)
        self.config, self.space, self.costs, self.target = config, space, costs, target
        self.held_back = held_back
        costs.check_target(target)
        if config.form == "mul" and min(target, costs.of(costs.cheapest())) <= 1:
            raise UsageError("search.form 'mul' takes logarithms of costs, which must be above 1; use 'add'")

    def build(self) -> Network:
        """A new super-network, its weights as torch makes them, all options equally probable."""
        encoder = SuperEncoder(self.space)
        head = self.inner.head
        return Network(encoder, build_scorer(str(head["name"]), encoder.num_features, head["config"]))

    def batches(
        self, split: str, *, batch_size: int, seed: int, rank: int, world: int, skip: int
    ) -> Iterator[SearchBatch]:
        """Those of the tasks within; the split "architecture" is the training data held back."""
        is_held = split == ARCHITECTURE
        task = self.held_back if is_held else self.inner
        name = "training" if is_held else split
        batches = task.batches(name, batch_size=batch_size, seed=seed, rank=rank, world=world, skip=skip)
        return (SearchBatch(batch, is_held) for batch in batches)

    def outputs(self, model: nn.Module, batch: SearchBatch, taps: Sequence[str] = ()) -> Outputs:
        """Those of the likeliest network."""
        return super().outputs(model, batch.batch, taps)

    def loss(self, model: nn.Module, batch: SearchBatch, progress: Progress) -> Losses:
        """For the weights the loss along a path; for the architecture with the expected cost.

        `parts` has the task's own for the weights; for the architecture "architecture_loss", without the
        cost, and "expected_cost".
        """
        encoder = encoder_of(model)
        parameters = encoder.architecture
        is_mixed = self.config.method == "darts"
        if not batch.is_for_architecture:
            parts = parameters.mixture()[0] if is_mixed else parameters.one_path()
            with encoder.following(parts):
                return self.inner.loss(model, batch.batch, progress)
        if progress.fraction < self.config.warm_up:
            return Losses(torch.stack([alpha.sum() for alpha in parameters.alphas]).sum() * 0.0)
        parts, probabilities = parameters.mixture() if is_mixed else parameters.two_paths()
        with _frozen_but(model, parameters), encoder.following(parts):
            own = self.inner.loss(model, batch.batch, progress)
        expected = self.costs.expected({name: p.cpu() for name, p in probabilities.items()})
        total = with_cost(own.total, expected, self.target, self.config)
        told = {"architecture_loss": float(own.total.detach()), "expected_cost": float(expected.detach())}
        return Losses(total, told, own.counts, own.weight)

    def evaluate(self, model: nn.Module, split: str) -> dict[str, float]:
        """The metrics of the likeliest network, and its cost."""
        metrics = super().evaluate(model, split)
        return metrics | {"cost": self.costs.of(encoder_of(model).architecture.likeliest())}

    def updates(self, progress: Progress) -> Sequence[Update]:
        """First one of the architecture, then those of the task within, without it."""

        def without(update: Update) -> Update:
            return replace(update, parameters=lambda model: _others(model, update.parameters(model)))

        own = Update(
            ARCHITECTURE, lambda model: list(encoder_of(model).architecture.alphas), self.config.optim
        )
        return [own, *map(without, super().updates(progress))]

    def checkpoint(self, model: nn.Module, provenance: Mapping[str, Any]) -> Checkpoint:
        """The likeliest network by itself."""
        return self.derived(model, encoder_of(model).architecture.likeliest(), provenance)

    def derived(
        self, model: nn.Module, choices: Mapping[str, int], provenance: Mapping[str, Any]
    ) -> Checkpoint:
        """The network of some choices, with the weights it has in the super-network."""
        assert isinstance(model, Network)
        found = super().checkpoint(derived_network(model, choices, self.inner.head), provenance)
        architecture = self.space.architecture(choices)
        return replace(found, architecture=Component(architecture["name"], architecture["config"]))


def encoder_of(model: nn.Module) -> SuperEncoder:
    """The super-network within a network."""
    assert isinstance(model, Network)
    encoder = model.encoder
    assert isinstance(encoder, SuperEncoder)
    return encoder


def _others(model: nn.Module, parameters: Sequence[nn.Parameter]) -> list[nn.Parameter]:
    own = {id(alpha) for alpha in encoder_of(model).architecture.alphas}
    return [parameter for parameter in parameters if id(parameter) not in own]


@contextmanager
def _frozen_but(model: nn.Module, kept: nn.Module) -> Iterator[None]:
    """No gradients of weights within the block: the step of the architecture needs none."""
    own = {id(parameter) for parameter in kept.parameters()}
    frozen = [p for p in model.parameters() if p.requires_grad and id(p) not in own]
    for parameter in frozen:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in frozen:
            parameter.requires_grad_(True)
