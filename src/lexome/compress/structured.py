"""Structured pruning: units of a network are taken out, and what is left is a smaller network.

Its outputs are those of the network in which the units that are gone give zeros (`masked`). Which go: those
with the least norm of all that belongs to them (Li 2016 for channels), or those that change the loss least to
first order (Molchanov 2017: the gradient times the weights of a unit, summed).

Shapes: U units of a layer.
"""

import copy
import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from math import gcd
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

from lexome.checkpoint.build import build_any_network
from lexome.checkpoint.store import STATISTICS, Checkpoint, Component
from lexome.compress.masks import Scope, innermost
from lexome.compress.transformer_units import without_full_heads
from lexome.compress.unit_parts import Kind, Part, Units, places_of
from lexome.compress.units import architecture_of, units_of
from lexome.core.config import to_dict
from lexome.core.errors import UsageError, nearest
from lexome.models.registry import new_language_network, new_network
from lexome.train.task import Progress, Task

Importance = Literal["l2", "taylor"]
Keep = Mapping[str, np.ndarray]  # of each layer, by name, the units that stay, in order
LISTED = 3
KINDS: tuple[Kind, ...] = ("units", "ffn")  # what is cut unless something else is asked for


def cuttable(checkpoint: Checkpoint, kinds: Sequence[str] = KINDS) -> tuple[Units, ...]:
    """The layers of a model whose units can be taken out.

    Args:
        checkpoint: the model.
        kinds: of units, see `unit_parts.Units`.

    Raises:
        UsageError: if there is none.
    """
    found = units_of(build_any_network(checkpoint))
    units = tuple(one for one in found.units if one.kind in kinds)
    if not units:
        why = "; ".join(f"{layer}: {reason}" for layer, reason in list(found.refused.items())[:LISTED])
        raise UsageError(
            f"model {checkpoint.name} ({checkpoint.architecture.name}) has no layer whose units can be taken "
            f"out{f' ({why})' if why else ''}; prune single weights instead"
        )
    return units


def importance_by_norm(weights: Mapping[str, np.ndarray], units: Sequence[Units]) -> dict[str, np.ndarray]:
    """The L2 norm of all weights that make or read a unit, statistics of normalisations left out.

    Returns:
        Numbers (U) by layer.
    """
    scores = {}
    for one in units:
        parts = dict.fromkeys(part for part in (*one.made, *one.used) if not _is_statistic(part))
        squares = sum(_by_unit(np.square(weights[p.name].astype(np.float64)), p, one.width) for p in parts)
        scores[one.layer] = np.sqrt(squares)
    return scores


def importance_by_taylor(
    task: Task, model: nn.Module, units: Sequence[Units], batches: Iterable[Any]
) -> dict[str, np.ndarray]:
    """How much the loss changes, to first order, if a unit's output becomes zero; mean over some batches.

    Args:
        task: gives the loss.
        model: what the task trains; gets no gradients that stay.
        units: of the network in it.
        batches: of the task.

    Returns:
        Numbers (U) by layer.
    """
    totals = {one.layer: np.zeros(one.width) for one in units}
    parameters = dict(innermost(task, model).named_parameters())
    was_training = model.training
    model.eval()  # no dropout: the network is judged as it is
    for batch in batches:
        loss = task.loss(model, batch, Progress(0, 1, 0)).total
        gradients = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
        changes = {
            name: (gradient * parameter).detach().cpu().numpy().astype(np.float64)
            for (name, parameter), gradient in zip(parameters.items(), gradients, strict=True)
            if gradient is not None
        }
        for one in units:
            made = [part for part in one.made if part.name in changes]
            totals[one.layer] += np.abs(sum(_by_unit(changes[p.name], p, one.width) for p in made))
    model.train(was_training)
    return totals


def _by_unit(values: np.ndarray, part: Part, width: int) -> np.ndarray:
    """Sums of a tensor's values over all that belongs to one unit, (U)."""
    moved = np.moveaxis(values, part.axis, 0).reshape(part.blocks, width, -1)
    return moved.sum(axis=(0, 2))


def _is_statistic(part: Part) -> bool:
    return part.name.split(".")[-1] in STATISTICS or not part.is_learned


def choose(
    checkpoint: Checkpoint,
    units: Sequence[Units],
    importance: Mapping[str, np.ndarray],
    sparsity: float,
    scope: Scope = "global",
    multiple: int = 1,
) -> dict[str, np.ndarray]:
    """The units that stay, as many as leave `1 - sparsity` of the weights, or the next fewer.

    Args:
        checkpoint: the model.
        units: layers that may be cut.
        importance: of their units.
        sparsity: part of all weights of the network that goes, at least.
        scope: "layer", the same part of every layer's units, or "global", the units that matter least of all,
            measured by the mean of their layer.
        multiple: widths are multiples of it, and at least one multiple is left; a width below it stays. Heads
            count by their features.

    Raises:
        UsageError: if no widths of these layers leave so few weights.
    """
    before = count_parameters(checkpoint, units, {one.layer: np.arange(one.width) for one in units})
    wanted = (1 - sparsity) * before
    low, high = 0, 1000  # thousandths of the units

    def at(share: int) -> dict[str, np.ndarray]:
        return _kept(units, importance, share / 1000, scope, multiple)

    least = count_parameters(checkpoint, units, at(high))
    if least > wanted:
        raise UsageError(
            f"model {checkpoint.name}: a sparsity of {sparsity:g} cannot be reached: with the fewest units "
            f"in every layer that can be cut {1 - least / before:.3f} of the weights are gone"
        )
    while low < high:
        middle = (low + high) // 2
        if count_parameters(checkpoint, units, at(middle)) <= wanted:
            high = middle
        else:
            low = middle + 1
    return at(low)


def _kept(
    units: Sequence[Units], importance: Mapping[str, np.ndarray], share: float, scope: Scope, multiple: int
) -> dict[str, np.ndarray]:
    relative = {}
    for one in units:
        scores = importance[one.layer]
        relative[one.layer] = scores / scores.mean() if scores.mean() > 0 else scores
    counts: dict[tuple, list[float]] = {}
    if scope == "layer":
        for one in units:
            counts.setdefault(one.key, []).append((1 - share) * one.width)
    else:
        everyone = np.sort(np.concatenate([relative[one.layer] for one in units]), kind="stable")
        gone = round(share * len(everyone))
        bound = everyone[gone] if gone < len(everyone) else np.inf
        for one in units:
            counts.setdefault(one.key, []).append(float((relative[one.layer] >= bound).sum()))
    kept = {}
    for one in units:
        wanted = float(np.mean(counts[one.key]))  # layers of one key have one width
        unit = min(multiple // gcd(multiple, one.each), one.width)
        width = min(one.width, max(unit, round(wanted / unit) * unit))
        kept[one.layer] = strongest(relative[one.layer], width)
    return kept


def strongest(importance: np.ndarray, count: int) -> np.ndarray:
    """The `count` most important units, in their order; of equal ones the first."""
    return np.sort(np.argsort(-importance, kind="stable")[:count])


def keep_widths(
    checkpoint: Checkpoint,
    units: Sequence[Units],
    importance: Mapping[str, np.ndarray],
    widths: Mapping[str, int],
) -> dict[str, np.ndarray]:
    """The units that stay if some layers are to have given widths; all others stay as they are.

    Raises:
        UsageError: for a layer that cannot be cut, a width it cannot have, or two widths of layers that share
            one.
    """
    by_layer = {one.layer: one for one in units}
    refused = units_of(build_any_network(checkpoint)).refused
    wanted: dict[tuple, int] = {}
    for layer, width in widths.items():
        if layer in refused:
            raise UsageError(f"model {checkpoint.name}: the width of {layer} cannot be cut: {refused[layer]}")
        if layer not in by_layer:
            raise UsageError(
                f"model {checkpoint.name} has no layer '{layer}' that can be cut; {nearest(layer, by_layer)}"
            )
        one = by_layer[layer]
        if not 1 <= width <= one.width:
            raise UsageError(
                f"{layer} has {one.width} units: it can be cut to 1 to {one.width}, not to {width}"
            )
        if wanted.setdefault(one.key, width) != width:
            raise UsageError(f"{layer} shares its width with other layers: give all of them one")
    return {one.layer: strongest(importance[one.layer], wanted.get(one.key, one.width)) for one in units}


def count_parameters(checkpoint: Checkpoint, units: Sequence[Units], keep: Keep) -> int:
    """Weights that are left; nothing is allocated for them."""
    architecture = {"name": checkpoint.architecture.name, "config": _resized(checkpoint, units, keep)}
    new = new_language_network if checkpoint.task == "language" else new_network
    with torch.device("meta"):
        return sum(
            parameter.numel() for parameter in new(architecture, to_dict(checkpoint.head)).parameters()
        )


def _resized(checkpoint: Checkpoint, units: Sequence[Units], keep: Keep) -> dict[str, Any]:
    """The configuration of the architecture with other widths."""
    config = copy.deepcopy(_full_config(checkpoint))
    for one in units:
        *path, last = one.key
        table: Any = config
        for key in path:
            table = table[key]
        stay = keep[one.layer]
        table[last] = [table[last][i] for i in stay] if one.is_numbered else len(stay)
    return without_full_heads(config)


def _full_config(checkpoint: Checkpoint) -> dict[str, Any]:
    new = new_language_network if checkpoint.task == "language" else new_network
    architecture = {"name": checkpoint.architecture.name, "config": checkpoint.architecture.config}
    with torch.device("meta"):
        return architecture_of(
            new(architecture, {"name": checkpoint.head.name, "config": checkpoint.head.config})
        )


def cut(checkpoint: Checkpoint, units: Sequence[Units], keep: Keep) -> Checkpoint:
    """The smaller network.

    Args:
        checkpoint: the model.
        units: layers that may be cut, all of them.
        keep: the units of each that stay.

    Returns:
        A model with another configuration and fewer weights; its outputs are those of `masked`.

    Raises:
        UsageError: if the architecture does not allow these widths.
    """
    weights = dict(checkpoint.weights)
    for one in units:
        for part in dict.fromkeys((*one.made, *one.used)):
            places = places_of(part, keep[one.layer], one.width)
            weights[part.name] = np.take(weights[part.name], places, axis=part.axis)
    architecture = Component(checkpoint.architecture.name, _resized(checkpoint, units, keep))
    smaller = dataclasses.replace(checkpoint, architecture=architecture, weights=weights)
    build_any_network(smaller)  # strictly checks every shape
    return smaller


def masked(checkpoint: Checkpoint, units: Sequence[Units], keep: Keep) -> Checkpoint:
    """The network as large as it was, with zeros in all that makes the units that do not stay."""
    weights = dict(checkpoint.weights)
    for one in units:
        gone = np.setdiff1d(np.arange(one.width), keep[one.layer])
        for part in one.made:
            if _is_statistic(part):
                continue
            weight = np.moveaxis(weights[part.name].copy(), part.axis, 0)
            weight[places_of(part, gone, one.width)] = 0
            weights[part.name] = np.moveaxis(weight, 0, part.axis)
    return dataclasses.replace(checkpoint, weights=weights)
