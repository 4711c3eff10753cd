"""Which units and layers a structured pruning takes out of a model."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import torch
from torch import nn

from lexome.checkpoint.build import build_any_network, build_network
from lexome.checkpoint.store import Checkpoint
from lexome.compress.layers import choose_layers, droppable, example_scores, without_layers
from lexome.compress.masks import Scope
from lexome.compress.structured import (
    KINDS,
    Importance,
    choose,
    cut,
    cuttable,
    importance_by_norm,
    importance_by_taylor,
    keep_widths,
)
from lexome.compress.units import units_of
from lexome.core.errors import UsageError, nearest
from lexome.tasks.basecall.task import BasecallTask

LAYERS = "layers"
ALL_KINDS = ("units", "heads", "ffn", LAYERS)
WORDS = {
    "units": "units of convolutions or recurrent layers", "heads": "attention heads",
    "ffn": "feed-forward blocks", LAYERS: "layers that give what they take, more than one in a row",
}  # fmt: skip
TAYLOR_BATCHES = 8
BATCH_SIZE = 16


class Wanted(Protocol):
    """What a request says of units; see `prune.PruneRequest`."""

    @property
    def sparsity(self) -> float: ...  # noqa: D102
    @property
    def scope(self) -> Scope: ...  # noqa: D102
    @property
    def importance(self) -> Importance: ...  # noqa: D102
    @property
    def multiple(self) -> int: ...  # noqa: D102
    @property
    def widths(self) -> Mapping[str, int]: ...  # noqa: D102
    @property
    def kinds(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def drop(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def seed(self) -> int: ...  # noqa: D102


def kinds_of(text: str) -> tuple[str, ...]:
    """The kinds of `--kinds`, with commas between them.

    Raises:
        UsageError: for an unknown kind, with the nearest one, or none at all.
    """
    kinds = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
    for kind in kinds:
        if kind not in ALL_KINDS:
            raise UsageError(f"--kinds {text}: unknown kind '{kind}'; {nearest(kind, ALL_KINDS)}")
    return kinds


def structured(
    request: Wanted, base: Checkpoint, task: BasecallTask | None
) -> tuple[Checkpoint, dict[str, Any]]:
    """The model without the units and layers that are to go, and which went.

    Args:
        request: what is wanted.
        base: the model.
        task: whose training chunks say what matters; None: the weights say it of units, and a little noise
            (or random text, or random pile-ups) of layers.

    Raises:
        UsageError: for a kind of units that the network does not have (naming those that it has), or a
            sparsity or width that cannot be had.
    """
    _check_kinds(request, base)
    chosen = bool(request.widths or request.drop)  # by name, instead of a sparsity
    of_layers = LAYERS in request.kinds and not chosen
    batches: list[Any] = []
    if task is not None and (of_layers or request.importance == "taylor"):
        batches = _some_batches(task, request.seed)
    kinds = [kind for kind in request.kinds if kind != LAYERS]
    whole = base.num_parameters
    how: dict[str, Any] = {"importance": request.importance}
    if of_layers:
        # alone they make up the sparsity; with others half of it, counted in factors
        share = request.sparsity if not kinds else 1 - (1 - request.sparsity) ** 0.5
        gone = _layers(base, _scores(task, batches), share, exactly=not kinds)
        how["layers"] = gone
        base = without_layers(base, list(gone))
    if request.drop:
        how["layers"] = dict.fromkeys(request.drop)
        base = without_layers(base, request.drop)
    if not (request.widths if chosen else kinds):
        return base, how
    units = units_of(build_any_network(base)).units if chosen else cuttable(base, kinds)
    importance = _importance(request, base, units, task, batches)
    if chosen:
        keep = keep_widths(base, units, importance, request.widths)
    else:
        rest = max(0.0, 1 - (1 - request.sparsity) * whole / base.num_parameters)
        keep = choose(base, units, importance, rest, request.scope, request.multiple)
    how["widths"] = {one.layer: [one.width, len(keep[one.layer])] for one in units}
    return cut(base, units, keep), how


def _gone(checkpoint: Checkpoint, whole: int) -> float:
    return 1 - checkpoint.num_parameters / whole


def _check_kinds(request: Wanted, base: Checkpoint) -> None:
    """Refuses kinds that were asked for and are not there."""
    if request.kinds == KINDS:
        return  # the default takes what there is
    present = {one.kind for one in units_of(build_any_network(base)).units}
    has = [kind for kind in ALL_KINDS if kind in present or (kind == LAYERS and _has_layers(base))]
    for kind in request.kinds:
        if kind not in has:
            raise UsageError(
                f"model {base.name} ({base.architecture.name}) has no {WORDS[kind]} that can be taken out; "
                f"it has: {', '.join(has) or 'nothing of that sort; prune single weights instead'}"
            )


def _has_layers(checkpoint: Checkpoint) -> bool:
    try:
        return bool(droppable(checkpoint))
    except UsageError:
        return False


def _some_batches(task: BasecallTask, seed: int) -> list[Any]:
    batches = task.batches("training", batch_size=BATCH_SIZE, seed=seed, rank=0, world=1, skip=0)
    return [next(batches) for _ in range(TAYLOR_BATCHES)]


def _scores(task: BasecallTask | None, batches: Sequence[Any]) -> Callable[[nn.Module], torch.Tensor]:
    """What a network makes of a training batch, or of noise."""
    if task is None:
        return example_scores
    return lambda network: task.outputs(network, batches[0]).scores


def _layers(
    base: Checkpoint, scores: Callable[[nn.Module], torch.Tensor], share: float, *, exactly: bool
) -> dict[str, float]:
    """The layers that go: as many as the share allows, or as few as reach it."""
    if not exactly:
        return choose_layers(base, scores, share=share)
    order = choose_layers(base, scores, share=1.0)
    gone: dict[str, float] = {}
    for layer, change in order.items():
        if _gone(without_layers(base, list(gone)), base.num_parameters) >= share:
            return gone
        gone[layer] = change
    reached = _gone(without_layers(base, list(gone)), base.num_parameters)
    if reached < share:
        raise UsageError(
            f"model {base.name}: a sparsity of {share:g} cannot be reached by whole layers: with one left in "
            f"every stack {reached:.3f} of the weights are gone"
        )
    return gone


def _importance(
    request: Wanted, base: Checkpoint, units: Any, task: BasecallTask | None, batches: Sequence[Any]
) -> dict[str, Any]:
    if request.importance == "taylor":
        assert task is not None
        return importance_by_taylor(task, build_network(base), units, batches)
    return importance_by_norm(base.weights, units)
