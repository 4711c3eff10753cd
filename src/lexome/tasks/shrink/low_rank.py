"""A basecaller with thin layers from one with wide ones, trained further if there are chunks for it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lexome.checkpoint.build import build_network
from lexome.checkpoint.store import Checkpoint, load, save
from lexome.compress.low_rank import Factorised, low_rank, ranks_of
from lexome.core.config import from_dict
from lexome.core.errors import UsageError
from lexome.features.signal import SignalConfig
from lexome.models.costs import NetworkCosts, network_costs
from lexome.tasks.basecall.task import BasecallTask
from lexome.tasks.recipe import resolve_recipe
from lexome.tasks.shrink.from_model import name_of_model, recipe_from_model
from lexome.tasks.training import train_recipe
from lexome.train.best import MODEL
from lexome.train.card import model_card
from lexome.train.state import RECORD

START, TRAINING = "start", "training"
VALIDATE_EVERY = 200
LR = 5e-4


@dataclass(frozen=True)
class LowRankRequest:
    """Which model to factorise, how far, and with what to train it after that.

    Attributes:
        model: a bundled name, or a folder.
        rank: of all layers, or None.
        energy: share of the squared weights that every layer keeps, or None.
        stores: folders of `lexome prepare`; their validation chunks judge.
        steps: of training, taught by the scores of `model`; 0 for none.
        lr: highest learning rate.
        seed: of the order of the data.
    """

    model: str
    rank: int | None = None
    energy: float | None = None
    stores: Sequence[Path] = ()
    steps: int = 0
    lr: float = LR
    seed: int = 0


@dataclass(frozen=True)
class LowRankDone:
    """What came out.

    Attributes:
        model: its folder.
        layers: what became of each matrix.
        before: costs of a chunk of the given model.
        after: those of the new one.
        identities: label identity on validation chunks of the given model, of the factorised one, and of that
            after training, as far as there are; by what they are of.
        trained: whether the training was of use, so that its network is the model.
    """

    model: Path
    layers: list[Factorised]
    before: NetworkCosts
    after: NetworkCosts
    identities: dict[str, float]
    trained: bool


def make_low_rank(
    request: LowRankRequest,
    output: Path,
    version: str,
    *,
    resume: bool = False,
    on_log: Callable[[dict[str, Any]], None] = lambda row: None,
) -> LowRankDone:
    """Factorises a model's layers and trains it further.

    Args:
        request: what to do.
        output: gets model/; with training also start/ (before it) and training/ (state and log).
        version: of lexome, for the model's record.
        resume: go on with a training that was stopped.
        on_log: told each row of the training's log.

    Raises:
        UsageError: if the model has no layer that gets smaller, or the output is there already, or there are
            steps without chunks.
    """
    if request.steps and not request.stores:
        raise UsageError("name chunks to train on: --store, a folder of 'lexome prepare' (repeatable)")
    is_begun = (output / TRAINING / RECORD).exists()
    if (output / MODEL).exists() or (is_begun and not resume):
        raise UsageError(
            f"{output} holds a model or a training already; choose another folder, or add --resume to go on"
        )
    base = load(request.model)
    made, layers = low_rank(base, ranks_of(base, rank=request.rank, energy=request.energy))
    made = replace(made, provenance={**made.provenance, "name": f"{base.name}_low_rank"})
    judge = _judge(request, base)
    identities = {}
    if judge is not None:
        identities = {"before": _identity(judge, base), "factorised": _identity(judge, made)}
    trained = False
    if request.steps:
        tuned = _trained(request, base, made, output, version, resume=resume and is_begun, on_log=on_log)
        assert judge is not None
        identities["trained"] = _identity(judge, tuned)
        trained = identities["trained"] >= identities["factorised"]
        made = tuned if trained else made
    save(output / MODEL, made, model_card(made))
    signal = from_dict(SignalConfig, base.features, f"model {base.name}, features")
    before, after = (network_costs(build_network(one), signal.chunk_size) for one in (base, made))
    return LowRankDone(output / MODEL, layers, before, after, identities, trained)


def _judge(request: LowRankRequest, base: Checkpoint) -> BasecallTask | None:
    if not request.stores:
        return None
    task = resolve_recipe(_recipe(request, request.model, base), "low rank").task()
    assert isinstance(task, BasecallTask)
    return task


def _identity(task: BasecallTask, checkpoint: Checkpoint) -> float:
    return task.evaluate(build_network(checkpoint), "validation")[task.primary_metric]


def _trained(
    request: LowRankRequest, base: Checkpoint, start: Checkpoint, output: Path, version: str, *,
    resume: bool, on_log: Callable[[dict[str, Any]], None],
) -> Checkpoint:  # fmt: skip
    """The model after training with the given one as its teacher."""
    save(output / START, start, model_card(start), overwrite=True)
    data = _recipe(request, str(output / START), start)
    data["distill"] = {
        "teacher": name_of_model(request.model), "target": "decoder", "stop_fraction": 1.0,
    }  # fmt: skip
    recipe = resolve_recipe(data, "low rank")
    train_recipe(recipe, output / TRAINING, version, resume=resume, on_log=on_log)
    tuned = load(output / TRAINING / MODEL)
    record = {key: start.provenance[key] for key in ("low_rank",)}
    return replace(tuned, provenance={**tuned.provenance, **record})


def _recipe(request: LowRankRequest, model: str, checkpoint: Checkpoint) -> dict[str, Any]:
    steps = max(1, request.steps)
    return recipe_from_model(
        model, checkpoint, request.stores, name=checkpoint.name, steps=steps,
        validate_every=min(steps, VALIDATE_EVERY), lr=request.lr, seed=request.seed,
    )  # fmt: skip
