"""SkipClip: a network loses its skip connections one by one while a teacher holds it on course.

A skip connection keeps its input in memory until the layers that it passes by are done, and its convolution
costs products. A network that never had any trains badly; one that loses them step by step does not.

Source: RUBICON (Singh 2024, SkipClip). What differs: the teacher's divergence is taken over the classes of a
step (the published code normalises over the reads of the batch, by mistake), as a mean over all steps; skips
of any network that names them are removed, not those of one; how often is counted in validations; what is
kept is the best network that has none left, and its configuration has none, either.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import ceil, nan
from typing import Any

import torch
from torch import Tensor, nn

from lexome.checkpoint.store import Checkpoint
from lexome.compress.distill import DistillConfig, DistillTask, NetworkTask
from lexome.core.config import to_dict
from lexome.core.errors import UsageError
from lexome.models.registry import build_encoder
from lexome.nn.network import Network
from lexome.train.around import TaskAround
from lexome.train.config import LoopConfig
from lexome.train.task import Losses, Progress

SWITCH, LAYER = "is_on", "skip"  # names inside of `SkipSwitch`


@dataclass(frozen=True)
class SkipClipConfig:
    """How skip connections are removed: the table [skipclip] of a recipe.

    Attributes:
        teacher: a model (bundled or a folder) with the same head that takes the same signal in steps of the
            same length; it keeps its skip connections, if it has any.
        every: validations between two removals; the first one comes after so many.
        at_once: skip connections that are removed together, from the first one of the network on.
        alpha: share of the teacher in the loss, above 0 and below 1; the labels have the rest.
        temperature: scores of both are divided by it before their softmax over the classes; the divergence is
            multiplied by its square.
    """

    teacher: str = ""
    every: int = 1
    at_once: int = 1
    alpha: float = 0.9
    temperature: float = 2.0

    def __post_init__(self) -> None:
        if self.every < 1 or self.at_once < 1:
            raise ValueError("every and at_once must be at least 1")
        if not 0 < self.alpha < 1:
            raise ValueError(f"alpha must be above 0 and below 1, is {self.alpha}")

    @property
    def distill(self) -> DistillConfig:
        """The same loss as distillation says it, divided by 1 - alpha."""
        weight = self.alpha / (1 - self.alpha) * self.temperature**2
        return DistillConfig(
            self.teacher, "decoder", "kl", weight, stop_fraction=1.0, temperature=self.temperature
        )


class SkipSwitch(nn.Module):
    """A skip connection that can be switched off: its output, then zero.

    Its weights stay where they are, so that the states of a training before and after have the same parts.
    """

    is_on: Tensor

    def __init__(self, skip: nn.Module) -> None:
        super().__init__()
        self.skip = skip
        self.register_buffer(SWITCH, torch.tensor(1, dtype=torch.uint8))  # processes exchange no bools

    def forward(self, x: Tensor) -> Tensor:
        """What is added to the layers passed by."""
        return self.skip(x) if bool(self.is_on) else x.new_zeros(())


class Clipped(nn.Module):
    """What is trained: a model whose skip connections have switches, and how often it was validated."""

    validations: Tensor

    def __init__(self, model: nn.Module, network: Network) -> None:
        super().__init__()
        self.model = model
        self.register_buffer("validations", torch.tensor(0))
        for name in network.skips:
            parent, _, child = name.rpartition(".")
            setattr(network.get_submodule(parent), child, SkipSwitch(network.get_submodule(name)))


class SkipClipTask(TaskAround[DistillTask]):
    """The task of a student that loses its skip connections; its teacher keeps its own.

    After each `every` validations the next skips are switched off, and the optimiser begins anew with what
    is left. A network that still has some is never kept: its primary metric is not a number.

    Args:
        config: whom to learn from, and how fast.
        inner: the task of the student, with all its skip connections, without a teacher.

    Raises:
        UsageError: if the student has no skip connections, does not say how it is built without them, or the
            teacher cannot teach it.
    """

    def __init__(self, config: SkipClipConfig, inner: NetworkTask) -> None:
        if not config.teacher:
            raise UsageError("no teacher is named; set skipclip.teacher to a model")
        self.config = config
        self.architecture = inner.architecture
        self.name_of_network = str(inner.architecture["name"])
        with torch.device("meta"):
            encoder = build_encoder(self.name_of_network, inner.architecture["config"])
        self.skips = tuple(f"encoder.{name}" for name in encoder.skips)  # type: ignore[union-attr]
        if not self.skips:
            raise UsageError(f"the network '{self.name_of_network}' has no skip connections to remove")
        if not hasattr(encoder, "config_without"):
            raise UsageError(
                f"the network '{self.name_of_network}' names skip connections, but not how it is built "
                "without them (config_without)"
            )
        self._encoder = encoder
        super().__init__(DistillTask(config.distill, inner))
        self.metric_within = self.primary_metric
        self.primary_metric = f"{self.metric_within}_without_skips"

    def check_loop(self, loop: LoopConfig) -> None:
        """Refuses a training that cannot remove all skip connections.

        Raises:
            UsageError: if it has too few validations, is not counted in steps, or ends by `patience`, which
                would count the validations before there is a network to keep.
        """
        for key, why in {
            "minutes": "set loop.steps",
            "patience": "it would end before all are removed",
        }.items():
            if getattr(loop, key):
                raise UsageError(
                    f"removing skip connections goes by validations: leave out loop.{key}; {why}"
                )
        removals = ceil(len(self.skips) / self.config.at_once)
        needed = self.config.every * removals + 1
        found = ceil(loop.steps / loop.validate_every)
        if found < needed:
            raise UsageError(
                f"{found} validations are too few to remove {len(self.skips)} skip connections, "
                f"{self.config.at_once} after every {self.config.every}: at least {needed} are needed; raise "
                "loop.steps, or lower loop.validate_every"
            )

    def build(self) -> Clipped:
        """The student of the task within, all skip connections on."""
        taught = self.inner.build()
        student = self.inner.network_of(taught)
        assert isinstance(student, Network)
        return Clipped(taught, student)

    def network_of(self, model: nn.Module) -> nn.Module:
        """The model of the task within: student and map."""
        assert isinstance(model, Clipped)
        return model.model

    def switches(self, model: nn.Module) -> dict[str, SkipSwitch]:
        """The skip connections of the student by name, from the first one on."""
        student = self.inner.network_of(self.network_of(model))
        found = {name: student.get_submodule(name) for name in self.skips}
        return {name: switch for name, switch in found.items() if isinstance(switch, SkipSwitch)}

    def left(self, model: nn.Module) -> list[str]:
        """The skip connections that are still on."""
        return [name for name, switch in self.switches(model).items() if bool(switch.is_on)]

    def loss(self, model: nn.Module, batch: Any, progress: Progress) -> Losses:
        """(1 - alpha) times the labels' loss, alpha T^2 times the divergence from the teacher, nats."""
        found = super().loss(model, batch, progress)
        total = found.total * (1 - self.config.alpha)
        parts = {**found.parts, "loss": float(total.detach()), "skips": float(len(self.left(model)))}
        return Losses(total, parts, found.counts, found.weight)

    def evaluate(self, model: nn.Module, split: str) -> dict[str, float]:
        """The metrics of the task within, the skips that are left, and the metric that chooses."""
        metrics = super().evaluate(model, split)
        left = len(self.left(model))
        chosen_by = nan if left else metrics[self.metric_within]
        return {**metrics, "skips": float(left), self.primary_metric: chosen_by}

    def on_epoch(self, model: nn.Module, progress: Progress) -> bool:
        """Switches off the next skip connections if it is time; True if it did."""
        assert isinstance(model, Clipped)
        changed = super().on_epoch(model, progress)
        model.validations += 1
        if int(model.validations) % self.config.every:
            return changed
        switches = self.switches(model)
        due = self.left(model)[: self.config.at_once]
        for name in due:
            switches[name].is_on.zero_()
        return changed or bool(due)

    def checkpoint(self, model: nn.Module, provenance: Mapping[str, Any]) -> Checkpoint:
        """The student as a network that never had the skip connections which are off."""
        found = super().checkpoint(model, provenance)
        removed = [name for name in self.skips if name not in self.left(model)]
        within = [name.removeprefix("encoder.") for name in removed]
        config = to_dict(self._encoder.config_without(within))  # type: ignore[operator]
        made = {
            key: value for key, value in found.provenance.items() if key != "distill"
        } | {
            "skipclip": {
                **to_dict(self.config),
                "teacher": self.inner.checkpoint_of_teacher.name,
                "removed": removed,
            }
        }  # fmt: skip
        return replace(
            found,
            architecture=replace(found.architecture, config=config),
            provenance=made,
            weights=_without_switches(found.weights, self.skips, removed),
        )


def _without_switches(
    weights: Mapping[str, Any], skips: tuple[str, ...], removed: list[str]
) -> dict[str, Any]:
    """Weights under the names of a network without switches."""
    plain = {}
    for name, weight in weights.items():
        skip = next((skip for skip in skips if name.startswith(f"{skip}.")), None)
        if skip is None:
            plain[name] = weight
        elif skip not in removed and name != f"{skip}.{SWITCH}":
            plain[name.replace(f"{skip}.{LAYER}.", f"{skip}.", 1)] = weight
    return plain
