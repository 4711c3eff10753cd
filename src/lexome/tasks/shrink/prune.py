"""Pruning a model: what `lexome compress prune` does.

A model is pruned at once; with chunks to train on and a time or a number of steps it is then trained further
(structured pruning), or pruned little by little while it is (single weights).
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lexome.checkpoint.build import build_any_network, weights_of
from lexome.checkpoint.store import STATISTICS, Checkpoint, load, save
from lexome.compress.masks import Scope, check_sparsity, magnitude_masks, weights_to_prune
from lexome.compress.sparse_size import stored_size
from lexome.compress.structured import KINDS, Importance
from lexome.core.config import to_dict
from lexome.core.errors import UsageError
from lexome.models.costs import network_costs
from lexome.nn.network import Network
from lexome.report.files import write_json
from lexome.tasks.basecall.task import BasecallTask
from lexome.tasks.finetuning import MODEL, TRAINING, begin
from lexome.tasks.recipe import resolve_recipe
from lexome.tasks.shrink.from_model import name_of_model, recipe_from_model
from lexome.tasks.shrink.prune_units import structured
from lexome.tasks.training import train_recipe
from lexome.train.card import model_card
from lexome.train.state import RECORD

FIGURES, CUT = "prune.json", "cut"
COSTS_OF_SAMPLES = 2000  # the chunk whose operations are counted
COSTS_OF_COLUMNS = 100  # of a corrector's window
VALIDATE_EVERY = 200


@dataclass(frozen=True)
class PruneRequest:
    """What to prune and how.

    Attributes:
        model: a bundled name, or a folder.
        sparsity: part of the weights that goes.
        stores: folders of `lexome prepare`, to judge by and to train on.
        structured: whole units go and the network becomes smaller, instead of single weights.
        scope: "global", what matters least of all layers, or "layer", the same part of each.
        importance: of units: "l2" or "taylor" (which needs stores).
        multiple: widths are multiples of it.
        widths: of layers, by name, instead of `sparsity`.
        kinds: what goes, of `prune_units.ALL_KINDS`.
        drop: layers that go whole, by name, instead of `sparsity`.
        steps: of training afterwards; 0: as many as the minutes allow.
        minutes: of training; 0 with 0 steps: none.
        distill: the model as it was teaches.
        lr: the highest learning rate.
        chunks: validation chunks to judge by, at most.
        seed: of the order of the data.
        threads: that train.
    """

    model: str
    sparsity: float = 0.85
    stores: tuple[Path, ...] = ()
    structured: bool = False
    scope: Scope = "global"
    importance: Importance = "l2"
    multiple: int = 1
    widths: Mapping[str, int] = dataclasses.field(default_factory=dict)
    steps: int = 0
    minutes: float = 0.0
    distill: bool = False
    lr: float = 5e-4
    chunks: int = 512
    seed: int = 0
    threads: int = 1
    kinds: tuple[str, ...] = KINDS
    drop: tuple[str, ...] = ()

    @property
    def trains(self) -> bool:
        """Whether the model is trained further."""
        return self.steps > 0 or self.minutes > 0


def prune(
    request: PruneRequest,
    output: Path,
    version: str,
    *,
    resume: bool = False,
    on_note: Callable[[str], None] = lambda line: None,
    on_log: Callable[[dict[str, Any]], None] = lambda row: None,
) -> dict[str, Any]:
    """Prunes a model.

    Args:
        request: what to do.
        output: gets model/, prune.json (the figures), and training/ if there was one.
        version: of lexome, for the model's record.
        resume: go on with a pruning that was stopped; the request must be the same.
        on_note: told what is being done, in whole lines.
        on_log: told each row of the training's log.

    Returns:
        The figures, as in prune.json: "stages" has a row for the model before, after pruning, and after
        training.

    Raises:
        UsageError: if the request cannot be met (nothing is written then), or the output holds something.
    """
    base = _checked(request)
    task = _judge(request, base) if request.stores else None
    pruned, how = _pruned(request, base, task)
    data = _recipe(request, base, pruned, output) if request.trains else {}
    if task is not None:
        _check_chunks(task, data)
    threads = begin(_asked(request), output, resume)
    if how.get("layers"):
        on_note(f"layers taken out: {', '.join(how['layers'])}")
    rows = [_measured("before", base, task), _measured("after pruning", pruned, task)]
    if not request.trains:
        on_note(
            "the network is not trained further: " + ("no --steps or --minutes" if task else "no --store")
        )
    else:
        if request.structured and not (output / CUT).exists():
            save(output / CUT, pruned, model_card(pruned))
        data["loop"]["threads"] = threads
        recipe = resolve_recipe(data, "prune")
        goes_on = (output / TRAINING / RECORD).exists()
        train_recipe(recipe, output / TRAINING, version, resume=goes_on, on_log=on_log)
        pruned = load(output / TRAINING / MODEL)
        rows.append(_measured("after training", pruned, task))
    figures = {
        "model": base.name, "sparsity": None if request.widths or request.drop else request.sparsity,
        "structured": request.structured, "scope": request.scope, "samples": _costs_of(base), **how,
        "stages": rows,
    }  # fmt: skip
    made = {**pruned.provenance, "name": f"{base.name}_pruned", "pruned_from": base.name, "pruning": figures}
    pruned = dataclasses.replace(pruned, provenance=made)
    write_json(output / FIGURES, figures)
    save(output / MODEL, pruned, model_card(pruned))
    return figures


def _checked(request: PruneRequest) -> Checkpoint:
    """The model of a request that makes sense."""
    try:
        check_sparsity(request.sparsity)
    except ValueError as error:
        raise UsageError(str(error)) from error
    if not request.stores and (request.trains or request.distill or request.importance == "taylor"):
        raise UsageError("training and the importance 'taylor' need chunks: add --store")
    if request.distill and not request.trains:
        raise UsageError("distillation needs a training: add --steps or --minutes")
    of_units = request.widths or request.drop or request.kinds != KINDS
    if not request.structured and (of_units or request.importance != "l2" or request.multiple > 1):
        raise UsageError("widths, layers, kinds, multiples and importance are of units: add --structured")
    base = load(request.model)
    if base.quantization is not None:
        raise UsageError(f"model {base.name} is quantised; prune the one it was made of, then quantise")
    if request.stores and base.task != "basecall":
        raise UsageError(
            f"model {base.name} is for the task '{base.task}' and --store is for basecallers; prune it "
            "without, then train it with a recipe whose task.start_from names what came out"
        )
    return base


def _tables(request: PruneRequest, checkpoint: Checkpoint, start_from: str) -> dict[str, Any]:
    data = recipe_from_model(
        start_from, checkpoint, request.stores, name=f"{checkpoint.name}_pruned", steps=max(1, request.steps),
        validate_every=VALIDATE_EVERY, lr=request.lr, seed=request.seed,
    )  # fmt: skip
    data["task"]["validation_chunks"] = request.chunks
    return data


def _judge(request: PruneRequest, base: Checkpoint) -> BasecallTask:
    """The task whose validation chunks judge; what it opens is checked before anything is written."""
    task = resolve_recipe(_tables(request, base, request.model), "prune").task()
    assert isinstance(task, BasecallTask)
    return task


def _pruned(
    request: PruneRequest, base: Checkpoint, task: BasecallTask | None
) -> tuple[Checkpoint, dict[str, Any]]:
    """The model without what is to go, and what went."""
    if not request.structured:
        network = build_any_network(base)
        weights = weights_to_prune(network)
        if not weights:
            raise UsageError(f"model {base.name} has no weights of layers that can be pruned")
        for name, mask in magnitude_masks(weights, request.sparsity, request.scope).items():
            weights[name].data.masked_fill_(~mask, 0.0)
        return dataclasses.replace(base, weights=weights_of(network)), {}
    return structured(request, base, task)


def _check_chunks(task: BasecallTask, data: Mapping[str, Any]) -> None:
    """Finds out before anything is written whether the stores have what is needed, and the teacher fits."""
    for split in ("validation", "training") if data else ("validation",):
        next(task.batches(split, batch_size=1, seed=0, rank=0, world=1, skip=0))
    if data:
        resolve_recipe(data, "prune").task()


def _recipe(request: PruneRequest, base: Checkpoint, pruned: Checkpoint, output: Path) -> dict[str, Any]:
    if request.structured:
        data = _tables(request, pruned, str((output / CUT).resolve()))
    else:
        data = _tables(request, base, request.model)
        data["prune"] = {"sparsity": request.sparsity, "scope": request.scope}
    if not request.steps:
        data["loop"]["minutes"] = request.minutes
    if request.distill:
        data["distill"] = {"teacher": name_of_model(request.model), "target": "decoder", "stop_fraction": 1.0}
    return data


def _asked(request: PruneRequest) -> dict[str, Any]:
    """What is written down of a request: options that came later are not there unless they are used."""
    asked = to_dict(request)
    unused = {"kinds": list(KINDS), "drop": []}
    return {key: value for key, value in asked.items() if key not in unused or list(value) != unused[key]}


def _costs_of(checkpoint: Checkpoint) -> int:
    """Samples (of a corrector: columns) whose operations are counted."""
    return COSTS_OF_COLUMNS if checkpoint.task == "correct" else COSTS_OF_SAMPLES


def _measured(stage: str, checkpoint: Checkpoint, task: BasecallTask | None) -> dict[str, Any]:
    """One line of the table."""
    network = build_any_network(checkpoint)
    learnt = [w for name, w in checkpoint.weights.items() if name.split(".")[-1] not in STATISTICS]
    layers = weights_to_prune(network)
    macs = (
        network_costs(network, _costs_of(checkpoint)).macs_per_sample
        if isinstance(network, Network)
        else None
    )
    identity = None
    if task is not None:
        assert isinstance(network, Network)
        identity = task.evaluate(network, "validation")["label_identity_mean"]
    return {
        "stage": stage,
        "parameters": sum(int(w.size) for w in learnt),
        "nonzero": sum(int((w != 0).sum()) for w in learnt),
        "layer_weights": sum(weight.numel() for weight in layers.values()),
        "layer_nonzero": sum(int((weight != 0).sum()) for weight in layers.values()),
        **dataclasses.asdict(stored_size(checkpoint.weights)),
        "macs_per_sample": macs,
        "label_identity": identity,
    }


def sparsities_of(text: str) -> tuple[float, ...]:
    """The numbers of `--sparsity`, one or several with commas between them.

    Raises:
        UsageError: if one is no number, none is a sparsity, or one is there twice.
    """
    try:
        numbers = tuple(float(part) for part in text.split(","))
        for number in numbers:
            check_sparsity(number)
    except ValueError as error:
        raise UsageError(f"--sparsity {text}: {error}") from error
    if len(set(numbers)) < len(numbers):
        raise UsageError(f"--sparsity {text}: a number is there twice")
    return numbers


def widths_of(texts: Sequence[str]) -> dict[str, int]:
    """The layers and numbers of `--width LAYER=N`.

    Raises:
        UsageError: if one is not written so.
    """
    widths = {}
    for text in texts:
        layer, _, number = text.rpartition("=")
        if not layer or not number.isdecimal():
            raise UsageError(f"--width {text}: write it as LAYER=N, for example encoder.lstms.0=64")
        widths[layer] = int(number)
    return widths
