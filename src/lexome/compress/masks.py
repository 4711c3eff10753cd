"""Unstructured pruning: the smallest weights of a network become zeros and stay zeros while it trains on.

Source: magnitude pruning (Han 2015) with the gradual schedule of Zhu and Gupta 2017: after a fraction x of
the time from begin to end the sparsity is s_end + (s_begin - s_end) * (1 - x)^3. What differs: begin and end
are fractions of the training, so that a training by the clock has them, too; and validation and the model
that is saved always have the final sparsity, whatever part of it training has reached. So all validations
compare networks of one sparsity, and the best one is never one that was not pruned yet.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from lexome.checkpoint.store import Checkpoint
from lexome.core.config import to_dict
from lexome.core.errors import UsageError
from lexome.train.around import TaskAround
from lexome.train.task import Losses, Progress, Task

Scope = Literal["global", "layer"]
LAYERS = (nn.Conv1d, nn.Conv2d, nn.Linear)
RECURRENT = "weight_"  # recurrent cells have torch's names: weight_ih_l0, weight_hh_l0
POWER = 3


@dataclass(frozen=True)
class PruneConfig:
    """How many weights go, which, and when: the table [prune] of a recipe.

    Attributes:
        sparsity: part of the weights (of convolutions, linear and recurrent layers; never biases and
            normalisations) that is zero in the end.
        scope: "global", the smallest of all layers together, or "layer", the same part of every layer.
        begin_fraction: part of the training after which pruning begins.
        end_fraction: part of it after which all that is to go is gone.
        every: steps from one pruning to the next.
    """

    sparsity: float = 0.85
    scope: Scope = "global"
    begin_fraction: float = 0.0
    end_fraction: float = 0.5
    every: int = 10

    def __post_init__(self) -> None:
        check_sparsity(self.sparsity)
        if not 0 <= self.begin_fraction <= self.end_fraction <= 1:
            raise ValueError("begin_fraction and end_fraction must be from 0 to 1, the first not the larger")
        if self.every < 1:
            raise ValueError(f"every must be at least 1, is {self.every}")


def check_sparsity(sparsity: float) -> None:
    """Refuses what is no part of the weights.

    Raises:
        ValueError: unless 0 <= sparsity < 1.
    """
    if not 0 <= sparsity < 1:
        raise ValueError(f"sparsity must be at least 0 and below 1, is {sparsity}")


def sparsity_at(fraction: float, config: PruneConfig) -> float:
    """The sparsity after a fraction of the training."""
    if fraction < config.begin_fraction:
        return 0.0
    if fraction >= config.end_fraction:
        return config.sparsity
    passed = (fraction - config.begin_fraction) / (config.end_fraction - config.begin_fraction)
    return config.sparsity * (1 - (1 - passed) ** POWER)


def weights_to_prune(network: nn.Module) -> dict[str, nn.Parameter]:
    """The weights of a network's convolutions, linear and recurrent layers, by name.

    Biases, normalisations, embeddings (and weights shared with them) and whatever else a layer of its own
    kind learns are not among them.
    """
    embedded = {id(module.weight) for module in network.modules() if isinstance(module, nn.Embedding)}
    found = {}
    for prefix, module in network.named_modules():
        for name, parameter in module.named_parameters(recurse=False):
            is_weight = name == "weight" and isinstance(module, LAYERS)
            if (
                parameter.ndim > 1
                and (is_weight or name.startswith(RECURRENT))
                and id(parameter) not in embedded
            ):
                found[f"{prefix}.{name}" if prefix else name] = parameter
    return found


@torch.no_grad()
def magnitude_masks(weights: Mapping[str, Tensor], sparsity: float, scope: Scope) -> dict[str, Tensor]:
    """Which weights stay when the smallest ones go; of equal ones the first go.

    Args:
        weights: by name.
        sparsity: part that goes; the number of weights that go is rounded.
        scope: see `PruneConfig`.

    Returns:
        Masks (bool) by name: True stays.
    """
    if scope == "layer":
        return {name: _largest(weight.abs(), sparsity) for name, weight in weights.items()}
    sizes = [weight.numel() for weight in weights.values()]
    flat = _largest(torch.cat([weight.abs().flatten() for weight in weights.values()]), sparsity)
    parts = zip(weights.items(), flat.split(sizes), strict=True)
    return {name: part.view_as(weight) for (name, weight), part in parts}


def _largest(magnitudes: Tensor, sparsity: float) -> Tensor:
    flat = magnitudes.flatten()
    mask = torch.ones_like(flat, dtype=torch.bool)
    mask[torch.sort(flat, stable=True).indices[: round(sparsity * flat.numel())]] = False
    return mask.view_as(magnitudes)


class Masked(nn.Module):
    """What is trained, with masks of some of its weights; the masks are part of the state of a training.

    Args:
        inner: what is trained without pruning.
        names: of its weights that are masked.
    """

    def __init__(self, inner: nn.Module, names: Mapping[str, nn.Parameter]) -> None:
        super().__init__()
        self.inner = inner
        self.masks = nn.Module()
        self.keys = {name: name.replace(".", "/") for name in names}  # a buffer's name has no dot
        for name, weight in names.items():
            self.masks.register_buffer(self.keys[name], torch.ones_like(weight, dtype=torch.bool))
            weight.register_hook(self._without_gradient(self.keys[name]))

    def _without_gradient(self, key: str) -> Callable[[Tensor], Tensor]:
        """Weights that are gone have no part in the gradient's norm, by which it is clipped."""
        return lambda gradient: gradient.masked_fill(~self.masks.get_buffer(key), 0.0)

    @property
    def weights(self) -> dict[str, nn.Parameter]:
        """The weights that are masked."""
        parameters = dict(self.inner.named_parameters())
        return {name: parameters[name] for name in self.keys}

    @property
    def sparsity(self) -> float:
        """Part of the weights that is masked."""
        masks = list(self.masks.buffers())
        return 1 - sum(int(mask.sum()) for mask in masks) / sum(mask.numel() for mask in masks)

    @torch.no_grad()
    def set_masks(self, masks: Mapping[str, Tensor]) -> None:
        """Takes other masks; what is gone stays gone."""
        for name, mask in masks.items():
            self.masks.get_buffer(self.keys[name]).logical_and_(mask)

    @torch.no_grad()
    def apply_masks(self) -> None:
        """Makes the weights that are gone zeros."""
        for name, weight in self.weights.items():
            weight.masked_fill_(~self.masks.get_buffer(self.keys[name]), 0.0)


class PruneTask(TaskAround[Task]):
    """The task within with fewer and fewer weights.

    An optimiser moves the weights that are gone, too (by its momentum); they are made zeros again before the
    network is run, judged or saved.

    Args:
        config: how many go.
        inner: the task without pruning; it may be another method's, such as distillation.
    """

    def __init__(self, config: PruneConfig, inner: Task) -> None:
        super().__init__(inner)
        self.config = config

    def network_of(self, model: nn.Module) -> nn.Module:
        """What the task within trains."""
        assert isinstance(model, Masked)
        return model.inner

    def build(self) -> Masked:
        """What the task within builds, nothing of it pruned yet.

        Raises:
            UsageError: if nothing of it can be pruned.
        """
        built = self.inner.build()
        inside = {id(p) for p in innermost(self.inner, built).parameters()}
        weights = {name: p for name, p in weights_to_prune(built).items() if id(p) in inside}
        if not weights:
            raise UsageError(
                "the network has no weights of convolutions, linear or recurrent layers to prune"
            )
        return Masked(built, weights)

    def loss(self, model: nn.Module, batch: Any, progress: Progress) -> Losses:
        """That of the task within, with the weights that are left at this step; `parts` says the sparsity."""
        assert isinstance(model, Masked)
        model.apply_masks()
        self._prune(model, progress)
        losses = self.inner.loss(model.inner, batch, progress)
        parts = {**losses.parts, "sparsity": model.sparsity}
        return Losses(losses.total, parts, losses.counts, losses.weight)

    def _prune(self, model: Masked, progress: Progress) -> None:
        wanted = sparsity_at(progress.fraction, self.config)
        is_over = progress.fraction >= self.config.end_fraction
        if (is_over or progress.step % self.config.every == 0) and wanted > model.sparsity:
            model.set_masks(magnitude_masks(model.weights, wanted, self.config.scope))
            model.apply_masks()

    def evaluate(self, model: nn.Module, split: str) -> dict[str, float]:
        """The metrics of the task within, with the final sparsity."""
        with self.pruned(model) as sparsity:
            return {**super().evaluate(model, split), "sparsity": sparsity}

    def checkpoint(self, model: nn.Module, provenance: Mapping[str, Any]) -> Checkpoint:
        """The network with the final sparsity."""
        with self.pruned(model) as sparsity:
            how = {**to_dict(self.config), "sparsity": sparsity}
            return super().checkpoint(model, {**provenance, "prune": how})

    @contextmanager
    def pruned(self, model: nn.Module) -> Iterator[float]:
        """Within the block the network has the final sparsity, which is given; then its own weights again."""
        assert isinstance(model, Masked)
        weights = model.weights
        own = {name: weight.detach().clone() for name, weight in weights.items()}
        model.apply_masks()
        masks = magnitude_masks(weights, self.config.sparsity, self.config.scope)
        try:
            with torch.no_grad():
                for name, weight in weights.items():
                    weight.masked_fill_(~masks[name], 0.0)
            yield zeros_of(weights)
        finally:
            with torch.no_grad():
                for name, weight in weights.items():
                    weight.copy_(own[name])


def zeros_of(weights: Mapping[str, Tensor]) -> float:
    """Part of some weights that is zero."""
    zeros = sum(int((weight == 0).sum()) for weight in weights.values())
    return zeros / sum(weight.numel() for weight in weights.values())


def innermost(task: Task, model: nn.Module) -> nn.Module:
    """The network in what a task trains, however many tasks are around its task."""
    while isinstance(task, TaskAround):
        model, task = task.network_of(model), task.inner
    return model
